"""Which orders PortOne V1 takes, and what its payment window is told of them. No call is made here."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvalidRequest
from app.domain.money import Money
from app.domain.order import Address, Customer, Tax
from app.gateways.portone_v1.manifest import PortOneV1Settings
from app.gateways.portone_v1.session import cut, request_pay
from app.gateways.values import ChargeRequest
from tests.unit.properties import thorough

CHARGE = ChargeRequest(
    reference="order1",
    amount=Money(1234, "USD"),
    order_name="Mug",
    expires_at=datetime(2026, 11, 21, tzinfo=UTC),
    return_url="https://pay.example/return",
    webhook_url="https://pay.example/webhook",
    customer=Customer(name="Minji Kim", email="minji@mail.example"),
)
AT = "gateway_options.portone_v1"


def settings(pg: str = "paymentwall") -> PortOneV1Settings:
    return PortOneV1Settings.model_validate(
        {"imp_key": "k", "imp_secret": "s", "user_code": "imp1", "channel_key": "channel", "pg": pg}
    )


def params(pg: str = "paymentwall", **changes: Any) -> dict[str, Any]:
    return request_pay(replace(CHARGE, **changes), settings(pg))


def refused(pg: str = "paymentwall", **changes: Any) -> list[str]:
    with pytest.raises(InvalidRequest) as error:
        params(pg, **changes)
    assert all(message for _, message in error.value.errors)
    return [field for field, _ in error.value.errors]


class TestPaymentwall:
    @pytest.mark.parametrize("name", ["Minji Kim", "민지 김", "Jean-Luc O'Neill", "M K"])
    def test_a_name_is_two_words(self, name: str) -> None:
        assert params(customer=Customer(name=name, email="a@b.example"))["buyer_name"] == name

    @pytest.mark.parametrize(
        "name",
        [None, "", " ", "홍길동", "Minji  Kim", " Minji Kim", "Minji Kim ", "Minji van Kim", "Minji\tKim", "A B\n"],
    )
    def test_any_other_name_is_refused(self, name: str | None) -> None:
        assert refused(customer=Customer(name=name, email="a@b.example")) == ["customer.name"]

    @pytest.mark.parametrize("email", [None, "", "minji", "@b.example", "a@", "a b@c.example", "a@b.example\n"])
    def test_an_address_must_be_there(self, email: str | None) -> None:
        assert refused(customer=Customer(name="Minji Kim", email=email)) == ["customer.email"]

    def test_all_that_is_in_the_way_is_named_at_once(self) -> None:
        assert refused(customer=Customer(), amount=Money(50_001, "USD"), method="vbank") == [
            "method",
            "customer.name",
            "customer.email",
            "amount",
        ]

    @pytest.mark.parametrize(
        ("minor", "currency"),
        [(1, "USD"), (50_000, "USD"), (30, "EUR"), (60_000, "EUR"), (1, "KRW"), (10**9, "KRW"), (29, "GBP")],
    )
    def test_amounts_within_the_limits_that_are_documented(self, minor: int, currency: str) -> None:
        assert params(amount=Money(minor, currency))["amount"] * 10 ** (0 if currency == "KRW" else 2) == minor

    @pytest.mark.parametrize(("minor", "currency"), [(50_001, "USD"), (29, "EUR"), (0, "USD"), (-5, "KRW")])
    def test_amounts_beyond_them_are_refused(self, minor: int, currency: str) -> None:
        assert "amount" in refused(amount=Money(minor, currency))

    def test_test_payments_are_for_test_orders_only(self) -> None:
        assert params()["use_test_method"] is True
        assert "use_test_method" not in params(is_live=True)
        assert params(options={"ps": "test"})["bypass"] == {"ps": "test"}
        assert refused(options={"ps": "test"}, is_live=True) == [f"{AT}.ps"]

    def test_what_is_passed_on_to_paymentwall(self) -> None:
        options = {
            "widget_code": "t3_1",
            "ps": "all",
            "logo_url": "https://shop.example/logo.png",
            "project_name": "온틸 상점",
        }
        customer = replace(CHARGE.customer, country="KR")
        assert params(options=options, customer=customer)["bypass"] == options | {"country_code": "KR"}
        assert "bypass" not in params()

    def test_taxes_are_not_for_paymentwall(self) -> None:
        assert not {"tax_free", "vat_amount"} & params(tax=Tax(vat=10, tax_free=100)).keys()

    @pytest.mark.parametrize("method", ["trans", "vbank", "kakaopay"])
    def test_paymentwall_chooses_the_ways_to_pay_itself(self, method: str) -> None:
        assert refused(method=method) == ["method"]
        assert refused(options={"pay_method": method}) == [f"{AT}.pay_method"]
        assert params(method="card")["pay_method"] == params(method="CARD")["pay_method"] == "card"


@pytest.mark.parametrize("pg", ["paymentwall", "other"])
class TestTheBuyersAddress:
    def test_it_goes_along_as_one_line_with_its_postal_code(self, pg: str) -> None:
        home = Address("세종대로 110", "중구", "서울", "04524")
        told = params(pg, customer=replace(CHARGE.customer, address=home))
        assert (told["buyer_addr"], told["buyer_postcode"]) == ("세종대로 110, 중구, 서울", "04524")
        told = params(pg, customer=replace(CHARGE.customer, address="서울 중구 세종대로 110"))
        assert told["buyer_addr"] == "서울 중구 세종대로 110"
        assert "buyer_postcode" not in told

    @pytest.mark.parametrize("address", [None, Address(), Address(state=None)])
    def test_what_the_shop_does_not_tell_is_left_out(self, pg: str, address: Address | None) -> None:
        assert (
            not {"buyer_addr", "buyer_postcode"} & params(pg, customer=replace(CHARGE.customer, address=address)).keys()
        )

    def test_what_is_longer_than_v1_takes_is_cut_or_left_out(self, pg: str) -> None:
        told = params(pg, customer=replace(CHARGE.customer, address=Address("가" * 200, postal_code="123456789")))
        assert told["buyer_addr"] == "가" * 128
        assert "buyer_postcode" not in told


class TestOtherPGs:
    def test_they_need_nothing_of_the_buyer_and_know_no_limits_of_paymentwall(self) -> None:
        told = params("other", customer=Customer(), amount=Money(50_001, "USD"))
        assert not {"bypass", "use_test_method", "buyer_name", "buyer_email", "buyer_tel"} & told.keys()

    def test_the_method_goes_out_in_their_words_and_an_option_wins(self) -> None:
        assert params("other")["pay_method"] == "card"
        assert params("other", method="trans")["pay_method"] == "trans"
        assert params("other", method="trans", options={"pay_method": "kakaopay"})["pay_method"] == "kakaopay"

    def test_deposits_are_not_taken_by_this_road(self) -> None:
        assert refused("other", method="vbank") == ["method"]
        assert refused("other", options={"pay_method": "vbank"}) == [f"{AT}.pay_method"]

    @pytest.mark.parametrize(
        ("tax", "told"),
        [
            (Tax(), {}),
            (Tax(vat=0), {"vat_amount": 0}),
            (Tax(vat=1000, tax_free=2000), {"vat_amount": 1000, "tax_free": 2000}),
            (Tax(tax_free=24_000), {"tax_free": 24_000}),
        ],
    )
    def test_taxes_go_out_in_major_units_as_far_as_they_are_named(self, tax: Tax, told: dict[str, int]) -> None:
        sent = params("other", amount=Money(24_000, "KRW"), tax=tax)
        assert {name: sent[name] for name in ("tax_free", "vat_amount") if name in sent} == told

    @pytest.mark.parametrize("name", ["widget_code", "ps", "logo_url", "project_name"])
    def test_paymentwalls_options_are_not_theirs(self, name: str) -> None:
        assert refused("other", options={name: "x"}) == [f"{AT}.{name}"]


class TestEveryPG:
    @pytest.mark.parametrize("currency", ["KWD", "BHD", "CLF"])
    def test_amounts_finer_than_a_hundredth_are_refused(self, currency: str) -> None:
        for pg in ("paymentwall", "other"):
            assert refused(pg, amount=Money(1000, currency)) == ["currency"]

    @pytest.mark.parametrize(
        ("tax", "field"),
        [
            (Tax(tax_free=-1), "tax.tax_free"),
            (Tax(tax_free=1235), "tax.tax_free"),
            (Tax(vat=-1), "tax.vat"),
            (Tax(vat=1235), "tax.vat"),
            (Tax(vat=35, tax_free=1200), "tax.vat"),
        ],
    )
    def test_taxes_beyond_the_amount_are_refused(self, tax: Tax, field: str) -> None:
        for pg in ("paymentwall", "other"):
            assert refused(pg, tax=tax) == [field]

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("pay_method", "Card!"),
            ("pay_method", ""),
            ("pay_method", None),
            ("pay_method", 1),
            ("app_scheme", "1shop"),
            ("app_scheme", "my shop"),
            ("widget_code", "t3-1"),
            ("widget_code", "t3_1\n"),
            ("widget_code", ["t3_1"]),
            ("ps", "ALL"),
            ("ps", True),
            ("logo_url", "http://shop.example/logo.png"),
            ("logo_url", "https://"),
            ("logo_url", "https:///logo.png"),
            ("logo_url", "https://[x/logo.png"),
            ("logo_url", "https://shop.example/a b.png"),
            ("project_name", ""),
            ("project_name", "x" * 101),
            ("project_name", "a\nb"),
            ("amount", 1),
            ("notice_url", "https://elsewhere.example"),
            ("customer_uid", "x"),
        ],
    )
    def test_an_option_out_of_its_form_is_refused_by_name(self, name: str, value: object) -> None:
        assert refused(options={name: value}) == [f"{AT}.{name}"]

    def test_an_apps_scheme_is_passed_on(self) -> None:
        assert params(options={"app_scheme": "myshop"})["app_scheme"] == "myshop"
        assert params("other", options={"app_scheme": "myshop"})["app_scheme"] == "myshop"

    @pytest.mark.parametrize("name", ["", " ", "  "])
    def test_a_blank_order_name_is_refused(self, name: str) -> None:
        assert refused(order_name=name) == ["order_name"]

    def test_a_long_order_name_is_cut(self) -> None:
        assert params(order_name=" 도자기 머그컵 " + "x" * 90)["name"] == "도자기 머그컵 " + "x" * 32


FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
WAVE = "\U0001f44b\U0001f3fd"


class TestCutting:
    @pytest.mark.parametrize(
        ("text", "units", "left"),
        [
            ("", 5, ""),
            ("abcde", 5, "abcde"),
            ("abcdef", 5, "abcde"),
            ("abcd ef", 5, "abcd"),
            ("도자기 머그컵", 5, "도자기 머"),
            ("abc\U0001f600", 4, "abc"),
            ("abc\U0001f600", 5, "abc\U0001f600"),
            ("ab" + FAMILY, 9, "ab"),
            ("ab" + FAMILY, 10, "ab" + FAMILY),
            ("abc" + WAVE, 6, "abc"),
            ("abcdq\u0323x", 5, "abcd"),
            ("abcde\u0301x", 5, "abcd\u00e9"),
            ("\u1103\u1169\u110c\u1161x", 2, "도자"),
            ("q" + "\u0323" * 9, 5, "q" + "\u0323" * 4),
        ],
    )
    def test_a_name_ends_between_characters_as_people_see_them(self, text: str, units: int, left: str) -> None:
        assert cut(text, units) == left

    @thorough
    @given(st.text(max_size=60))
    def test_what_is_left_fits_and_is_the_beginning(self, text: str) -> None:
        left = cut(text, 40)
        assert len(left.encode("utf-16-le", "surrogatepass")) <= 80
        assert cut(left, 40) == left
        if len(text.encode("utf-16-le", "surrogatepass")) <= 40:
            assert left.strip()[:3] == cut(text, 999).strip()[:3]
