"""What an adapter must do that closes what is open."""

import pytest

from app.domain.errors import GatewayTimeout
from app.gateways.port import Gateway
from app.gateways.values import ChargeRequest, GatewayStatus
from tests.contract.bench import (
    IMPATIENT_S,
    Bench,
    Make,
    question,
    voiding,
)
from tests.contract.hands import Hands


class VoidContract(Bench):
    """For gateways with VOID."""

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
