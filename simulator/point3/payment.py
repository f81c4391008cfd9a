"""One payment as Point3 holds it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

AMOUNT_STEP = 100
"""How far an amount that "differs" is from the ordered one, in won."""


class Status(StrEnum):
    """The contract's §5. Only the journal shows all of them for certain; the vendor's own names are unknown."""

    TOKEN_ISSUED = "TOKEN_ISSUED"  # noqa: S105 - a status
    WIDGET_DONE = "WIDGET_DONE"
    CONFIRMED = "CONFIRMED"
    CANCEL_REQUESTED = "CANCEL_REQUESTED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    ABANDONED = "ABANDONED"


@dataclass(slots=True, eq=False)
class Payment:
    """One session of the widget, and what became of it. Amounts in won."""

    token: str
    order: Mapping[str, Any]
    created_at: datetime
    amount: int
    """What is really charged. It is what was ordered, unless the buyer's scenario was `amount_differs`."""
    status: Status = Status.TOKEN_ISSUED
    signature: str | None = None
    confirmed_at: datetime | None = None
    cancelled_at: datetime | None = None
    confirms: int = 0
    captures: int = 0
    cancels: int = 0
    refunded: int = 0
    cancel_due_s: float | None = None
    """When the batch runs that executes the cancel, in elapsed seconds."""
    views: set[str] = field(default_factory=set)
    """How look-ups distort this payment for good."""

    @property
    def reference(self) -> str:
        """The merchant's order id; several payments may share one."""
        return str(self.order["orderIdFromClient"])

    @property
    def user_id(self) -> str:
        """The merchant's name for the buyer."""
        return str(self.order["clientGeneratedUserId"])

    @property
    def is_open(self) -> bool:
        """True while the buyer can still pay in the widget; who left may come back."""
        return self.status in (Status.TOKEN_ISSUED, Status.ABANDONED)

    @property
    def cancellable(self) -> int:
        """The won that a cancel gives back: everything, once, and nothing before the money was taken."""
        return self.amount if self.status is Status.CONFIRMED else 0

    def different_amount(self) -> int:
        """An amount that is not the ordered one: lower where at least 2 won remain (1 supply and 1 VAT)."""
        ordered: int = self.order["totalCharge"]
        return ordered - AMOUNT_STEP if ordered >= AMOUNT_STEP + 2 else ordered + AMOUNT_STEP
