"""PortOne V1's adapter: the contract of every gateway, and how PortOne V1 opens a charge (portone-v1.md §5, §7, §11)."""

import json
from dataclasses import replace

import httpx
import pytest

from app.domain.errors import GatewayRefused, GatewayTimeout, GatewayUnavailable
from app.domain.money import Money
from app.domain.order import Customer
from app.gateways.port import Gateway
from app.gateways.portone_v1.adapter import PortOneV1
from app.gateways.values import Capability, ChargeRequest, LookupHint, PageSources
from app.payments.charge_request import encode_action
from tests.contract.bench import RETURN_URL, WEBHOOK_URL, Make
from tests.contract.capture_contract import OneStepContract
from tests.contract.contract import ChannelContract, GatewayContract, ReferenceContract
from tests.contract.faulty_server import FaultyServer, answers, in_turn
from tests.contract.hands import Hands
from tests.contract.portone_v1_bench import SCRIPT_URL, PortOneV1Bench, envelope, no
from tests.contract.refund_contract import PartialRefundContract
from tests.support import TLS

ALREADY = no("결제정보 사전등록에 실패하였습니다(이미 등록된 merchant_uid입니다).")


def registered(charge: ChargeRequest, **changes: object) -> dict[str, object]:
    return {"merchant_uid": charge.reference, "amount": 24_000, "currency": "KRW"} | changes


class TestPortOneV1(
    PortOneV1Bench,
    GatewayContract,
    ReferenceContract,
    ChannelContract,
    OneStepContract,
    PartialRefundContract,
):
    # -- what the browser is told

    async def test_the_amount_is_registered_and_the_window_gets_everything_it_needs(
        self, wired: PortOneV1, wire: FaultyServer, hands: Hands, charge: ChargeRequest
    ) -> None:
        wire.behave = answers(200, envelope(registered(charge)))
        opened = await wired.create_session(charge)
        (sent,) = wire.arrived
        assert (sent.method, sent.target) == ("POST", "/payments/prepare")
        assert sent.headers["content-type"] == "application/json"
        assert sent.json == {"merchant_uid": charge.reference, "amount": 24_000, "currency": "KRW"}
        assert opened.gateway_ref is None
        assert opened.next_action == {
            "type": "portone_v1_sdk",
            "script": SCRIPT_URL,
            "user_code": hands.connection["user_code"],
            "params": {
                "channelKey": hands.connection["channel_key"],
                "pay_method": "card",
                "merchant_uid": charge.reference,
                "name": "도자기 머그컵 & 컵받침",
                "amount": 24_000,
                "currency": "KRW",
                "m_redirect_url": RETURN_URL,
                "notice_url": WEBHOOK_URL,
                "buyer_name": "Minji Kimmingee",
                "buyer_email": "minji.kim@mail.example",
                "buyer_tel": "010-5555-7788",
                "bypass": {"country_code": "KR"},
                "use_test_method": True,
            },
        }

    async def test_the_window_opens_with_what_the_browser_is_told_and_with_no_other_amount(
        self, make: Make, hands: Hands, charge: ChargeRequest
    ) -> None:
        for pg in ("paymentwall", "other"):
            asked = replace(charge, reference=f"{charge.reference}{pg}", order_name="도자기 머그컵과 컵받침 " * 9)
            action = json.loads(encode_action((await make(pg=pg).create_session(asked)).next_action))
            for amount, opens in ((23_900, False), (24_000, True)):
                call = action | {"params": action["params"] | {"amount": amount}}
                async with httpx.AsyncClient(base_url=hands.connection["base_url"], verify=TLS) as buyer:
                    answer = (await buyer.post("/browser/payments", json=call)).json()
                assert bool(answer.get("window")) is opens, answer

    async def test_an_agencys_tier_goes_along(self, make: Make, wire: FaultyServer, charge: ChargeRequest) -> None:
        wire.behave = answers(200, envelope())
        assert (await make(wire.url, tier="001").create_session(charge)).next_action["tier"] == "001"

    async def test_cents_are_json_numbers_of_dollars(
        self, wired: PortOneV1, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        wire.behave = answers(200, envelope())
        opened = await wired.create_session(replace(charge, amount=Money(1999, "USD")))
        assert b'"amount":19.99,' in wire.arrived[0].body
        assert b'"amount":19.99,' in encode_action(opened.next_action)

    async def test_what_passes_here_passes_there(self, gateway: Gateway, hands: Hands, charge: ChargeRequest) -> None:
        """The simulator checks the gateway's rules on its own: both must agree about every amount."""
        for at, amount in enumerate((Money(1, "KRW"), Money(10**12, "KRW"), Money(1, "USD"), Money(50_000, "USD"))):
            each = replace(charge, reference=f"{charge.reference}x{at}", amount=amount)
            await gateway.create_session(each)
            truth = await hands.truth(each.reference)
            assert Money(truth["amount"], truth["currency"]) == amount

    # -- registering again

    async def test_an_order_that_is_registered_already_opens_when_the_amount_is_ours(
        self, wired: PortOneV1, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        for shown in (registered(charge), registered(charge, amount=24_000.0), registered(charge, currency=None)):
            wire.arrived.clear()
            wire.behave = in_turn(answers(200, ALREADY), answers(200, envelope(shown)))
            assert (await wired.create_session(charge)).next_action["type"] == "portone_v1_sdk"
            assert [(sent.method, sent.target) for sent in wire.arrived] == [
                ("POST", "/payments/prepare"),
                ("GET", f"/payments/prepare/{charge.reference}"),
            ], "and it is never changed by a PUT"

    @pytest.mark.parametrize("changes", [{"amount": 1}, {"currency": "JPY"}, {"amount": None}])
    async def test_an_order_that_is_registered_with_another_amount_opens_nothing(
        self, wired: PortOneV1, wire: FaultyServer, charge: ChargeRequest, changes: dict[str, object]
    ) -> None:
        wire.behave = in_turn(answers(200, ALREADY), answers(200, envelope(registered(charge, **changes))))
        with pytest.raises(GatewayRefused) as refused:
            await wired.create_session(charge)
        assert refused.value.details == {"gateway": "portone_v1", "raw_code": "1"}

    async def test_another_amount_at_the_gateway_opens_nothing_and_stays(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        await gateway.create_session(charge)
        with pytest.raises(GatewayRefused):
            await gateway.create_session(replace(charge, amount=Money(23_900, "KRW")))
        assert (await hands.truth(charge.reference))["amount"] == charge.amount.minor

    async def test_a_yes_that_repeats_another_amount_is_none(
        self, wired: PortOneV1, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        wire.behave = answers(200, envelope(registered(charge, amount=100)))
        with pytest.raises(GatewayRefused):
            await wired.create_session(charge)

    async def test_a_refusal_for_another_reason_keeps_its_code(
        self, wired: PortOneV1, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        absent = answers(404, no("존재하지 않는 결제정보입니다.", -1))
        for status, body, raw_code in ((200, no("실패", 3), "3"), (400, no("파라미터 오류", -1), "-1")):
            wire.behave = in_turn(answers(status, body), absent)
            with pytest.raises(GatewayRefused) as refused:
                await wired.create_session(charge)
            assert refused.value.details["raw_code"] == raw_code

    async def test_the_second_question_may_fail_as_any_other(
        self, wired: PortOneV1, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        for said, raised in (
            (answers(500, b""), GatewayUnavailable),
            (answers(200, b"not JSON"), GatewayTimeout),
            (answers(200, envelope({"amount": "24000"})), GatewayRefused),
        ):
            wire.behave = in_turn(answers(200, ALREADY), said)
            with pytest.raises(raised):
                await wired.create_session(charge)

    # -- local rules, before any call; the rest of them in tests/unit/test_portone_v1_order.py

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"customer": Customer(name="홍길동", email="a@b.example")}, "customer.name"),
            ({"customer": Customer(name="Minji Kim")}, "customer.email"),
            ({"amount": Money(500_01, "USD")}, "amount"),
            ({"amount": Money(29, "EUR")}, "amount"),
            ({"method": "trans"}, "method"),
            ({"options": {"channelKey": "other"}}, "gateway_options.portone_v1.channelKey"),
        ],
    )
    async def test_what_paymentwall_cannot_take_is_refused_before_any_call(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest, changes: dict[str, object], field: str
    ) -> None:
        await self.assert_refused_locally(gateway, hands, replace(charge, **changes), field)  # type: ignore[arg-type]

    # -- what it says about itself

    def test_its_abilities_depend_on_the_pg(self, make: Make) -> None:
        common = Capability.REOPEN | Capability.REFUND | Capability.PARTIAL_REFUND | Capability.WEBHOOKS
        assert make().capabilities == common | Capability.ASYNC_REFUND
        assert make(pg="other").capabilities == common

    @pytest.mark.parametrize(("opened", "now"), [("paymentwall", "other"), ("other", "paymentwall")])
    def test_an_attempt_keeps_the_rules_of_the_pg_that_it_was_opened_with(
        self, make: Make, opened: str, now: str
    ) -> None:
        settings = {"is_live_deployment": False, "test_on_live_project": True}
        before, today = make(pg=opened, **settings), make(pg=now, **settings)
        found = today.as_opened(before.account)
        assert found is not None
        assert (found.account, found.capabilities, found.proves) == (before.account, before.capabilities, before.proves)
        assert today.capabilities != before.capabilities, "today's settings are what they are"
        assert not today.has_opened(before.account), "and open no window of that attempt again"

    def test_an_attempt_that_names_no_pg_follows_todays_and_another_accounts_is_unknown(self, make: Make) -> None:
        today = make(pg="other")
        account, _, pg = str(today.account).partition(".")
        assert [today.as_opened(each) for each in (None, account, today.account)] == [today] * 3
        strange = f"{account}.another", f"{account}.", f".{pg}", pg, account[1:], make(user_code="imp999").account
        assert [today.as_opened(each) for each in strange] == [None, today, None, None, None, None]

    def test_the_page_may_load_its_script_and_whatever_that_opens(self, gateway: Gateway) -> None:
        assert gateway.page == PageSources(scripts=("https://cdn.example",), opens_any_page=True)

    @pytest.mark.parametrize(
        ("fields", "brought"),
        [
            ({"imp_uid": "imp_1", "merchant_uid": "ref1"}, LookupHint("imp_1", "ref1")),
            ({"imp_uid": "imps_1", "merchant_uid": "ref1", "imp_success": "false"}, LookupHint("imps_1", "ref1")),
            ({"imp_uid": "", "merchant_uid": "ref1", "error_code": "F400"}, LookupHint(None, "ref1")),
            ({"imp_uid": "null", "merchant_uid": ""}, LookupHint()),
            ({"imp_uid": "imp_1/../cancel"}, LookupHint()),
            ({"imp_uid": "imp_" + "1" * 100}, LookupHint()),
            ({"signature": "s", "paymentId": "p", "transactionId": "t"}, LookupHint()),
            ({}, LookupHint()),
        ],
    )
    def test_its_callback_is_the_imp_uid_and_our_reference(
        self, gateway: Gateway, fields: dict[str, str], brought: LookupHint
    ) -> None:
        assert gateway.parse_callback(fields) == brought
