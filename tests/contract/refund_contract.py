"""What an adapter must do that gives money back: the whole at least, and what its capabilities say beyond that."""

from contextlib import suppress
from typing import ClassVar

import pytest

from app.domain.errors import GatewayTimeout, InvalidRequest, Refusal
from app.domain.money import Money
from app.gateways.port import Gateway
from app.gateways.values import Capability, ChargeRequest, GatewayStatus, RefundState
from tests.contract.bench import (
    IMPATIENT_S,
    Make,
    assert_shows,
    captured_payment_of,
    question,
    refund_of,
    refunding,
)
from tests.contract.fault_contract import MoneyFaultContract
from tests.contract.hands import Hands


class RefundContract(MoneyFaultContract):
    """For gateways with REFUND."""

    operations: ClassVar[tuple[str, ...]] = ("refund",)

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

    async def test_what_went_back_is_told_and_nothing_before(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.captured(gateway, hands, charge)
        assert (await gateway.fetch_payment(question(charge, ref))).refunded == Money(0, charge.amount.currency)
        await refunding(gateway).refund(refund_of(charge, ref))
        await hands.advance(self.refund_batch_s)
        held = await gateway.fetch_payment(question(charge, ref))
        assert (held.status, held.refunded) == (GatewayStatus.CANCELED, charge.amount)


class RepeatedRefundContract(RefundContract):
    """For those whose terms let a lost refund be asked for again."""

    async def test_a_refund_whose_answer_was_lost_and_that_is_asked_again_gives_nothing_back_twice(
        self, make: Make, hands: Hands, charge: ChargeRequest
    ) -> None:
        """Asked again as soon as the terms allow it, and the look-up shows it once."""
        patient, impatient = make(), refunding(make(deadline_s=IMPATIENT_S))
        captured = captured_payment_of(charge)
        pause_s = impatient.refund_policy(captured, captured.captured_at).again_after_s
        ref = await self.captured(patient, hands, charge)
        asked = refund_of(charge, ref)
        await hands.plan("accept_then_hang", call="cancel")
        with pytest.raises(GatewayTimeout):
            await impatient.refund(asked)
        assert pause_s is not None
        await hands.advance(pause_s)
        with suppress(GatewayTimeout):  # the first may still be running there
            await impatient.refund(asked)
        truth = await hands.truth(charge.reference)
        assert (truth["refunded"], truth["cancels"]) == (charge.amount.minor, 1)
        assert_shows(await patient.fetch_payment(question(charge, ref)), charge, GatewayStatus.CANCELED)


class WholeRefundContract(RefundContract):
    """For those without PARTIAL_REFUND: once, and the whole."""

    async def test_a_part_is_refused_by_its_field_and_nothing_goes_back(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.captured(gateway, hands, charge)
        with pytest.raises(InvalidRequest) as refused:
            await refunding(gateway).refund(refund_of(charge, ref, charge.amount.minor // 4))
        assert refused.value.errors[0][0] == "amount"
        assert (await hands.truth(charge.reference))["refunded"] == 0


class PartialRefundContract(RefundContract):
    """For gateways with PARTIAL_REFUND."""

    async def test_two_refunds_are_listed_one_by_one_and_oldest_first(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
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

    async def test_parts_are_given_back_one_by_one_and_only_from_the_balance_that_we_expect(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.captured(gateway, hands, charge)
        whole, part = charge.amount.minor, charge.amount.minor // 4
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
