"""What PortOne V2's payment window is asked for, and the words that it knows."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.currencies import EXPONENT
from app.domain.errors import InvalidRequest
from app.domain.money import Money
from app.domain.order import Address, Customer, Tax
from app.gateways.portone_v2 import codes
from app.gateways.portone_v2.client import idempotency_key
from app.gateways.portone_v2.manifest import PortOneV2Settings
from app.gateways.portone_v2.session import OPTIONS, request_payment
from app.gateways.values import ChargeRequest
from simulator.portone_v2 import fields as twin

SETTINGS = PortOneV2Settings.model_validate({"api_secret": "x", "store_id": "store-1", "channel_key": "channel-1"})


def charge(**more: Any) -> ChargeRequest:
    fields: dict[str, Any] = {
        "reference": "ref1a1",
        "amount": Money(24_000, "KRW"),
        "order_name": "머그컵",
        "expires_at": datetime(2026, 11, 21, tzinfo=UTC),
        "return_url": "https://pay.example/return",
        "webhook_url": "https://pay.example/webhook",
    }
    return ChargeRequest(**fields | more)


def params(settings: PortOneV2Settings = SETTINGS, **more: Any) -> dict[str, Any]:
    return dict(request_payment(charge(**more), settings))


class TestRequest:
    def test_of_a_bare_order_only_what_is_known_is_said(self) -> None:
        assert params() == {
            "storeId": "store-1",
            "channelKey": "channel-1",
            "paymentId": "ref1a1",
            "orderName": "머그컵",
            "totalAmount": 24_000,
            "currency": "KRW",
            "payMethod": "CARD",
            "windowType": {"pc": "IFRAME", "mobile": "REDIRECTION"},
            "redirectUrl": "https://pay.example/return",
            "noticeUrls": ["https://pay.example/webhook"],
        }

    @pytest.mark.parametrize("method", sorted(codes.PAY_METHODS))
    def test_every_documented_method_is_taken_in_any_case(self, method: str) -> None:
        assert params(method=method)["payMethod"] == method
        assert params(method=method.lower())["payMethod"] == method

    def test_without_a_method_the_setting_says_how(self) -> None:
        easy = SETTINGS.model_copy(update={"pay_method": "EASY_PAY"})
        assert params(easy)["payMethod"] == "EASY_PAY"
        assert params(easy, options={"easy_pay_provider": "KAKAOPAY"})["easyPay"] == {"easyPayProvider": "KAKAOPAY"}
        assert params(easy, method="card")["payMethod"] == "CARD"

    def test_an_exempt_order_and_one_without_vat_are_told_so(self) -> None:
        told = params(tax=Tax(vat=0, tax_free=24_000))
        assert (told["taxFreeAmount"], told["vatAmount"]) == (24_000, 0)

    def test_the_buyers_address_stays_here(self) -> None:
        customer = Customer(id="b", country="KR", address=Address("세종대로 110", "서울", postal_code="04524"))
        told = params(customer=customer)
        assert (told["customer"], told["country"]) == ({"customerId": "b"}, "KR")
        assert "세종대로" not in repr(told)
        assert "04524" not in repr(told)

    def test_paymentwall_is_told_its_widget_and_the_country(self) -> None:
        customer = Customer(id="b", email="b@mail.example", country="US")
        told = params(customer=customer, options={"widget_code": "t3_1", "ps": "all"})
        assert told["bypass"] == {"paymentwall": {"widget": "t3_1", "ps": "all", "country_code": "US"}}

    def test_every_fault_is_named_at_once(self) -> None:
        with pytest.raises(InvalidRequest) as refused:
            params(amount=Money(0, "XCG"), order_name="", method="x", tax=Tax(vat=5), options={"z": 1, "a": 1})
        assert [field for field, _ in refused.value.errors] == [
            "currency",
            "amount",
            "order_name",
            "tax.vat",
            "method",
            "gateway_options.portone_v2.a",
            "gateway_options.portone_v2.z",
        ]

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("app_scheme", "myshop"),
            ("app_scheme", "my-shop.v2://paid?x=1"),
            ("locale", "PT_BR"),
            ("product_type", "DIGITAL"),
            ("is_escrow", True),
            ("is_cultural_expense", False),
            ("account_valid_hours", 2160),
        ],
    )
    def test_every_option_reaches_the_window(self, name: str, value: object) -> None:
        told = params(options={name: value}, method="virtual_account")
        assert repr(value) in repr({key: told[key] for key in told.keys() - params().keys()})

    def test_every_option_says_the_way_out(self) -> None:
        assert all(option.says.startswith("must be ") for option in OPTIONS.values())


class TestWords:
    """The twin read the same lists out of the official file on its own: both must agree."""

    @pytest.mark.parametrize("name", ["CURRENCIES", "BANKS", "PAY_METHODS"])
    def test_the_adapter_and_the_twin_know_the_same_words(self, name: str) -> None:
        assert getattr(codes, name) == getattr(twin, name)

    def test_every_listed_currency_that_money_can_be_in_is_taken(self) -> None:
        for currency in codes.CURRENCIES & EXPONENT.keys():
            assert params(amount=Money(100, currency))["currency"] == currency

    @pytest.mark.parametrize("words", [codes.EASY_PAYS, codes.LOCALES])
    def test_words_are_capitals(self, words: frozenset[str]) -> None:
        assert len(words) > 20
        assert all(re.fullmatch(r"[A-Z_]+", word) for word in words)


class TestIdempotencyKeys:
    @pytest.mark.parametrize("identity", ["r", "back0123", "k" * 200, "k" * 201, "주문", "a b", ""])
    def test_a_key_is_quoted_and_of_the_recommended_characters(self, identity: str) -> None:
        key = idempotency_key("refund", identity)
        assert re.fullmatch(r'"[0-9A-Za-z_\-]{16,256}"', key)
        assert key == idempotency_key("refund", identity)
        assert key != idempotency_key("confirm", identity)
        assert key != idempotency_key("refund", identity + "x")
