"""What a person may decide about a payment, given what its gateways show now, and the steps that follow. Pure.

Keeping and sending back need a look-up that shows the money; closing needs one that shows none, or nobody who answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from app.domain.errors import NothingToResolve, Obstacle, ResolutionRefused
from app.domain.money import Money
from app.domain.schedule import LATE_CAPTURE
from app.domain.states import (
    PAYMENT_COLLECTED,
    PAYMENT_UNPAID,
    AttemptStatus,
    PaymentStatus,
    RefundStatus,
    payment_after_review,
)
from app.gateways.port import Gateway, Refunding
from app.gateways.values import CLOSED, Failure, GatewayPayment, GatewayStatus
from app.ledger.model import BY_MISMATCH, Attempt, Payment, Refund
from app.ledger.reservations import reserve_mismatch_refund
from app.ledger.transitions import Step, kept_look, refund_step, step

A = AttemptStatus


class Action(StrEnum):
    """What a person decides."""

    ACCEPT = "accept"
    """The money that the look-up shows is ours and whole: the payment is paid."""
    REFUND = "refund"
    """What the look-ups show goes back; what is held, or was asked for in vain, is asked for again."""
    CLOSE = "close"
    """Nothing more will come of it: what is undecided ends, on the person's word where nobody answers."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An attempt, and what its gateway shows of it now. `fetched` None: the gateway gave no answer, or is not configured."""

    attempt: Attempt
    gateway: Gateway | None
    fetched: GatewayPayment | None

    @property
    def is_ours(self) -> bool:
        """Whether the answer can be believed and names our reference (law 13)."""
        found = self.fetched
        return found is not None and found.doubt is None and found.reference == self.attempt.reference

    @property
    def says_taken(self) -> bool:
        """Whether the gateway says that it took money of this attempt, and not that all of it went back.

        However unclear the rest is: money whose order is not told may be ours, and only what is told to be another's is not.
        """
        found = self.fetched
        if found is None or found.status is not GatewayStatus.CAPTURED:
            return False
        if found.reference not in {None, self.attempt.reference}:
            return False
        return found.doubt is not None or found.amount is None or self.left is not None

    @property
    def left(self) -> Money | None:
        """The money that the gateway holds of this attempt; None when it shows none."""
        if self.fetched is None or self.fetched.status is not GatewayStatus.CAPTURED or self.fetched.amount is None:
            return None
        amount = self.fetched.amount
        minor = amount.minor - self.fetched.refunded_minor
        return Money(minor, amount.currency) if minor > 0 else None


@dataclass(frozen=True, slots=True)
class Word:
    """A person's word: what becomes evidence of each step, and when."""

    action: Action
    note: str
    at: datetime
    time_scale: float

    def evidence(self, fetched: GatewayPayment | None = None) -> dict[str, Any]:
        """The evidence of a step: the decision, its note, and what the gateway showed."""
        return {"resolution": self.action, "note": self.note} | ({"gateway": fetched.evidence} if fetched else {})


def check_calls_a_person(payment: Payment) -> None:
    """Raise NothingToResolve for a payment that waits for nobody."""
    if payment.attention is None and payment.status is not PaymentStatus.REVIEW:
        raise NothingToResolve(payment_id=payment.public_id, status=str(payment.status))


def accepted(payment: Payment, shown: Sequence[Shown], word: Word) -> tuple[Step, Shown]:
    """The capture of the attempt whose whole amount is shown, and what was shown. Raises ResolutionRefused."""
    if payment.status is PaymentStatus.CANCELED:
        raise refused(payment, Obstacle.CANCELED)
    found = next((each for each in shown if _is_whole(payment, each)), None)
    if found is None or found.fetched is None or payment.status in PAYMENT_COLLECTED:
        raise refused(payment, Obstacle.NOT_SHOWN_WHOLE)
    attempt, fetched = found.attempt, found.fetched
    made = step(
        payment,
        attempt,
        A.CAPTURED,
        at=word.at,
        trigger="operator",
        reason="accepted",
        evidence=word.evidence(fetched),
        payment_to=PaymentStatus.PAID,
        gateway_ref=fetched.gateway_ref or attempt.gateway_ref,
        is_deposit=attempt.is_deposit or fetched.is_deposit is True,
        next_check_at=kept_look(payment, word.at, word.time_scale),
        ends_call=True,
    )
    return made, found


def _is_whole(payment: Payment, shown: Shown) -> bool:
    """Whether the look-up shows our whole amount. What it does not tell (store, channel) is what the person vouches for."""
    fetched = shown.fetched
    return (
        shown.is_ours
        and fetched is not None
        and shown.attempt.status not in {A.CAPTURED, A.REJECTED, A.CANCELED}
        and fetched.sum_doubt is None
        and shown.left == payment.amount
        and fetched.is_own_store is not False
        and fetched.is_live in {None, payment.mode == "live"}
    )


def given_back(payment: Payment, shown: Shown, word: Word) -> Step:
    """The rejection of an attempt whose money is shown, with the refund of all that is left. Raises ResolutionRefused."""
    if not isinstance(shown.gateway, Refunding):
        raise refused(payment, Obstacle.BY_HAND)
    assert shown.left is not None
    refund = reserve_mismatch_refund(payment, shown.attempt, shown.left, reason="resolved", at=word.at, is_held=False)
    ends = payment.status in PAYMENT_UNPAID
    return step(
        payment,
        shown.attempt,
        A.REJECTED,
        at=word.at,
        trigger="operator",
        reason="refund_decided",
        evidence=word.evidence(shown.fetched),
        payment_to=PaymentStatus.CANCELED if ends else payment.status,
        refund=refund,
        gateway_ref=(shown.fetched.gateway_ref if shown.fetched else None) or shown.attempt.gateway_ref,
        is_deposit=shown.attempt.is_deposit or (shown.fetched is not None and shown.fetched.is_deposit is True),
    )


def is_money_to_give_back(shown: Shown) -> bool:
    """Whether the gateway shows money of ours that no payment keeps and no refund is for."""
    return shown.is_ours and shown.left is not None and shown.attempt.status not in {A.CAPTURED, A.REJECTED}


def check_can_close(payment: Payment, shown: Sequence[Shown]) -> None:
    """Raise ResolutionRefused while a gateway says that it took money that is nobody's yet, or a shop's refund is not decided."""
    if any(is_money_to_give_back(each) for each in shown):
        raise refused(payment, Obstacle.MONEY_SHOWN)
    taken = [each.attempt for each in shown if each.says_taken]
    if any(attempt.status not in {A.CAPTURED, A.REJECTED} for attempt in taken):
        raise refused(payment, Obstacle.MONEY_UNCLEAR)
    rejected = {attempt.id for attempt in taken}
    for refund in payment.refunds:
        if not refund.is_undecided:
            continue
        if refund.initiator != BY_MISMATCH:
            raise refused(payment, Obstacle.REFUND_UNDECIDED)
        gateway = next((each.gateway for each in shown if each.attempt.id == refund.attempt_id), None)
        if refund.attempt_id in rejected and isinstance(gateway, Refunding):
            raise refused(payment, Obstacle.MONEY_SHOWN)


def closed(payment: Payment, word: Word) -> Step | None:
    """The next step on the way to a closed payment; None when it is there. Each is written before the next is made."""
    evidence = word.evidence()
    if refund := next((each for each in payment.refunds if each.is_undecided), None):
        return _given_by_hand(payment, refund, word, evidence)
    undecided = next((attempt for attempt in payment.attempts if attempt.is_undecided), None)
    attempt = undecided or payment.captured_attempt or payment.last_attempt
    target = payment.status
    if undecided is None and payment.status in PAYMENT_UNPAID:
        target = PaymentStatus.CANCELED
    if undecided is None and payment.status is PaymentStatus.REVIEW:
        target = payment_after_review(payment.captured_minor, payment.refunded_minor)
    if undecided is None and target is payment.status and payment.attention is None:
        return None
    return step(
        payment,
        attempt,
        A.CANCELED if undecided else attempt.status,
        at=word.at,
        trigger="operator",
        reason="closed",
        evidence=evidence,
        payment_to=target,
        attention=payment.attention if undecided else None,
        ends_call=undecided is None,
        **_closed_on(payment, attempt),
        late_capture=LATE_CAPTURE / word.time_scale,
    )


def _closed_on(payment: Payment, attempt: Attempt) -> dict[str, Any]:
    """What the attempt keeps of it: the same fact about it calls nobody again."""
    if payment.attention is None or attempt.status in {A.CAPTURED, A.REJECTED}:
        return {}
    return {"failure": msgspec.json.encode(Failure(CLOSED, raw_code=payment.attention)).decode()}


def _given_by_hand(payment: Payment, refund: Refund, word: Word, evidence: dict[str, Any]) -> Step:
    return refund_step(
        payment,
        refund,
        RefundStatus.SUCCEEDED,
        at=word.at,
        trigger="operator",
        reason="refund_marked_done",
        evidence=evidence,
        accepted_at=None,
    )


def refused(payment: Payment, obstacle: Obstacle) -> ResolutionRefused:
    """The error that says why not, and what can be done instead."""
    return ResolutionRefused(
        payment_id=payment.public_id, status=str(payment.status), obstacle=str(obstacle), why=obstacle.way_out
    )
