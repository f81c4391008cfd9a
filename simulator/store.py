"""What every imitated gateway keeps of a payment: the tries to pay it, what they moved, how look-ups distort them."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

AMOUNT_STEP = 100
"""How far an amount that "differs" is from the ordered one, and how large a discount is, in minor units."""
LATE_APPROVAL_S = 5
"""When a payment that was refused is paid after all."""
ACCOUNT_LIVES = timedelta(days=3)
"""How long a virtual account takes deposits ([I])."""


class JournalEntry(Protocol):
    """One try to pay, as the journal tells the truth about it. Amounts in minor units."""

    captures: int
    cancels: int
    confirms: int
    charged: int

    @property
    def reference(self) -> str:
        """The merchant's name for it."""

    @property
    def gateway_ref(self) -> str | None:
        """The gateway's name for it."""

    @property
    def currency(self) -> str:
        """ISO 4217."""

    @property
    def status(self) -> str:
        """In the gateway's own word."""

    @property
    def refunded(self) -> int:
        """What went back until now."""


@dataclass(slots=True, eq=False, kw_only=True)
class Attempt:
    """One try to pay at a gateway, and what became of it. Amounts in minor units."""

    charged: int
    """What is really charged: what was ordered, unless the buyer's scenario was another."""
    discount: int = 0
    """What the buyer did not have to pay of it."""
    confirms: int = 0
    captures: int = 0
    cancels: int = 0
    views: set[str] = field(default_factory=set)
    """How look-ups distort it for good."""
    webhook_mode: str | None = None
    """How its webhooks are delivered; None: as all of them are."""

    @property
    def has_succeeded(self) -> bool:
        """True once money was taken, given back or not."""
        return self.captures > 0

    def different_amount(self) -> int:
        """An amount that is not the ordered one."""
        raise NotImplementedError


def another_amount(ordered: int, least: int) -> int:
    """An amount that is not the ordered one: lower where that is not below `least`."""
    lower = ordered - AMOUNT_STEP
    return lower if lower >= least else ordered + AMOUNT_STEP


@dataclass(frozen=True, slots=True)
class VirtualAccount:
    """Where the buyer may deposit until when."""

    bank: str
    number: str
    issued_at: datetime
    holder: str = "온틸 상점"

    @property
    def ends_at(self) -> datetime:
        """When it takes no deposit any more."""
        return self.issued_at + ACCOUNT_LIVES


A = TypeVar("A", bound=Attempt)
R = TypeVar("R")


@dataclass(slots=True)
class Payment(Generic[A, R]):
    """Everything under one reference of the merchant: what was pre-registered, and every window that was opened."""

    reference: str
    registration: R | None = None
    attempts: list[A] = field(default_factory=list)

    @property
    def success(self) -> A | None:
        """The attempt that was paid; there is at most one."""
        return next((each for each in self.attempts if each.has_succeeded), None)

    @property
    def shown(self) -> A | None:
        """The attempt that a look-up by the reference shows: the paid one, else the newest."""
        return self.success or (self.attempts[-1] if self.attempts else None)
