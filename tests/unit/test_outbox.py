"""What each move tells the shop: every pair of statuses of a payment, an attempt and a refund."""

import re
from dataclasses import replace
from pathlib import Path
from typing import get_type_hints

import msgspec
import pytest

from app.domain.states import AttemptStatus, PaymentStatus, RefundStatus
from app.ledger.outbox import EVENT_TYPES, told
from app.ledger.tables import outbox
from app.ledger.transitions import Step, refund_step, step
from app.notifications.schemas import NotificationView, ShopEventView
from app.notifications.tables import notifications
from tests.unit.factories import AMOUNT, NOW, attempt, payment, refund

P, A, R = PaymentStatus, AttemptStatus, RefundStatus
COMMON = {"at": NOW, "trigger": "api", "reason": "test", "evidence": {}}
PAGE = (Path(__file__).resolve().parents[2] / "docs/notifications.md").read_text(encoding="utf-8")

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


def test_every_type_is_documented_and_no_other() -> None:
    assert set(re.findall(r"^\| `([a-z]+\.\w+)` \|", PAGE, re.MULTILINE)) == EVENT_TYPES.keys()


def test_every_event_is_a_payments_wherever_it_is_told() -> None:
    assert not outbox.c.payment_id.nullable
    assert not notifications.c.payment_id.nullable
    assert {get_type_hints(view)["payment_id"] for view in (ShopEventView, NotificationView)} == {str}
