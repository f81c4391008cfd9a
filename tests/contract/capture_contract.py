"""What an adapter must do where the money is taken by our confirm, and where it is taken by what the buyer does."""

from typing import ClassVar

import pytest

from app.domain.errors import GatewayTimeout
from app.gateways.port import Gateway
from app.gateways.values import ChargeRequest, GatewayStatus
from tests.contract.bench import (
    IMPATIENT_S,
    Bench,
    Make,
    assert_shows,
    confirmation,
    confirming,
    question,
)
from tests.contract.fault_contract import MoneyFaultContract
from tests.contract.hands import Hands


class CaptureContract(MoneyFaultContract):
    """For gateways with CAPTURE."""

    operations: ClassVar[tuple[str, ...]] = ("capture",)

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
            await confirming(patient if scenario == "garbage" else make(deadline_s=IMPATIENT_S)).capture(
                self.confirmation(charge, ref)
            )
        assert (await hands.truth(charge.reference))["captures"] == 1
        assert_shows(await patient.fetch_payment(question(charge, ref)), charge, GatewayStatus.CAPTURED)

    async def test_a_server_error_of_confirm_leaves_it_open_whether_money_moved(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.finished(gateway, hands, charge, "error_500")
        with pytest.raises(GatewayTimeout):
            await confirming(gateway).capture(self.confirmation(charge, ref))
        assert (await gateway.fetch_payment(question(charge, ref))).status is self.unconfirmed


class OneStepContract(Bench):
    """For gateways without it."""

    async def test_a_refused_card_is_a_failure_and_no_money_moves(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
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
        asked = question(charge, await self.finished(gateway, hands, charge, "late_approval"))
        assert (await gateway.fetch_payment(asked)).status is GatewayStatus.FAILED
        await hands.advance(60)
        assert_shows(await gateway.fetch_payment(asked), charge, GatewayStatus.CAPTURED)
