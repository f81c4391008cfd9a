"""One attempt to pay, as PortOne V2 holds it. Several may share a paymentId; at most one of them succeeds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

AMOUNT_STEP = 100
"""How far an amount that "differs" is from the ordered one, and how large a discount is, in minor units."""


class Status(StrEnum):
    """The contract's §2, as payment objects spell them. The list's filter says PENDING where these say PAY_PENDING."""

    READY = "READY"
    PAY_PENDING = "PAY_PENDING"
    VIRTUAL_ACCOUNT_ISSUED = "VIRTUAL_ACCOUNT_ISSUED"
    PAID = "PAID"
    FAILED = "FAILED"
    PARTIAL_CANCELLED = "PARTIAL_CANCELLED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, slots=True)
class Order:
    """What the shop's page asked for when it opened the payment window. Amounts in minor units."""

    payment_id: str
    order_name: str
    total: int
    currency: str
    tax_free: int = 0
    vat: int | None = None
    """None: an eleventh of what is taxed."""
    pay_method: str = "CARD"
    customer: Mapping[str, Any] = field(default_factory=dict)
    """As the payment object shows it, not as the browser SDK spells it."""
    products: tuple[Mapping[str, Any], ...] = ()
    custom_data: str | None = None
    country: str | None = None
    notice_urls: tuple[str, ...] = ()
    redirect_url: str | None = None
    is_redirected: bool = False
    """True when the result travels in the query of `redirect_url`."""
    origin: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Cancellation:
    """One cancel that was asked for."""

    id: str
    status: str
    total: int
    tax_free: int
    vat: int
    reason: str
    trigger: str
    requested_at: datetime
    cancelled_at: datetime | None = None


@dataclass(slots=True, eq=False)
class Account:
    """A virtual account: where the buyer may deposit until when."""

    bank: str
    number: str
    remittee: str
    issued_at: datetime
    expires_at: datetime


@dataclass(slots=True, eq=False)
class Transaction:
    """One attempt and what became of it."""

    id: str
    order: Order
    channel: str
    requested_at: datetime
    changed_at: datetime
    status: Status = Status.READY
    held: int = 0
    """What is charged, discounts included: what was ordered, unless the buyer's scenario was another."""
    discount: int = 0
    paid_at: datetime | None = None
    failed_at: datetime | None = None
    closed_at: datetime | None = None
    failure: Mapping[str, str] = field(default_factory=dict)
    pg_tx_id: str | None = None
    account: Account | None = None
    payment_token: str | None = None
    """Manual approval: the buyer is done and the money waits for this token at confirm."""
    cancellations: list[Cancellation] = field(default_factory=list)
    captures: int = 0
    cancels: int = 0
    confirms: int = 0
    views: set[str] = field(default_factory=set)
    """How look-ups distort this attempt for good."""
    webhook_mode: str | None = None
    has_old_webhooks: bool = False
    is_underpaid: bool = False

    @property
    def is_open(self) -> bool:
        """True while the buyer can still pay in the window; who left may come back."""
        return self.status is Status.READY and self.payment_token is None

    @property
    def is_waiting(self) -> bool:
        """True while money may come without the window: a deposit, or an approval that is pending."""
        return self.status in (Status.VIRTUAL_ACCOUNT_ISSUED, Status.PAY_PENDING)

    @property
    def has_succeeded(self) -> bool:
        """True once money was taken, given back or not."""
        return self.captures > 0

    @property
    def total(self) -> int:
        """The payment's amount as shown: an underpaid deposit does not change it ([I]), another charge does."""
        return self.order.total if self.is_underpaid else self.held

    @property
    def vat(self) -> int:
        """The VAT within the amount."""
        if self.order.vat is not None and self.total == self.order.total:
            return self.order.vat
        return vat_within(self.total - self.order.tax_free)

    @property
    def refunded(self) -> int:
        """What went back."""
        return sum(each.total for each in self.cancellations if each.status == "SUCCEEDED")

    def live_cancellations(self) -> list[Cancellation]:
        """Those that count against what is left: done, or on their way."""
        return [each for each in self.cancellations if each.status in ("SUCCEEDED", "REQUESTED")]

    def different_amount(self) -> int:
        """An amount that is not the ordered one: lower where what is tax free still fits into it."""
        lower = self.order.total - AMOUNT_STEP
        return lower if lower > self.order.tax_free else self.order.total + AMOUNT_STEP


def vat_within(taxed: int) -> int:
    """An eleventh, rounded half up: 91 of 1,000. Source: browser SDK schema, `VatAmount`."""
    return (2 * max(0, taxed) + 11) // 22
