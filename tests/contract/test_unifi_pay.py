"""Unifi Pay's adapter: the contract of every gateway, and what its twin shows of this one (docs/gateways/unifi-pay.md)."""

import asyncio
from collections import Counter
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from app.domain.clock import utc_now
from app.domain.errors import GatewayRefused
from app.domain.money import Money
from app.domain.order import Customer, Item
from app.gateways.port import Gateway
from app.gateways.unifi_pay.manifest import UnifiPaySettings
from app.gateways.unifi_pay.webhook_signature import Trust, verify
from app.gateways.values import Capability, ChargeRequest, GatewayPayment, GatewayStatus, PageSources
from tests.contract.bench import Make, assert_shows, question
from tests.contract.capture_contract import OneStepContract
from tests.contract.contract import GatewayContract
from tests.contract.fault_contract import LEEWAY_S
from tests.contract.faulty_server import FaultyServer, answers
from tests.contract.hands import Hands
from tests.contract.unifi_pay_bench import UnifiPayBench
from tests.support import TLS, MovableClock


class TestUnifiPay(
    UnifiPayBench,
    GatewayContract,
    OneStepContract,
):
    def test_it_can_say_that_something_happened_and_nothing_else(self, gateway: Gateway) -> None:
        assert gateway.capabilities is Capability.WEBHOOKS
        assert gateway.page == PageSources()

    def test_a_country_that_is_none_stops_the_start(self, make: Make) -> None:
        with pytest.raises(ValueError, match="ONETILL_UNIFI_PAY__COUNTRY: 'XX' is no ISO 3166-1 country"):
            make(country="XX")

    # -- start

    async def test_the_buyer_is_sent_to_the_start_page_that_shows_the_order(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        opened = await gateway.create_session(charge)
        assert opened.next_action == {"type": "redirect", "url": opened.next_action["url"]}
        url = str(opened.next_action["url"])
        assert parse_qs(urlsplit(url).query)["transactionId"] == [opened.gateway_ref]
        assert (await hands.truth(charge.reference))["gateway_ref"] == opened.gateway_ref
        async with httpx.AsyncClient(verify=TLS) as buyer:
            assert (await buyer.get(url)).status_code == 200

    @pytest.mark.parametrize("minor", [1, 99, 100, 101, 1999, 1_000_000, 99_999_900])
    async def test_what_passes_here_passes_there(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest, minor: int
    ) -> None:
        """The simulator checks the gateway's rules on its own: both must agree about every amount."""
        await gateway.create_session(replace(charge, amount=Money(minor, "USD")))
        assert (await hands.truth(charge.reference))["amount"] == minor

    async def test_the_lines_of_the_order_make_the_amount_there(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        items = (Item("머그컵", 3, 1999), Item("Sticker", 1, 3), Item("Free gift", 1, 0))
        await gateway.create_session(replace(charge, amount=Money(6000, "USD"), items=items))
        assert (await hands.truth(charge.reference))["amount"] == 6000

    @pytest.mark.parametrize("minor", [0, -1, 99_999_901])
    async def test_an_amount_out_of_its_limits_is_refused_before_any_call(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest, minor: int
    ) -> None:
        await self.assert_refused_locally(gateway, hands, replace(charge, amount=Money(minor, "USD")), "amount")

    async def test_items_that_do_not_make_up_the_amount_are_refused_before_any_call(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        wrong = replace(charge, items=(Item("Mug", 2, 1_000_000),))
        (error,) = await self.assert_refused_locally(gateway, hands, wrong, "items")
        assert "leave the items out" in error["message"]

    async def test_a_country_that_is_none_is_refused_before_any_call(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        await self.assert_refused_locally(
            gateway, hands, replace(charge, customer=Customer(country="ZZ")), "customer.country"
        )

    async def test_an_option_is_refused_before_any_call(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        wrong = replace(charge, options={"wallet": "kaia", "a": 1})
        await self.assert_refused_locally(gateway, hands, wrong, "gateway_options.unifi_pay.a")

    # -- signature

    async def test_a_call_by_either_id_is_understood(self, make: Make, hands: Hands, charge: ChargeRequest) -> None:
        """The twin signs with the API key; the app's id in its place is another message, and is refused."""
        await make(sign_with="api_key").create_session(charge)
        with pytest.raises(GatewayRefused) as refused:
            await make(sign_with="app_id").create_session(replace(charge, reference=f"{charge.reference}b"))
        assert refused.value.details["raw_code"] == "401"

    @pytest.mark.parametrize("wrong", [{"app_secret": "another"}, {"api_key": "another"}, {"app_id": "another"}])
    async def test_wrong_credentials_are_refused_and_open_nothing(
        self, make: Make, hands: Hands, charge: ChargeRequest, wrong: dict[str, str]
    ) -> None:
        with pytest.raises(GatewayRefused) as refused:
            await make(**wrong).create_session(charge)
        assert refused.value.details["raw_code"] in {"401", "403"}
        assert await hands.journal(charge.reference) == []

    async def test_a_clock_that_is_five_minutes_off_is_refused(
        self, make: Make, hands: Hands, charge: ChargeRequest
    ) -> None:
        clock = MovableClock()
        gateway = make(now=clock)
        clock.advance(290)
        await gateway.create_session(charge)
        clock.advance(20)
        with pytest.raises(GatewayRefused) as refused:
            await gateway.create_session(replace(charge, reference=f"{charge.reference}b"))
        assert refused.value.details["raw_code"] == "401"

    # -- look up

    async def test_without_their_id_there_is_nothing_to_ask(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        await gateway.create_session(charge)
        await self.buyer_pays(hands, charge)
        assert await gateway.fetch_payment(question(charge)) == GatewayPayment(GatewayStatus.ABSENT)
        assert await hands.calls("lookup") == []

    async def test_a_paid_order_is_shown_whole(self, gateway: Gateway, hands: Hands, charge: ChargeRequest) -> None:
        ref = await self.finished(gateway, hands, charge)
        held = await gateway.fetch_payment(question(charge, ref))
        assert_shows(held, charge, GatewayStatus.CAPTURED)
        assert (held.gateway_ref, held.is_own_store, held.doubt, held.failure) == (ref, True, None, None)
        assert (await hands.truth(charge.reference))["captures"] == 1

    async def test_a_discount_leaves_the_order_whole(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.finished(gateway, hands, charge, "discount")
        held = await gateway.fetch_payment(question(charge, ref))
        assert_shows(held, charge, GatewayStatus.CAPTURED)
        assert held.doubt is None
        assert held.evidence["discountAmount"] not in {None, "0", "0.00"}

    async def test_parts_that_do_not_make_up_the_whole_are_for_a_person(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.finished(gateway, hands, charge, "bad_sum")
        assert (await gateway.fetch_payment(question(charge, ref))).doubt

    async def test_a_payment_of_another_store_is_told(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.finished(gateway, hands, charge, "wrong_store")
        assert (await gateway.fetch_payment(question(charge, ref))).is_own_store is False

    async def test_a_payment_of_another_order_is_told(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.finished(gateway, hands, charge, "wrong_order")
        assert (await gateway.fetch_payment(question(charge, ref))).reference not in {None, charge.reference}

    async def test_a_redirect_that_says_confirmed_confirms_nothing(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.finished(gateway, hands, charge, "returns_confirmed_but_failed")
        assert (await gateway.fetch_payment(question(charge, ref))).status is GatewayStatus.FAILED
        assert (await hands.truth(charge.reference))["captures"] == 0

    # -- its calls to us

    @pytest.mark.parametrize(
        ("scenario", "trusts"),
        [("paid", {Trust.SIGNED: 1}), ("forged_callback", {Trust.SIGNED: 1, Trust.REFUSED: 1})],
    )
    async def test_a_callback_is_told_from_a_forged_one(
        self, make: Make, hands: Hands, charge: ChargeRequest, scenario: str, trusts: dict[Trust, int]
    ) -> None:
        fields = {name: hands.connection[name] for name in ("app_id", "api_key", "app_secret", "store_id", "base_url")}
        account = UnifiPaySettings.model_validate(fields)
        async with FaultyServer(answers(200, {})) as ours:
            ref = await self.finished(
                make(), hands, replace(charge, webhook_url=f"{ours.url}/webhooks/unifi-pay"), scenario
            )
            await asyncio.wait_for(ours.has_got(sum(trusts.values())), LEEWAY_S)
            now_ms = int(utc_now().timestamp() * 1000)
            judged = Counter(verify(account, call.target, call.headers, call.body, now_ms) for call in ours.arrived)
        assert judged == trusts
        assert {call.json["transactionId"] for call in ours.arrived} == {ref}
