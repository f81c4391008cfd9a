"""The judgement, rule by rule, and what it must never conclude whatever a gateway says."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from app.domain.attention import Attention
from app.domain.money import Money
from app.domain.schedule import CAPTURE_GRACE, DEPOSIT_UNTOLD
from app.domain.states import (
    ATTEMPT_UNDECIDED,
    PAYMENT_COLLECTED,
    PAYMENT_UNPAID,
    AttemptStatus,
    PaymentStatus,
)
from app.gateways.values import Fact, Failure, GatewayPayment, GatewayStatus
from app.ledger.model import Attempt, Payment
from app.verification.matching import Capture, Decide, NotOurs, Verdict, Wait, match_payment
from tests.unit.factories import EXPIRES_AT, NOW, attempt, held, payment

P, A, H = PaymentStatus, AttemptStatus, GatewayStatus

GRACE_ENDS = EXPIRES_AT + CAPTURE_GRACE
JUST_BEFORE = timedelta(microseconds=1)
WITH_MONEY = (H.AUTHORIZED, H.AWAITING_DEPOSIT, H.CAPTURED, H.STATUS_MISSING)
PAYABLE = (H.AUTHORIZED, H.CAPTURED, H.STATUS_MISSING)
ENDS = (H.FAILED, H.CANCELED, H.REFUND_PENDING)
CLOSED = (P.CANCELED, P.REVIEW)


def verdict(
    stored: Payment, shown: GatewayPayment, *, now: datetime = NOW, shows_unconfirmed: bool = True, of: int = 0
) -> Verdict:
    return match_payment(stored, stored.attempts[of], shown, now=now, shows_unconfirmed=shows_unconfirmed)


def in_status(status: PaymentStatus, one: Attempt, **changes: Any) -> Payment:
    return payment(one, status=status, **changes)


class TestIsItOurs:
    """The first questions: is there an answer, and is it about this attempt."""

    @pytest.mark.parametrize("status", [H.PENDING, H.CAPTURED, H.FAILED, H.CANCELED])
    def test_an_answer_that_contradicts_itself_concludes_nothing_and_calls_a_person(
        self, status: GatewayStatus
    ) -> None:
        judged = verdict(payment(), held(status, doubt="paid and discount are not the whole"))
        assert judged == Wait(
            "contradictory_look_up",
            Attention.CONTRADICTORY_LOOK_UP,
            doubt="paid and discount are not the whole",
            is_under_way=True,
        )

    def test_money_of_another_store_goes_back(self) -> None:
        judged = verdict(payment(), held(H.CAPTURED, is_own_store=False))
        assert judged == Decide(A.REJECTED, "store_mismatch", Failure("store_mismatch"), must_refund=True)
        assert isinstance(verdict(payment(), held(H.CAPTURED, is_own_store=True)), Decide)

    def test_an_account_whose_end_is_not_told_calls_a_person_a_week_after_its_payments_end(self) -> None:
        waiting, shown = payment(attempt(A.AWAITING_DEPOSIT)), held(H.AWAITING_DEPOSIT)
        late = EXPIRES_AT + DEPOSIT_UNTOLD
        judged = verdict(waiting, shown, now=late - JUST_BEFORE)
        assert judged == Decide(A.AWAITING_DEPOSIT, "awaiting_deposit")
        assert verdict(waiting, shown, now=late) == Wait("deposit_overdue", attention=Attention.DEPOSIT_OVERDUE)

    def test_a_deposit_that_will_not_match_is_waited_for_and_then_given_back(self) -> None:
        wrong = Money(1, "KRW")
        judged = verdict(payment(), held(H.AWAITING_DEPOSIT, amount=wrong))
        assert isinstance(judged, Wait)
        assert judged.attention
        after = verdict(payment(attempt(A.AWAITING_DEPOSIT)), held(H.CAPTURED, amount=wrong))
        assert isinstance(after, Decide)
        assert after.must_refund

    @pytest.mark.parametrize("status", A)
    def test_a_status_that_nobody_knows_is_never_success_and_calls_a_person(self, status: AttemptStatus) -> None:
        judged = verdict(payment(attempt(status)), held(H.UNRECOGNIZED))
        assert isinstance(judged, Wait)
        assert judged.reason == "unrecognized_status"
        assert judged.attention

    @pytest.mark.parametrize("doubt", [None, "paid and not paid"])
    @pytest.mark.parametrize("status", [H.UNRECOGNIZED, H.APPROVING, H.CAPTURED])
    def test_whatever_another_orders_payment_says_does_not_hold_ours_up(
        self, status: GatewayStatus, doubt: str | None
    ) -> None:
        shown = held(status, reference="another", amount=Money(1, "USD"), doubt=doubt)
        assert verdict(payment(), shown) == NotOurs("order_id")

    @pytest.mark.parametrize("status", sorted(set(H) - {H.ABSENT}))
    def test_another_orders_payment_changes_nothing_of_ours(self, status: GatewayStatus) -> None:
        assert verdict(payment(), held(status, reference="another")) == NotOurs("order_id")

    def test_another_attempt_of_the_same_payment_is_not_this_attempt(self) -> None:
        stored = payment(attempt(), attempt(number=2))
        assert verdict(stored, held(H.CAPTURED, of=2)) == NotOurs("order_id")

    @pytest.mark.parametrize("status", WITH_MONEY)
    @pytest.mark.parametrize("shown", [{"reference": None}, {"amount": None}, {"reference": None, "amount": None}])
    def test_money_whose_order_or_amount_is_not_shown_waits_for_a_person(
        self, status: GatewayStatus, shown: dict[str, Any]
    ) -> None:
        judged = verdict(payment(), held(status, **shown))
        assert isinstance(judged, Wait)
        assert judged.reason == "incomplete_look_up"
        assert judged.attention

    @pytest.mark.parametrize("status", [H.PENDING, H.FAILED, H.CANCELED, H.REFUND_PENDING])
    def test_where_no_money_is_at_stake_a_sparse_look_up_is_enough(self, status: GatewayStatus) -> None:
        whose: dict[str, Any] = {} if status in ENDS else {"reference": None}
        shown = held(status, amount=None, gateway_ref=None, **whose)
        assert verdict(payment(), shown) == verdict(payment(), held(status))

    @pytest.mark.parametrize("status", ENDS)
    @pytest.mark.parametrize(
        ("told", "cause"),
        [
            ({"reference": None}, Attention.INCOMPLETE_LOOK_UP),
            ({"is_own_store": None}, Attention.INCOMPLETE_LOOK_UP),
            ({"is_own_store": False}, Attention.CONTRADICTORY_LOOK_UP),
        ],
        ids=str,
    )
    def test_an_end_that_is_not_told_to_be_ours_waits_for_a_person(
        self, status: GatewayStatus, told: dict[str, Any], cause: Attention
    ) -> None:
        stored, facts = payment(), Fact.REFERENCE | Fact.AMOUNT | Fact.STORE
        shown = held(status, **{"is_own_store": True} | told)
        judged = match_payment(stored, stored.attempts[0], shown, now=NOW, shows_unconfirmed=True, proves=facts)
        assert isinstance(judged, Wait)
        assert (judged.attention, judged.is_under_way) == (cause, True)


class TestIsItTheRightMoney:
    @pytest.mark.parametrize(
        ("amount", "reason"),
        [
            (Money(23_999, "KRW"), "amount_mismatch"),
            (Money(24_001, "KRW"), "amount_mismatch"),
            (Money(24_000, "USD"), "currency_mismatch"),
            (Money(24_000, "JPY"), "currency_mismatch"),
            (Money(1, "JPY"), "currency_mismatch"),
        ],
    )
    @pytest.mark.parametrize("status", PAYABLE)
    def test_money_that_differs_is_rejected_and_goes_back_if_it_moved(
        self, status: GatewayStatus, amount: Money, reason: str
    ) -> None:
        judged = verdict(payment(), held(status, amount=amount))
        assert judged == Decide(A.REJECTED, reason, Failure(reason), must_refund=status is H.CAPTURED)

    @pytest.mark.parametrize("minor", [0, -24_000])
    def test_money_of_no_amount_is_a_contradiction(self, minor: int) -> None:
        judged = verdict(payment(), held(H.CAPTURED, amount=Money(minor, "KRW")))
        assert isinstance(judged, Wait)
        assert (judged.attention, judged.is_under_way) == (Attention.CONTRADICTORY_LOOK_UP, True)

    def test_money_of_an_untold_status_waits_for_a_person_where_the_gateway_tells_it(self) -> None:
        stored, all_facts = payment(), ~Fact(0)
        shown = held(H.STATUS_MISSING, is_own_store=True, is_live=False)
        judged = match_payment(stored, stored.attempts[0], shown, now=NOW, shows_unconfirmed=True, proves=all_facts)
        assert isinstance(judged, Wait)
        assert (judged.attention, judged.is_under_way) == (Attention.INCOMPLETE_LOOK_UP, True)
        assert "status" in str(judged.doubt)

    @pytest.mark.parametrize("fact", ~Fact.STATUS)
    @pytest.mark.parametrize("status", WITH_MONEY)
    def test_a_fact_that_the_gateway_tells_and_this_answer_does_not_waits_for_a_person(
        self, status: GatewayStatus, fact: Fact
    ) -> None:
        told: dict[str, Any] = {"is_own_store": True, "is_live": False}
        names = {
            Fact.REFERENCE: "reference",
            Fact.AMOUNT: "amount",
            Fact.STORE: "is_own_store",
            Fact.CHANNEL: "is_live",
        }
        stored, all_facts = payment(), ~Fact.STATUS
        whole = match_payment(
            stored, stored.attempts[0], held(status, **told), now=NOW, shows_unconfirmed=True, proves=all_facts
        )
        assert not isinstance(whole, Wait)
        sparse = held(status, **told | {names[fact]: None})
        judged = match_payment(stored, stored.attempts[0], sparse, now=NOW, shows_unconfirmed=True, proves=all_facts)
        assert isinstance(judged, Wait)
        assert (judged.attention, judged.is_under_way) == (Attention.INCOMPLETE_LOOK_UP, True)
        assert str(fact.name).lower() in str(judged.doubt)

    @pytest.mark.parametrize("status", P)
    def test_a_wrong_amount_is_named_before_anything_about_the_payment(self, status: PaymentStatus) -> None:
        judged = verdict(in_status(status, attempt()), held(H.CAPTURED, amount=Money(1, "KRW")))
        assert judged == Decide(A.REJECTED, "amount_mismatch", Failure("amount_mismatch"), must_refund=True)

    def test_another_orders_payment_is_not_ours_to_give_back_even_when_its_amount_differs(self) -> None:
        shown = held(H.CAPTURED, reference="another", amount=Money(1, "KRW"))
        assert verdict(payment(), shown) == NotOurs("order_id")

    @pytest.mark.parametrize("status", PAYABLE)
    def test_test_money_never_pays_a_live_payment(self, status: GatewayStatus) -> None:
        judged = verdict(payment(mode="live"), held(status, is_live=False))
        assert judged == Decide(A.REJECTED, "test_channel", Failure("test_channel"), must_refund=status is H.CAPTURED)

    @pytest.mark.parametrize(("mode", "is_live"), [("live", True), ("live", None), ("test", False), ("test", None)])
    def test_the_right_channel_or_one_that_is_not_told_is_no_mismatch(self, mode: str, is_live: bool | None) -> None:
        judged = verdict(payment(mode=mode), held(H.CAPTURED, is_live=is_live))
        assert judged == Decide(A.CAPTURED, "captured")


class TestMayCapturedMoneyBeKept:
    @pytest.mark.parametrize("status", sorted(set(A) - {A.CANCELED}))
    @pytest.mark.parametrize("payment_status", [*sorted(PAYMENT_UNPAID), P.EXPIRED])
    def test_matching_money_of_a_payment_that_nobody_closed_is_kept(
        self, payment_status: PaymentStatus, status: AttemptStatus
    ) -> None:
        judged = verdict(in_status(payment_status, attempt(status)), held(H.CAPTURED))
        assert judged == Decide(A.CAPTURED, "captured")

    @pytest.mark.parametrize("late", [timedelta(0), CAPTURE_GRACE, timedelta(days=400)])
    def test_captured_money_is_kept_however_late_it_is_found(self, late: timedelta) -> None:
        assert verdict(payment(), held(H.CAPTURED), now=EXPIRES_AT + late) == Decide(A.CAPTURED, "captured")

    @pytest.mark.parametrize("payment_status", [*sorted(PAYMENT_UNPAID), P.EXPIRED, P.CANCELED])
    def test_money_of_a_canceled_attempt_goes_back(self, payment_status: PaymentStatus) -> None:
        judged = verdict(in_status(payment_status, attempt(A.CANCELED)), held(H.CAPTURED))
        assert judged == Decide(A.REJECTED, "payment_closed", Failure("payment_closed"), must_refund=True)

    @pytest.mark.parametrize("payment_status", sorted(PAYMENT_COLLECTED))
    def test_money_of_a_payment_that_is_paid_already_goes_back(self, payment_status: PaymentStatus) -> None:
        judged = verdict(in_status(payment_status, attempt()), held(H.CAPTURED))
        assert judged == Decide(A.REJECTED, "already_paid", Failure("already_paid"), must_refund=True)

    @pytest.mark.parametrize("payment_status", CLOSED)
    def test_money_of_a_closed_payment_goes_back(self, payment_status: PaymentStatus) -> None:
        judged = verdict(in_status(payment_status, attempt()), held(H.CAPTURED))
        assert judged == Decide(A.REJECTED, "payment_closed", Failure("payment_closed"), must_refund=True)


class TestMayMoneyBeTaken:
    """The buyer has finished; whether we confirm."""

    @pytest.mark.parametrize("payment_status", sorted(PAYMENT_UNPAID))
    @pytest.mark.parametrize("status", [A.PENDING, A.UNKNOWN])
    def test_what_matches_is_confirmed(self, payment_status: PaymentStatus, status: AttemptStatus) -> None:
        assert verdict(in_status(payment_status, attempt(status)), held(H.AUTHORIZED)) == Capture()

    @pytest.mark.parametrize("now", [EXPIRES_AT, GRACE_ENDS - JUST_BEFORE])
    def test_who_finished_just_before_expiry_is_still_confirmed(self, now: datetime) -> None:
        assert verdict(payment(), held(H.AUTHORIZED), now=now) == Capture()

    @pytest.mark.parametrize("now", [GRACE_ENDS, GRACE_ENDS + timedelta(days=1)])
    def test_after_the_grace_nothing_is_confirmed_and_the_payment_expires(self, now: datetime) -> None:
        expected = Decide(A.EXPIRED, "expired_before_confirm", expires_payment=True)
        assert verdict(payment(), held(H.AUTHORIZED), now=now) == expected

    @pytest.mark.parametrize("status", [H.AUTHORIZED, H.STATUS_MISSING])
    @pytest.mark.parametrize("payment_status", sorted(set(P) - PAYMENT_UNPAID))
    def test_nothing_is_confirmed_for_a_payment_that_is_over(
        self, payment_status: PaymentStatus, status: GatewayStatus
    ) -> None:
        judged = verdict(in_status(payment_status, attempt()), held(status))
        assert judged == Decide(A.CANCELED, "payment_closed")

    @pytest.mark.parametrize("status", [H.AUTHORIZED, H.STATUS_MISSING])
    @pytest.mark.parametrize("now", [NOW, GRACE_ENDS])
    def test_after_an_accepted_confirm_it_is_never_confirmed_again(self, status: GatewayStatus, now: datetime) -> None:
        judged = verdict(payment(attempt(A.UNKNOWN, capture_accepted_at=NOW)), held(status), now=now)
        assert isinstance(judged, Wait)
        assert judged.reason == "confirmed_but_not_shown"
        assert judged.attention

    def test_without_a_status_it_is_confirmed_once_and_never_again(self) -> None:
        assert verdict(payment(attempt(A.PENDING)), held(H.STATUS_MISSING)) == Capture()
        again = verdict(payment(attempt(A.UNKNOWN)), held(H.STATUS_MISSING))
        assert isinstance(again, Wait)
        assert again.reason == "unstated_after_confirm"
        assert again.attention

    @pytest.mark.parametrize("status", [H.AUTHORIZED, H.STATUS_MISSING])
    def test_while_another_attempt_is_unknown_no_money_is_taken(self, status: GatewayStatus) -> None:
        stored = payment(attempt(A.UNKNOWN), attempt(number=2), status=P.PROCESSING)
        assert verdict(stored, held(status, of=2), of=1) == Wait("another_attempt_is_unknown")

    @pytest.mark.parametrize("other", sorted(set(A) - {A.UNKNOWN}))
    def test_an_attempt_that_is_not_unknown_does_not_stand_in_the_way(self, other: AttemptStatus) -> None:
        stored = payment(attempt(other), attempt(number=2))
        assert verdict(stored, held(H.AUTHORIZED, of=2), of=1) == Capture()

    def test_while_another_attempt_is_unknown_captured_money_is_still_kept(self) -> None:
        stored = payment(attempt(A.UNKNOWN), attempt(number=2), status=P.PROCESSING)
        assert verdict(stored, held(H.CAPTURED, of=2), of=1) == Decide(A.CAPTURED, "captured")

    def test_a_deposit_account_is_waited_for(self) -> None:
        assert verdict(payment(), held(H.AWAITING_DEPOSIT)) == Decide(A.AWAITING_DEPOSIT, "awaiting_deposit")


class TestTheGatewayKnowsNothing:
    @pytest.mark.parametrize("shows_unconfirmed", [True, False])
    @pytest.mark.parametrize("status", [A.CREATED, A.UNKNOWN])
    def test_an_attempt_that_was_never_opened_failed(self, status: AttemptStatus, shows_unconfirmed: bool) -> None:
        stored = payment(attempt(status, next_action=None))
        judged = verdict(stored, held(H.ABSENT), shows_unconfirmed=shows_unconfirmed)
        assert judged == Decide(A.FAILED, "never_opened", Failure("never_opened"))

    @pytest.mark.parametrize("shows_unconfirmed", [True, False])
    def test_a_buyer_who_has_not_finished_is_waited_for_until_expiry(self, shows_unconfirmed: bool) -> None:
        for now, expected in [
            (EXPIRES_AT - JUST_BEFORE, Wait("buyer_not_finished")),
            (EXPIRES_AT, Decide(A.EXPIRED, "expired", expires_payment=True)),
        ]:
            shown = held(H.ABSENT, reference=None, amount=None)
            assert verdict(payment(), shown, now=now, shows_unconfirmed=shows_unconfirmed) == expected

    @pytest.mark.parametrize("now", [NOW, GRACE_ENDS])
    def test_money_that_was_asked_for_and_vanished_waits_for_a_person(self, now: datetime) -> None:
        judged = verdict(payment(attempt(A.UNKNOWN, gateway_ref="sig")), held(H.ABSENT), now=now)
        assert isinstance(judged, Wait)
        assert judged.reason == "absent_at_gateway"
        assert judged.attention

    def test_where_nothing_shows_before_confirm_it_is_confirmed_in_time(self) -> None:
        stored = payment(attempt(A.UNKNOWN, gateway_ref="sig"))
        shown = held(H.ABSENT, reference=None, amount=None)
        assert verdict(stored, shown, shows_unconfirmed=False) == Capture()
        late = verdict(stored, shown, now=GRACE_ENDS, shows_unconfirmed=False)
        assert late == Decide(A.EXPIRED, "expired_before_confirm", expires_payment=True)

    def test_where_nothing_shows_before_confirm_an_accepted_one_is_not_repeated(self) -> None:
        stored = payment(attempt(A.UNKNOWN, gateway_ref="sig", capture_accepted_at=NOW))
        judged = verdict(stored, held(H.ABSENT), shows_unconfirmed=False)
        assert isinstance(judged, Wait)
        assert judged.attention

    def test_where_nothing_shows_before_confirm_a_closed_payment_is_not_confirmed(self) -> None:
        stored = in_status(P.PAID, attempt(A.UNKNOWN, gateway_ref="sig"))
        assert verdict(stored, held(H.ABSENT), shows_unconfirmed=False) == Decide(A.CANCELED, "payment_closed")


class TestTheBuyerHasNotFinished:
    def test_an_open_session_is_waited_for_until_expiry(self) -> None:
        assert verdict(payment(), held(H.PENDING), now=EXPIRES_AT - JUST_BEFORE) == Wait("buyer_not_finished")
        expired = Decide(A.EXPIRED, "expired", expires_payment=True)
        assert verdict(payment(), held(H.PENDING), now=EXPIRES_AT) == expired

    @pytest.mark.parametrize("payment_status", sorted(set(P) - PAYMENT_UNPAID))
    def test_an_open_session_of_a_payment_that_is_over_ends_with_it(self, payment_status: PaymentStatus) -> None:
        judged = verdict(in_status(payment_status, attempt()), held(H.PENDING))
        assert judged == Decide(A.CANCELED, "payment_closed")

    @pytest.mark.parametrize("status", [A.CREATED, A.UNKNOWN])
    def test_a_session_whose_token_nobody_received_failed(self, status: AttemptStatus) -> None:
        judged = verdict(payment(attempt(status, next_action=None)), held(H.PENDING))
        assert judged == Decide(A.FAILED, "never_opened", Failure("never_opened"))


class TestTheGatewaySaysItIsOver:
    def test_an_explicit_decline_fails_the_attempt_in_the_gateways_words(self) -> None:
        told = Failure("insufficient_funds", raw_code="51", message="Not enough")
        assert verdict(payment(), held(H.FAILED, failure=told)) == Decide(A.FAILED, "failed_at_gateway", told)
        unnamed = Decide(A.FAILED, "failed_at_gateway", Failure("declined"))
        assert verdict(payment(), held(H.FAILED)) == unnamed

    def test_a_cancel_at_the_gateway_cancels_the_attempt(self) -> None:
        expected = Decide(A.CANCELED, "canceled_at_gateway", Failure("canceled"))
        assert verdict(payment(), held(H.CANCELED)) == expected

    def test_a_cancel_under_way_is_waited_for(self) -> None:
        assert verdict(payment(), held(H.REFUND_PENDING)) == Wait("cancel_under_way", is_under_way=True)


class TestAnAttemptThatHasEnded:
    @pytest.mark.parametrize("status", sorted(ATTEMPT_UNDECIDED))
    @pytest.mark.parametrize("to", [A.CAPTURED, A.FAILED, A.CANCELED, A.EXPIRED, A.REJECTED])
    def test_while_undecided_every_verdict_applies(self, status: AttemptStatus, to: AttemptStatus) -> None:
        assert Decide(to, "…").moves(attempt(status))

    def test_waiting_for_the_same_deposit_is_no_news(self) -> None:
        assert not Decide(A.AWAITING_DEPOSIT, "…").moves(attempt(A.AWAITING_DEPOSIT))

    @pytest.mark.parametrize("status", [A.FAILED, A.EXPIRED, A.CANCELED])
    def test_only_money_moves_it_on(self, status: AttemptStatus) -> None:
        assert Decide(A.REJECTED, "…", must_refund=True).moves(attempt(status))
        assert not Decide(A.REJECTED, "…").moves(attempt(status))
        for to in (A.FAILED, A.EXPIRED, A.CANCELED, A.AWAITING_DEPOSIT):
            assert not Decide(to, "…", must_refund=True).moves(attempt(status))

    @pytest.mark.parametrize("status", [A.FAILED, A.EXPIRED])
    def test_a_late_approval_is_kept(self, status: AttemptStatus) -> None:
        assert Decide(A.CAPTURED, "captured").moves(attempt(status))

    @pytest.mark.parametrize("status", [A.CAPTURED, A.REJECTED])
    @pytest.mark.parametrize("to", A)
    def test_nothing_moves_what_is_final(self, status: AttemptStatus, to: AttemptStatus) -> None:
        assert not Decide(to, "…", must_refund=True).moves(attempt(status))
