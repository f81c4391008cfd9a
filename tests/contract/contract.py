"""What every gateway adapter must do, whatever the gateway: a subclass per gateway brings the fixtures (style §12).

Everything runs over real HTTP: against the gateway's twin in the simulator, and against a raw server that breaks. A test
skips only on a capability that the gateway does not have.
"""

import json
from contextlib import suppress
from dataclasses import replace

import pytest

from app.domain.errors import GatewayRefused, GatewayTimeout, InvalidRequest
from app.domain.money import Money
from app.gateways.port import (
    Capability,
    Capturing,
    ChargeRequest,
    Gateway,
    GatewayStatus,
    Refunding,
    RefundState,
    Refusal,
    SendsWebhooks,
    Voiding,
)
from app.payments.charge_request import encode_action
from tests.contract.bench import (
    DEADLINE_S,
    IMPATIENT_S,
    Make,
    assert_shows,
    captured_payment_of,
    confirmation,
    confirming,
    question,
    refund_of,
    refunding,
    voiding,
)
from tests.contract.fault_contract import FaultContract
from tests.contract.hands import Hands


class GatewayContract(FaultContract):
    """The tests of one adapter: every state that a payment can be in, and every answer that it can get."""

    # -- what it says about itself

    def test_what_it_can_do_is_what_it_says(self, gateway: Gateway) -> None:
        assert gateway.name == self.name
        assert isinstance(gateway, Capturing) == (Capability.CAPTURE in gateway.capabilities)
        assert isinstance(gateway, Refunding) == (Capability.REFUND in gateway.capabilities)
        assert isinstance(gateway, Voiding) == (Capability.VOID in gateway.capabilities)
        assert isinstance(gateway, SendsWebhooks) == (Capability.WEBHOOKS in gateway.capabilities)
        assert gateway.title
        assert gateway.is_available
        if Capability.LOOKUP_BEFORE_CAPTURE in gateway.capabilities:
            assert Capability.CAPTURE in gateway.capabilities
        if Capability.CAPTURE_BY_TOKEN in gateway.capabilities:
            assert Capability.CAPTURE in gateway.capabilities
        if {Capability.PARTIAL_REFUND, Capability.ASYNC_REFUND} & set(gateway.capabilities):
            assert Capability.REFUND in gateway.capabilities
        assert gateway.deadline_s == DEADLINE_S

    # -- start

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

    # -- look up

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
        assert (await gateway.fetch_payment(asked)).status is GatewayStatus.PENDING
        await self.buyer_pays(hands, charge)
        assert (await gateway.fetch_payment(asked)).status in {self.unconfirmed, GatewayStatus.CAPTURED}

    async def test_what_the_browser_brought_leads_to_the_same_payment_as_our_reference(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.finished(gateway, hands, charge)
        if not self.looks_up_by_reference:
            pytest.skip(f"{gateway.name} is asked by its own reference only")
        by_reference = await gateway.fetch_payment(question(charge))
        assert_shows(by_reference, charge, self.unconfirmed, GatewayStatus.CAPTURED)
        assert await gateway.fetch_payment(question(charge, ref)) == by_reference
        assert by_reference.gateway_ref == ref

    @pytest.mark.parametrize("by_ref", [True, False])
    async def test_an_amount_is_reported_as_the_gateway_holds_it(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest, by_ref: bool
    ) -> None:
        ref = await self.finished(gateway, hands, charge, "amount_differs")
        held = await gateway.fetch_payment(question(charge, ref if by_ref or not self.looks_up_by_reference else None))
        truth = await hands.truth(charge.reference)
        assert held.amount == Money(truth["amount"], truth["currency"])
        assert held.amount != charge.amount

    async def test_a_status_that_nobody_knows_is_never_success(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.finished(gateway, hands, charge, "unknown_status")
        for asked in [question(charge, ref)] + [question(charge)] * self.looks_up_by_reference:
            assert (await gateway.fetch_payment(asked)).status is self.unknown_status

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

    @pytest.mark.parametrize("by_ref", [True, False])
    async def test_a_look_up_that_is_too_slow_or_never_answers_has_no_answer(
        self, make: Make, hands: Hands, charge: ChargeRequest, by_ref: bool
    ) -> None:
        patient, impatient = make(), make(deadline_s=IMPATIENT_S)
        ref = await self.finished(patient, hands, charge)
        asked = question(charge, ref if by_ref or not self.looks_up_by_reference else None)
        for scenario in ("slow", "accept_then_hang"):
            await hands.plan(scenario, call="lookup")
            with pytest.raises(GatewayTimeout):
                await impatient.fetch_payment(asked)
        assert_shows(await patient.fetch_payment(asked), charge, self.unconfirmed, GatewayStatus.CAPTURED)

    async def test_a_refused_card_is_a_failure_and_no_money_moves(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        if Capability.CAPTURE in gateway.capabilities:
            pytest.skip("the buyer's part moves no money there; see the declined confirm")
        opened = await gateway.create_session(charge)
        browser = await self.buyer_pays(hands, charge, "declined")
        ref = gateway.parse_callback(browser).gateway_ref or self.known_ref(opened)
        held = await gateway.fetch_payment(question(charge, ref))
        assert held.status is GatewayStatus.FAILED
        assert held.failure is not None
        assert held.failure.code == "declined"
        assert sum(row["captures"] for row in await hands.journal(charge.reference)) == 0

    async def test_a_failure_that_turns_into_money_is_shown_as_money(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        if Capability.CAPTURE in gateway.capabilities:
            pytest.skip("nothing is approved there without our confirm")
        asked = question(charge, await self.finished(gateway, hands, charge, "late_approval"))
        assert (await gateway.fetch_payment(asked)).status is GatewayStatus.FAILED
        await hands.advance(60)
        assert_shows(await gateway.fetch_payment(asked), charge, GatewayStatus.CAPTURED)

    async def test_a_test_channel_is_told_from_a_live_one(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        if not self.tells_channels:
            pytest.skip(f"{gateway.name} has no test channels")
        ref = await self.finished(gateway, hands, charge, "test_channel")
        assert (await gateway.fetch_payment(question(charge, ref))).is_live is False

    # -- confirm

    async def test_confirm_takes_the_money_once_and_the_look_up_shows_it(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.finished(gateway, hands, charge)
        answer = await confirming(gateway).capture(self.confirmation(charge, ref))
        assert answer.failure is None
        truth = await hands.truth(charge.reference)
        assert (truth["captures"], truth["confirms"]) == (1, 1)
        assert_shows(await gateway.fetch_payment(question(charge, ref)), charge, GatewayStatus.CAPTURED)

    async def test_a_decline_is_a_value_and_no_money_moves(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.finished(gateway, hands, charge, "declined")
        answer = await confirming(gateway).capture(self.confirmation(charge, ref))
        assert answer.failure is not None
        assert answer.failure.code == "declined"
        assert answer.failure.raw_code
        assert (await hands.truth(charge.reference))["captures"] == 0
        assert (await gateway.fetch_payment(question(charge, ref))).status is GatewayStatus.FAILED

    async def test_confirming_what_nobody_knows_is_an_explicit_no(
        self, gateway: Gateway, charge: ChargeRequest
    ) -> None:
        assert (await confirming(gateway).capture(confirmation(charge, "never/heard+of=="))).failure is not None

    @pytest.mark.parametrize("scenario", ["accept_then_hang", "slow", "garbage"])
    async def test_a_lost_answer_to_confirm_is_never_a_decline_and_the_look_up_tells(
        self, make: Make, hands: Hands, charge: ChargeRequest, scenario: str
    ) -> None:
        patient = make()
        ref = await self.finished(patient, hands, charge, scenario)
        with pytest.raises(GatewayTimeout):
            await confirming(make(deadline_s=IMPATIENT_S)).capture(self.confirmation(charge, ref))
        assert (await hands.truth(charge.reference))["captures"] == 1
        assert_shows(await patient.fetch_payment(question(charge, ref)), charge, GatewayStatus.CAPTURED)

    async def test_a_server_error_of_confirm_leaves_it_open_whether_money_moved(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.finished(gateway, hands, charge, "error_500")
        with pytest.raises(GatewayTimeout):
            await confirming(gateway).capture(self.confirmation(charge, ref))
        assert (await gateway.fetch_payment(question(charge, ref))).status is self.unconfirmed

    # -- refund

    async def test_what_it_says_of_a_refund_before_is_what_it_can_do(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        captured = captured_payment_of(charge)
        policy = refunding(gateway).refund_policy(captured, captured.captured_at)
        assert policy.whole is None
        assert not policy.needs_account
        assert (policy.part is None) == (Capability.PARTIAL_REFUND in gateway.capabilities)
        assert (policy.done_after_s != 0) == (Capability.ASYNC_REFUND in gateway.capabilities)
        assert await hands.calls() == []

    async def test_a_refund_that_it_cannot_ask_for_is_refused_by_its_field_before_any_call(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        refunding(gateway).check_refund(refund_of(charge, "sig/1+=="))
        for nothing in (0, -1):
            wrong = refund_of(charge, "sig/1+==", nothing)
            with pytest.raises(InvalidRequest) as refused:
                refunding(gateway).check_refund(wrong)
            with pytest.raises(InvalidRequest) as refused_again:
                await refunding(gateway).refund(wrong)
            assert refused.value.errors == refused_again.value.errors
            assert [field for field, _ in refused.value.errors] == ["amount"]
        assert await hands.calls() == []

    async def test_a_refund_is_done_only_when_the_gateway_has_done_it(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.captured(gateway, hands, charge)
        answer = await refunding(gateway).refund(refund_of(charge, ref))
        assert answer.failure is None
        is_async = Capability.ASYNC_REFUND in gateway.capabilities
        assert answer.is_done is not is_async
        if is_async:
            under_way = GatewayStatus.REFUND_PENDING if self.tells_canceling else GatewayStatus.CAPTURED
            assert_shows(await gateway.fetch_payment(question(charge, ref)), charge, under_way)
            assert (await hands.truth(charge.reference))["refunded"] == 0
            await hands.advance(self.refund_batch_s)
        assert_shows(await gateway.fetch_payment(question(charge, ref)), charge, GatewayStatus.CANCELED)
        truth = await hands.truth(charge.reference)
        assert (truth["refunded"], truth["cancels"]) == (charge.amount.minor, 1)

    async def test_a_second_refund_gives_nothing_back_twice(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.captured(gateway, hands, charge)
        await refunding(gateway).refund(refund_of(charge, ref))
        for pause_s in (0, self.refund_batch_s):
            await hands.advance(pause_s)
            again = await refunding(gateway).refund(refund_of(charge, ref))
            assert again.failure is not None
            assert again.failure.code in set(Refusal)
        truth = await hands.truth(charge.reference)
        assert (truth["refunded"], truth["cancels"]) == (charge.amount.minor, 1)

    async def test_refunding_what_nobody_knows_is_an_explicit_no(self, gateway: Gateway, charge: ChargeRequest) -> None:
        answer = await refunding(gateway).refund(refund_of(charge, "never/heard+of=="))
        assert answer.failure is not None
        assert answer.failure.code in set(Refusal)
        assert not answer.is_done

    async def test_a_lost_answer_to_a_refund_is_found_by_the_look_up(
        self, make: Make, hands: Hands, charge: ChargeRequest
    ) -> None:
        patient, impatient = make(), refunding(make(deadline_s=IMPATIENT_S))
        ref = await self.captured(patient, hands, charge)
        await hands.plan("accept_then_hang", call="cancel")
        with pytest.raises(GatewayTimeout):
            await impatient.refund(refund_of(charge, ref))
        if not self.tells_canceling:
            await hands.advance(self.refund_batch_s)
        held = await patient.fetch_payment(question(charge, ref))
        assert held.status in {GatewayStatus.REFUND_PENDING, GatewayStatus.CANCELED}

    async def test_the_same_refund_sent_again_gives_nothing_back_twice(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.captured(gateway, hands, charge)
        asked = refund_of(charge, ref)
        for _ in range(3):
            await refunding(gateway).refund(asked)
        await hands.advance(self.refund_batch_s)
        truth = await hands.truth(charge.reference)
        assert (truth["refunded"], truth["cancels"]) == (charge.amount.minor, 1)

    async def test_a_refund_whose_answer_was_lost_and_that_is_asked_again_gives_nothing_back_twice(
        self, make: Make, hands: Hands, charge: ChargeRequest
    ) -> None:
        """Asked again as soon as the terms allow it, and the look-up shows it once."""
        patient, impatient = make(), refunding(make(deadline_s=IMPATIENT_S))
        captured = captured_payment_of(charge)
        pause_s = impatient.refund_policy(captured, captured.captured_at).again_after_s
        if pause_s is None:
            pytest.skip(f"{patient.name} is never asked again by itself")
        ref = await self.captured(patient, hands, charge)
        asked = refund_of(charge, ref)
        await hands.plan("accept_then_hang", call="cancel")
        with pytest.raises(GatewayTimeout):
            await impatient.refund(asked)
        await hands.advance(pause_s)
        with suppress(GatewayTimeout):  # the first may still be running there
            await impatient.refund(asked)
        truth = await hands.truth(charge.reference)
        assert (truth["refunded"], truth["cancels"]) == (charge.amount.minor, 1)
        assert_shows(await patient.fetch_payment(question(charge, ref)), charge, GatewayStatus.CANCELED)

    async def test_two_refunds_are_listed_one_by_one_and_oldest_first(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        if Capability.PARTIAL_REFUND not in gateway.capabilities:
            pytest.skip(f"{gateway.name} gives back once, and whole")
        ref = await self.captured(gateway, hands, charge)
        assert (await gateway.fetch_payment(question(charge, ref))).refunds == ()
        left = charge.amount.minor
        told: list[str | None] = []
        for part in (6000, 4000):
            answer = await refunding(gateway).refund(refund_of(charge, ref, part, left))
            assert answer.failure is None
            left -= part
            told.append(answer.refund_ref)
            await hands.advance(self.refund_batch_s or 1)
        held = await gateway.fetch_payment(question(charge, ref))
        assert [(each.amount.minor, each.state) for each in held.refunds] == [
            (6000, RefundState.SUCCEEDED),
            (4000, RefundState.SUCCEEDED),
        ]
        assert all(each.amount.currency == charge.amount.currency for each in held.refunds)
        assert all(each.reason == "rejected" for each in held.refunds)
        refs = [each.ref for each in held.refunds]
        assert len(set(refs) - {None}) == 2
        if None not in told:
            assert refs == told, "by these names the refunds that we asked for are known again"

    async def test_what_went_back_is_told_and_nothing_before(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.captured(gateway, hands, charge)
        assert (await gateway.fetch_payment(question(charge, ref))).refunded is None
        await refunding(gateway).refund(refund_of(charge, ref))
        await hands.advance(self.refund_batch_s)
        held = await gateway.fetch_payment(question(charge, ref))
        assert (held.status, held.refunded) == (GatewayStatus.CANCELED, charge.amount)

    # -- close what is open

    async def test_what_stands_open_is_closed_and_closing_it_again_is_harmless(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        closing = voiding(gateway)
        asked = question(charge, await self.finished(gateway, hands, charge, self.left_open))
        for pause_s in (0, 0, self.refund_batch_s):
            await hands.advance(pause_s)
            assert await closing.void(asked) is None
        assert (await gateway.fetch_payment(asked)).status is GatewayStatus.CANCELED
        truth = await hands.truth(charge.reference)
        assert (truth["captures"], truth["refunded"]) == (0, 0)

    async def test_closing_what_nobody_knows_is_an_explicit_no(self, gateway: Gateway, charge: ChargeRequest) -> None:
        assert await voiding(gateway).void(question(charge, "never/heard+of==")) is not None

    async def test_a_lost_answer_to_closing_raises_and_it_may_be_closed_again(
        self, make: Make, hands: Hands, charge: ChargeRequest
    ) -> None:
        patient, impatient = make(), voiding(make(deadline_s=IMPATIENT_S))
        asked = question(charge, await self.finished(patient, hands, charge, self.left_open))
        await hands.plan("slow")
        with pytest.raises(GatewayTimeout):
            await impatient.void(asked)
        assert await voiding(patient).void(asked) is None

    async def test_parts_are_given_back_one_by_one_and_only_from_the_balance_that_we_expect(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.captured(gateway, hands, charge)
        whole, part = charge.amount.minor, charge.amount.minor // 4
        if Capability.PARTIAL_REFUND not in gateway.capabilities:
            with pytest.raises(InvalidRequest) as refused:
                await refunding(gateway).refund(refund_of(charge, ref, part))
            assert refused.value.errors[0][0] == "amount"
            assert (await hands.truth(charge.reference))["refunded"] == 0
            return
        assert (await refunding(gateway).refund(refund_of(charge, ref, part, whole))).failure is None
        await hands.advance(self.refund_batch_s)
        foreign = await refunding(gateway).refund(refund_of(charge, ref, part, whole))
        assert foreign.failure is not None
        assert foreign.failure.code in set(Refusal)
        assert (await refunding(gateway).refund(refund_of(charge, ref, part, whole - part))).failure is None
        await hands.advance(self.refund_batch_s)
        truth = await hands.truth(charge.reference)
        assert (truth["refunded"], truth["cancels"]) == (2 * part, 2)
        held = await gateway.fetch_payment(question(charge, ref))
        assert_shows(held, charge, GatewayStatus.CAPTURED)
        assert held.refunded == Money(2 * part, charge.amount.currency)
