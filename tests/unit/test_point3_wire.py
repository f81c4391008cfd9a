"""How Point3's shapes and words are read and written, without a call."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvalidRequest, Refusal
from app.domain.money import Money
from app.domain.order import Tax
from app.gateways.point3.codes import DECLINES, REFUSALS, STATUSES, aliases, refusal_of, status_of
from app.gateways.point3.lookup import gateway_payment_of, rows_of
from app.gateways.point3.session import split_vat
from app.gateways.point3.wire import row_of
from app.gateways.values import ChargeRequest, GatewayStatus
from tests.unit.properties import thorough

ROW = {"signature": "sig", "orderIdFromClient": "order1", "totalCharge": 12_000, "status": "CONFIRMED"}


def charge(amount: int, **tax: Any) -> ChargeRequest:
    return ChargeRequest(
        reference="order1",
        amount=Money(amount, "KRW"),
        order_name="Mug",
        expires_at=datetime(2026, 11, 21, tzinfo=UTC),
        return_url="https://pay.example/return",
        webhook_url="https://pay.example/webhook",
        tax=Tax(**tax),
    )


class TestVat:
    @pytest.mark.parametrize(
        ("amount", "tax", "pair"),
        [
            (11_000, {}, (1000, 10_000)),
            (1000, {}, (91, 909)),
            (12_000, {}, (1091, 10_909)),
            (6, {}, (1, 5)),
            (1000, {"vat": 100}, (100, 900)),
            (1000, {"vat": 999}, (999, 1)),
            (1000, {"vat": 1}, (1, 999)),
            (11_000, {"tax_free": 5500}, (500, 10_500)),
            (11_000, {"tax_free": 10_994}, (1, 10_999)),
        ],
    )
    def test_the_amount_splits_into_vat_and_all_the_rest(
        self, amount: int, tax: dict[str, int], pair: tuple[int, int]
    ) -> None:
        assert split_vat(charge(amount, **tax)) == pair

    @thorough
    @given(amount=st.integers(6, 10**15), any_number=st.integers(0, 10**15))
    def test_both_parts_are_above_zero_and_add_up_and_the_vat_is_the_eleventh_part(
        self, amount: int, any_number: int
    ) -> None:
        exempt = any_number % (amount - 5)
        vat, rest = split_vat(charge(amount, tax_free=exempt))
        assert vat > 0
        assert rest > 0
        assert vat + rest == amount
        assert abs(11 * vat - (amount - exempt)) <= 5, "to the nearest won"

    @pytest.mark.parametrize(
        ("amount", "tax", "field"),
        [
            (1000, {"vat": 0}, "tax"),
            (1000, {"tax_free": 1000}, "tax"),
            (1000, {"tax_free": 1001}, "tax"),
            (1000, {"tax_free": 1000, "vat": 0}, "tax"),
            (1, {}, "amount"),
            (5, {}, "amount"),
            (1000, {"tax_free": 995}, "tax.tax_free"),
            (1000, {"vat": 1000}, "tax.vat"),
            (1000, {"vat": 1001}, "tax.vat"),
            (1000, {"vat": -1}, "tax.vat"),
        ],
    )
    def test_what_point3_cannot_express_is_refused_by_field(self, amount: int, tax: dict[str, int], field: str) -> None:
        with pytest.raises(InvalidRequest) as refused:
            split_vat(charge(amount, **tax))
        assert refused.value.details["errors"][0]["field"] == field  # type: ignore[index]


class TestStatuses:
    @pytest.mark.parametrize(
        ("word", "status"),
        [
            ("TOKEN_ISSUED", GatewayStatus.PENDING),
            ("ABANDONED", GatewayStatus.PENDING),
            ("WIDGET_DONE", GatewayStatus.AUTHORIZED),
            ("CONFIRMED", GatewayStatus.CAPTURED),
            ("CANCEL_REQUESTED", GatewayStatus.REFUND_PENDING),
            ("CANCELLED", GatewayStatus.CANCELED),
            ("CANCELED", GatewayStatus.CANCELED),
            ("FAILED", GatewayStatus.FAILED),
            (" confirmed ", GatewayStatus.CAPTURED),
            (None, GatewayStatus.STATUS_MISSING),
            ("", GatewayStatus.UNRECOGNIZED),
            ("PAID", GatewayStatus.UNRECOGNIZED),
            ("CONFIRMED_", GatewayStatus.UNRECOGNIZED),
            ("UNCONFIRMED", GatewayStatus.UNRECOGNIZED),
        ],
    )
    def test_a_word_means_what_the_table_says_and_nothing_else_is_success(
        self, word: str | None, status: GatewayStatus
    ) -> None:
        assert status_of(word, {}) is status

    def test_only_one_word_says_that_the_money_moved(self) -> None:
        assert [word for word, status in STATUSES.items() if status is GatewayStatus.CAPTURED] == ["CONFIRMED"]

    def test_an_alias_teaches_a_word_in_any_case(self) -> None:
        known = aliases({"Done": "confirmed", "WAIT": "WIDGET_DONE"})
        assert status_of("DONE", known) is GatewayStatus.CAPTURED
        assert status_of("done", known) is GatewayStatus.CAPTURED
        assert status_of("wait", known) is GatewayStatus.AUTHORIZED
        assert status_of("CONFIRMED", known) is GatewayStatus.CAPTURED
        assert status_of("other", known) is GatewayStatus.UNRECOGNIZED

    @pytest.mark.parametrize("meaning", ["CONFIRMD", "captured", "PAID", ""])
    def test_an_alias_for_a_meaning_that_is_none_is_refused_at_the_start(self, meaning: str) -> None:
        with pytest.raises(ValueError, match="ONETILL_POINT3__STATUS_ALIASES"):
            aliases({"DONE": meaning})

    @pytest.mark.parametrize("code", [200, 401, 403, 408, 409, 425, 429, 500, 502, 503, 504])
    def test_only_an_explicit_no_is_a_decline(self, code: int) -> None:
        assert code not in DECLINES

    @pytest.mark.parametrize("code", sorted(DECLINES))
    def test_a_refused_cancel_means_that_point3_does_not_know_it_or_says_no(self, code: int) -> None:
        """docs/gateways/point3.md §3 and §4 document 400, and 404 for what is not known; the rest is inferred."""
        assert refusal_of(str(code)) is (Refusal.UNKNOWN_PAYMENT if code == 404 else Refusal.DECLINED)
        assert {int(raw_code) for raw_code in REFUSALS} <= DECLINES
        assert refusal_of(None) is Refusal.DECLINED


class TestRows:
    @pytest.mark.parametrize(
        ("result", "rows"),
        [
            (None, []),
            ([], []),
            ([ROW], [ROW]),
            ([ROW, ROW], [ROW, ROW]),
            (ROW, [ROW]),
            ({"items": [ROW], "total": 1}, [ROW]),
            ({"items": [], "total": 0}, []),
            (ROW | {"cancels": []}, [ROW | {"cancels": []}]),
            (ROW | {"items": [{"name": "Mug"}]}, [ROW | {"items": [{"name": "Mug"}]}]),
            ({"signature": "sig", "cancels": []}, [{"signature": "sig", "cancels": []}]),
            ({}, [{}]),
            ({"status": "CONFIRMED"}, [{"status": "CONFIRMED"}]),
        ],
    )
    def test_payments_are_found_in_every_likely_shape(self, result: object, rows: list[object]) -> None:
        assert rows_of(result) == rows

    @pytest.mark.parametrize("result", ["not found", 0, False, True, 12.5, ["sig1"], [None], [[ROW]], {"items": ["x"]}])
    def test_a_shape_that_says_nothing_is_not_taken_for_none(self, result: object) -> None:
        """Where a look-up answers only after confirm, "none" means "confirm again": it must be said, not guessed."""
        with pytest.raises(ValueError, match="neither a payment nor a list"):
            rows_of(result)


class TestOneRow:
    def test_a_whole_row_is_read(self) -> None:
        found = gateway_payment_of(row_of(ROW), GatewayStatus.CAPTURED)
        assert (found.reference, found.gateway_ref) == ("order1", "sig")
        assert found.amount == Money(12_000, "KRW")
        assert found.is_live is None
        assert found.evidence == {"status": "CONFIRMED", "orderIdFromClient": "order1", "totalCharge": 12_000}

    @pytest.mark.parametrize("status", GatewayStatus)
    def test_what_is_canceled_went_back_whole_and_nothing_else_did(self, status: GatewayStatus) -> None:
        found = gateway_payment_of(row_of(ROW), status)
        back = {GatewayStatus.CANCELED: Money(12_000, "KRW"), GatewayStatus.CAPTURED: Money(0, "KRW")}
        assert found.refunded == back.get(status)
        assert (found.refunds, found.is_deposit) == ((), None)
        if status is GatewayStatus.CANCELED:
            assert gateway_payment_of(row_of(ROW | {"totalCharge": "?"}), status).refunded is None

    def test_what_is_missing_stays_unknown(self) -> None:
        found = gateway_payment_of(row_of({}), GatewayStatus.STATUS_MISSING)
        assert (found.reference, found.gateway_ref, found.amount) == (None, None, None)

    @pytest.mark.parametrize(
        ("told", "won"),
        [
            (12_000, 12_000),
            ("12000", 12_000),
            ("12000.00", 12_000),
            (0, 0),
            (-5, -5),
            (12_000.0, None),
            (12_000.5, None),
            (True, None),
            (None, None),
            ("12,000", None),
            ("12_000", None),
            ("12000.5", None),
            ("1e4", None),
            ("", None),
            ([12_000], None),
            ({"amount": 12_000}, None),
            (10**40, None),
        ],
    )
    def test_an_amount_is_whole_won_or_unknown(self, told: object, won: int | None) -> None:
        amount = gateway_payment_of(row_of(ROW | {"totalCharge": told}), GatewayStatus.CAPTURED).amount
        assert amount == (None if won is None else Money(won, "KRW"))

    @pytest.mark.parametrize(
        ("told", "reference"), [(12, "12"), ("", ""), (0, "0"), (None, None), (True, None), (1.5, None), ([], None)]
    )
    def test_an_order_id_is_compared_as_the_text_it_was_sent_as(self, told: object, reference: str | None) -> None:
        assert (
            gateway_payment_of(row_of(ROW | {"orderIdFromClient": told}), GatewayStatus.PENDING).reference == reference
        )
