"""What each move tells the shop: every pair of statuses of a payment, an attempt and a refund."""

from dataclasses import replace
from datetime import timedelta
from typing import get_type_hints
from uuid import UUID

import msgspec
import pytest

from app.domain.states import PAYMENT_COLLECTED, PAYMENT_MOVES, AttemptStatus, PaymentStatus, RefundStatus
from app.ledger.outbox import ONCE, told
from app.ledger.tables import outbox
from app.ledger.transitions import Step, refund_step, step
from app.notifications.schemas import NotificationView, ShopEventView
from app.notifications.tables import notifications
from tests.unit.factories import AMOUNT, NOW, attempt, payment, refund

P, A, R = PaymentStatus, AttemptStatus, RefundStatus
COMMON = {"at": NOW, "trigger": "api", "reason": "test", "evidence": {}}

MOVES = {
    ("the buyer's window opens", P.OPEN, A.CREATED, P.OPEN, A.PENDING): None,
    ("captured", P.OPEN, A.PENDING, P.PAID, A.CAPTURED): "payment.paid",
    ("captured after asking", P.PROCESSING, A.UNKNOWN, P.PAID, A.CAPTURED): "payment.paid",
    ("late approval", P.EXPIRED, A.EXPIRED, P.PAID, A.CAPTURED): "payment.paid",
    ("accepted by a person", P.REVIEW, A.REJECTED, P.PAID, A.REJECTED): "payment.paid",
    ("refunds undone", P.REFUNDED, A.CAPTURED, P.PARTIALLY_REFUNDED, A.CAPTURED): None,
    ("asked", P.OPEN, A.PENDING, P.PROCESSING, A.UNKNOWN): "payment.processing",
    ("asked again", P.PROCESSING, A.UNKNOWN, P.PROCESSING, A.UNKNOWN): None,
    ("an account was given", P.OPEN, A.PENDING, P.AWAITING_DEPOSIT, A.AWAITING_DEPOSIT): "payment.awaiting_deposit",
    ("declined", P.OPEN, A.PENDING, P.OPEN, A.FAILED): "payment.failed",
    ("declined after asking", P.PROCESSING, A.UNKNOWN, P.OPEN, A.FAILED): "payment.failed",
    ("wrong money", P.OPEN, A.PENDING, P.OPEN, A.REJECTED): "payment.failed",
    ("declined, and long paid by another", P.PAID, A.PENDING, P.PAID, A.FAILED): None,
    ("wrong money of a closed one", P.CANCELED, A.CANCELED, P.CANCELED, A.REJECTED): None,
    ("declined, and time is over", P.OPEN, A.PENDING, P.EXPIRED, A.FAILED): "payment.expired",
    ("a person is called", P.OPEN, A.PENDING, P.REVIEW, A.REJECTED): "payment.review",
    ("canceled", P.OPEN, A.PENDING, P.CANCELED, A.CANCELED): "payment.canceled",
    ("closed by a person", P.REVIEW, A.UNKNOWN, P.CANCELED, A.CANCELED): "payment.canceled",
    ("its account ended", P.AWAITING_DEPOSIT, A.AWAITING_DEPOSIT, P.OPEN, A.EXPIRED): "payment.open",
    ("its window was closed", P.PROCESSING, A.UNKNOWN, P.OPEN, A.CANCELED): "payment.open",
    ("a look that says nothing new", P.PAID, A.CAPTURED, P.PAID, A.CAPTURED): None,
}


def moved(before: PaymentStatus, came: AttemptStatus, after: PaymentStatus, to: AttemptStatus) -> Step:
    """A step between these, whether the tables allow it or not: what it tells is another question."""
    made = step(payment(attempt(A.PENDING)), attempt(A.PENDING), A.PENDING, **COMMON)  # type: ignore[arg-type]
    return replace(
        made,
        before=replace(made.before, status=before),
        after=replace(made.after, status=after),
        attempt=replace(made.attempt, status=to),
        event=replace(made.event, attempt_from=came, attempt_to=to),
    )


@pytest.mark.parametrize("move", MOVES, ids=lambda move: move[0])
def test_a_move_of_a_payment_tells(
    move: tuple[str, PaymentStatus, AttemptStatus, PaymentStatus, AttemptStatus],
) -> None:
    made = told(moved(*move[1:]))
    assert made.types == ([MOVES[move]] if MOVES[move] else [])


@pytest.mark.parametrize(
    ("before", "came", "tells"), [(P.OPEN, A.CREATED, []), (P.PROCESSING, A.UNKNOWN, ["payment.open"])]
)
def test_a_window_that_never_opened_is_not_told_as_an_attempt_that_failed(
    before: PaymentStatus, came: AttemptStatus, tells: list[str]
) -> None:
    made = moved(before, came, P.OPEN, A.FAILED)
    assert told(replace(made, attempt=replace(made.attempt, next_action=None))).types == tells
    assert told(replace(made, attempt=replace(made.attempt, next_action=None, gateway_ref="sig"))).types == [
        "payment.failed"
    ]


@pytest.mark.parametrize(
    ("came", "to", "tells"),
    [
        (None, R.CREATED, None), (R.CREATED, R.UNKNOWN, None), (R.UNKNOWN, R.PENDING, None), (R.UNKNOWN, R.CREATED, None),
        (R.PENDING, R.SUCCEEDED, "refund.succeeded"), (None, R.SUCCEEDED, "refund.succeeded"),
        (R.UNKNOWN, R.FAILED, "refund.failed"), (R.FAILED, R.SUCCEEDED, "refund.succeeded"), (R.FAILED, R.PENDING, None),
        (R.SUCCEEDED, R.SUCCEEDED, None),
    ],
)  # fmt: skip
def test_a_move_of_a_refund_tells(came: RefundStatus | None, to: RefundStatus, tells: str | None) -> None:
    own = refund(came or R.CREATED)
    paid = payment(attempt(A.CAPTURED), status=P.PAID, captured_minor=AMOUNT.minor, refunds=(own,) if came else ())
    made = told(refund_step(paid, own, to, **COMMON))  # type: ignore[arg-type]
    assert made.types == ([tells] if tells else [])
    if tells:
        data = msgspec.json.decode(made.bodies[0])["data"]
        assert (data["refund_id"], data["refund_status"], data["refund_amount"]) == (own.public_id, to, AMOUNT.minor)
        assert data["cause"] == own.initiator


def test_another_amount_of_a_refund_that_is_done_is_told() -> None:
    own = refund(R.SUCCEEDED)
    paid = payment(attempt(A.CAPTURED), status=P.REFUNDED, captured_minor=AMOUNT.minor, refunds=(own,))
    less = refund_step(paid, own, R.SUCCEEDED, returned_minor=100, **COMMON)  # type: ignore[arg-type]
    assert told(less).types == ["refund.succeeded"]


def test_both_of_one_step_are_told_and_the_payments_own_is_first() -> None:
    own = refund(R.PENDING)
    review = payment(attempt(A.REJECTED), status=P.REVIEW, refunds=(own,))
    made = told(refund_step(review, own, R.SUCCEEDED, **COMMON))  # type: ignore[arg-type]
    assert made.types == ["payment.canceled", "refund.succeeded"]
    assert made.sequences == sorted(made.sequences)
    assert len(set(made.sequences)) == len(set(made.ids)) == 2


@pytest.mark.parametrize("after", [P.PAID, P.PARTIALLY_REFUNDED, P.REFUNDED])
def test_one_capture_is_told_as_paid_once(after: PaymentStatus) -> None:
    """Called to a person since, for another attempt's money: who delivers at `payment.paid` would deliver twice."""
    made = moved(P.REVIEW, A.CAPTURED, after, A.CAPTURED)
    kept = replace(made, before=replace(made.before, captured_minor=AMOUNT.minor))
    assert told(kept).types == ["payment.review_ended"]


def _id(made: Step, *, seq: int = 3, later_s: int = 0) -> UUID:
    event = replace(made.event, seq=seq, at=NOW + timedelta(seconds=later_s))
    (found,) = told(replace(made, event=event)).ids
    return found


@pytest.mark.parametrize("move", [move for move in MOVES if MOVES[move]], ids=lambda move: move[0])
def test_a_fact_that_is_found_again_has_the_id_that_it_was_told_by(
    move: tuple[str, PaymentStatus, AttemptStatus, PaymentStatus, AttemptStatus],
) -> None:
    """The database was restored, or lost its last commits, and the same look-up is made again, later."""
    assert _id(moved(*move[1:])) == _id(moved(*move[1:]), later_s=60)


@pytest.mark.parametrize("kind", sorted(ONCE))
def test_what_comes_once_has_one_id_however_many_steps_lead_to_it(kind: str) -> None:
    leads = [moved(*move[1:]) for move in MOVES if MOVES[move] == kind]
    by_another = [replace(each, attempt=replace(each.attempt, id=UUID(int=2))) for each in leads]
    assert len({_id(each, seq=seq) for each in leads + by_another for seq in (3, 8)}) == 1


def test_nothing_leads_back_to_what_comes_once() -> None:
    ended = {P.EXPIRED} | PAYMENT_MOVES[P.EXPIRED]
    while more := {to for one in ended for to in PAYMENT_MOVES[one]} - ended:
        ended |= more
    assert all(P.EXPIRED not in PAYMENT_MOVES[one] for one in ended)
    captured = payment(attempt(A.CAPTURED), status=P.REVIEW, captured_minor=AMOUNT.minor)
    for to in PAYMENT_COLLECTED:
        ended_review = step(captured, captured.attempts[0], A.CAPTURED, payment_to=to, **COMMON)  # type: ignore[arg-type]
        assert told(ended_review).types == ["payment.review_ended"]


def test_another_fact_has_another_id_also_at_the_same_place() -> None:
    """After a restore the story may go on in another way."""
    made = moved(P.OPEN, A.PENDING, P.OPEN, A.FAILED)
    others = [
        moved(P.OPEN, A.PENDING, P.CANCELED, A.CANCELED),
        moved(P.OPEN, A.PENDING, P.REVIEW, A.REJECTED),
        replace(made, attempt=replace(made.attempt, id=UUID(int=2))),
        replace(made, after=replace(made.after, refunded_minor=1)),
        replace(made, after=replace(made.after, id=UUID(int=3))),
    ]
    assert len({_id(made), _id(made, seq=4), *(_id(each) for each in others)}) == 2 + len(others)


def test_every_event_is_a_payments_wherever_it_is_told() -> None:
    assert not outbox.c.payment_id.nullable
    assert not notifications.c.payment_id.nullable
    assert {get_type_hints(view)["payment_id"] for view in (ShopEventView, NotificationView)} == {str}
