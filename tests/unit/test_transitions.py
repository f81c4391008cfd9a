"""A step moves attempt and payment together, tells it in one chained event, and refuses every move that is not allowed."""

import hashlib
import hmac
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.attention import Attention
from app.domain.errors import IllegalTransition
from app.domain.schedule import KEPT_LOOKS, LATE_CAPTURE, LATE_LOOKS
from app.domain.states import (
    ATTEMPT_MOVES,
    ATTEMPT_UNDECIDED,
    PAYMENT_MOVES,
    PAYMENT_UNPAID,
    AttemptStatus,
    PaymentStatus,
)
from app.ledger.model import Attempt, Payment
from app.ledger.transitions import Event, Step, kept_look, late_look, step
from tests.unit.factories import AMOUNT, CREATED_AT, EXPIRES_AT, HISTORY_KEYS, NOW, PAYMENT_ID, attempt, payment, refund
from tests.unit.properties import thorough

P, A = PaymentStatus, AttemptStatus
LATER = NOW + timedelta(minutes=1)

EVENT = Event(
    payment_id=PAYMENT_ID,
    seq=3,
    at=NOW,
    trigger="browser",
    reason="confirmed",
    payment_from="processing",
    payment_to="paid",
    attempt_id=UUID(int=1),
    attempt_from="unknown",
    attempt_to="captured",
    evidence='{"gateway":{}}',
    prev_hash=bytes(range(32)),
)


def move(stored: Payment, to: AttemptStatus, one: Attempt | None = None, **changes: Any) -> Step:
    given: dict[str, Any] = {"at": NOW, "trigger": "sweep", "reason": "because", "evidence": {}} | changes
    return step(stored, one or stored.attempts[0], to, **given)


class TestBothMove:
    def test_a_capture_pays_the_payment_and_names_when_and_where(self) -> None:
        stored = payment(attempt(A.UNKNOWN), status=P.PROCESSING, gateway="another")
        done = move(stored, A.CAPTURED, at=LATER)
        assert done.attempt.status is A.CAPTURED
        assert done.after.status is P.PAID
        assert (done.after.captured_minor, done.after.paid_at) == (AMOUNT.minor, LATER)
        assert done.after.gateway == "acmepay"
        assert done.after.attempts == (done.attempt,)
        assert done.before is stored

    def test_asking_for_money_makes_the_payment_processing(self) -> None:
        done = move(payment(), A.UNKNOWN)
        assert done.after.status is P.PROCESSING
        assert (done.after.captured_minor, done.after.paid_at) == (0, None)

    @pytest.mark.parametrize("to", [A.FAILED, A.CANCELED, A.EXPIRED, A.REJECTED])
    def test_an_attempt_that_ends_without_money_leaves_the_payment_open(self, to: AttemptStatus) -> None:
        assert move(payment(attempt(A.UNKNOWN), status=P.PROCESSING), to).after.status is P.OPEN

    def test_while_another_attempt_is_unknown_the_payment_stays_processing(self) -> None:
        stored = payment(attempt(A.UNKNOWN), attempt(number=2), status=P.PROCESSING)
        assert move(stored, A.FAILED, stored.attempts[1]).after.status is P.PROCESSING

    def test_what_the_caller_decides_about_the_payment_goes_before(self) -> None:
        assert move(payment(), A.EXPIRED, payment_to=P.EXPIRED).after.status is P.EXPIRED

    def test_only_the_moved_attempt_changes_and_their_order_stays(self) -> None:
        first, second, third = attempt(A.FAILED), attempt(number=2), attempt(number=3)
        done = move(payment(first, second, third), A.UNKNOWN, second, gateway_ref="sig")
        assert [a.number for a in done.after.attempts] == [1, 2, 3]
        assert done.after.attempts == (first, done.attempt, third)
        assert done.attempt == replace(second, status=A.UNKNOWN, gateway_ref="sig", unknown_since=done.event.at)

    def test_a_new_attempt_is_the_newest(self) -> None:
        stored = payment(attempt(A.FAILED))
        done = move(stored, A.CREATED, attempt(A.CREATED, number=2, gateway="otherpay"))
        assert [a.number for a in done.after.attempts] == [1, 2]
        assert done.event.attempt_from is None
        assert done.after.gateway == "otherpay"

    def test_the_first_step_of_a_payment_comes_from_nowhere(self) -> None:
        stored = replace(payment(last_seq=0, last_hash=bytes(32)), attempts=())
        done = move(stored, A.CREATED, attempt(A.CREATED))
        assert (done.event.seq, done.event.payment_from, done.event.attempt_from) == (1, None, None)
        assert done.event.prev_hash == bytes(32)

    def test_captured_money_is_counted_once(self) -> None:
        paid = move(payment(), A.CAPTURED, at=NOW).after
        noted = move(replace(paid, refunded_minor=5), A.CAPTURED, at=LATER)
        assert (noted.after.captured_minor, noted.after.paid_at) == (AMOUNT.minor, NOW)
        assert noted.after.refunded_minor == 5


class TestAttention:
    @pytest.mark.parametrize("source", [each for each in PaymentStatus if P.PAID in PAYMENT_MOVES[each]])
    @pytest.mark.parametrize("to", [A.CAPTURED, A.FAILED, A.CANCELED, A.UNKNOWN])
    @pytest.mark.parametrize("is_kept", [True, False])
    def test_every_move_to_paid_says_once_when_and_where(
        self, source: PaymentStatus, to: AttemptStatus, is_kept: bool
    ) -> None:
        kept = {"captured_minor": AMOUNT.minor, "paid_at": CREATED_AT, "gateway": "another"} if is_kept else {}
        done = move(payment(attempt(A.UNKNOWN), status=source, **kept), to, payment_to=P.PAID, at=LATER).after
        assert (done.status, done.captured_minor) == (P.PAID, AMOUNT.minor)
        assert (done.paid_at, done.gateway) == ((CREATED_AT, "another") if is_kept else (LATER, "acmepay"))

    @pytest.mark.parametrize("end", [A.FAILED, A.CANCELED, A.EXPIRED])
    def test_a_review_that_ends_leaves_captured_money_where_and_when_it_was_taken(self, end: AttemptStatus) -> None:
        kept, doubt = attempt(A.CAPTURED), attempt(A.UNKNOWN, number=2, gateway="another")
        money = {"captured_minor": AMOUNT.minor, "paid_at": CREATED_AT}
        done = move(payment(kept, doubt, status=P.REVIEW, **money), end, doubt, at=LATER).after
        assert (done.status, done.paid_at, done.gateway) == (P.PAID, CREATED_AT, "acmepay")

    def test_a_step_that_needs_a_person_says_why(self) -> None:
        done = move(payment(attempt(A.UNKNOWN), status=P.PROCESSING), A.UNKNOWN, attention=Attention.UNDECIDED)
        assert done.after.attention == Attention.UNDECIDED

    def test_attention_ends_with_the_next_step_that_needs_nobody(self) -> None:
        assert move(payment(attention=Attention.UNDECIDED), A.CAPTURED).after.attention is None

    def test_a_payment_under_review_keeps_its_attention(self) -> None:
        stored = payment(attempt(A.UNKNOWN), status=P.REVIEW, attention=Attention.UNDECIDED)
        assert move(stored, A.UNKNOWN).after.attention == Attention.UNDECIDED

    @pytest.mark.parametrize("end", [A.FAILED, A.CANCELED, A.EXPIRED])
    def test_a_review_ends_with_the_last_attempt_that_was_in_doubt(self, end: AttemptStatus) -> None:
        stored = payment(attempt(A.UNKNOWN), status=P.REVIEW, attention=Attention.UNDECIDED)
        ended = move(stored, end).after
        assert (ended.status, ended.attention) == (P.CANCELED, None)


class TestRefusals:
    @pytest.mark.parametrize("source", A)
    def test_an_attempt_moves_only_as_its_table_says(self, source: AttemptStatus) -> None:
        stored = payment(attempt(source, next_action=None), status=P.REVIEW)  # a status that follows no attempt
        for target in A:
            if target is source or target in ATTEMPT_MOVES[source]:
                assert move(stored, target).attempt.status is target
            else:
                with pytest.raises(IllegalTransition):
                    move(stored, target)

    @pytest.mark.parametrize("trace", [{}, {"next_action": None, "gateway_ref": "sig"}])
    def test_one_that_failed_is_not_opened_again_where_a_buyer_may_have_been_in_it(self, trace: dict[str, Any]) -> None:
        with pytest.raises(IllegalTransition):
            move(payment(attempt(A.FAILED, **trace)), A.PENDING)

    @pytest.mark.parametrize("source", P)
    def test_a_payment_moves_only_as_its_table_says(self, source: PaymentStatus) -> None:
        stored = payment(status=source)
        for target in P:
            if target is source or target in PAYMENT_MOVES[source]:
                assert move(stored, A.PENDING, payment_to=target).after.status is target
            else:
                with pytest.raises(IllegalTransition):
                    move(stored, A.PENDING, payment_to=target)

    def test_the_stored_status_is_asked_and_not_the_one_handed_in(self) -> None:
        stored = payment(attempt(A.CAPTURED), status=P.PAID)
        with pytest.raises(IllegalTransition):
            move(stored, A.UNKNOWN, attempt(A.PENDING))


class TestTheTrail:
    def test_the_event_tells_the_move(self) -> None:
        stored = payment(attempt(A.UNKNOWN), status=P.PROCESSING)
        told = move(
            stored, A.CAPTURED, trigger="browser", reason="confirmed", evidence={"b": 1, "a": {"d": 2, "c": "값"}}
        )
        event = told.event
        assert (event.payment_from, event.payment_to) == ("processing", "paid")
        assert (event.attempt_from, event.attempt_to) == ("unknown", "captured")
        assert (event.trigger, event.reason, event.at) == ("browser", "confirmed", NOW)
        assert (event.payment_id, event.attempt_id) == (PAYMENT_ID, UUID(int=1))
        assert event.evidence == '{"a":{"c":"값","d":2},"b":1}'

    def test_each_event_follows_the_one_before(self) -> None:
        current = payment()
        for to in (A.UNKNOWN, A.UNKNOWN, A.CAPTURED):
            done = move(current, to)
            assert done.event.seq == current.last_seq + 1
            assert done.event.prev_hash == current.last_hash
            assert (done.after.last_seq, done.after.last_hash) == (done.event.seq, done.event.hash(HISTORY_KEYS.first))
            current = done.after

    def test_a_hash_is_32_bytes_and_the_same_every_time(self) -> None:
        assert len(EVENT.hash()) == 32
        assert EVENT.hash() == replace(EVENT).hash()

    def test_a_stored_hash_can_be_proven_with_any_sha_256(self) -> None:
        """What is hashed, and how, can never change again: rows of years ago must still prove themselves."""
        told = (
            '["000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",'
            '"019aa6f1c2d37e4f8a5b6c7d8e9f0a1b",3,1795248600000000,"browser","confirmed","processing","paid",'
            '"00000000000000000000000000000001","unknown","captured","{\\"gateway\\":{}}"]'
        )
        assert EVENT.hash() == hashlib.sha256(told.encode()).digest()

    def test_a_seal_can_be_proven_with_any_hmac(self) -> None:
        """As above, with the facts and the id of the key behind it."""
        told = (
            '["000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",'
            '"019aa6f1c2d37e4f8a5b6c7d8e9f0a1b",3,1795248600000000,"browser","confirmed","processing","paid",'
            '"00000000000000000000000000000001","unknown","captured","{\\"gateway\\":{}}","{\\"amount_minor\\":24000}","k1"]'
        )
        sealed = replace(EVENT, facts='{"amount_minor":24000}', key_id="k1")
        expected = hmac.digest(b"one of the tests", told.encode(), "sha256")
        assert sealed.hash(HISTORY_KEYS.first) == expected
        assert sealed.hash(HISTORY_KEYS.get("k0")) != expected

    @pytest.mark.parametrize("column", [each.name for each in fields(Event)])
    def test_any_changed_column_changes_the_hash(self, column: str) -> None:
        others: dict[type, Any] = {
            UUID: UUID(int=99),
            int: 4,
            str: "changed",
            bytes: bytes(32),
            type(NOW): NOW + timedelta(microseconds=1),
        }
        sealed, key = replace(EVENT, facts="{}", key_id="k1"), HISTORY_KEYS.first
        changed = replace(sealed, **{column: others[type(getattr(sealed, column))]})
        assert changed.hash(key) != sealed.hash(key)

    @pytest.mark.parametrize("column", ["payment_from", "attempt_id", "attempt_from", "attempt_to"])
    def test_a_missing_column_is_not_an_empty_one(self, column: str) -> None:
        missing: dict[str, Any] = {column: None}
        empty: dict[str, Any] = {column: ""}
        assert replace(EVENT, **missing).hash() != EVENT.hash()
        if column != "attempt_id":
            assert replace(EVENT, **missing).hash() != replace(EVENT, **empty).hash()

    @thorough
    @given(trigger=st.text(max_size=6), reason=st.text(max_size=6))
    def test_text_cannot_move_from_one_column_to_the_next_unseen(self, trigger: str, reason: str) -> None:
        one = replace(EVENT, trigger=trigger, reason=reason)
        joined = replace(EVENT, trigger=trigger + reason, reason="")
        assert (one.hash() == joined.hash()) == (reason == "")

    def test_evidence_that_is_no_json_is_refused_before_anything_is_written(self) -> None:
        with pytest.raises(TypeError):
            move(payment(), A.UNKNOWN, evidence={"what": object()})
        assert msgspec.json.decode(move(payment(), A.UNKNOWN, evidence={"what": None}).event.evidence) == {"what": None}


class TestClaims:
    def test_the_first_gateway_reference_is_claimed(self) -> None:
        assert move(payment(), A.UNKNOWN, gateway_ref="sig").binds_ref
        assert not move(payment(), A.UNKNOWN).binds_ref

    def test_a_reference_that_is_known_is_not_claimed_again(self) -> None:
        stored = payment(attempt(A.UNKNOWN, gateway_ref="sig"), status=P.PROCESSING)
        assert not move(stored, A.CAPTURED).binds_ref

    def test_a_new_attempt_that_comes_with_a_reference_claims_it(self) -> None:
        stored = payment(attempt(A.FAILED, gateway_ref="old"))
        assert move(stored, A.CREATED, attempt(A.CREATED, number=2, gateway_ref="new")).binds_ref

    @pytest.mark.parametrize(
        ("source", "target", "frees", "reclaims"),
        [
            (P.OPEN, P.EXPIRED, True, False),
            (P.OPEN, P.CANCELED, True, False),
            (P.PROCESSING, P.EXPIRED, True, False),
            (P.REVIEW, P.CANCELED, True, False),
            (P.OPEN, P.PAID, False, False),
            (P.OPEN, P.PROCESSING, False, False),
            (P.PAID, P.REFUNDED, False, False),
            (P.EXPIRED, P.EXPIRED, False, False),
            (P.CANCELED, P.CANCELED, False, False),
            (P.EXPIRED, P.PAID, False, True),
            (P.EXPIRED, P.REVIEW, False, False),
            (P.REVIEW, P.PAID, False, False),
        ],
    )
    def test_an_order_is_free_when_its_payment_ends_without_money_and_claimed_again_by_a_late_capture(
        self, source: PaymentStatus, target: PaymentStatus, frees: bool, reclaims: bool
    ) -> None:
        done = move(payment(status=source), A.PENDING, payment_to=target)
        assert (done.frees_order, done.reclaims_order) == (frees, reclaims)


class TestTheNextLook:
    @pytest.mark.parametrize("to", [A.FAILED, A.CANCELED, A.EXPIRED, A.REJECTED])
    def test_an_ended_attempt_of_an_unpaid_payment_is_looked_at_once_more_at_expiry(self, to: AttemptStatus) -> None:
        done = move(payment(attempt(A.UNKNOWN, busy_until=LATER), status=P.PROCESSING), to)
        assert done.after.status in PAYMENT_UNPAID
        assert (done.attempt.next_check_at, done.attempt.busy_until) == (EXPIRES_AT, None)

    def test_an_ended_attempt_of_a_payment_that_is_over_is_not_looked_at_again(self) -> None:
        for to, payment_to in [(A.CAPTURED, None), (A.EXPIRED, P.EXPIRED), (A.CANCELED, P.CANCELED)]:
            done = move(payment(attempt(busy_until=LATER)), to, payment_to=payment_to)
            assert (done.attempt.next_check_at, done.attempt.busy_until) == (None, None)

    @pytest.mark.parametrize("to", sorted(ATTEMPT_UNDECIDED - {A.CREATED}))
    def test_an_undecided_attempt_keeps_the_look_that_it_was_given(self, to: AttemptStatus) -> None:
        done = move(payment(attempt(A.CREATED)), to, next_check_at=LATER, busy_until=LATER)
        assert (done.attempt.next_check_at, done.attempt.busy_until) == (LATER, LATER)

    def test_a_rejected_attempt_leaves_its_payment_to_expire_and_its_money_to_the_refund(self) -> None:
        stored = payment(attempt(A.UNKNOWN), status=P.PROCESSING)
        owed = refund(next_check_at=LATER)
        rejected = move(stored, A.REJECTED, refund=owed)
        assert rejected.attempt.next_check_at == EXPIRES_AT
        assert (rejected.after.refunds, rejected.after.refund_count) == ((owed,), 1)
        assert rejected.after.refunding_minor == 0, "this money was never the payment's"

    def test_kept_money_is_looked_at_when_it_was_said_whatever_is_noted_meanwhile(self) -> None:
        kept = move(payment(), A.CAPTURED, next_check_at=LATER)
        assert kept.attempt.next_check_at == LATER
        assert move(kept.after, A.CAPTURED, attention=Attention.UNDECIDED).attempt.next_check_at == LATER

    def test_kept_money_is_looked_at_for_half_a_year_or_until_nothing_of_it_is_left(self) -> None:
        kept = payment(attempt(A.CAPTURED), status=P.PAID, captured_minor=AMOUNT.minor, paid_at=NOW)
        moment, looks = NOW, []
        while (at := kept_look(kept, moment, 1.0)) is not None:
            looks.append(at)
            moment = at
        assert looks == [NOW + wait for wait in KEPT_LOOKS]
        assert kept_look(kept, NOW, 100.0) == NOW + KEPT_LOOKS[0] / 100
        assert kept_look(replace(kept, refunded_minor=AMOUNT.minor), NOW, 1.0) is None


class TestRecords:
    @pytest.mark.parametrize("status", A)
    def test_an_attempt_is_undecided_by_its_state(self, status: AttemptStatus) -> None:
        assert attempt(status).is_undecided == (status in ATTEMPT_UNDECIDED)

    def test_a_lease_holds_until_its_time_and_not_at_it(self) -> None:
        leased = attempt(busy_until=NOW)
        assert leased.is_busy(NOW - timedelta(microseconds=1))
        assert not leased.is_busy(NOW)
        assert not attempt(busy_until=None).is_busy(NOW)

    def test_a_look_is_due_from_its_time_on(self) -> None:
        planned = attempt(next_check_at=NOW)
        assert not planned.is_due(NOW - timedelta(microseconds=1))
        assert planned.is_due(NOW)
        assert not attempt(next_check_at=None).is_due(NOW)

    def test_the_last_attempt_is_the_newest(self) -> None:
        assert payment(attempt(A.FAILED), attempt(number=2)).last_attempt.number == 2

    def test_a_payment_is_known_outside_by_its_prefix_and_hex(self) -> None:
        assert payment().public_id == f"pay_{PAYMENT_ID.hex}"
        assert payment().created_at == CREATED_AT


class TestLateMoney:
    """An attempt whose window alone moves money is looked at after its end."""

    @pytest.mark.parametrize("to", [A.FAILED, A.EXPIRED, A.CANCELED])
    def test_it_is_looked_at_again_after_its_end(self, to: AttemptStatus) -> None:
        done = move(payment(expires_at=NOW + timedelta(hours=9)), to, late_capture=LATE_CAPTURE)
        assert done.attempt.next_check_at == NOW + LATE_CAPTURE

    @pytest.mark.parametrize("to", [A.CAPTURED, A.REJECTED])
    def test_money_that_has_come_is_not_looked_for(self, to: AttemptStatus) -> None:
        assert move(payment(status=P.CANCELED), A.REJECTED, late_capture=LATE_CAPTURE).attempt.next_check_at is None
        assert move(payment(), to, late_capture=LATE_CAPTURE).attempt.next_check_at in {None, EXPIRES_AT}

    def test_where_we_confirm_nobody_looks(self) -> None:
        assert move(payment(status=P.CANCELED), A.CANCELED).attempt.next_check_at is None

    def test_the_looks_end(self) -> None:
        ended = replace(attempt(A.FAILED), ended_at=NOW)
        stored, moment, looks = payment(ended), NOW, []
        while (at := late_look(stored, ended, moment, 1.0)) is not None:
            looks.append(at)
            moment = at
        assert looks == sorted({end + wait for end in (NOW, EXPIRES_AT) for wait in LATE_LOOKS} - {NOW})

    def test_what_an_older_release_ended_is_looked_at_after_its_payments_expiry(self) -> None:
        assert late_look(payment(), attempt(A.FAILED), NOW, 1.0) == EXPIRES_AT

    def test_the_end_is_kept_however_often_it_is_told(self) -> None:
        done = move(payment(), A.FAILED)
        assert done.attempt.ended_at == NOW
        again = step(
            done.after, done.attempt, A.FAILED, at=NOW + timedelta(hours=1), trigger="api", reason="again", evidence={}
        )
        assert again.attempt.ended_at == NOW

    def test_another_reference_of_a_capture_is_bound_too(self) -> None:
        stored = payment(attempt(A.FAILED, gateway_ref="first"))
        assert move(stored, A.CAPTURED, gateway_ref="second").binds_ref
        assert not move(stored, A.CAPTURED, gateway_ref="first").binds_ref
