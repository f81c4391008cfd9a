"""How PortOne V1's answers, amounts and words are read, without a call."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import GatewayError, GatewayRefused, GatewayTimeout, GatewayUnavailable, Refusal
from app.domain.money import Money
from app.gateways.facts import read_told
from app.gateways.http import HttpAnswer
from app.gateways.portone_v1.codes import CONCLUSIVE, DECLINES, RANK, REFUSALS, STATUSES, refusal_of, status_of
from app.gateways.portone_v1.lookup import gateway_payment_of
from app.gateways.portone_v1.response import ApiResponse
from app.gateways.portone_v1.wire import Payment, Prepared, major, money_of
from app.gateways.text import short
from app.gateways.values import Failure, GatewayPayment, GatewayRefund, GatewayStatus, RefundState
from tests.unit.properties import thorough

CURRENCIES = ["KRW", "JPY", "USD", "EUR", "KWD"]


def answer(status: int, body: object) -> ApiResponse:
    return ApiResponse.of(HttpAnswer(status, body if isinstance(body, bytes) else json.dumps(body).encode()))


def said(act: object) -> object:
    """What a call returned, or the error that it raised."""
    assert callable(act)
    try:
        return act()
    except GatewayError as error:
        return type(error), error.details.get("raw_code")


class TestAnswers:
    @pytest.mark.parametrize(
        ("status", "body", "raised"),
        [
            (200, {"code": 1}, (GatewayRefused, "1")),
            (200, {"code": -1, "message": "x"}, (GatewayRefused, "-1")),
            (200, {}, (GatewayTimeout, None)),
            (200, b"OK", (GatewayTimeout, None)),
            (200, {"code": "0"}, (GatewayTimeout, None)),
            (200, {"code": 0.5}, (GatewayTimeout, None)),
            (200, {"code": True}, (GatewayTimeout, None)),
            (201, {"code": 0}, (GatewayTimeout, None)),
            (204, b"", (GatewayTimeout, None)),
            (302, b"", (GatewayRefused, "302")),
            (400, {"code": -1}, (GatewayRefused, "-1")),
            (400, {"code": 0}, (GatewayRefused, "400")),
            (401, {"code": -1}, (GatewayRefused, "401")),
            (403, {"code": -1}, (GatewayRefused, "403")),
            (429, {"code": -1}, (GatewayUnavailable, None)),
            (500, {"code": 0}, (GatewayUnavailable, None)),
            (503, b"", (GatewayUnavailable, None)),
        ],
    )
    def test_only_http_200_with_code_0_is_a_success(self, status: int, body: object, raised: object) -> None:
        assert said(answer(status, body).accepted) == raised

    def test_the_response_of_a_success_comes_as_it_was_written(self) -> None:
        assert bytes(answer(200, b'{"code":0,"response":{"amount":1.10}}').accepted()) == b'{"amount":1.10}'
        assert bytes(answer(200, b'{"code":0}').accepted()) == b"null"

    @pytest.mark.parametrize(
        ("status", "body", "result"),
        [
            (200, {"code": 0}, None),
            (200, {"code": 0, "message": "ok", "response": "anything"}, None),
            (200, {"code": 1, "message": "없음"}, Failure(Refusal.DECLINED, "1", "없음")),
            (404, {"code": -1}, Failure(Refusal.UNKNOWN_PAYMENT, "-1")),
            (404, b"", Failure(Refusal.UNKNOWN_PAYMENT, "404")),
            (400, {"code": 0}, Failure(Refusal.INVALID, "400")),
            (200, {}, (GatewayTimeout, None)),
            (302, b"", (GatewayTimeout, None)),
            (401, {"code": -1}, (GatewayRefused, "401")),
            (403, b"", (GatewayRefused, "403")),
            (409, {"code": 1}, (GatewayTimeout, None)),
            (429, {"code": 1}, (GatewayUnavailable, None)),
            (500, {"code": 1}, (GatewayTimeout, None)),
        ],
    )
    def test_where_money_moves_only_yes_and_no_are_answers(self, status: int, body: object, result: object) -> None:
        assert said(answer(status, body).explicit) == result

    @pytest.mark.parametrize("code", [200, 401, 403, 408, 409, 425, 429, 500, 502, 503, 504])
    def test_only_an_explicit_no_is_a_decline(self, code: int) -> None:
        assert code not in DECLINES

    @pytest.mark.parametrize(
        ("status", "means"),
        [
            (200, Refusal.DECLINED),  # code 1, nothing to cancel or a wrong checksum; code -1, the PG's no
            (400, Refusal.INVALID),
            (402, Refusal.DECLINED),
            (404, Refusal.UNKNOWN_PAYMENT),
            (405, Refusal.INVALID),
            (410, Refusal.DECLINED),
            (422, Refusal.DECLINED),
        ],
    )
    def test_a_refused_cancel_means_what_its_status_says(self, status: int, means: Refusal) -> None:
        """docs/gateways/portone-v1.md §1: 200 with a code, 400, 404 and 405 are a no; 207, 401 and 500 are none."""
        assert refusal_of(status) is means
        assert {200, *DECLINES} >= {status, *REFUSALS}
        for code in (1, -1, 7):
            assert said(answer(status, {"code": code}).explicit) == Failure(means, str(code))

    @pytest.mark.parametrize(
        ("text", "cut"), [("x" * 301, "x" * 300), ("", None), (None, None), (5, None), (["x"], None)]
    )
    def test_a_text_for_people_is_short_and_a_text(self, text: object, cut: str | None) -> None:
        assert short(text) == cut


class TestWords:
    def test_only_one_word_says_that_the_money_moved(self) -> None:
        assert [word for word, status in STATUSES.items() if status is GatewayStatus.CAPTURED] == ["paid"]

    @pytest.mark.parametrize("word", ["", "PAID", " paid", "canceled", "pending", "null"])
    def test_a_word_that_is_not_in_the_table_is_unrecognized(self, word: str) -> None:
        assert status_of(word) is GatewayStatus.UNRECOGNIZED

    def test_no_word_at_all_is_unstated(self) -> None:
        assert status_of(None) is GatewayStatus.STATUS_MISSING

    def test_where_money_moved_speaks_before_everything_else_and_a_failure_last(self) -> None:
        assert set(RANK[: len(CONCLUSIVE)]) == CONCLUSIVE
        assert GatewayStatus.FAILED not in RANK
        assert {
            *STATUSES.values(),
            GatewayStatus.AWAITING_DEPOSIT,
            GatewayStatus.UNRECOGNIZED,
            GatewayStatus.STATUS_MISSING,
        } <= {
            *RANK,
            GatewayStatus.FAILED,
        }


class TestAmounts:
    @thorough
    @given(minor=st.integers(-(10**18), 10**18), currency=st.sampled_from(CURRENCIES))
    def test_what_we_write_is_what_we_read(self, minor: int, currency: str) -> None:
        amount = Money(minor, currency)
        written = msgspec.json.Encoder(decimal_format="number").encode(major(amount))
        assert money_of(msgspec.Raw(written), currency) == amount

    @pytest.mark.parametrize("written", [b"null", b"1e999999999999999999999", b"-1e-999999", b"1" * 61, b"0.001"])
    def test_what_no_amount_can_be_is_unknown(self, written: bytes) -> None:
        assert money_of(msgspec.Raw(written), "USD") is None

    @pytest.mark.parametrize("currency", [None, "", "usd", "XXX"])
    def test_an_amount_without_a_currency_is_unknown(self, currency: str | None) -> None:
        assert money_of(msgspec.Raw(b"12"), currency) is None

    @pytest.mark.parametrize("written", ['"12"', "true", "[12]", '{"total": 12}', '""'])
    @pytest.mark.parametrize("shape", [Payment, Prepared])
    def test_what_is_no_number_was_not_told(self, written: str, shape: type[Payment | Prepared]) -> None:
        told = read_told(f'{{"amount": {written}}}'.encode(), shape)
        assert (bytes(told.amount), bytes(told.untold["amount"])) == (b"null", written.encode())

    @pytest.mark.parametrize(
        ("shown", "allows"),
        [
            ('{"amount": 12.34, "currency": "USD"}', True),
            ('{"amount": 12.340}', True),
            ('{"amount": 12.34, "currency": "EUR"}', False),
            ('{"amount": 1234, "currency": "USD"}', False),
            ('{"currency": "USD"}', False),
            ("{}", False),
        ],
    )
    def test_a_registration_allows_its_own_amount_only(self, shown: str, allows: bool) -> None:
        assert msgspec.json.decode(shown, type=Prepared).allows(Money(1234, "USD")) is allows


def entry(amount: object, at: object = 1_795_000_000, ref: object = "can1", **more: object) -> dict[str, object]:
    """One entry of a history."""
    return {"amount": amount, "cancelled_at": at, "cancellation_id": ref, "pg_tid": "pg1", "reason": "sold out"} | more


def read(**changes: object) -> GatewayPayment:
    """A payment of 120.50 USD with these members changed."""
    shown = {"imp_uid": "imp_1", "status": "paid", "amount": 120.5, "cancel_amount": 0, "currency": "USD"} | changes
    return gateway_payment_of(read_told(json.dumps(shown).encode(), Payment), is_live=None)


class TestCancels:
    def test_the_history_is_told_oldest_first_in_minor_units(self) -> None:
        history = [entry(10, 1_795_000_600, "can2"), entry(20.5, 1_795_000_000, None, reason=None)]
        assert read(cancel_history=history, cancel_amount=30.5).refunds == (
            GatewayRefund(Money(2050, "USD"), RefundState.SUCCEEDED, ref="pg1"),
            GatewayRefund(Money(1000, "USD"), RefundState.SUCCEEDED, ref="can2", reason="sold out"),
        )

    def test_a_pgs_name_that_several_bear_names_none_of_them(self) -> None:
        shared = [entry(10, ref=None), entry(20, 1_795_000_600, None), entry(30, 1_795_000_900, "can3")]
        assert [each.ref for each in read(cancel_history=shared, cancel_amount=60).refunds] == [None, None, "can3"]
        assert [each.ref for each in read(cancel_history=shared[1:], cancel_amount=50).refunds] == ["pg1", "can3"]

    @pytest.mark.parametrize("name", ["pg1", None, ""])
    def test_without_names_and_without_a_sum_nobody_says_what_went_back(self, name: str | None) -> None:
        history = [entry(10, ref=None, pg_tid=name), entry(20, 1_795_000_600, None, pg_tid=name)]
        held = read(cancel_history=history, cancel_amount=None)
        assert (held.refunds, held.refunded) == ((), None)
        assert held.doubt
        told = read(cancel_history=history, cancel_amount=30)
        assert (len(told.refunds), told.doubt) == (2, None)

    @pytest.mark.parametrize(
        ("at", "cancel_amount", "states"),
        [
            (0, 0, [RefundState.SUCCEEDED, RefundState.PENDING]),
            (None, 10, [RefundState.SUCCEEDED, RefundState.PENDING]),
            (0, 29.99, [RefundState.SUCCEEDED, RefundState.PENDING]),
            (0, None, [RefundState.SUCCEEDED, RefundState.PENDING]),
            (0, 30, [RefundState.SUCCEEDED, RefundState.SUCCEEDED]),
            (1_795_000_900, 10, [RefundState.SUCCEEDED, RefundState.SUCCEEDED]),
        ],
    )
    def test_one_without_its_time_is_under_way_until_the_sum_shows_it(
        self, at: object, cancel_amount: object, states: list[RefundState]
    ) -> None:
        history = [entry(20, at, "new"), entry(10, 1_795_000_000, "old")]
        refunds = read(cancel_history=history, cancel_amount=cancel_amount).refunds
        assert [each.ref for each in refunds] == ["old", "new"]
        assert [each.state for each in refunds] == states

    @pytest.mark.parametrize(
        "history",
        [
            None,
            [],
            {},
            "?",
            [5],
            [entry(10), 5],
            [entry(10), entry(None)],
            [entry(10), entry("10")],
            [entry(10), entry(0.001)],
            [entry(10), entry(0)],
            [entry(10), entry(-10)],
            [entry(10), entry(10, "yesterday")],
            [entry(10, ref=7)],
        ],
    )
    def test_a_history_that_cannot_be_read_whole_is_left_out_and_the_payment_is_not(self, history: object) -> None:
        held = read(cancel_history=history, cancel_amount=10)
        assert (held.status, held.refunded, held.refunds) == (GatewayStatus.CAPTURED, Money(1000, "USD"), ())

    def test_without_a_currency_there_are_no_amounts(self) -> None:
        assert read(cancel_history=[entry(10)], currency=None).refunds == ()

    def test_a_reason_is_cut_and_never_evidence(self) -> None:
        held = read(cancel_history=[entry(10, reason="김민지 " * 500)], cancel_amount=10)
        assert held.refunds[0].reason == ("김민지 " * 500)[:300]
        assert "김민지" not in repr(held.evidence)

    @pytest.mark.parametrize(
        ("told", "is_deposit"),
        [
            ({"vbank_num": "110-2"}, True),
            ({"pay_method": "vbank"}, True),
            ({"pay_method": "card", "vbank_num": ""}, False),
            ({"pay_method": ["vbank"]}, None),
            ({}, None),
        ],
    )
    def test_a_deposit_is_known_by_its_account(self, told: dict[str, object], is_deposit: bool | None) -> None:
        assert read(**told).is_deposit is is_deposit


def test_an_empty_payment_states_nothing() -> None:
    held = gateway_payment_of(Payment(), is_live=None)
    assert held.status is GatewayStatus.STATUS_MISSING
    assert (held.reference, held.gateway_ref, held.amount, held.refunded, held.doubt) == (None, None, None, None, None)
    assert held.evidence == {}
