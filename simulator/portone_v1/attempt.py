"""One opening of the payment window, as PortOne V1 holds it. Several may share a merchant_uid; one of them is paid."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

AMOUNT_STEP = 100
"""How far an amount that "differs" is from the ordered one, in minor units."""


class Status(StrEnum):
    """The contract's §3. A partial cancel leaves a payment `paid`."""

    READY = "ready"
    PAID = "paid"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Order:
    """What the shop's page asked for when it opened the payment window. Amounts in minor units."""

    merchant_uid: str
    name: str
    amount: int
    currency: str
    tax_free: int = 0
    vat: int | None = None
    buyer: Mapping[str, str] = field(default_factory=dict)
    """`buyer_name` and the like, those that were given."""
    custom_data: str | None = None
    notice_urls: tuple[str, ...] = ()
    redirect_url: str | None = None
    """`m_redirect_url`."""
    is_mobile: bool = False
    """True when the result travels in the query of `redirect_url`."""
    user_agent: str = ""


@dataclass(slots=True, eq=False)
class Cancellation:
    """One cancel that was accepted; `cancelled_at` is None until the money went back."""

    id: str
    amount: int
    reason: str
    pg_tid: str
    cancelled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """A virtual account: where the buyer may deposit until when."""

    bank_code: str
    bank_name: str
    number: str
    holder: str
    issued_at: datetime
    ends_at: datetime


@dataclass(slots=True, eq=False)
class Attempt:
    """One imp_uid and what became of it."""

    imp_uid: str
    number: int
    """Counts the openings, to keep their order where times are equal."""
    order: Order
    channel: str
    started_at: datetime
    changed_at: datetime
    held: int
    """What is charged: what was ordered, unless the buyer's scenario was another."""
    status: Status = Status.READY
    pg_tid: str | None = None
    paid_at: datetime | None = None
    failed_at: datetime | None = None
    fail_reason: str | None = None
    account: Account | None = None
    cancellations: list[Cancellation] = field(default_factory=list)
    captures: int = 0
    cancels: int = 0
    views: set[str] = field(default_factory=set)
    """How look-ups distort this payment for good."""
    webhook_mode: str | None = None
    has_form_webhooks: bool = False
    is_underpaid: bool = False

    @property
    def merchant_uid(self) -> str:
        """The merchant's order number."""
        return self.order.merchant_uid

    @property
    def is_open(self) -> bool:
        """True while the buyer can still pay in the window, or deposit; who left may come back."""
        return self.status is Status.READY

    @property
    def has_succeeded(self) -> bool:
        """True once money was taken, given back or not."""
        return self.captures > 0

    @property
    def refunded(self) -> int:
        """What went back."""
        return sum(each.amount for each in self.cancellations if each.cancelled_at is not None)

    @property
    def cancellable(self) -> int:
        """What can still be cancelled; a cancel on its way counts as done ([I])."""
        return self.held - sum(each.amount for each in self.cancellations)

    def different_amount(self) -> int:
        """An amount that is not the ordered one: lower where something is left."""
        lower = self.order.amount - AMOUNT_STEP
        return lower if lower > 0 else self.order.amount + AMOUNT_STEP
