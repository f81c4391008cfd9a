"""PortOne V2's shapes, as far as we read them.

Amounts are whole minor units; a fraction, or a number in quotes, makes an answer unreadable. Times are RFC 3339 texts.
Fields that the official file requires may be missing, and unknown ones are ignored (portone-v2.md §1, forward compatibility).
"""

from typing import Any

import msgspec

ACCOUNT = "PaymentMethodVirtualAccount"


class Amount(msgspec.Struct, frozen=True):
    """Minor units. `total` is what was ordered; `paid` is lower when a discount applies."""

    total: int | None = None
    paid: int | None = None
    discount: int | None = None
    cancelled: int | None = None


class Channel(msgspec.Struct, rename="camel", frozen=True):
    """What the payment came through."""

    type: str | None = None
    pg_provider: Any = None


class Method(msgspec.Struct, rename="camel", frozen=True):
    """How it is paid; the rest of it for virtual accounts only."""

    type: str | None = None
    bank: str | None = None
    account_number: str | None = None
    remittee_name: str | None = None
    expired_at: str | None = None


class Cancellation(msgspec.Struct, rename="camel", frozen=True):
    """One cancel: `SUCCEEDED`, `REQUESTED` or `FAILED`."""

    status: str | None = None
    id: str | None = None
    total_amount: int | None = None
    tax_free_amount: Any = None  # whatever these five hold, the payment is read
    vat_amount: Any = None
    reason: Any = None
    requested_at: Any = None
    trigger: Any = None


class Refusal(msgspec.Struct, rename="camel", frozen=True):
    """Why it failed."""

    reason: Any = None
    pg_code: Any = None
    pg_message: Any = None


class Payment(msgspec.Struct, rename="camel", frozen=True):
    """What we read of a payment."""

    status: str | None = None
    id: str | None = None
    transaction_id: str | None = None
    store_id: str | None = None
    currency: str | None = None
    amount: Amount | None = None
    channel: Channel | None = None
    method: Method | None = None
    cancellations: list[Cancellation] | None = None
    failure: Refusal | None = None
    paid_at: str | None = None
    requested_at: Any = None  # these four are evidence alone: whatever they hold, the payment is read
    failed_at: Any = None
    cancelled_at: Any = None
    pg_tx_id: Any = None
