"""What a look-up makes of the refunds that we know: named cases, and a gateway with which anything may happen."""

from dataclasses import replace
from itertools import count

import pytest

from app.domain.attention import Attention
from app.domain.states import RefundStatus
from app.gateways.values import GatewayRefund, RefundState
from app.ledger.model import BY_GATEWAY, Refund
from app.refunds.matching import BALANCE_CHANGED, Doubt, Found, Mismatch, Move
from tests.unit.factories import held
from tests.unit.refund_looks import (
    DONE,
    FAILED,
    GOING,
    WHOLE,
    H,
    R,
    applied,
    cancel,
    difference,
    kept,
    refund,
    rejected,
    shown,
    summed,
    won,
)


class TestListed:
    @pytest.mark.parametrize(
        ("known", "refunds", "to", "reason"),
        [
            (refund(1, 100, R.UNKNOWN), [cancel(100)], R.SUCCEEDED, "refund_shown"),
            (refund(1, 100, R.UNKNOWN), [cancel(100, GOING)], R.PENDING, "refund_shown"),
            (refund(1, 100, R.PENDING), [cancel(100)], R.SUCCEEDED, "refund_shown"),
            (refund(1, 100, R.PENDING, gateway_ref="c1"), [cancel(100)], R.SUCCEEDED, "refund_done"),
            (refund(1, 100, R.PENDING, gateway_ref="c1"), [cancel(100, FAILED)], R.FAILED, "refund_failed_later"),
            (refund(1, 100, R.UNKNOWN, gateway_ref="c1"), [cancel(100, GOING)], R.PENDING, "refund_under_way"),
            (refund(1, 100, R.FAILED, is_lost=True), [cancel(100)], R.SUCCEEDED, "refund_shown"),
            (refund(1, 100, R.FAILED, gateway_ref="c1"), [cancel(100)], R.SUCCEEDED, "refund_done"),
        ],
    )
    def test_a_refund_of_ours_goes_where_the_gateway_shows_it(
        self, known: Refund, refunds: list[GatewayRefund], to: RefundStatus, reason: str
    ) -> None:
        move = difference(kept(known), shown(*refunds))
        assert isinstance(move, Move)
        assert (move.refund, move.to, move.reason) == (known, to, reason)
        assert (move.gateway_ref or known.gateway_ref) == "c1"

    @pytest.mark.parametrize(
        ("known", "refunds"),
        [
            (refund(1, 100, R.CREATED), []),
            (refund(1, 100, R.UNKNOWN), []),
            (refund(1, 100, R.UNKNOWN), [cancel(100, FAILED)]),
            (refund(1, 100, R.PENDING, gateway_ref="c1"), [cancel(100, GOING)]),
            (refund(1, 100, R.SUCCEEDED, gateway_ref="c1"), [cancel(100)]),
            (refund(1, 100, R.FAILED), []),
            (refund(1, 100, R.FAILED, gateway_ref="c1"), [cancel(100, FAILED)]),
        ],
    )
    def test_where_nothing_differs_nothing_happens(self, known: Refund, refunds: list[GatewayRefund]) -> None:
        assert difference(kept(known), shown(*refunds)) is None

    def test_one_that_is_done_learns_its_name(self) -> None:
        known = refund(1, 100, R.SUCCEEDED)
        move = difference(kept(known), shown(cancel(100)))
        assert move == Move(known, R.SUCCEEDED, "refund_shown", gateway_ref="c1")
        assert difference(kept(known), shown(cancel(100, ref=None))) is None

    def test_one_that_was_never_asked_for_is_not_meant_by_a_cancel(self) -> None:
        found = difference(kept(refund(1, 100, R.CREATED)), shown(cancel(100, reason="in the console")))
        assert found == Found(won(100), "in the console", "c1")

    def test_one_that_was_refused_is_not_meant_by_a_cancel_either(self) -> None:
        known = refund(1, 100, R.FAILED, failure='{"code":"refund_declined","raw_code":"-1","message":null}')
        assert isinstance(difference(kept(known), shown(cancel(100))), Found)

    def test_a_cancel_with_another_refunds_name_is_not_this_ones(self) -> None:
        first, second = refund(1, 100, R.SUCCEEDED, gateway_ref="c1"), refund(2, 100, R.UNKNOWN)
        assert difference(kept(first, second), shown(cancel(100))) is None
        move = difference(kept(first, second), shown(cancel(100), cancel(100, ref="c2")))
        assert isinstance(move, Move)
        assert (move.refund, move.gateway_ref) == (second, "c2")

    def test_the_one_in_doubt_is_meant_before_the_one_that_is_known_to_be_accepted(self) -> None:
        pending, unknown = refund(1, 100, R.PENDING), refund(2, 100, R.UNKNOWN)
        move = difference(kept(pending, unknown), shown(cancel(100)))
        assert isinstance(move, Move)
        assert move.refund == unknown

    def test_a_banks_hand_is_told_from_the_shops(self) -> None:
        found = difference(kept(), shown(cancel(100, is_chargeback=True, reason="차지백")))
        assert found == Found(won(100), "chargeback", "c1")

    def test_what_is_under_way_there_and_not_ours_is_waited_for(self) -> None:
        assert difference(kept(), shown(cancel(100, GOING))) is None

    def test_what_was_counted_by_its_sum_is_not_counted_again_by_its_list(self) -> None:
        """An earlier look-up told the sum alone, and it was stored as one refund."""
        stored = kept(refund(1, 300, R.SUCCEEDED, initiator=BY_GATEWAY))
        assert difference(stored, shown(cancel(100), cancel(200, ref="c2"))) is None
        more = difference(stored, shown(cancel(100), cancel(200, ref="c2"), cancel(50, ref="c3")))
        assert more == Found(won(50), "refunded at the gateway", "c3")

    def test_a_nameless_cancel_counts_by_the_sum(self) -> None:
        assert difference(kept(), shown(cancel(100, ref=None))) == Found(won(100), "refunded at the gateway")


class TestAdjusted:
    """A promotion may have a part go back as another amount than was asked for."""

    def test_a_named_one_is_counted_for_what_the_gateway_names(self) -> None:
        for status, reason in (
            (R.PENDING, "refund_done"),
            (R.UNKNOWN, "refund_done"),
            (R.SUCCEEDED, "refund_adjusted"),
        ):
            known = refund(1, 100, status, gateway_ref="c1")
            move = difference(kept(known), shown(cancel(92)))
            assert move == Move(known, R.SUCCEEDED, reason, gateway_ref="c1", amount=won(92))
            assert difference(applied(kept(known), move, count(9)), shown(cancel(92))) is None

    def test_more_than_was_reserved_takes_the_room_of_what_was_never_asked_for(self) -> None:
        known, other = refund(1, 500, R.PENDING, gateway_ref="c1"), refund(2, 500, R.CREATED)
        move = difference(kept(known, other), shown(cancel(501)))
        assert move == Move(other, R.FAILED, "refund_overtaken", failure=BALANCE_CHANGED)

    @pytest.mark.parametrize(
        ("amount", "is_by_api", "may_be_ours"),
        [
            (92, None, True),
            (92, True, True),
            (108, True, True),
            (108, None, True),
            (92, False, False),
            (108, False, False),
        ],
    )
    @pytest.mark.parametrize("state", [DONE, GOING])
    def test_one_that_nothing_explains_blocks_while_an_answer_is_lost(
        self, amount: int, is_by_api: bool | None, may_be_ours: bool, state: RefundState
    ) -> None:
        found = difference(kept(refund(1, 100, R.UNKNOWN)), shown(cancel(amount, state, is_by_api=is_by_api)))
        external = Found(won(amount), "refunded at the gateway", "c1") if state is DONE else None
        assert found == (Doubt(Attention.UNEXPLAINED_REFUND) if may_be_ours else external)

    def test_one_of_the_amount_that_was_asked_explains_it(self) -> None:
        known = refund(1, 100, R.UNKNOWN)
        move = difference(kept(known), shown(cancel(92), cancel(100, ref="c2")))
        assert move == Move(known, R.SUCCEEDED, "refund_shown", gateway_ref="c2")

    def test_rejected_money_is_not_asked_for_again_either(self) -> None:
        lost = refund(1, WHOLE, R.UNKNOWN)
        for look in (shown(cancel(920)), summed(920)):
            assert difference(rejected(lost), look) == Doubt(Attention.UNEXPLAINED_REFUND)
        assert difference(rejected(lost), shown(cancel(920, is_by_api=False))) is None


class TestSummed:
    @pytest.mark.parametrize("status", [R.UNKNOWN, R.PENDING])
    def test_a_sum_that_ours_explains_is_ours(self, status: RefundStatus) -> None:
        known = refund(1, 100, status)
        assert difference(kept(known), summed(100)) == Move(known, R.SUCCEEDED, "refund_shown")

    @pytest.mark.parametrize("status", [R.CREATED, R.PENDING, R.FAILED])
    def test_what_ours_does_not_explain_somebody_else_gave(self, status: RefundStatus) -> None:
        assert difference(kept(refund(1, 100, status)), summed(99)) == Found(won(99), "refunded at the gateway")

    def test_less_than_one_without_an_answer_may_be_that_one(self) -> None:
        assert difference(kept(refund(1, 100, R.UNKNOWN)), summed(99)) == Doubt(Attention.UNEXPLAINED_REFUND)
        assert difference(kept(), summed(100)) == Found(won(100), "refunded at the gateway")

    def test_the_whole_is_back_where_the_status_alone_says_so(self) -> None:
        known = refund(1, WHOLE, R.PENDING)
        look = held(H.CANCELED, amount=won(WHOLE))
        assert difference(kept(known), look) == Move(known, R.SUCCEEDED, "refund_shown")
        assert difference(kept(), look) == Found(won(WHOLE), "refunded at the gateway")

    def test_the_whole_is_under_way(self) -> None:
        known = refund(1, WHOLE, R.UNKNOWN)
        assert difference(kept(known), summed(0, H.REFUND_PENDING)) == Move(known, R.PENDING, "refund_under_way")
        assert difference(kept(refund(1, WHOLE, R.PENDING)), summed(0, H.REFUND_PENDING)) is None
        assert difference(kept(), summed(0, H.REFUND_PENDING)) is None

    def test_less_than_before_cannot_be(self) -> None:
        known = refund(1, 100, R.SUCCEEDED, gateway_ref="c1")
        for back in (0, 99):
            assert difference(kept(known), summed(back)) == Doubt(Attention.REFUNDS_TOO_LOW)
            assert difference(rejected(known), summed(back)) == Doubt(Attention.REFUNDS_TOO_LOW)

    def test_what_a_person_gave_back_the_gateway_need_not_show(self) -> None:
        known = refund(1, 100, R.SUCCEEDED, accepted_at=None), refund(2, 50, R.SUCCEEDED)
        assert difference(kept(*known), summed(50)) is None
        assert difference(kept(*known), summed(49)) == Doubt(Attention.REFUNDS_TOO_LOW)

    def test_what_a_person_gave_back_hides_nothing_that_the_gateway_gives_back_beside_it(self) -> None:
        by_hand, done = refund(1, 300, R.SUCCEEDED, accepted_at=None), refund(2, 50, R.SUCCEEDED, gateway_ref="c2")
        stored = kept(by_hand, done)
        named = shown(cancel(50, ref="c2"), cancel(100, ref="c3", is_by_api=False))
        assert difference(stored, named) == Found(won(100), "refunded at the gateway", "c3")
        unsaid = shown(cancel(50, ref="c2"), cancel(100, ref="c3"))
        assert difference(stored, unsaid) == difference(stored, summed(150)) == Doubt(Attention.UNEXPLAINED_REFUND)

    @pytest.mark.parametrize("by_hand", [[300], [100, 200]])
    def test_what_a_person_gave_back_may_be_shown_after_all(self, by_hand: list[int]) -> None:
        made = [refund(n, minor, R.SUCCEEDED, accepted_at=None) for n, minor in enumerate(by_hand, 1)]
        stored, numbers = kept(*made, refund(9, 50, R.SUCCEEDED)), count(20)
        for _ in by_hand:
            move = difference(stored, summed(350))
            assert isinstance(move, Move)
            stored = applied(stored, move, numbers)
        assert difference(stored, summed(350)) is None
        assert stored.refunded_minor == 350

    def test_what_the_list_shows_under_way_is_not_what_the_sum_says_is_done(self) -> None:
        ours = refund(1, 600, R.PENDING)
        look = shown(cancel(600, GOING, None), cancel(300, ref=None), refunded=300)
        assert difference(kept(ours), look) == Found(won(300), "refunded at the gateway")

    def test_money_that_we_keep_and_of_which_a_cancel_gave_nothing_back_is_a_doubt(self) -> None:
        for stored in (kept(), rejected(refund(1, WHOLE, R.UNKNOWN))):
            told = difference(stored, summed(0, H.CANCELED))
            assert isinstance(told, Doubt)
            assert told.attention is Attention.CONTRADICTORY_LOOK_UP

    def test_a_gateway_that_tells_no_sum_says_nothing_of_it(self) -> None:
        assert difference(kept(refund(1, 100, R.SUCCEEDED)), held(H.CAPTURED, amount=won(WHOLE))) is None
        assert difference(kept(refund(1, 100, R.UNKNOWN)), held(H.CAPTURED, amount=won(WHOLE))) is None


class TestRoom:
    def test_a_found_one_overtakes_what_the_shop_bound_to_a_balance(self) -> None:
        bound = refund(1, 100, R.CREATED, expected_minor=WHOLE)
        move = difference(kept(bound), shown(cancel(1)))
        assert move == Move(bound, R.FAILED, "refund_overtaken", failure=BALANCE_CHANGED)

    def test_what_still_fits_beside_it_stays(self) -> None:
        found = difference(kept(refund(1, 100, R.CREATED)), shown(cancel(900)))
        assert found == Found(won(900), "refunded at the gateway", "c1")

    def test_what_no_longer_fits_goes_the_last_that_was_never_asked_for_first(self) -> None:
        asked, first, last = refund(1, 300, R.PENDING), refund(2, 300, R.CREATED), refund(3, 300, R.CREATED)
        stored = kept(asked, first, last)
        for expected in (last, first, asked):
            move = difference(stored, shown(cancel(1000)))
            assert isinstance(move, Move)
            assert (move.refund.number, move.to) == (expected.number, R.FAILED)
            stored = applied(stored, move, count(9))
        assert isinstance(difference(stored, shown(cancel(1000))), Found)

    def test_one_that_is_shown_under_way_is_not_overtaken(self) -> None:
        """It would be found again, overtaken again, and so on without end."""
        asked, done = refund(1, 500, R.PENDING, is_lost=True), refund(2, 500, R.SUCCEEDED, gateway_ref="c2")
        look = shown(cancel(500, GOING, None), cancel(100, ref="c4"), refunded=None)
        assert difference(kept(asked, done), look) == Doubt(Attention.REFUNDS_TOO_HIGH)

    @pytest.mark.parametrize("ref", [None, "c1"])
    @pytest.mark.parametrize("state", [DONE, GOING])
    def test_one_that_had_failed_and_is_done_after_all_overtakes_what_was_promised_since(
        self, ref: str | None, state: RefundState
    ) -> None:
        late = refund(1, 700, R.FAILED, is_lost=True, gateway_ref=ref)
        stored = kept(late, refund(2, 200, R.CREATED), refund(3, 700, R.CREATED))
        statuses: list[str] = []
        while (move := difference(stored, shown(cancel(700, state)))) is not None:
            assert isinstance(move, Move)
            stored = applied(stored, move, count(9))
            statuses = [each.status for each in stored.refunds]
            assert stored.refunded_minor + stored.refunding_minor <= WHOLE
        if state is DONE:
            assert statuses == [R.SUCCEEDED, R.CREATED, R.FAILED]
        else:
            assert statuses in ([R.PENDING, R.CREATED, R.FAILED], [])

    def test_a_list_of_more_than_was_captured_changes_nothing(self) -> None:
        """With what is under way it is too much: whatever were stored of it, something of it would be wrong."""
        late = refund(1, 100, R.FAILED, is_lost=True)
        look = shown(cancel(100, GOING, None), cancel(WHOLE), status=H.CANCELED)
        assert isinstance(difference(kept(late), look), Doubt)

    def test_more_than_was_captured_cannot_be(self) -> None:
        known = refund(1, 400, R.SUCCEEDED, gateway_ref="c1")
        look = shown(cancel(400), cancel(700, ref="c2"), status=H.CANCELED, refunded=1100)
        assert isinstance(difference(kept(known), look), Doubt)


class TestRejected:
    """Of money that must not be kept, only one thing counts: that all of it is back."""

    @pytest.mark.parametrize("status", [R.CREATED, R.UNKNOWN, R.PENDING])
    def test_it_is_back_whoever_gave_it(self, status: RefundStatus) -> None:
        known = refund(1, WHOLE, status)
        assert difference(rejected(known), shown(cancel(WHOLE))) == Move(known, R.SUCCEEDED, "given_back")

    def test_a_part_that_somebody_gave_makes_room_for_a_refund_of_the_rest(self) -> None:
        known = refund(1, WHOLE, R.CREATED)
        move = difference(rejected(known), shown(cancel(100)))
        assert move == Move(known, R.FAILED, "refund_no_longer_fits", failure=BALANCE_CHANGED)
        short = replace(known, status=R.FAILED, failure='{"code":"refundable_mismatch"}')
        assert difference(rejected(short), shown(cancel(100))) == Mismatch(won(WHOLE - 100))
        rest = refund(2, WHOLE - 100, R.CREATED)
        assert difference(rejected(short, rest), shown(cancel(100))) is None

    @pytest.mark.parametrize("status", [R.UNKNOWN, R.PENDING])
    def test_an_amount_that_has_become_smaller_by_itself_gave_nothing_back(self, status: RefundStatus) -> None:
        smaller = replace(summed(0), amount=won(WHOLE - 100))
        assert difference(rejected(refund(1, WHOLE, status)), smaller) is None

    def test_what_is_still_there_after_ours_was_done_is_owed_as_well(self) -> None:
        done = refund(1, WHOLE - 100, R.SUCCEEDED)
        assert difference(rejected(done), shown(cancel(WHOLE - 100))) == Mismatch(won(100))

    def test_what_was_given_back_by_hand_is_not_owed_again(self) -> None:
        by_hand = refund(1, WHOLE, R.SUCCEEDED, accepted_at=None)
        assert difference(rejected(by_hand), summed(0)) is None

    def test_under_way_and_done(self) -> None:
        known = refund(1, WHOLE, R.UNKNOWN)
        move = difference(rejected(known), shown(cancel(WHOLE, GOING), status=H.REFUND_PENDING))
        assert isinstance(move, Move)
        assert move.to is R.PENDING
        assert difference(rejected(known), summed(0)) is None
        assert difference(rejected(refund(1, WHOLE, R.SUCCEEDED)), shown(cancel(WHOLE))) is None
