"""One payment as Unifi Pay holds it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from simulator.unifi_pay.order import Order

AMOUNT_STEP = 100
"""How far an amount that "differs" is from the ordered one, and how much a discount is, in cents."""


class Status(StrEnum):
    """The states that look-ups show. Documented are CONFIRMED and FAILED; the others are the flow diagram's and the
    sibling product's names (contract §1, §4)."""

    CREATED = "CREATED"
    PAYMENT_REQUESTED = "PAYMENT_REQUESTED"
    CONFIRMED = "CONFIRMED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"


@dataclass(slots=True, eq=False)
class Payment:
    """One transaction and what became of it. Amounts in cents."""

    id: str
    """The transactionId."""
    token: str
    """What opens the start page, once."""
    order: Order
    created_at: datetime
    held: int
    """What the payment is worth: what was ordered, unless the buyer's scenario was `amount_differs`."""
    status: Status = Status.CREATED
    session: str | None = None
    """The browser that opened the start page; no other one can use the token again."""
    discount: int = 0
    """What the buyer did not have to pay of it."""
    captures: int = 0
    cancels: int = 0
    refunded: int = 0
    approves_at_s: float | None = None
    """When a failure turns into a payment after all, in elapsed seconds."""
    views: set[str] = field(default_factory=set)
    """How look-ups distort this payment for good."""
    callback_mode: str | None = None
    """How its callbacks are delivered; None: as all of them are."""

    @property
    def reference(self) -> str:
        """The merchant's order id; several payments may share one."""
        return self.order.order_id

    @property
    def is_open(self) -> bool:
        """True while the buyer can still pay; who left may come back."""
        return self.status in (Status.CREATED, Status.PAYMENT_REQUESTED)

    @property
    def cancellable(self) -> int:
        """The cents that can be given back: everything, once."""
        return self.held if self.status is Status.CONFIRMED else 0

    def different_amount(self) -> int:
        """An amount that is not the ordered one: lower where something remains."""
        ordered = self.order.total
        return ordered - AMOUNT_STEP if ordered > AMOUNT_STEP else ordered + AMOUNT_STEP
