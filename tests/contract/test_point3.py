"""Point3's adapter: the contract of every gateway, and how Point3 opens a charge (docs/gateways/point3.md §4)."""

import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx
import pytest

from app.domain.errors import GatewayRefused, GatewayTimeout, GatewayUnavailable
from app.domain.money import Money
from app.domain.order import Customer, Tax
from app.gateways.point3.adapter import Point3
from app.gateways.port import Gateway
from app.gateways.values import Capability, ChargeRequest, GatewayStatus, PageSources
from tests.contract.bench import Make, assert_shows, perform, question
from tests.contract.capture_contract import CaptureContract
from tests.contract.contract import GatewayContract, ReferenceContract
from tests.contract.faulty_server import FaultyServer, answers
from tests.contract.hands import Hands
from tests.contract.point3_bench import Point3Bench, envelope
from tests.contract.refund_contract import RepeatedRefundContract, WholeRefundContract
from tests.contract.void_contract import VoidContract
from tests.support import TLS

OPTIONS = "gateway_options.point3"
FIXTURES = Path(__file__).parents[1] / "fixtures" / "point3"


class TestPoint3(
    Point3Bench,
    GatewayContract,
    ReferenceContract,
    CaptureContract,
    RepeatedRefundContract,
    WholeRefundContract,
    VoidContract,
):
    async def test_the_widgets_address_carries_the_token_encoded(
        self, point3: Point3, make: Make, hands: Hands, charge: ChargeRequest
    ) -> None:
        opened = await make(widget_origin=hands.connection["base_url"]).create_session(charge)
        assert opened.gateway_ref is None
        action = opened.next_action
        assert action == {
            "type": "point3_widget",
            "url": action["url"],
            "origin": hands.connection["base_url"],
            "token": action["token"],
        }
        query = urlsplit(str(action["url"])).query
        assert not set("+/=") & set(query.removeprefix("d=")), "every reserved character of the token is encoded"
        assert unquote(query) == f"d={action['token']}"
        async with httpx.AsyncClient(verify=TLS) as buyer:
            page = await buyer.get(str(action["url"]))
        assert page.status_code == 200
        assert "24,000" in page.text

    async def test_all_ten_fields_go_out_as_the_contract_lists_them(
        self, wired: Point3, wire: FaultyServer, hands: Hands, charge: ChargeRequest
    ) -> None:
        wire.behave = answers(200, envelope({"token": "tok/1+="}))
        options: dict[str, object] = {
            "culture_expense_type": "f",
            "cash_receipt_type": "z",
            "client_business_num": "0987654321",
            "client_nickname": "다른 이름",
        }
        await wired.create_session(replace(charge, options=options, tax=Tax(vat=2000)))
        (sent,) = wire.arrived
        assert (sent.method, sent.target) == ("POST", "/purchase/token")
        assert sent.headers["authorization"] == f"Basic {hands.connection['secret']}", "verbatim, never base64 again"
        assert sent.headers["content-type"] == "application/json"
        assert sent.json == {
            "clientGeneratedUserId": "buyer-7f3a",
            "totalCharge": 24_000,
            "orderIdFromClient": charge.reference,
            "cultureExpenseType": "f",
            "cashReceiptType": "z",
            "clientBusinessNum": "0987654321",
            "clientNickname": "다른 이름",
            "purchasingProductName": "도자기 머그컵 & 컵받침",
            "taxFreeAmount": 22_000,
            "vat": 2000,
        }

    async def test_the_vendors_own_sample_opens_a_widget(
        self, wired: Point3, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        sample = json.loads((FIXTURES / "token_accepted.json").read_text("utf-8"))
        wire.behave = answers(sample["status"], sample["body"])
        opened = (await wired.create_session(charge)).next_action
        assert (opened["url"], opened["token"]) == ("https://widget.example/?d=%E2%80%A6", "…")

    async def test_without_options_the_settings_fill_in_and_a_guest_is_unique_by_reference(
        self, wired: Point3, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        wire.behave = answers(200, envelope({"token": "tok"}))
        await wired.create_session(replace(charge, customer=Customer()))
        sent = wire.arrived[0].json
        assert sent["clientGeneratedUserId"] == f"guest{charge.reference}"
        assert (sent["cultureExpenseType"], sent["cashReceiptType"]) == ("a", "a")
        assert (sent["clientBusinessNum"], sent["clientNickname"]) == ("1234567890", "온틸 상점")
        assert (sent["vat"], sent["taxFreeAmount"]) == (2182, 21_818)

    @pytest.mark.parametrize(
        "result",
        [
            None,
            {},
            {"token": ""},
            {"token": None},
            {"token": 5},
            {"token": "a\r\nb"},
            {"token": "x" * 20_000},
            {"Token": "x"},
            "tok",
            ["tok"],
        ],
    )
    async def test_an_answer_without_a_token_opens_nothing(
        self, wired: Point3, wire: FaultyServer, charge: ChargeRequest, result: object
    ) -> None:
        wire.behave = answers(200, envelope(result))
        with pytest.raises(GatewayTimeout):
            await wired.create_session(charge)

    @pytest.mark.parametrize("status", [400, 404, 409, 422])
    async def test_a_charge_that_point3_itself_refuses_is_told_with_its_code(
        self, wired: Point3, wire: FaultyServer, charge: ChargeRequest, status: int
    ) -> None:
        for body in ({"statusCode": status, "message": "Bad Request"}, b"Bad Request", {"statusCode": 200}):
            wire.behave = answers(status, body)
            with pytest.raises(GatewayRefused) as refused:
                await wired.create_session(charge)
            assert refused.value.details == {"gateway": "point3", "raw_code": str(status)}

    # -- local rules, before any call

    @pytest.mark.parametrize(
        ("amount", "tax", "field"),
        [
            (24_000, Tax(vat=0), "tax"),
            (24_000, Tax(tax_free=24_000), "tax"),
            (24_000, Tax(tax_free=24_000, vat=0), "tax"),
            (24_000, Tax(tax_free=30_000), "tax"),
            (24_000, Tax(vat=24_000), "tax.vat"),
            (24_000, Tax(vat=24_001), "tax.vat"),
            (24_000, Tax(vat=-1), "tax.vat"),
            (24_000, Tax(tax_free=23_999), "tax.tax_free"),
            (1, Tax(), "amount"),
            (5, Tax(), "amount"),
        ],
    )
    async def test_taxes_that_it_cannot_express_are_refused_before_any_call(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest, amount: int, tax: Tax, field: str
    ) -> None:
        wrong = replace(charge, amount=Money(amount, "KRW"), tax=tax)
        await self.assert_refused_locally(gateway, hands, wrong, field)

    @pytest.mark.parametrize("currency", ["USD", "JPY", "KPW", "KWD"])
    async def test_only_won_are_taken(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest, currency: str
    ) -> None:
        wrong = replace(charge, amount=Money(24_000, currency))
        (error,) = await self.assert_refused_locally(gateway, hands, wrong, "currency")
        assert currency in error["message"]

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("culture_expense_type", "e"),
            ("culture_expense_type", "A"),
            ("culture_expense_type", "ab"),
            ("culture_expense_type", ""),
            ("culture_expense_type", " a"),
            ("culture_expense_type", 1),
            ("culture_expense_type", None),
            ("cash_receipt_type", "A"),
            ("cash_receipt_type", "aa"),
            ("cash_receipt_type", ""),
            ("cash_receipt_type", "1"),
            ("cash_receipt_type", "ㄱ"),
            ("cash_receipt_type", "a\n"),
            ("cash_receipt_type", ["a"]),
            ("client_business_num", "123456789"),
            ("client_business_num", "12345678901"),
            ("client_business_num", "123-45-67890"),
            ("client_business_num", "１２３４５６７８９０"),
            ("client_business_num", "1234567890\n"),
            ("client_business_num", 1234567890),
            ("client_nickname", ""),
            ("client_nickname", "   "),
            ("client_nickname", {"ko": "상점"}),
            ("cultureExpenseType", "a"),
            ("secret", "x"),
        ],
    )
    async def test_an_option_out_of_its_form_is_refused_before_any_call(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest, name: str, value: object
    ) -> None:
        wrong = replace(charge, options={name: value})
        await self.assert_refused_locally(gateway, hands, wrong, f"{OPTIONS}.{name}")

    async def test_the_culture_expense_types_are_those_of_the_settings(
        self, make: Make, hands: Hands, charge: ChargeRequest
    ) -> None:
        narrow = make(culture_expense_types=["g"])
        narrow.check(replace(charge, options={"culture_expense_type": "g"}))
        wrong = replace(charge, options={"culture_expense_type": "a"})
        await self.assert_refused_locally(narrow, hands, wrong, f"{OPTIONS}.culture_expense_type")

    @pytest.mark.parametrize("amount", [6, 7, 11, 12, 100, 1001, 24_000, 999_999_999])
    async def test_what_passes_here_passes_there(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest, amount: int
    ) -> None:
        """The simulator checks the gateway's rules on its own: both must agree about every amount."""
        await gateway.create_session(replace(charge, amount=Money(amount, "KRW")))
        assert (await hands.truth(charge.reference))["amount"] == amount

    @pytest.mark.parametrize(("look_up", "shows"), [("before", True), ("after", False)])
    def test_a_setting_says_whether_look_ups_answer_before_confirm(self, make: Make, look_up: str, shows: bool) -> None:
        assert (Capability.LOOKUP_BEFORE_CAPTURE in make(look_up=look_up).capabilities) is shows

    async def test_where_nothing_shows_before_confirm_the_look_up_is_absent_until_then(
        self, make: Make, hands: Hands, charge: ChargeRequest
    ) -> None:
        point3 = make(look_up="after")
        ref = await self.finished(point3, hands, charge, "no_lookup_before_confirm")
        for asked in (question(charge), question(charge, ref)):
            assert (await point3.fetch_payment(asked)).status is GatewayStatus.ABSENT
        await perform(point3, "capture", charge, ref)
        assert_shows(await point3.fetch_payment(question(charge, ref)), charge, GatewayStatus.CAPTURED)

    def test_it_cannot_refund_a_part_or_send_webhooks(self, gateway: Gateway) -> None:
        assert Capability.PARTIAL_REFUND not in gateway.capabilities
        assert Capability.WEBHOOKS not in gateway.capabilities
        assert Capability.ASYNC_REFUND in gateway.capabilities

    @pytest.mark.parametrize(
        ("fields", "ref"), [({"signature": "s"}, "s"), ({"imp_uid": "i", "payment_id": "p"}, None), ({}, None)]
    )
    def test_its_callback_is_the_signature(self, gateway: Gateway, fields: dict[str, str], ref: str | None) -> None:
        assert gateway.parse_callback(fields).gateway_ref == ref

    def test_the_page_may_frame_its_widget_only(self, gateway: Gateway) -> None:
        assert gateway.page == PageSources(frames=("https://widget.example",))

    async def test_an_unknown_problem_of_a_harmless_call_is_unavailable(
        self, wired: Point3, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        wire.behave = answers(200, {"statusCode": 503, "message": "maintenance"})
        for operation in ("create_session", "fetch_payment"):
            with pytest.raises(GatewayUnavailable):
                await perform(wired, operation, charge)
