"""Unifi Pay on the wire: what is signed is what is sent, and every answer that can come back."""

import json
from dataclasses import replace
from urllib.parse import quote

import pytest

from app.domain.errors import GatewayRefused, GatewayTimeout
from app.domain.money import Money
from app.domain.order import Customer, Item
from app.gateways.port import Gateway
from app.gateways.unifi_pay.request_signature import sign
from app.gateways.values import ChargeRequest, GatewayStatus
from tests.contract.bench import Make, assert_shows, question
from tests.contract.faulty_server import Arrived, FaultyServer, answers
from tests.contract.hands import Hands
from tests.contract.unifi_pay_bench import CREATED, PAGE, REF, UnifiPayBench, shown


def signature_of(sent: Arrived, hands: Hands, signed_id: str) -> str:
    """The signature that these bytes, at this path and time, must carry."""
    secret, timestamp_ms = hands.connection["app_secret"], int(sent.headers["x-timestamp"])
    return sign(secret, sent.method, sent.target, hands.connection[signed_id], timestamp_ms, sent.body)


class TestUnifiPayOnTheWire(UnifiPayBench):
    # -- what goes out

    async def test_every_field_goes_out_as_the_contract_lists_it(
        self, wired: Gateway, wire: FaultyServer, hands: Hands, charge: ChargeRequest
    ) -> None:
        items = (Item("머그컵", 2, 617), Item("컵받침", 1, 1))
        opened = await wired.create_session(
            replace(charge, amount=Money(1235, "USD"), items=items, customer=Customer(country="TH"))
        )
        assert (opened.next_action, opened.gateway_ref) == ({"type": "redirect", "url": PAGE}, REF)
        (sent,) = wire.arrived
        assert (sent.method, sent.target) == ("POST", "/api/v1/payment")
        assert sent.headers["content-type"] == "application/json"
        assert sent.json == {
            "items": [{"name": "머그컵 × 2", "price": 12.34}, {"name": "컵받침", "price": 0.01}],
            "orderId": charge.reference,
            "storeId": "store_sim",
            "requestId": charge.reference,
            "returnUrl": charge.return_url,
            "callbackUrl": charge.webhook_url,
            "countryCode": "THA",
            "orderCurrencyCode": "USD",
        }
        assert b'"price":12.34}' in sent.body
        assert "머그컵".encode() in sent.body, "Korean is not escaped after it was signed, nor before"

    @pytest.mark.parametrize("signed_id", ["api_key", "app_id"])
    async def test_the_bytes_that_were_signed_are_the_bytes_that_are_sent(
        self, make: Make, wire: FaultyServer, hands: Hands, charge: ChargeRequest, signed_id: str
    ) -> None:
        gateway = make(wire.url, sign_with=signed_id)
        await gateway.create_session(charge)
        wire.behave = answers(200, shown(charge))
        await gateway.fetch_payment(question(charge, REF))
        assert [(sent.method, sent.target) for sent in wire.arrived] == [
            ("POST", "/api/v1/payment"),
            ("GET", f"/api/v1/payment/{REF}"),
        ]
        for sent in wire.arrived:
            assert sent.headers["x-authorization-hmac"] == signature_of(sent, hands, signed_id)
            assert sent.headers["x-appid"] == hands.connection["app_id"]
            assert sent.headers["x-api-key"] == hands.connection["api_key"]
            assert len(sent.headers["x-timestamp"]) == 13, "milliseconds"
        assert wire.arrived[1].body == b""

    async def test_an_address_with_a_path_is_signed_with_it(
        self, make: Make, wire: FaultyServer, hands: Hands, charge: ChargeRequest
    ) -> None:
        await make(f"{wire.url}/unifi/").create_session(charge)
        (sent,) = wire.arrived
        assert sent.target == "/unifi/api/v1/payment"
        assert sent.headers["x-authorization-hmac"] == signature_of(sent, hands, "api_key")

    async def test_an_id_is_one_segment_of_the_path_and_signed_as_it_is_sent(
        self, wired: Gateway, wire: FaultyServer, hands: Hands, charge: ChargeRequest
    ) -> None:
        strange = "a/b+c=de?f#g%2Fh&i;,@:"
        wire.behave = answers(404, {})
        await wired.fetch_payment(question(charge, strange))
        (sent,) = wire.arrived
        assert sent.target == f"/api/v1/payment/{quote(strange, safe='')}"
        assert sent.headers["x-authorization-hmac"] == signature_of(sent, hands, "api_key")

    async def test_without_their_id_no_call_is_made(
        self, wired: Gateway, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        assert (await wired.fetch_payment(question(charge))).status is GatewayStatus.ABSENT
        assert wire.arrived == []

    # -- what comes back from start

    @pytest.mark.parametrize(
        "url", ["", "/start?token=x", "javascript:alert(1)", "https://evil.example\\@x/", "http://user@x/"]
    )
    async def test_a_page_that_is_no_web_page_opens_nothing(
        self, wired: Gateway, wire: FaultyServer, charge: ChargeRequest, url: str
    ) -> None:
        wire.behave = answers(200, CREATED | {"startPageUrl": url})
        with pytest.raises(GatewayTimeout):
            await wired.create_session(charge)

    @pytest.mark.parametrize(
        "body",
        [
            {},
            [],
            None,
            CREATED | {"transactionId": None},
            CREATED | {"transactionId": ""},
            CREATED | {"transactionId": 5},
            CREATED | {"transactionId": ".."},
            CREATED | {"transactionId": "a/b"},
            CREATED | {"transactionId": "x" * 20_000},
            CREATED | {"startPageUrl": None},
            {"startPageUrl": PAGE},
            {"data": CREATED},
        ],
    )
    @pytest.mark.parametrize("status", [200, 201])
    async def test_a_success_without_a_page_and_an_id_is_a_lost_answer(
        self, wired: Gateway, wire: FaultyServer, charge: ChargeRequest, body: object, status: int
    ) -> None:
        wire.behave = answers(status, body)
        with pytest.raises(GatewayTimeout):
            await wired.create_session(charge)

    @pytest.mark.parametrize(
        ("status", "body", "raw_code"),
        [
            (400, {"code": "INVALID_PARAMETER", "message": "storeId"}, "INVALID_PARAMETER"),
            (409, {"code": "DUPLICATED_REQUEST_ID", "message": "used before"}, "DUPLICATED_REQUEST_ID"),
            (409, {"code": 4090}, "4090"),
            (400, {}, "400"),
            (404, {}, "404"),
            (405, b"Method Not Allowed", "405"),
            (400, {"code": "Minji Kim, 010-5555-7788"}, "400"),
            (401, {"code": "ANYTHING"}, "401"),
            (403, {"code": "ACL_DENIED"}, "403"),
        ],
    )
    async def test_an_explicit_refusal_is_told_with_their_word_for_it(
        self, wired: Gateway, wire: FaultyServer, charge: ChargeRequest, status: int, body: object, raw_code: str
    ) -> None:
        wire.behave = answers(status, body)
        with pytest.raises(GatewayRefused) as refused:
            await wired.create_session(charge)
        assert refused.value.details == {"gateway": "unifi_pay", "raw_code": raw_code}

    # -- what comes back from a look-up

    async def test_a_paid_order_is_read_from_the_digits_on_the_wire(
        self, wired: Gateway, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        body = json.dumps(shown(charge)).replace('"payAmount": 24000', '"payAmount": 23999.99')
        wire.behave = answers(200, body.replace('"discountAmount": 0', '"discountAmount": 0.01').encode())
        held = await wired.fetch_payment(question(charge, REF))
        assert_shows(held, charge, GatewayStatus.CAPTURED)
        assert held.doubt is None
        assert (held.evidence["payAmount"], held.evidence["discountAmount"]) == ("23999.99", "0.01")

    @pytest.mark.parametrize(
        ("body", "is_absent"),
        [
            ({"code": "NOT_FOUND", "message": "no such payment"}, True),
            ({}, True),
            (b"<h1>404 Not Found</h1>", False),
            (b"", False),
            ([], False),
        ],
    )
    async def test_only_the_api_itself_can_say_that_it_knows_nothing(
        self, wired: Gateway, wire: FaultyServer, charge: ChargeRequest, body: object, is_absent: bool
    ) -> None:
        """A wrong host's or a proxy's page says nothing about the payment."""
        wire.behave = answers(404, body)
        if is_absent:
            assert (await wired.fetch_payment(question(charge, REF))).status is GatewayStatus.ABSENT
            return
        with pytest.raises(GatewayRefused) as refused:
            await wired.fetch_payment(question(charge, REF))
        assert refused.value.details["raw_code"] == "404"

    @pytest.mark.parametrize("body", [b"", [], None, "CONFIRMED", b"[" * 100_000])
    async def test_an_answer_of_another_shape_is_no_answer(
        self, wired: Gateway, wire: FaultyServer, charge: ChargeRequest, body: object
    ) -> None:
        wire.behave = answers(200, body)
        with pytest.raises(GatewayTimeout):
            await wired.fetch_payment(question(charge, REF))

    async def test_the_answer_about_another_transaction_concludes_nothing(
        self, wired: Gateway, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        wire.behave = answers(200, shown(charge))
        assert (await wired.fetch_payment(question(charge, REF))).doubt is None
        assert (await wired.fetch_payment(question(charge, "another"))).doubt

    # -- what a browser brings

    @pytest.mark.parametrize(
        ("fields", "ref"),
        [
            ({"transactionId": REF}, REF),
            ({"transactionId": REF, "status": "confirmed"}, REF),
            ({"transactionId": REF, "status": "failed"}, REF),
            ({"status": "confirmed"}, None),
            ({"signature": "s", "imp_uid": "i", "paymentId": "p"}, None),
            ({"transactionId": ""}, None),
            ({"transactionId": ".."}, None),
            ({"transactionId": "../../admin"}, None),
            ({"transactionId": "a b"}, None),
            ({"transactionId": "거래"}, None),
            ({"transactionId": "a\n"}, None),
            ({"transactionId": "a" * 101}, None),
            ({}, None),
        ],
    )
    def test_its_callback_is_the_transaction_id_and_never_the_status(
        self, wired: Gateway, fields: dict[str, str], ref: str | None
    ) -> None:
        brought = wired.parse_callback(fields)
        assert (brought.gateway_ref, brought.reference, brought.token) == (ref, None, None)
