"""PortOne V2's adapter: the contract of every gateway, for a channel that takes the money by itself."""

import asyncio
from dataclasses import replace

import pytest

from app.domain.errors import GatewayRefused, GatewayTimeout
from app.domain.money import Money
from app.domain.order import Customer, Item, Tax
from app.gateways.breaker import FAILURES
from app.gateways.port import Gateway
from app.gateways.portone_v2.adapter import PortOneV2
from app.gateways.values import Capability, ChargeRequest, LookupHint, PageSources
from tests.contract import faulty_server as faults
from tests.contract.bench import Make, outcome, perform, question
from tests.contract.capture_contract import OneStepContract
from tests.contract.contract import ChannelContract, GatewayContract, ReferenceContract
from tests.contract.fault_contract import LEEWAY_S
from tests.contract.faulty_server import FaultyServer, answers
from tests.contract.hands import Hands
from tests.contract.portone_v2_bench import SCRIPT_URL, STORE, TX, PortOneV2Bench, no
from tests.contract.refund_contract import PartialRefundContract, RepeatedRefundContract
from tests.contract.void_contract import VoidContract

OPTIONS = "gateway_options.portone_v2"


class TestPortOneV2(
    PortOneV2Bench,
    GatewayContract,
    ReferenceContract,
    ChannelContract,
    OneStepContract,
    RepeatedRefundContract,
    PartialRefundContract,
    VoidContract,
):
    async def test_a_whole_order_goes_to_the_window_in_the_sdks_own_names(
        self, wired: PortOneV2, wire: FaultyServer, hands: Hands, charge: ChargeRequest
    ) -> None:
        wire.behave = answers(200, {})
        options: dict[str, object] = {
            "app_scheme": "myshop",
            "locale": "EN_US",
            "product_type": "REAL",
            "is_escrow": False,
            "is_cultural_expense": True,
            "account_valid_hours": 24,
        }
        whole = replace(
            charge,
            tax=Tax(vat=2000, tax_free=2000),
            items=(Item("머그컵", 2, 9000), Item("컵받침", 1, 6000)),
            method="virtual_account",
            options=options,
        )
        opened = await wired.create_session(whole)
        assert opened.gateway_ref is None
        assert opened.next_action == {
            "type": "portone_v2_sdk",
            "script": SCRIPT_URL,
            "params": {
                "storeId": STORE,
                "channelKey": hands.connection["channel_key"],
                "paymentId": charge.reference,
                "orderName": "도자기 머그컵 & 컵받침",
                "totalAmount": 24_000,
                "taxFreeAmount": 2000,
                "vatAmount": 2000,
                "currency": "KRW",
                "payMethod": "VIRTUAL_ACCOUNT",
                "customer": {
                    "customerId": "buyer-7f3a",
                    "fullName": "Minji Kimmingee",
                    "email": "minji.kim@mail.example",
                    "phoneNumber": "010-5555-7788",
                },
                "country": "KR",
                "windowType": {"pc": "IFRAME", "mobile": "REDIRECTION"},
                "redirectUrl": charge.return_url,
                "noticeUrls": [charge.webhook_url],
                "products": [
                    {"id": "1", "name": "머그컵", "amount": 9000, "quantity": 2},
                    {"id": "2", "name": "컵받침", "amount": 6000, "quantity": 1},
                ],
                "appScheme": "myshop",
                "locale": "EN_US",
                "productType": "REAL",
                "isEscrow": False,
                "isCulturalExpense": True,
                "virtualAccount": {"accountExpiry": {"validHours": 24}},
            },
        }
        (sent,) = wire.arrived
        assert (sent.method, sent.target) == ("POST", f"/payments/{charge.reference}/pre-register")
        assert sent.headers["authorization"] == f"PortOne {hands.connection['api_secret']}"
        assert sent.json == {"storeId": STORE, "totalAmount": 24_000, "taxFreeAmount": 2000, "currency": "KRW"}

    async def test_the_windows_request_opens_portones_window(
        self, portone: PortOneV2, hands: Hands, charge: ChargeRequest
    ) -> None:
        whole = replace(charge, tax=Tax(vat=2000, tax_free=2000), items=(Item("머그컵", 1, 24_000),), method="CARD")
        await self.browser_opens(hands, await portone.create_session(whole))
        shown = await hands.truth(charge.reference)
        assert (shown["status"], shown["amount"]) == ("READY", 24_000)

    async def test_another_amount_than_ours_opens_no_window(
        self, portone: PortOneV2, hands: Hands, charge: ChargeRequest
    ) -> None:
        opened = await portone.create_session(charge)
        for wrong in ({"totalAmount": 100}, {"currency": "USD"}, {"taxFreeAmount": 1}):
            with pytest.raises(AssertionError, match="AmountNotEqualToPredefined"):
                await self.browser_opens(hands, opened, **wrong)

    @pytest.mark.parametrize("currency", ["USD", "JPY", "KWD"])
    async def test_amounts_go_out_and_come_back_in_minor_units(
        self, portone: PortOneV2, hands: Hands, charge: ChargeRequest, currency: str
    ) -> None:
        foreign = replace(charge, amount=Money(12_345, currency))
        opened = await portone.create_session(foreign)
        params = opened.next_action["params"]
        assert isinstance(params, dict)
        assert (params["totalAmount"], params["currency"]) == (12_345, currency)
        await hands.pay(charge.reference)
        assert (await portone.fetch_payment(question(charge))).amount == Money(12_345, currency)

    async def test_starting_what_is_paid_opens_nothing_that_could_be_paid_again(
        self, portone: PortOneV2, hands: Hands, charge: ChargeRequest
    ) -> None:
        await self.finished(portone, hands, charge)
        opened = await portone.create_session(charge)
        with pytest.raises(AssertionError, match="PaymentAlreadyPaid"):
            await self.browser_opens(hands, opened)
        assert (await hands.truth(charge.reference))["captures"] == 1

    @pytest.mark.parametrize(
        ("status", "body", "raw_code"),
        [
            (400, no("INVALID_REQUEST"), "INVALID_REQUEST"),
            (404, no("CHANNEL_NOT_FOUND"), "CHANNEL_NOT_FOUND"),
            (409, no("SOMETHING_NEW"), "SOMETHING_NEW"),
            (400, b"Bad Request", "400"),
            (404, {"message": "Not Found"}, "404"),
            (401, no("UNAUTHORIZED"), "401"),
            (403, no("FORBIDDEN"), "403"),
        ],
    )
    async def test_what_portone_itself_refuses_is_told_with_its_word(
        self, wired: PortOneV2, wire: FaultyServer, charge: ChargeRequest, status: int, body: object, raw_code: str
    ) -> None:
        wire.behave = answers(status, body)
        with pytest.raises(GatewayRefused) as refused:
            await wired.create_session(charge)
        assert refused.value.details == {"gateway": "portone_v2", "raw_code": raw_code}

    # -- local rules, before any call

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"amount": Money(0, "KRW")}, "amount"),
            ({"amount": Money(2**53, "KRW")}, "amount"),
            ({"amount": Money(100, "ZWG")}, "currency"),
            ({"order_name": " \t"}, "order_name"),
            ({"tax": Tax(tax_free=24_001)}, "tax.tax_free"),
            ({"tax": Tax(tax_free=-1)}, "tax.tax_free"),
            ({"tax": Tax(vat=20_001, tax_free=4000)}, "tax.vat"),
            ({"tax": Tax(vat=-1)}, "tax.vat"),
            ({"method": "cash"}, "method"),
            ({"method": ""}, "method"),
            ({"method": "CARD "}, "method"),
            ({"customer": Customer(email="a@b.example"), "options": {"ps": "all"}}, "customer.id"),
            ({"customer": Customer(id="buyer"), "options": {"widget_code": "t3_1"}}, "customer.email"),
        ],
    )
    async def test_an_order_that_it_cannot_take_is_refused_before_any_call(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest, change: dict[str, object], field: str
    ) -> None:
        await self.assert_refused_locally(gateway, hands, replace(charge, **change), field)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("app_scheme", ""),
            ("app_scheme", "my shop"),
            ("app_scheme", "1shop"),
            ("app_scheme", None),
            ("locale", "ko"),
            ("locale", ["KO_KR"]),
            ("product_type", "real"),
            ("is_escrow", 1),
            ("is_escrow", "true"),
            ("is_cultural_expense", None),
            ("easy_pay_provider", "KAKAOPAY"),
            ("easy_pay_provider", "kakao"),
            ("account_valid_hours", 24),
            ("account_valid_hours", 0),
            ("account_valid_hours", True),
            ("account_valid_hours", 24.0),
            ("widget_code", "t3-1"),
            ("ps", "ALL"),
            ("bypass", {}),
            ("channelKey", "x"),
        ],
    )
    async def test_an_option_out_of_its_form_is_refused_before_any_call(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest, name: str, value: object
    ) -> None:
        wrong = replace(charge, options={name: value}, method="card")
        await self.assert_refused_locally(gateway, hands, wrong, f"{OPTIONS}.{name}")

    async def test_a_test_payment_system_is_not_asked_for_a_live_order(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        gateway.check(replace(charge, options={"ps": "test"}))
        live = replace(charge, options={"ps": "test"}, is_live=True)
        await self.assert_refused_locally(gateway, hands, live, f"{OPTIONS}.ps")

    # -- what it says about itself, and what browsers bring

    def test_it_claims_what_it_can_do_and_no_more(self, gateway: Gateway) -> None:
        claimed = Capability.REOPEN | Capability.PARTIAL_REFUND | Capability.WEBHOOKS
        claimed |= Capability.VIRTUAL_ACCOUNTS | Capability.VOID
        assert claimed in gateway.capabilities
        for other in (Capability.CAPTURE, Capability.CAPTURE_BY_TOKEN, Capability.ASYNC_REFUND):
            assert other not in gateway.capabilities

    def test_the_page_may_load_its_script_and_frame_any_bank(self, gateway: Gateway) -> None:
        assert gateway.page == PageSources(scripts=("https://cdn.example",), opens_any_page=True)

    @pytest.mark.parametrize(
        ("fields", "brought"),
        [
            ({"paymentId": "ref1a1", "txId": TX}, LookupHint(TX, "ref1a1")),
            ({"paymentId": "ref1a1", "txId": TX, "code": "FAILURE_TYPE_PG", "message": "no"}, LookupHint(TX, "ref1a1")),
            ({"payment_id": "ref1a1"}, LookupHint(None, "ref1a1")),
            ({"paymentId": "ref1a1", "paymentToken": "tok/1=="}, LookupHint(None, "ref1a1", "tok/1==")),
            ({"payment_id": "pay_0192", "signature": "sig"}, LookupHint()),
            ({"paymentId": "../x", "txId": "a b", "paymentToken": "한"}, LookupHint()),
            ({"paymentId": "r" * 41, "txId": "t" * 101, "paymentToken": "t" * 4001}, LookupHint()),
            ({}, LookupHint()),
        ],
    )
    def test_a_callback_names_the_transaction_our_reference_and_the_token(
        self, gateway: Gateway, fields: dict[str, str], brought: LookupHint
    ) -> None:
        assert gateway.parse_callback(fields) == brought

    @pytest.mark.parametrize(
        ("settings", "says"),
        [
            ({"pay_method": "CASH"}, "ONETILL_PORTONE_V2__PAY_METHOD: 'CASH' is not known"),
            ({"webhook_secrets": "whsec_!!"}, "ONETILL_PORTONE_V2__WEBHOOK_SECRETS: a webhook secret must be Base64"),
        ],
    )
    def test_settings_that_would_fail_later_stop_the_start(
        self, make: Make, settings: dict[str, str], says: str
    ) -> None:
        with pytest.raises(ValueError, match=says) as refused:
            make(**settings)
        assert "!!" not in str(refused.value)

    async def test_a_payment_companys_no_is_not_portones_illness(
        self, wired: PortOneV2, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        wire.behave = answers(502, no("PG_PROVIDER", pgCode="X", pgMessage="거절"))
        for _ in range(2 * FAILURES):
            await perform(wired, "refund", charge)
        assert wired.is_available
        for body in (no("UNKNOWN"), b"<h1>Bad gateway</h1>"):
            wire.behave = answers(502, body)
            for _ in range(FAILURES):
                await outcome(wired, "fetch_payment", charge)
        assert not wired.is_available

    async def test_a_look_up_waits_less_long_than_what_moves_money(
        self, make: Make, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        wire.behave = faults.hangs
        gateway = make(wire.url, deadline_s=60.0, look_up_timeout_s=0.05)
        with pytest.raises(GatewayTimeout):
            await asyncio.wait_for(gateway.fetch_payment(question(charge)), LEEWAY_S)
