"""A step: one move of one attempt, with the payment's move that follows, as one row of the story.

Nothing else makes a status. `step()` asks the transition tables, chains the event to the one before, and yields what the
repository writes in one statement; the write lands only if the payment is still the one that was read (`last_seq`).
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import msgspec

from app.domain.states import PAYMENT_UNPAID, AttemptStatus, PaymentStatus, check_attempt, check_payment, payment_after
from app.payments.records import Attempt, Payment

LATE_MONEY = timedelta(hours=1)
"""How long after its end an attempt that may still bring money is looked at once more."""

LATE_LOOKS = (timedelta(0), timedelta(hours=1), timedelta(hours=24))
"""How long after the payment's expiry such an attempt is looked at again: a buyer may pay in a window that was left open."""


def late_look(payment: Payment, now: datetime, scale: float) -> datetime | None:
    """When an ended attempt that may still bring money is looked at next; None when that was often enough."""
    return next((at for wait in LATE_LOOKS if (at := payment.expires_at + wait / scale) > now), None)


Cause = Literal["api", "browser", "webhook", "sweep", "operator", "schedule"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One row of a payment's story: from, to, why, and on which evidence. `evidence` is the JSON text that is hashed."""

    payment_id: UUID
    seq: int
    at: datetime
    cause: str
    reason: str
    payment_from: str | None
    payment_to: str
    attempt_id: UUID | None
    attempt_from: str | None
    attempt_to: str | None
    evidence: str
    prev_hash: bytes

    def hash(self) -> bytes:
        """SHA-256 over the hash of the event before and every column of this one."""
        content = [
            self.prev_hash.hex(),
            self.payment_id.hex,
            self.seq,
            round(self.at.timestamp() * 1_000_000),
            self.cause,
            self.reason,
            self.payment_from,
            self.payment_to,
            self.attempt_id and self.attempt_id.hex,
            self.attempt_from,
            self.attempt_to,
            self.evidence,
        ]
        return hashlib.sha256(msgspec.json.encode(content)).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one statement writes: the payment and attempt after the move, and the event that tells of it."""

    before: Payment
    after: Payment
    attempt: Attempt
    event: Event

    @property
    def binds_ref(self) -> bool:
        """Whether this step claims the gateway's reference for this payment alone."""
        known = next((a.gateway_ref for a in self.before.attempts if a.id == self.attempt.id), None)
        return self.attempt.gateway_ref is not None and self.attempt.gateway_ref != known

    @property
    def frees_order(self) -> bool:
        """Whether the order may be paid by another payment from now on."""
        closed = {PaymentStatus.CANCELED, PaymentStatus.EXPIRED}
        return self.before.status not in closed and self.after.status in closed

    @property
    def reclaims_order(self) -> bool:
        """Whether money came for a payment whose order had been freed."""
        return self.before.status is PaymentStatus.EXPIRED and self.after.status is PaymentStatus.PAID


def step(
    payment: Payment,
    attempt: Attempt,
    to: AttemptStatus,
    *,
    at: datetime,
    cause: Cause,
    reason: str,
    evidence: dict[str, Any],
    payment_to: PaymentStatus | None = None,
    attention: str | None = None,
    late_money: timedelta | None = None,
    **fields: Any,
) -> Step:
    """Move `attempt` to `to` and the payment with it. `fields` are the attempt's other columns that change.

    `payment_to` is for the moves that an attempt alone does not decide (expired, canceled, review). An attempt that is
    not among the payment's yet is a new one. With `late_money`, money may still come for an attempt that ends here
    without anybody asking for it: it is looked at again so long after. Raises IllegalTransition when a table forbids
    the move.
    """
    known = {a.id: a for a in payment.attempts}
    came_from = known[attempt.id].status if attempt.id in known else None
    if came_from is not None:
        check_attempt(came_from, to)
    others = [a.status for a in payment.attempts if a.id != attempt.id]
    target = payment_to or payment_after(payment.status, to, others)
    check_payment(payment.status, target)
    moved = replace(attempt, status=to, **fields)
    if not moved.is_undecided:
        # An unpaid payment is looked at once more when it expires, whatever became of this attempt.
        last_look = payment.expires_at if target in PAYMENT_UNPAID else None
        if came_from is AttemptStatus.UNKNOWN and moved.gateway_ref is not None:
            # The gateway was asked for this money: what it did with a lost call may show only later.
            late_money = late_money or LATE_MONEY
        if late_money and to not in {AttemptStatus.CAPTURED, AttemptStatus.REJECTED}:
            last_look = min(last_look or at + late_money, at + late_money)
        moved = replace(moved, next_check_at=last_look, busy_until=None)
    event = Event(
        payment_id=payment.id,
        seq=payment.last_seq + 1,
        at=at,
        cause=cause,
        reason=reason,
        payment_from=payment.status if payment.last_seq else None,
        payment_to=target,
        attempt_id=attempt.id,
        attempt_from=came_from,
        attempt_to=to,
        evidence=msgspec.json.encode(evidence, order="sorted").decode(),
        prev_hash=payment.last_hash,
    )
    is_paid = target is PaymentStatus.PAID and payment.status is not PaymentStatus.PAID
    after = replace(
        payment,
        status=target,
        gateway=moved.gateway if is_paid or came_from is None else payment.gateway,
        captured_minor=payment.amount.minor if is_paid else payment.captured_minor,
        paid_at=at if is_paid else payment.paid_at,
        attention=attention or (payment.attention if target is PaymentStatus.REVIEW else None),
        last_seq=event.seq,
        last_hash=event.hash(),
        attempts=tuple((known | {moved.id: moved}).values()),
    )
    return Step(before=payment, after=after, attempt=moved, event=event)
