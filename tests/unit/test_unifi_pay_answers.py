"""What Unifi Pay's answers hold, and its problems."""

from typing import Any

import pytest

from app.domain.money import Money
from app.gateways.unifi_pay.wire import (
    Unreadable,
    is_object,
    problem_code,
    read_shown,
)
from app.gateways.values import GatewayPayment, GatewayStatus
from tests.unit.test_unifi_pay_wire import held, raw


class TestHeld:
    def test_a_whole_answer_is_read(self) -> None:
        found = held()
        assert found == GatewayPayment(
            GatewayStatus.CAPTURED,
            reference="order1",
            gateway_ref="t1",
            amount=Money(1234, "USD"),
            refunded=Money(0, "USD"),
            is_own_store=True,
            evidence={
                "status": "CONFIRMED",
                "transactionId": "t1",
                "orderId": "order1",
                "orderAmount": "12.34",
                "orderCurrencyCode": "USD",
                "payAmount": "12.34",
                "payCurrencyCode": "USD",
                "discountAmount": "0",
            },
        )

    @pytest.mark.parametrize(
        ("missing", "unknown"),
        [
            ("orderId", "reference"),
            ("transactionId", "gateway_ref"),
            ("storeId", "is_own_store"),
            ("orderAmount", "amount"),
            ("orderCurrencyCode", "amount"),
        ],
    )
    def test_what_is_not_told_stays_unknown(self, missing: str, unknown: str) -> None:
        for found in (held(**{missing: None}), held(raw(**{missing: "null"}))):
            told = {
                name: getattr(found, name)
                for name in ("reference", "gateway_ref", "is_own_store", "amount")
                if getattr(found, name) is None
            }
            assert list(told) == [unknown]
            assert found.doubt is None

    def test_another_store_is_told(self) -> None:
        assert held(storeId="store_2").is_own_store is False

    @pytest.mark.parametrize(
        ("told", "minor"),
        [
            ('"12.34"', 1234),
            ('"12.340"', 1234),
            ('"12"', 1200),
            ('"0.01"', 1),
            ('"999999.00"', 99_999_900),
            ("12.34", 1234),
            ("12.340000000000000000000000", 1234),
            ("1234", 123_400),
            ("1.234E+1", 1234),
            ("1E+2", 10_000),
            ("12.345", None),
            ('"12.345"', None),
            ("0.1000000000000000055511151231257827", None),
            ('"12,34"', None),
            ('"1e2"', None),
            ('"１２"', None),
            ('" 12 "', None),
            ('"1_000"', None),
            ('"NaN"', None),
            ('""', None),
        ],
    )
    def test_an_order_amount_is_exact_or_in_doubt_and_never_rounded(self, told: str, minor: int | None) -> None:
        found = held(raw(orderAmount=told, status='"CREATED"'))
        assert found.amount == (None if minor is None else Money(minor, "USD"))
        assert (found.doubt is None) is (minor is not None)

    @pytest.mark.parametrize("told", ["1e999999", "9" * 5000, "1e-99999999999999999999"])
    @pytest.mark.parametrize("field", ["orderAmount", "payAmount", "discountAmount"])
    def test_a_number_beyond_every_sum_is_in_doubt(self, field: str, told: str) -> None:
        seen = held(raw(**{field: told}))
        assert seen.doubt
        assert seen.evidence[field] == told[:60]

    @pytest.mark.parametrize("told", ["true", "[]", "{}", '["12.34"]'])
    @pytest.mark.parametrize("field", ["orderAmount", "payAmount", "discountAmount"])
    def test_an_amount_of_another_type_was_not_told(self, field: str, told: str) -> None:
        seen = held(raw(**{field: told}))
        assert seen.doubt or seen.amount is None or field == "discountAmount"

    @pytest.mark.parametrize("told", ["1", "true", "[]", "{}", "12.5"])
    def test_a_fact_of_another_type_was_not_told(self, told: str) -> None:
        assert held(raw(orderId=told)).reference is None
        assert held(raw(storeId=told)).is_own_store is None
        assert held(raw(orderCurrencyCode=told)).amount is None

    @pytest.mark.parametrize("body", [b"{}", raw(status="null")])
    def test_an_answer_without_a_status_says_none(self, body: bytes) -> None:
        assert held(body).status is GatewayStatus.STATUS_MISSING

    @pytest.mark.parametrize("body", [b"", b"[]", b"null", b'"CONFIRMED"', b"[" * 100_000])
    def test_what_is_no_object_is_no_answer(self, body: bytes) -> None:
        with pytest.raises(Unreadable):
            read_shown(body)

    def test_members_that_nobody_knows_are_passed_over(self) -> None:
        assert held(items=[{"name": "x", "price": 1}], fee={"a": [1.5]}, type="PURCHASE") == held()

    @pytest.mark.parametrize(("currency", "told", "minor"), [("KRW", "12000", 12_000), ("EUR", "12.34", 1234)])
    def test_another_currency_is_reported_as_it_is(self, currency: str, told: str, minor: int) -> None:
        found = held(orderCurrencyCode=currency, payCurrencyCode=currency, orderAmount=told, payAmount=float(told))
        assert (found.amount, found.doubt) == (Money(minor, currency), None)

    @pytest.mark.parametrize(
        ("pay", "discount"),
        [("12.34", "0"), ("12.3", "0.04"), ("0", "12.34"), ('"12.34"', "null"), ("12.340", "0.00"), ("2.34", "1E+1")],
    )
    def test_what_was_paid_and_the_discount_make_up_the_order(self, pay: str, discount: str) -> None:
        found = held(raw(payAmount=pay, discountAmount=discount))
        assert (found.amount, found.doubt) == (Money(1234, "USD"), None)

    @pytest.mark.parametrize(
        "changes",
        [
            {"payAmount": "12.33"},
            {"payAmount": "12.34", "discountAmount": "0.01"},
            {"payAmount": "13.34", "discountAmount": "-1"},
            {"payAmount": "-1", "discountAmount": "13.34"},
            {"payAmount": "12.339999999999999857891452847979962825775146484375"},
            {"payAmount": "null"},
            {"payAmount": '"free"'},
            {"discountAmount": '""'},
            {"payCurrencyCode": '"KRW"'},
            {"payCurrencyCode": '"usd"'},
            {"transactionId": '"t2"'},
            {"transactionId": '""'},
            {"orderCurrencyCode": '"XXX"'},
        ],
    )
    def test_a_contradiction_is_a_doubt_that_a_person_reads(self, changes: dict[str, str]) -> None:
        assert held(raw(**changes)).doubt

    def test_before_it_is_paid_nothing_needs_to_add_up(self) -> None:
        for status in ("CREATED", "FAILED", "CANCELED"):
            assert held(status=status, payAmount=0, payCurrencyCode=None).doubt is None

    @pytest.mark.parametrize("status", ["CANCELED", "CANCELLED"])
    @pytest.mark.parametrize(
        ("changes", "is_back"),
        [
            ({}, True),
            ({"payAmount": 12.3, "discountAmount": 0.04}, True),
            ({"payCurrencyCode": None}, True),
            ({"payAmount": 0}, False),
            ({"payAmount": None}, False),
            ({"payAmount": "free"}, False),
            ({"payAmount": -1}, False),
            ({"payCurrencyCode": "KRW"}, False),
            ({"orderAmount": None}, False),
        ],
    )
    def test_what_is_canceled_went_back_where_it_was_paid(
        self, status: str, changes: dict[str, Any], is_back: bool
    ) -> None:
        """The same word is said of an order that was canceled before anybody paid."""
        found = held(status=status, **changes)
        assert (found.status, found.refunded) == (GatewayStatus.CANCELED, Money(1234, "USD") if is_back else None)

    @pytest.mark.parametrize("status", ["CONFIRMED", "FAILED", "CREATED", "REFUNDED"])
    def test_nothing_else_says_that_it_went_back(self, status: str) -> None:
        assert held(status=status).refunded == (Money(0, "USD") if status == "CONFIRMED" else None)


class TestProblems:
    @pytest.mark.parametrize(
        ("body", "code", "is_own"),
        [
            (b'{"code":"DUPLICATED_REQUEST","message":"no"}', "DUPLICATED_REQUEST", True),
            (b'{"code":4001}', "4001", True),
            (b"{}", None, True),
            (b'{"code":null}', None, True),
            (b'{"code":{"a":1}}', None, True),
            (b'{"code":"a person, with a name"}', None, True),
            (b'{"code":""}', None, True),
            (b'{"code":"' + b"x" * 61 + b'"}', None, True),
            (b"<h1>Not Found</h1>", None, False),
            (b"[]", None, False),
            (b"", None, False),
            (b"[" * 100_000, None, False),
        ],
    )
    def test_the_vendors_word_is_taken_where_it_is_one(self, body: bytes, code: str | None, is_own: bool) -> None:
        assert problem_code(body) == code
        assert is_object(body) is is_own
