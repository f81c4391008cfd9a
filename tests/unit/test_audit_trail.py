"""Whether a story holds, and that every way of breaking it is seen."""

from dataclasses import replace
from typing import Any

import pytest

from app.domain.states import AttemptStatus, PaymentStatus, RefundStatus
from app.ledger.audit_trail import FIRST_HASH, faults_of
from app.ledger.model import Payment
from app.ledger.transitions import Event, refund_step, step
from tests.unit.factories import NOW, attempt, payment, refund

A, P, R = AttemptStatus, PaymentStatus, RefundStatus
Story = list[tuple[Event, bytes]]


def told() -> tuple[Payment, Story]:
    """A payment that was opened, asked for and paid, with its story."""
    stored = payment(attempts=(), last_seq=0, last_hash=FIRST_HASH)
    one, rows = attempt(A.CREATED), []
    for to in (A.CREATED, A.PENDING, A.UNKNOWN, A.CAPTURED):
        done = step(stored, one, to, at=NOW, trigger="api", reason=str(to), evidence={"to": str(to)})
        rows.append((done.event, done.event.hash()))
        stored, one = done.after, done.attempt
    return stored, rows


def changed(rows: Story, at: int, **changes: Any) -> Story:
    """One row rewritten, with the hash that was stored for it before."""
    event, stored = rows[at]
    return [*rows[:at], (replace(event, **changes), stored), *rows[at + 1 :]]


def test_a_true_story_has_no_faults() -> None:
    assert faults_of(*told()) == []


@pytest.mark.parametrize("column", ["reason", "evidence", "trigger"])
def test_a_changed_row_is_seen(column: str) -> None:
    stored, rows = told()
    assert any("changed" in fault for fault in faults_of(stored, changed(rows, 1, **{column: "forged"})))


def test_a_row_that_was_written_again_with_its_own_hash_is_seen_by_the_next_one() -> None:
    stored, rows = told()
    forged = replace(rows[1][0], reason="forged")
    assert any("does not follow" in fault for fault in faults_of(stored, [rows[0], (forged, forged.hash()), *rows[2:]]))


def test_a_missing_row_is_seen() -> None:
    stored, rows = told()
    assert faults_of(stored, [rows[0], *rows[2:]]) == ["step 2 is missing: the next one is 3"]
    assert any("4 steps" in fault for fault in faults_of(stored, rows[:-1]))
    assert faults_of(stored, []) == ["there is no event"]


def test_money_back_that_no_refund_explains_is_seen() -> None:
    stored, rows = told()
    given = refund(R.UNKNOWN, attempt_id=stored.attempts[0].id, minor=400)
    done = refund_step(stored, given, R.SUCCEEDED, at=NOW, trigger="api", reason="refund_done", evidence={})
    story = [*rows, (done.event, done.event.hash())]
    assert faults_of(done.after, story) == []
    assert any("400 went back" in fault for fault in faults_of(replace(done.after, refunds=()), story))


def test_a_status_that_the_story_does_not_explain_is_seen() -> None:
    stored, rows = told()
    assert any("ends with paid" in fault for fault in faults_of(replace(stored, status=P.OPEN), rows))
