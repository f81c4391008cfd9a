"""What the database holds of a payment, as values. JSON columns stay the text that was stored."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.domain import ids
from app.domain.money import Money
from app.domain.states import ATTEMPT_UNDECIDED, AttemptStatus, PaymentStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at one gateway. `next_check_at` is when an undecided one is looked at again."""

    id: UUID
    no: int
    gateway: str
    reference: str
    status: AttemptStatus
    created_at: datetime
    gateway_ref: str | None = None
    next_action: str | None = None
    failure: str | None = None
    give_back: str | None = None
    """Money of a rejected attempt: `owed` back, `asked` of the gateway, `done`."""
    confirmed_at: datetime | None = None
    """When the gateway said an explicit yes to confirm; after that, confirm is never sent again."""
    checks: int = 0
    next_check_at: datetime | None = None
    busy_until: datetime | None = None
    """Somebody is asking the gateway for or about this money until then; others wait."""

    @property
    def is_undecided(self) -> bool:
        """Whether the gateway must still be asked how it ended."""
        return self.status in ATTEMPT_UNDECIDED or self.give_back in {"owed", "asked"}

    def is_due(self, now: datetime) -> bool:
        """Whether its time to be looked at has come."""
        return self.next_check_at is not None and self.next_check_at <= now

    def is_busy(self, now: datetime) -> bool:
        """Whether a process holds the lease on asking the gateway."""
        return self.busy_until is not None and self.busy_until > now


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A payment with its attempts, oldest first. `last_seq` is its version: a write names the one that it read."""

    id: UUID
    store: str
    mode: str
    order_id: str
    order_name: str
    amount: Money
    status: PaymentStatus
    gateway: str
    created_at: datetime
    expires_at: datetime
    captured_minor: int = 0
    refunded_minor: int = 0
    method: str | None = None
    customer_id: str | None = None
    details: str = "{}"
    return_url: str | None = None
    metadata: str = "{}"
    attention: str | None = None
    """Why a person should look, or None."""
    last_seq: int = 0
    last_hash: bytes = bytes(32)
    paid_at: datetime | None = None
    attempts: tuple[Attempt, ...] = field(default=())

    @property
    def public_id(self) -> str:
        """`pay_…`"""
        return ids.show(ids.Prefix.PAYMENT, self.id)

    @property
    def last_attempt(self) -> Attempt:
        """The newest attempt; every payment has one from its first row on."""
        return self.attempts[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Filters of a list, all optional, and the keyset position after which it goes on."""

    store: str
    limit: int
    after: tuple[datetime, UUID] | None = None
    order_id: str | None = None
    status: str | None = None
    gateway: str | None = None
    customer_id: str | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None
    needs_attention: bool | None = None
