"""PortOne V2's shapes, as far as we read them.

Amounts are whole minor units; a fraction, or a number in quotes, is none. Times are RFC 3339 texts.
Fields that the official file requires may be missing, and unknown ones are ignored (portone-v2.md §1, forward compatibility).
"""

from app.gateways.facts import Told

ACCOUNT = "PaymentMethodVirtualAccount"


class Amount(Told, frozen=True):
    """Minor units. `total` is what was ordered; `paid` is lower when a discount applies."""

    total: int | None = None
    paid: int | None = None
    discount: int | None = None
    cancelled: int | None = None


class Channel(Told, rename="camel", frozen=True):
    """What the payment came through."""

    type: str | None = None
    pg_provider: str | None = None


class Method(Told, rename="camel", frozen=True):
    """How it is paid; the rest of it for virtual accounts only."""

    type: str | None = None
    bank: str | None = None
    account_number: str | None = None
    remittee_name: str | None = None
    expired_at: str | None = None


class Cancellation(Told, rename="camel", frozen=True):
    """One cancel: `SUCCEEDED`, `REQUESTED` or `FAILED`."""

    status: str | None = None
    id: str | None = None
    total_amount: int | None = None
    tax_free_amount: int | None = None
    vat_amount: int | None = None
    reason: str | None = None
    requested_at: str | None = None
    trigger: str | None = None


class Refusal(Told, rename="camel", frozen=True):
    """Why it failed."""

    reason: str | None = None
    pg_code: str | None = None
    pg_message: str | None = None


class Payment(Told, rename="camel", frozen=True):
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
    requested_at: str | None = None
    failed_at: str | None = None
    cancelled_at: str | None = None
    pg_tx_id: str | None = None
