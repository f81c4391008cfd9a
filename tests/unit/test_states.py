"""Every pair of both transition tables against an expectation written out by hand, and the page that shows them."""

from itertools import product

import pytest

from app.domain.errors import IllegalTransition
from app.domain.states import (
    ATTEMPT_MOVES,
    ATTEMPT_UNDECIDED,
    PAYMENT_COLLECTED,
    PAYMENT_MOVES,
    PAYMENT_UNPAID,
    REFUND_MOVES,
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
from scripts import states

P, A, R = PaymentStatus, AttemptStatus, RefundStatus


# `+` may be applied, `=` is a repeat, `.` is refused. Columns are in the order of the rows.
PAYMENT_EXPECTED = """
open                = + + + . . + + +
processing          + = + + . . + + +
awaiting_deposit    + + = + . . + + +
paid                . . . = + + . . +
partially_refunded  . . . . = + . . +
refunded            . . . . + = . . +
canceled            . . . . . . = . +
expired             . . . + . . . = +
review              . . . + + + + . =
"""

ATTEMPT_EXPECTED = """
created             = + + + + + + + +
pending             . = + + + + + + +
awaiting_deposit    . . = + + + + + +
captured            . . . = . . . . .
failed              . + . + = . . . +
canceled            . . . . . = . . +
expired             . . . + . . = . +
unknown             . + + + + + + = +
rejected            . . . . . . . . =
"""

REFUND_EXPECTED = """
created             = + + + +
unknown             + = + + +
pending             . . = + +
succeeded           . . . = .
failed              . . + + =
"""

# What the payment becomes when its attempt has become the column. Only a payment that still collects follows.
AFTER_EXPECTED = {
    A.CREATED: P.OPEN,
    A.PENDING: P.OPEN,
    A.AWAITING_DEPOSIT: P.AWAITING_DEPOSIT,
    A.CAPTURED: P.PAID,
    A.FAILED: P.OPEN,
    A.CANCELED: P.OPEN,
    A.EXPIRED: P.OPEN,
    A.UNKNOWN: P.PROCESSING,
    A.REJECTED: P.OPEN,
}


def _read(table: str) -> dict[tuple[str, str], str]:
    rows = [line.split() for line in table.strip().splitlines()]
    names = [row[0] for row in rows]
    assert all(len(row) == len(names) + 1 for row in rows)
    return {(row[0], target): sign for row in rows for target, sign in zip(names, row[1:], strict=True)}


PAYMENT_SIGNS, ATTEMPT_SIGNS, REFUND_SIGNS = (
    _read(text) for text in (PAYMENT_EXPECTED, ATTEMPT_EXPECTED, REFUND_EXPECTED)
)


@pytest.mark.parametrize(("source", "target"), list(product(P, P)), ids=lambda state: str(state))
def test_every_move_of_a_payment_is_as_expected(source: PaymentStatus, target: PaymentStatus) -> None:
    match PAYMENT_SIGNS[source, target]:
        case "+":
            assert check_payment(source, target) is True
        case "=":
            assert check_payment(source, target) is False
        case _:
            with pytest.raises(IllegalTransition) as refused:
                check_payment(source, target)
            assert refused.value.details == {"source": source.value, "target": target.value}


@pytest.mark.parametrize(("source", "target"), list(product(A, A)), ids=lambda state: str(state))
def test_every_move_of_an_attempt_is_as_expected(source: AttemptStatus, target: AttemptStatus) -> None:
    match ATTEMPT_SIGNS[source, target]:
        case "+":
            assert check_attempt(source, target) is True
        case "=":
            assert check_attempt(source, target) is False
        case _:
            with pytest.raises(IllegalTransition) as refused:
                check_attempt(source, target)
            assert refused.value.details == {"source": source.value, "target": target.value}


@pytest.mark.parametrize(("source", "target"), list(product(R, R)), ids=lambda state: str(state))
def test_every_move_of_a_refund_is_as_expected(source: RefundStatus, target: RefundStatus) -> None:
    match REFUND_SIGNS[source, target]:
        case "+":
            assert check_refund(source, target) is True
        case "=":
            assert check_refund(source, target) is False
        case _:
            with pytest.raises(IllegalTransition) as refused:
                check_refund(source, target)
            assert refused.value.details == {"source": source.value, "target": target.value}


@pytest.mark.parametrize("payment", P)
def test_a_payment_follows_the_sum_of_its_refunds_only_while_its_money_is_kept(payment: PaymentStatus) -> None:
    for refunded, expected in ((0, payment), (400, P.PARTIALLY_REFUNDED), (1000, P.REFUNDED)):
        after = payment_after_refund(payment, 1000, refunded)
        assert after is (expected if payment in PAYMENT_COLLECTED else payment)


def test_a_review_ends_where_the_money_is() -> None:
    sums = ((0, 0), (1000, 0), (1000, 400), (1000, 1000))
    ends = [payment_after_review(captured, refunded) for captured, refunded in sums]
    assert ends == [P.CANCELED, P.PAID, P.PARTIALLY_REFUNDED, P.REFUNDED]
    assert all(check_payment(P.REVIEW, end) for end in ends)


def test_every_state_is_a_key_and_is_expected() -> None:
    assert set(REFUND_MOVES) == set(R) == {source for source, _ in REFUND_SIGNS}
    assert set(PAYMENT_MOVES) == set(P)
    assert set(ATTEMPT_MOVES) == set(A)
    assert {source for source, _ in PAYMENT_SIGNS} == set(P)
    assert {source for source, _ in ATTEMPT_SIGNS} == set(A)


@pytest.mark.parametrize("attempt", A)
@pytest.mark.parametrize("payment", P)
def test_a_payment_follows_its_attempt_only_while_it_collects(payment: PaymentStatus, attempt: AttemptStatus) -> None:
    expected = payment
    if payment in {P.OPEN, P.PROCESSING, P.AWAITING_DEPOSIT}:
        expected = AFTER_EXPECTED[attempt]
    elif payment is P.EXPIRED and attempt is A.CAPTURED:
        expected = P.PAID  # late approval
    assert payment_after(payment, attempt) is expected


@pytest.mark.parametrize("other", A)
@pytest.mark.parametrize("attempt", A)
def test_another_attempt_that_may_have_taken_money_keeps_the_payment_asking(
    attempt: AttemptStatus, other: AttemptStatus
) -> None:
    """A payment is open for a further try only while none of its attempts is unknown or waits for a deposit."""
    after = payment_after(P.PROCESSING, attempt, [other])
    if attempt is A.CAPTURED:
        assert after is P.PAID
    elif A.UNKNOWN in {attempt, other}:
        assert after is P.PROCESSING
    elif A.AWAITING_DEPOSIT in {attempt, other}:
        assert after is P.AWAITING_DEPOSIT
    else:
        assert after is P.OPEN


def test_no_other_attempt_reopens_what_is_over() -> None:
    for payment, attempt in product(set(P) - PAYMENT_UNPAID, set(A) - {A.CAPTURED}):
        assert payment_after(payment, attempt, list(A)) is payment


@pytest.mark.parametrize("attempt", A)
@pytest.mark.parametrize("payment", P)
def test_what_follows_from_an_attempt_is_always_a_legal_move(payment: PaymentStatus, attempt: AttemptStatus) -> None:
    for others in ([], *([each] for each in A)):
        check_payment(payment, payment_after(payment, attempt, others))


def test_the_sets_of_states_say_what_they_are_named_for() -> None:
    assert {P.OPEN, P.PROCESSING, P.AWAITING_DEPOSIT} == PAYMENT_UNPAID
    assert {P.PAID, P.PARTIALLY_REFUNDED, P.REFUNDED} == PAYMENT_COLLECTED
    assert {A.CREATED, A.PENDING, A.AWAITING_DEPOSIT, A.UNKNOWN} == ATTEMPT_UNDECIDED
    assert not PAYMENT_UNPAID & PAYMENT_COLLECTED


def test_money_that_a_look_up_proves_can_always_be_stored() -> None:
    """An attempt that is not over must be able to end captured, or rejected, or a look-up could never be written down."""
    for undecided in ATTEMPT_UNDECIDED:
        assert {A.CAPTURED, A.REJECTED} <= ATTEMPT_MOVES[undecided]
    for over in (A.FAILED, A.EXPIRED, A.CANCELED):
        assert A.REJECTED in ATTEMPT_MOVES[over], "late money that we may not keep must be able to go back"


def test_nothing_leads_back_from_money_to_collecting() -> None:
    for payment in set(P) - PAYMENT_UNPAID:
        assert not PAYMENT_MOVES[payment] & PAYMENT_UNPAID
    for attempt in set(A) - ATTEMPT_UNDECIDED - {A.FAILED}:
        assert not ATTEMPT_MOVES[attempt] & ATTEMPT_UNDECIDED
    # A step allows it where its window was never opened (test_transitions.py).
    assert ATTEMPT_MOVES[A.FAILED] & ATTEMPT_UNDECIDED == {A.PENDING}


def test_every_state_can_be_reached() -> None:
    assert set().union(*PAYMENT_MOVES.values()) == set(P)
    assert set().union(*ATTEMPT_MOVES.values()) == set(A) - {A.CREATED}
    assert set().union(*REFUND_MOVES.values()) == set(R)


def test_the_page_of_states_is_what_the_tables_say() -> None:
    assert states.PAGE.read_text(encoding="utf-8") == states.document(), "docs/states.md drifted: make docs"


def test_the_page_of_states_draws_every_move_and_no_other() -> None:
    page = states.document()
    drawn = {tuple(line.split(" --> ")) for line in page.replace("    ", "").splitlines() if " --> " in line}
    moves = {(str(s), str(t)) for s, targets in PAYMENT_MOVES.items() for t in targets}
    moves |= {(str(s), str(t)) for s, targets in ATTEMPT_MOVES.items() for t in targets}
    moves |= {(str(s), str(t)) for s, targets in REFUND_MOVES.items() for t in targets}
    ends = {("captured", "[*]"), ("rejected", "[*]"), ("succeeded", "[*]")}
    assert drawn == moves | ends | {("[*]", "open"), ("[*]", "created")}
    for state in (*P, *A, *R):
        assert f"| `{state}` |" in page
