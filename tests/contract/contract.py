"""What every gateway adapter must do, whatever the gateway: a subclass per gateway brings the fixtures.

Everything runs over real HTTP: against the gateway's twin in the simulator, and against a raw server that breaks. What not every
gateway can do is a contract of its own; a gateway's class lists those that it keeps, and is told if one is missing.
"""

import json
from dataclasses import replace
from typing import ClassVar

import pytest

from app.domain.errors import GatewayRefused, GatewayTimeout, InvalidRequest
from app.domain.money import Money
from app.gateways.port import Capturing, Gateway, Refunding, SendsWebhooks, Voiding
from app.gateways.values import Capability, ChargeRequest, GatewayStatus, PaymentQuery
from app.payments.charge_request import encode_action
from tests.contract.bench import (
    DEADLINE_S,
    IMPATIENT_S,
    Bench,
    Make,
    assert_shows,
    question,
)
from tests.contract.capture_contract import CaptureContract, OneStepContract
from tests.contract.fault_contract import FaultContract
from tests.contract.hands import Hands
from tests.contract.refund_contract import PartialRefundContract, RefundContract, WholeRefundContract
from tests.contract.void_contract import VoidContract


class GatewayContract(FaultContract):
    """Of every adapter: what it says about itself, how a payment starts, and what a look-up shows."""

    def questions(self, charge: ChargeRequest, ref: str) -> list[PaymentQuery]:
        """Every way in which this gateway can be asked about a charge."""
        return (
            [question(charge, ref), question(charge)]
            if isinstance(self, ReferenceContract)
            else [question(charge, ref)]
        )

    def test_what_it_can_do_is_what_it_says(self, gateway: Gateway) -> None:
        assert gateway.name == self.name
        assert isinstance(gateway, Capturing) == (Capability.CAPTURE in gateway.capabilities)
        assert isinstance(gateway, Refunding) == (Capability.REFUND in gateway.capabilities)
        assert isinstance(gateway, Voiding) == (Capability.VOID in gateway.capabilities)
        assert isinstance(gateway, SendsWebhooks) == (Capability.WEBHOOKS in gateway.capabilities)
        for contract, capability in (
            (CaptureContract, Capability.CAPTURE),
            (RefundContract, Capability.REFUND),
            (PartialRefundContract, Capability.PARTIAL_REFUND),
            (VoidContract, Capability.VOID),
        ):
            assert isinstance(self, contract) == (capability in gateway.capabilities), "it keeps this contract too"
        assert isinstance(self, OneStepContract) != isinstance(self, CaptureContract)
        assert isinstance(self, WholeRefundContract | PartialRefundContract) == isinstance(self, RefundContract)
        assert gateway.title
        assert gateway.is_available
        if Capability.LOOKUP_BEFORE_CAPTURE in gateway.capabilities:
            assert Capability.CAPTURE in gateway.capabilities
        if Capability.CAPTURE_BY_TOKEN in gateway.capabilities:
            assert Capability.CAPTURE in gateway.capabilities
        if {Capability.PARTIAL_REFUND, Capability.ASYNC_REFUND} & set(gateway.capabilities):
            assert Capability.REFUND in gateway.capabilities
        assert gateway.deadline_s == DEADLINE_S

    async def test_starting_tells_the_browser_what_to_do_and_moves_no_money(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        opened = await gateway.create_session(charge)
        assert isinstance(opened.next_action["type"], str)
        assert json.loads(encode_action(opened.next_action)).keys() == opened.next_action.keys()
        await self.browser_opens(hands, opened)
        truth = await hands.truth(charge.reference)
        assert Money(truth["amount"], truth["currency"]) == charge.amount
        assert (truth["captures"], truth["confirms"]) == (0, 0)

    async def test_starting_twice_moves_no_money_and_loses_no_payment(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        opened = await gateway.create_session(charge)
        if Capability.REOPEN in gateway.capabilities:
            await gateway.create_session(charge)
        else:
            with pytest.raises(GatewayRefused):
                await gateway.create_session(charge)
        assert all(row["captures"] == 0 for row in await hands.journal(charge.reference))
        browser = await self.buyer_pays(hands, charge)
        held = await gateway.fetch_payment(question(charge, self.known_ref(opened)))
        assert_shows(held, charge, self.unconfirmed, GatewayStatus.CAPTURED)
        assert held.gateway_ref == gateway.parse_callback(browser).gateway_ref

    async def test_a_charge_in_a_foreign_currency_is_refused_before_any_call(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        foreign = replace(charge, amount=Money(24_000, self.other_currency))
        await self.assert_refused_locally(gateway, hands, foreign, "currency")

    async def test_a_reference_that_a_gateway_could_cut_or_refuse_is_refused_before_any_call(
        self, charge: ChargeRequest
    ) -> None:
        for wrong in ("r" * 41, "order_1", "order-1", "", "주문1"):
            with pytest.raises(InvalidRequest) as refused:
                replace(charge, reference=wrong)
            assert refused.value.errors[0][0] == "reference"

    async def test_what_nobody_opened_is_absent(self, gateway: Gateway, charge: ChargeRequest) -> None:
        assert (await gateway.fetch_payment(question(charge))).status is GatewayStatus.ABSENT
        assert (await gateway.fetch_payment(question(charge, "never/heard+of=="))).status is GatewayStatus.ABSENT

    async def test_a_payment_that_the_buyer_has_not_finished_is_open(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        opened = await gateway.create_session(charge)
        await self.browser_opens(hands, opened)
        assert_shows(
            await gateway.fetch_payment(question(charge, self.known_ref(opened))), charge, GatewayStatus.PENDING
        )

    async def test_a_buyer_who_left_may_come_back_so_it_is_not_a_failure(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        asked = question(charge, self.known_ref(await gateway.create_session(charge)))
        await self.buyer_pays(hands, charge, "abandoned")
        assert (await gateway.fetch_payment(asked)).status is self.left_status
        await self.buyer_pays(hands, charge)
        assert (await gateway.fetch_payment(asked)).status in {self.unconfirmed, GatewayStatus.CAPTURED}

    async def test_an_amount_is_reported_as_the_gateway_holds_it(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.finished(gateway, hands, charge, "amount_differs")
        truth = await hands.truth(charge.reference)
        for asked in self.questions(charge, ref):
            held = await gateway.fetch_payment(asked)
            assert held.amount == Money(truth["amount"], truth["currency"])
            assert held.amount != charge.amount

    async def test_a_status_that_nobody_knows_is_never_success(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.finished(gateway, hands, charge, "unknown_status")
        for asked in self.questions(charge, ref):
            assert (await gateway.fetch_payment(asked)).status is GatewayStatus.UNRECOGNIZED

    async def test_a_sparse_look_up_is_enough(self, gateway: Gateway, hands: Hands, charge: ChargeRequest) -> None:
        ref = await self.finished(gateway, hands, charge, "sparse")
        held = await gateway.fetch_payment(question(charge, ref))
        assert_shows(held, charge, self.unconfirmed, GatewayStatus.CAPTURED)

    async def test_looking_changes_nothing(self, gateway: Gateway, hands: Hands, charge: ChargeRequest) -> None:
        ref = await self.finished(gateway, hands, charge)
        before = await hands.journal()
        for _ in range(3):
            await gateway.fetch_payment(question(charge, ref))
            await gateway.fetch_payment(question(charge))
        assert await hands.journal() == before

    async def test_a_look_up_that_is_too_slow_or_never_answers_has_no_answer(
        self, make: Make, hands: Hands, charge: ChargeRequest
    ) -> None:
        patient, impatient = make(), make(deadline_s=IMPATIENT_S)
        ref = await self.finished(patient, hands, charge)
        for asked in self.questions(charge, ref):
            for scenario in ("slow", "accept_then_hang"):
                await hands.plan(scenario, call="lookup")
                with pytest.raises(GatewayTimeout):
                    await impatient.fetch_payment(asked)
            assert_shows(await patient.fetch_payment(asked), charge, self.unconfirmed, GatewayStatus.CAPTURED)


class ReferenceContract(Bench):
    """For gateways that can be asked by our reference, not by their own only."""

    operations: ClassVar[tuple[str, ...]] = ("fetch_payment_by_reference",)

    async def test_what_the_browser_brought_leads_to_the_same_payment_as_our_reference(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.finished(gateway, hands, charge)
        by_reference = await gateway.fetch_payment(question(charge))
        assert_shows(by_reference, charge, self.unconfirmed, GatewayStatus.CAPTURED)
        assert await gateway.fetch_payment(question(charge, ref)) == by_reference
        assert by_reference.gateway_ref == ref


class ChannelContract(Bench):
    """For gateways whose look-up says if a payment came through a test channel."""

    async def test_a_test_channel_is_told_from_a_live_one(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.finished(gateway, hands, charge, "test_channel")
        assert (await gateway.fetch_payment(question(charge, ref))).is_live is False
