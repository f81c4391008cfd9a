"""One processing of an attempt's refunds: what it is about, and what came of it."""

from dataclasses import dataclass
from uuid import UUID

from app.ledger.model import Payment
from app.ledger.transitions import Trigger


@dataclass(frozen=True, slots=True)
class Turn:
    """One processing: the attempt, its trigger, and the refund that the caller waits for."""

    attempt_id: UUID
    trigger: Trigger
    refund_id: UUID | None


@dataclass(frozen=True, slots=True)
class Processed:
    """The payment as it stands after a processing. `is_complete` False: what its gateway shows could not all be stored."""

    payment: Payment
    is_complete: bool
