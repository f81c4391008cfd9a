"""How Unifi Pay's shapes, words and amounts are read and written, without a call."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvalidRequest
from app.domain.money import Money
from app.domain.order import Customer, Item
from app.gateways.unifi_pay.codes import ALPHA_3, STATUSES, aliases, status_of
from app.gateways.unifi_pay.lookup import gateway_payment_of
from app.gateways.unifi_pay.session import MAX_MINOR, creation_of
from app.gateways.unifi_pay.wire import (
    Unreadable,
    encode,
    is_page,
    read_created,
    read_shown,
)
from app.gateways.values import ChargeRequest, GatewayPayment, GatewayStatus
from tests.unit.properties import thorough

PAID: dict[str, Any] = {
    "status": "CONFIRMED",
    "orderId": "order1",
    "storeId": "store_1",
    "transactionId": "t1",
    "orderAmount": "12.34",
    "payAmount": 12.34,
    "discountAmount": 0,
    "payCurrencyCode": "USD",
    "orderCurrencyCode": "USD",
}


def charge(minor: int = 1234, currency: str = "USD", **more: Any) -> ChargeRequest:
    return ChargeRequest(
        reference="order1",
        amount=Money(minor, currency),
        order_name="바이올렛 젤리",
        expires_at=datetime(2026, 11, 21, tzinfo=UTC),
        return_url="https://shop.example/return",
        webhook_url="https://shop.example/callback",
        **more,
    )


def sent(request: ChargeRequest) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(encode(creation_of(request, "store_1", "KR")), parse_float=Decimal)
    return decoded


def held(body: bytes | None = None, **changes: Any) -> GatewayPayment:
    """What is read from the paid payment with these members changed; one that is None is left out."""
    members = {name: value for name, value in (PAID | changes).items() if value is not None}
    shown = read_shown(body or json.dumps(members).encode())
    return gateway_payment_of(shown, "t1", "store_1", status_of(shown.status, {}))


def raw(**members: str) -> bytes:
    """The paid payment with these members as they stand on the wire, digit by digit."""
    texts = {name: json.dumps(value) for name, value in PAID.items()} | members
    return ("{" + ",".join(f'"{name}":{text}' for name, text in texts.items()) + "}").encode()


class TestCreation:
    def test_the_body_has_every_field_of_the_contract_and_nothing_else(self) -> None:
        assert encode(creation_of(charge(), "store_1", "KR")).decode() == (
            '{"items":[{"name":"바이올렛 젤리","price":12.34}],"orderId":"order1","storeId":"store_1",'
            '"requestId":"order1","returnUrl":"https://shop.example/return",'
            '"callbackUrl":"https://shop.example/callback","countryCode":"KOR","orderCurrencyCode":"USD"}'
        )

    @thorough
    @given(st.integers(1, MAX_MINOR))
    def test_every_amount_goes_out_exactly(self, minor: int) -> None:
        (line,) = sent(charge(minor))["items"]
        assert Decimal(line["price"]) * 100 == minor

    def test_the_shops_items_are_the_lines(self) -> None:
        items = (Item("Mug", 1, 1000), Item("Coaster", 3, 78), Item("Sticker", 2, 0))
        assert sent(charge(items=items))["items"] == [
            {"name": "Mug", "price": Decimal("10.00")},
            {"name": "Coaster × 3", "price": Decimal("2.34")},
        ]

    @thorough
    @given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 10_000)), min_size=1, max_size=8))
    def test_the_lines_always_add_up_to_the_amount(self, pairs: list[tuple[int, int]]) -> None:
        total = sum(quantity * unit for quantity, unit in pairs)
        items = tuple(Item("x", quantity, unit) for quantity, unit in pairs)
        if total == 0:
            with pytest.raises(InvalidRequest):
                creation_of(charge(1, items=items), "s", "KR")
            return
        lines = sent(charge(total, items=items))["items"]
        assert sum(Decimal(line["price"]) for line in lines) * 100 == total
        assert all(line["price"] for line in lines)

    @pytest.mark.parametrize(
        ("request_", "field"),
        [
            (charge(1234, "KRW"), "currency"),
            (charge(1234, "EUR"), "currency"),
            (charge(0), "amount"),
            (charge(-5), "amount"),
            (charge(MAX_MINOR + 1), "amount"),
            (charge(items=(Item("Mug", 1, 1233),)), "items"),
            (charge(items=(Item("Mug", 2, 1234),)), "items"),
            (charge(items=(Item("Free", 9, 0),)), "items"),
            (charge(customer=Customer(country="XX")), "customer.country"),
            (charge(customer=Customer(country="kr")), "customer.country"),
            (charge(customer=Customer(country="KOR")), "customer.country"),
        ],
    )
    def test_what_it_cannot_take_is_refused_by_the_field_of_our_api(self, request_: ChargeRequest, field: str) -> None:
        with pytest.raises(InvalidRequest) as refused:
            creation_of(request_, "store_1", "KR")
        ((name, message),) = refused.value.errors
        assert name == field
        assert message

    def test_the_largest_and_the_smallest_order_pass(self) -> None:
        assert sent(charge(1))["items"][0]["price"] == Decimal("0.01")
        assert sent(charge(MAX_MINOR))["items"][0]["price"] == Decimal("999999.00")

    @pytest.mark.parametrize(
        ("country", "code"), [("JP", "JPN"), ("TH", "THA"), ("GB", "GBR"), ("CH", "CHE"), (None, "KOR")]
    )
    def test_the_country_goes_out_with_three_letters(self, country: str | None, code: str) -> None:
        assert sent(charge(customer=Customer(country=country)))["countryCode"] == code

    def test_the_table_of_countries_is_whole(self) -> None:
        assert len(ALPHA_3) == len(set(ALPHA_3.values())) == 249
        assert all(len(two) == 2 and len(three) == 3 and (two + three).isupper() for two, three in ALPHA_3.items())


class TestCreated:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"null",
            b"{}",
            b'{"startPageUrl":"https://x"}',
            b'{"transactionId":"t1"}',
            b'{"startPageUrl":"https://x","transactionId":""}',
            b'{"startPageUrl":"https://x","transactionId":1}',
            b'{"startPageUrl":null,"transactionId":"t1"}',
            b'{"data":{"startPageUrl":"https://x","transactionId":"t1"}}',
            b'{"x":' + b"[" * 100_000,
        ],
    )
    def test_less_than_a_page_and_an_id_is_no_answer(self, body: bytes) -> None:
        with pytest.raises(Unreadable):
            read_created(body)


class TestPage:
    @pytest.mark.parametrize(
        "url",
        [
            "https://pay.unifi.example/start?token=x&transactionId=t1",
            "https://pay.unifi.example:8443/",
            "https://[::1]/",
        ],
    )
    def test_a_buyer_may_be_sent_to_a_web_page(self, url: str) -> None:
        assert is_page(url, must_encrypt=True)

    def test_one_without_encryption_is_for_the_simulator_only(self) -> None:
        assert is_page("http://127.0.0.1:9/start?token=x", must_encrypt=False)
        assert not is_page("http://127.0.0.1:9/start?token=x", must_encrypt=True)

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "/start?token=x",
            "//pay.unifi.example/start",
            "javascript:alert(1)",
            "data:text/html,x",
            "ftp://pay.unifi.example/start",
            "unifi://start",
            "https://",
            "https:///start",
            "https://[",
            "https://pay.unifi.example/ start",
            "https://pay.unifi.example/\nstart",
            " https://pay.unifi.example/start",
            "https://pay.unifi.example/시작",
            "https://u:p@pay.unifi.example/",
            "http://user@evil.example/",
            "https://evil.example\\@pay.unifi.example/",
            "https://pay.unifi.example/<script>",
            "https://pay.unifi.example:99999/",
            "https://pay.unifi.example/" + "x" * 2000,
        ],
    )
    def test_anything_else_is_no_page(self, url: str) -> None:
        assert not is_page(url, must_encrypt=False)


class TestStatuses:
    @pytest.mark.parametrize(
        ("word", "status"),
        [
            ("CONFIRMED", GatewayStatus.CAPTURED),
            ("PAYMENT_CONFIRMED", GatewayStatus.CAPTURED),
            (" confirmed ", GatewayStatus.CAPTURED),
            ("FAILED", GatewayStatus.FAILED),
            ("CANCELED", GatewayStatus.CANCELED),
            ("CANCELLED", GatewayStatus.CANCELED),
            ("CREATED", GatewayStatus.PENDING),
            ("PENDING", GatewayStatus.APPROVING),
            ("PAYMENT_REQUESTED", GatewayStatus.APPROVING),
            ("PAID", GatewayStatus.APPROVING),
            ("REFUNDED", GatewayStatus.UNRECOGNIZED),
            ("UNCONFIRMED", GatewayStatus.UNRECOGNIZED),
            ("CONFIRMED_", GatewayStatus.UNRECOGNIZED),
            ("", GatewayStatus.UNRECOGNIZED),
        ],
    )
    def test_a_word_means_what_the_table_says_and_every_other_is_for_a_person(
        self, word: str, status: GatewayStatus
    ) -> None:
        assert status_of(word, {}) is status

    def test_an_alias_teaches_a_word_in_any_case(self) -> None:
        known = aliases({"Started": "created", "DONE": "CONFIRMED"})
        assert status_of(" started ", known) is GatewayStatus.PENDING
        assert status_of("done", known) is GatewayStatus.CAPTURED

    def test_an_alias_for_a_meaning_that_is_none_is_refused_at_the_start(self) -> None:
        with pytest.raises(ValueError, match="ONETILL_UNIFI_PAY__STATUS_ALIASES"):
            aliases({"DONE": "FINISHED"})

    def test_two_words_say_that_the_money_moved(self) -> None:
        paid = [word for word, status in STATUSES.items() if status is GatewayStatus.CAPTURED]
        assert paid == ["CONFIRMED", "PAYMENT_CONFIRMED"]

    def test_a_failure_says_their_word(self) -> None:
        failure = held(status="FAILED").failure
        assert failure is not None
        assert (failure.code, failure.raw_code) == ("declined", "FAILED")
        assert held(status="CANCELED").failure is None
