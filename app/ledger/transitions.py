"""A step: one move of one attempt, or of one of its refunds, with the payment's move that follows, as one event.

Nothing else makes a status. `step()` and `refund_step()` ask the transition tables, chain the event to the one before, and
yield what the repository writes in one statement; the write lands only if the payment is still the one that was read.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import msgspec

from app.domain.attention import Attention
from app.domain.errors import IllegalTransition
from app.domain.schedule import KEPT_LOOKS, LATE_CAPTURE, LATE_LOOKS
from app.domain.states import (
    ATTEMPT_UNDECIDED,
    PAYMENT_UNPAID,
    AttemptStatus,
    PaymentStatus,
    RefundStatus,
    check_attempt,
    check_payment,
    check_refund,
    payment_after,
    payment_after_refund,
    payment_after_review,
)
from app.ledger.history_keys import HistoryKey
from app.ledger.model import BY_MISMATCH, Attempt, Payment, Refund, total
from app.ledger.money_facts import money_facts


def kept_look(payment: Payment, now: datetime, scale: float) -> datetime | None:
    """When captured money is looked at next; None when that was often enough, or nothing of it is left."""
    if payment.refunded_minor == payment.amount.minor:
        return None
    paid_at = payment.paid_at or now
    return next((at for wait in KEPT_LOOKS if (at := paid_at + wait / scale) > now), None)


def late_look(payment: Payment, attempt: Attempt, now: datetime, scale: float) -> datetime | None:
    """When an ended attempt that may still bring money is looked at next; None when that was often enough.

    A buyer may pay in a window that was left open: soon after the attempt's end, and again after the payment's expiry.
    """
    ends = (payment.expires_at, attempt.ended_at)
    looks = [end + wait / scale for end in ends if end is not None for wait in LATE_LOOKS]
    return min((at for at in looks if at > now), default=None)


Trigger = Literal["api", "browser", "webhook", "sweep", "operator", "schedule"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One row of a payment's audit trail: from, to, why, and on which evidence.

    `evidence` and `facts` are JSON texts, sealed as they stand here. `key_id` names the key that seals it; rows from before
    there were keys have none, and no facts.
    """

    payment_id: UUID
    seq: int
    at: datetime
    trigger: str
    reason: str
    payment_from: str | None
    payment_to: str
    attempt_id: UUID | None
    attempt_from: str | None
    attempt_to: str | None
    evidence: str
    facts: str | None = None
    key_id: str | None = None
    prev_hash: bytes

    def hash(self, key: HistoryKey | None = None) -> bytes:
        """Over the hash of the event before and every column of this one: HMAC-SHA-256 with the key `key_id`.

        SHA-256 where there is no key, which proves the order of the rows and not who wrote them.
        """
        content = [
            self.prev_hash.hex(),
            self.payment_id.hex,
            self.seq,
            round(self.at.timestamp() * 1_000_000),
            self.trigger,
            self.reason,
            self.payment_from,
            self.payment_to,
            self.attempt_id and self.attempt_id.hex,
            self.attempt_from,
            self.attempt_to,
            self.evidence,
        ]
        if key is None:
            return hashlib.sha256(msgspec.json.encode(content)).digest()
        return key.seal(msgspec.json.encode([*content, self.facts, self.key_id]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one statement writes: the payment, attempt and refund after the move, and the event that tells of it."""

    before: Payment
    after: Payment
    attempt: Attempt
    event: Event
    refund: Refund | None = None

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
    def stops_collecting(self) -> bool:
        """Whether no money is waited for any more: what still waits for a deposit is to be closed."""
        return self.before.status in PAYMENT_UNPAID and self.after.status not in PAYMENT_UNPAID

    @property
    def reclaims_order(self) -> bool:
        """Whether this is a late capture, of a payment whose order had been freed."""
        return self.before.status is PaymentStatus.EXPIRED and self.after.status is PaymentStatus.PAID


def step(
    payment: Payment,
    attempt: Attempt,
    to: AttemptStatus,
    *,
    at: datetime,
    trigger: Trigger,
    reason: str,
    evidence: dict[str, Any],
    payment_to: PaymentStatus | None = None,
    attention: Attention | None = None,
    late_capture: timedelta | None = None,
    refund: Refund | None = None,
    ends_call: bool = False,
    **fields: Any,
) -> Step:
    """Move `attempt` to `to` and the payment with it. `fields` are the attempt's other columns that change.

    `refund` is a new mismatch refund, stored in the same commit. `ends_call`: a person has decided, also about a cause that is
    said once.

    `payment_to` is for the moves that an attempt alone does not decide (expired, canceled, review). An attempt that is
    not among the payment's yet is a new one. With `late_capture`, money may still come for an attempt that ends here
    without anybody asking for it: it is looked at again so long after, or at the `next_check_at` among `fields`. Raises
    IllegalTransition when a table forbids the move.
    """
    known = {a.id: a for a in payment.attempts}
    came_from = known[attempt.id].status if attempt.id in known else None
    if came_from is not None and check_attempt(came_from, to):
        _check_reopens(known[attempt.id], to)
    others = [a.status for a in payment.attempts if a.id != attempt.id]
    target = payment_to or payment_after(payment.status, to, others)
    if payment_to is None and payment.status is PaymentStatus.REVIEW and _has_ended(payment, to, others, refund):
        target = payment_after_review(payment.captured_minor, payment.refunded_minor)
    check_payment(payment.status, target)
    moved = replace(attempt, status=to, **fields)
    moved = replace(
        moved,
        deposit=moved.deposit if to is AttemptStatus.AWAITING_DEPOSIT else None,
        unknown_since=(attempt.unknown_since or at) if to is AttemptStatus.UNKNOWN else None,
        ended_at=None if moved.is_undecided else attempt.ended_at if came_from is to else at,
    )
    if not moved.is_undecided:
        # An unpaid payment is looked at once more when it expires, whatever became of this attempt.
        last_look = payment.expires_at if target in PAYMENT_UNPAID else None
        if came_from is AttemptStatus.UNKNOWN and moved.gateway_ref is not None:
            # The gateway was asked for this money: what it did with a lost call may show only later.
            late_capture = late_capture or LATE_CAPTURE
        if late_capture and to not in {AttemptStatus.CAPTURED, AttemptStatus.REJECTED}:
            last_look = min(last_look or at + late_capture, at + late_capture)
        if to is AttemptStatus.CAPTURED:
            last_look = attempt.next_check_at if came_from is AttemptStatus.CAPTURED else None
        if "next_check_at" in fields:
            last_look = fields["next_check_at"]
        moved = replace(moved, next_check_at=last_look, busy_until=None)
    if refund is not None:
        evidence = evidence | {"refund": _refund_evidence(None, refund)}
    refunds = (*payment.refunds, refund) if refund else payment.refunds
    # Once: a review may end where money was captured long ago.
    is_paid = target is PaymentStatus.PAID and not payment.captured_minor
    is_kept = target is PaymentStatus.REVIEW or mismatched(payment) or (_is_said_once(payment) and not ends_call)
    after = replace(
        payment,
        status=target,
        gateway=moved.gateway if is_paid or came_from is None else payment.gateway,
        captured_minor=payment.amount.minor if is_paid else payment.captured_minor,
        paid_at=at if is_paid else payment.paid_at,
        attention=attention or (payment.attention if is_kept else None),
        attempts=tuple((known | {moved.id: moved}).values()),
        refunds=refunds,
        refund_count=len(refunds),
    )
    return _step(payment, after, moved, came_from, refund, at=at, trigger=trigger, reason=reason, evidence=evidence)


def refund_step(
    payment: Payment,
    refund: Refund,
    to: RefundStatus,
    *,
    at: datetime,
    trigger: Trigger,
    reason: str,
    evidence: dict[str, Any],
    attention: Attention | None = None,
    busy_until: datetime | None = None,
    late_look_at: datetime | None = None,
    is_answered: bool = False,
    **fields: Any,
) -> Step:
    """Move `refund` to `to`, and the payment's sums and status with it. `fields` are the refund's other columns that change.

    A refund that is not among the payment's yet is a new one. `busy_until` is the lease on asking its attempt's gateway,
    which ends with every other step. `is_answered`: this step is the gateway's answer to the last request; any other step
    leaves the request of an `unknown` refund unanswered for good. Such a refund is looked at once more at `late_look_at`
    when it fails, or when it is a mismatch refund. What a person should know stays until the last refund is
    decided. Raises IllegalTransition when a table forbids the move.
    """
    known = payment.refund(refund.id)
    if known is not None:
        check_refund(known.status, to)
    is_lost = refund.is_lost or (refund.status is RefundStatus.UNKNOWN and not is_answered)
    moved = replace(refund, status=to, updated_at=at, is_lost=is_lost, **fields)
    if not moved.is_undecided:
        is_open = is_lost and (to is RefundStatus.FAILED or refund.initiator == BY_MISMATCH)
        moved = replace(moved, next_check_at=late_look_at if is_open else None, account=None)
    refunds = tuple(({each.id: each for each in payment.refunds} | {moved.id: moved}).values())
    attempt = payment.attempt(refund.attempt_id)
    leased = replace(attempt, busy_until=busy_until)
    kept = payment.captured_attempt
    own = [each for each in refunds if kept is not None and each.attempt_id == kept.id]
    refunded = total(each for each in own if each.status is RefundStatus.SUCCEEDED)
    is_settled = not any(each.is_undecided for each in refunds)
    target = payment_after_refund(payment.status, payment.captured_minor, refunded)
    is_clear = is_settled and not any(a.status in ATTEMPT_UNDECIDED for a in payment.attempts)
    if payment.status is PaymentStatus.REVIEW and is_clear and to is RefundStatus.SUCCEEDED:
        target = payment_after_review(payment.captured_minor, refunded)
    check_payment(payment.status, target)
    told = evidence | {"refund": _refund_evidence(known, moved)}
    is_over = to is RefundStatus.SUCCEEDED and is_settled and target is not PaymentStatus.REVIEW
    after = replace(
        payment,
        status=target,
        refunded_minor=refunded,
        refunding_minor=total(each for each in own if each.is_undecided),
        attention=attention or (None if is_over and not _is_said_once(payment) else payment.attention),
        attempts=tuple(leased if a.id == attempt.id else a for a in payment.attempts),
        refunds=refunds,
        refund_count=len(refunds),
    )
    return _step(payment, after, leased, attempt.status, moved, at=at, trigger=trigger, reason=reason, evidence=told)


def _step(
    before: Payment,
    after: Payment,
    attempt: Attempt,
    attempt_from: AttemptStatus | None,
    refund: Refund | None,
    *,
    at: datetime,
    trigger: Trigger,
    reason: str,
    evidence: dict[str, Any],
) -> Step:
    """The step from `before` to `after`, with the event that tells of it and seals what it leaves."""
    key = before.history_key
    event = Event(
        payment_id=before.id,
        seq=before.last_seq + 1,
        at=at,
        trigger=trigger,
        reason=reason,
        payment_from=before.status if before.last_seq else None,
        payment_to=after.status,
        attempt_id=attempt.id,
        attempt_from=attempt_from,
        attempt_to=attempt.status,
        evidence=msgspec.json.encode(evidence, order="sorted").decode(),
        facts=money_facts(after, attempt, refund) if key else None,
        key_id=key.id if key else None,
        prev_hash=before.last_hash,
    )
    after = replace(after, last_seq=event.seq, last_hash=event.hash(key))
    return Step(before=before, after=after, attempt=attempt, event=event, refund=refund)


def _refund_evidence(known: Refund | None, moved: Refund) -> dict[str, Any]:
    """A refund's part of a step."""
    return {
        "id": moved.public_id,
        "from": known and known.status,
        "to": moved.status,
        "amount_minor": moved.returned.minor,
        "currency": moved.amount.currency,
        "gateway_ref": moved.gateway_ref,
    }


def _check_reopens(attempt: Attempt, to: AttemptStatus) -> None:
    """An attempt that has ended is opened only where no buyer can have been in its window. Raises IllegalTransition."""
    if to in ATTEMPT_UNDECIDED and not attempt.is_undecided and attempt.was_opened:
        raise IllegalTransition(source=str(attempt.status), target=str(to))


def _has_ended(payment: Payment, to: AttemptStatus, others: list[AttemptStatus], refund: Refund | None) -> bool:
    """Whether this move of an attempt leaves nothing in doubt: a person need not decide any more."""
    refunds = (*payment.refunds, *([refund] if refund else ()))
    is_open = any(each in ATTEMPT_UNDECIDED for each in (to, *others)) or any(each.is_undecided for each in refunds)
    if payment.attention is Attention.FOREIGN_ORDER:
        return False  # another order's money was taken: no attempt of this payment ends that
    return not is_open and to in {AttemptStatus.FAILED, AttemptStatus.CANCELED, AttemptStatus.EXPIRED}


def _is_said_once(payment: Payment) -> bool:
    return payment.attention is not None and payment.attention.is_said_once


def mismatched(payment: Payment) -> bool:
    """Whether a mismatch refund is not decided yet."""
    return any(refund.initiator == BY_MISMATCH and refund.is_undecided for refund in payment.refunds)
