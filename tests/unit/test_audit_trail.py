"""Whether a trail holds, and that every way of breaking it, or the rows beside it, is seen."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from app.domain.money import Money
from app.domain.states import AttemptStatus, PaymentStatus, RefundStatus
from app.ledger.audit_trail import FIRST_HASH, faults_of
from app.ledger.history_keys import HistoryKey, HistoryKeys
from app.ledger.model import Payment
from app.ledger.transitions import Event, refund_step, step
from tests.unit.factories import HISTORY_KEYS, NOW, attempt, payment, refund

A, P, R = AttemptStatus, PaymentStatus, RefundStatus
Trail = list[tuple[Event, bytes]]


def told(key: HistoryKey | None = HISTORY_KEYS.first, stored: Payment | None = None) -> tuple[Payment, Trail]:
    """A payment that was opened, asked for, paid and given back in part, with its trail."""
    stored = stored or payment(attempts=(), last_seq=0, last_hash=FIRST_HASH)
    stored = replace(stored, attempts=(), history_key=key)
    one, rows = attempt(A.CREATED, gateway_ref="at the gateway"), []
    for to in (A.CREATED, A.PENDING, A.UNKNOWN, A.CAPTURED):
        done = step(stored, one, to, at=NOW, trigger="api", reason=str(to), evidence={"to": str(to)})
        rows.append((done.event, done.after.last_hash))
        stored, one = done.after, done.attempt
    given = refund(R.UNKNOWN, attempt_id=one.id, minor=400, gateway_ref="refund there")
    done = refund_step(stored, given, R.SUCCEEDED, at=NOW, trigger="api", reason="refund_done", evidence={})
    return done.after, [*rows, (done.event, done.after.last_hash)]


def faults(stored: Payment, rows: Trail, keys: HistoryKeys = HISTORY_KEYS) -> list[str]:
    return faults_of(stored, rows, keys)


def changed(rows: Trail, at: int, **changes: Any) -> Trail:
    """One row rewritten, with the hash that was stored for it before."""
    event, stored = rows[at]
    return [*rows[:at], (replace(event, **changes), stored), *rows[at + 1 :]]


@pytest.mark.parametrize("key", [HISTORY_KEYS.first, HISTORY_KEYS.get("k0"), None])
def test_a_true_trail_has_no_faults(key: HistoryKey | None) -> None:
    """Sealed with the newest key, with an older one, and from before there were keys."""
    assert faults(*told(key)) == []


@pytest.mark.parametrize("column", ["reason", "evidence", "trigger", "facts"])
def test_a_changed_row_is_seen(column: str) -> None:
    stored, rows = told()
    assert any("changed" in fault for fault in faults(stored, changed(rows, 1, **{column: '{"forged": 1}'})))


def test_a_row_that_was_written_again_with_its_own_hash_is_seen_by_the_next_one() -> None:
    stored, rows = told()
    forged = replace(rows[1][0], reason="forged")
    row = (forged, forged.hash(HISTORY_KEYS.first))
    assert any("does not follow" in fault for fault in faults(stored, [rows[0], row, *rows[2:]]))


def test_a_missing_row_is_seen() -> None:
    stored, rows = told()
    assert faults(stored, [rows[0], *rows[2:]]) == ["step 2 is missing: the next one is 3"]
    assert any("5 steps" in fault for fault in faults(stored, rows[:-1]))
    assert faults(stored, []) == ["there is no event"]


def test_a_whole_trail_that_was_forged_with_another_key_is_seen() -> None:
    """Whoever can write every row of the database does not have the key."""
    stored, rows = told(HistoryKey("k1", b"a guess"))
    assert faults(stored, rows) == [f"step {seq} was changed after it was written" for seq in range(1, 6)]
    stored, rows = told(HistoryKey("mine", b"a guess"))
    assert "the key 'mine', which ONETILL_HISTORY_KEYS does not hold" in faults(stored, rows)[0]


def test_a_step_without_a_seal_after_one_with_it_is_seen() -> None:
    sealed, rows = told()
    done = step(
        replace(sealed, history_key=None),
        sealed.attempts[0],
        A.CAPTURED,
        at=NOW,
        trigger="api",
        reason="x",
        evidence={},
    )
    assert faults(done.after, [*rows, (done.event, done.after.last_hash)]) == [
        "step 6 is not sealed, the one before it is"
    ]


def test_old_steps_hold_and_those_that_follow_are_sealed() -> None:
    old, rows = told(None)
    done = step(
        replace(old, history_key=HISTORY_KEYS.first),
        old.attempts[0],
        A.CAPTURED,
        at=NOW,
        trigger="api",
        reason="x",
        evidence={},
    )
    rows = [*rows, (done.event, done.after.last_hash)]
    assert faults(done.after, rows) == []
    assert faults(replace(done.after, order_id="another"), rows) == [
        "the payment has order_id another, step 6 says order-1"
    ]


def _attempt(**changes: Any) -> Callable[[Payment], Payment]:
    return lambda stored: replace(stored, attempts=(replace(stored.attempts[0], **changes),))


def _refund(**changes: Any) -> Callable[[Payment], Payment]:
    return lambda stored: replace(stored, refunds=(replace(stored.refunds[0], **changes),))


def _payment(**changes: Any) -> Callable[[Payment], Payment]:
    return lambda stored: replace(stored, **changes)


@pytest.mark.parametrize(
    ("rewrite", "names"),
    [
        (_payment(amount=Money(24, "KRW")), "amount_minor 24,"),
        (_payment(amount=Money(24_000, "USD")), "currency"),
        (_payment(order_id="another"), "order_id"),
        (_payment(store="other"), "store"),
        (_payment(mode="live"), "mode"),
        (_payment(captured_minor=0), "captured_minor"),
        (_payment(refunding_minor=23_600), "refunding_minor"),
        (_payment(refund_count=0), "refund_count"),
        (_payment(refunded_minor=0), "went back"),
        (_payment(status=P.OPEN), "ends with"),
        (_payment(refunds=()), "went back"),
        (_payment(attempts=()), "went back"),
        (_attempt(reference="another"), "reference"),
        (_attempt(gateway="other"), "gateway"),
        (_attempt(gateway_ref="another"), "gateway_ref"),
        (_attempt(status=A.FAILED), "went back"),
        (_attempt(number=2), "number"),
        (_refund(amount=Money(300, "KRW")), "went back"),
        (_refund(gateway_ref="another"), "gateway_ref"),
        (_refund(initiator="rejected"), "initiator"),
        (_refund(status=R.FAILED), "went back"),
        (_refund(amount=Money(400, "USD")), "currency"),
    ],
)
def test_money_that_stands_otherwise_than_the_trail_says_is_seen(
    rewrite: Callable[[Payment], Payment], names: str
) -> None:
    stored, rows = told()
    found = faults(rewrite(stored), rows)
    assert any(names in fault for fault in found), found


def test_attempts_and_refunds_that_no_step_tells_of_are_seen_and_those_that_left() -> None:
    stored, rows = told()
    more = replace(stored, attempts=(*stored.attempts, attempt(A.FAILED, number=2)))
    assert faults(more, rows) == ["attempt 2 is in no step"]
    more = replace(stored, refunds=(*stored.refunds, refund(R.FAILED, number=2, attempt_id=stored.attempts[0].id)))
    assert faults(more, rows) == ["refund 2 is in no step"]
    lost = replace(stored, refunds=(), refunded_minor=0, status=P.PAID, refund_count=0)
    assert faults(lost, rows) != []


def test_the_keys_of_the_setting_are_read() -> None:
    named, plain = HistoryKey.read("k2:" + "0a" * 16), HistoryKey.read("a plain secret of the merchant's own")
    assert (named.id, named.secret) == ("k2", b"\n" * 16)
    assert (len(plain.id), plain.secret) == (8, b"a plain secret of the merchant's own")
    assert "secret" not in repr(named)
    with pytest.raises(ValueError, match="an id of its own"):
        HistoryKeys([named, named])
