"""AcmePay's one shape."""

import msgspec


class Charge(msgspec.Struct, frozen=True):
    """A charge, in answer to every call. Amounts are euro cents."""

    id: str
    reference: str
    amount: int
    currency: str
    status: str
    page: str | None = None
