"""A refund whose answer was lost and that was done is looked for, found, and never asked for again."""

import pytest

from tests.api.checks import problem
from tests.flows.gateways.orders import Kind
from tests.flows.refunds.lost import every_road, lost, that_asks_again
from tests.flows.refunds.till import BATCH_S, V1, V2, Till
from tests.support import key


class TestItWasDone:
    @every_road
    async def test_it_is_found_and_not_asked_for_again(self, till: Till, kind: Kind) -> None:
        payment, refund = await lost(till, kind, "accept_then_hang", 500)
        await till.wait_until_decided(payment)
        assert await till.status(refund) == "succeeded"
        await till.has_given(payment, refund["amount"], cancels=1)
        assert await till.asked(payment) == 1

    @every_road
    async def test_a_shop_that_tries_again_finds_it(self, till: Till, kind: Kind) -> None:
        """The same key while it is unknown gets the stored answer, a new one cannot have the same money again."""
        payment, refund = await lost(till, kind, "accept_then_hang")
        problem(await till.refund(payment), "already_refunded")
        await till.shop.sync(payment)
        await till.wait_until_decided(payment)
        assert await till.status(refund) == "succeeded"
        await till.has_given(payment, payment["amount"], cancels=1)

    async def test_the_gateway_has_forgotten_the_key_by_the_next_look(self, till: Till) -> None:
        """PortOne V2 keeps an Idempotency-Key for three hours: after that, the look-up alone protects."""
        payment, refund = await lost(till, V2, "accept_then_hang", 500)
        await till.wait(4 * 3600)
        assert await till.status(refund) == "succeeded"
        await till.has_given(payment, 500, cancels=1)
        assert await till.asked(payment) == 1

    async def test_it_is_under_way_there(self, till: Till) -> None:
        payment = await till.sold(V2)
        await till.shop.scenario("async_cancel", "portone_v2")
        await till.shop.scenario("accept_then_hang", "portone_v2", call="cancel")
        refund = (await till.refund(payment, 500)).json()
        assert refund["status"] == "unknown"
        await till.wait(6)
        assert await till.status(refund) == "pending"
        await till.wait(BATCH_S)
        assert await till.status(refund) == "succeeded"
        await till.has_given(payment, 500, cancels=1)
        assert await till.asked(payment) == 1

    @pytest.mark.parametrize("pg", ["other", "paymentwall"])
    async def test_it_is_under_way_there_and_not_shown(self, till: Till) -> None:
        """PortOne V1 shows a cancel that waits for its PG's word nowhere: asked again or not, it is done once."""
        payment = await till.sold(V1)
        await till.shop.scenario("async_cancel", "portone_v1")
        await till.shop.scenario("accept_then_hang", "portone_v1", call="cancel")
        refund = (await till.refund(payment, 500)).json()
        assert refund["status"] == "unknown"
        for seconds in (6, 16, 301, 3601):
            await till.wait(seconds)
        assert await till.status(refund) == "succeeded"
        await till.has_given(payment, 500, cancels=1)


class TestTroubleThatIsTold:
    @that_asks_again
    @pytest.mark.parametrize("how", ["error_500", "garbage"])
    async def test_an_answer_that_says_neither_yes_nor_no_is_looked_for(self, till: Till, kind: Kind, how: str) -> None:
        payment, refund = await lost(till, kind, how, 500)
        await till.wait_until_decided(payment)
        assert await till.status(refund) == "succeeded"
        await till.has_given(payment, refund["amount"], cancels=1)

    @pytest.mark.parametrize("kind", [V1, V2], ids=lambda kind: kind.name)
    async def test_a_gateway_that_has_no_time_is_asked_later(self, till: Till, kind: Kind) -> None:
        payment = await till.sold(kind)
        await till.shop.scenario("too_many_requests", kind.name, call="cancel")
        answer = await till.refund(payment, 500)
        assert (answer.status_code, answer.json()["status"]) == (202, "created")
        await till.wait(6)
        assert await till.status(answer.json()) == "succeeded"
        await till.has_given(payment, 500, cancels=1)

    async def test_a_slow_gateway_is_waited_for(self, till: Till) -> None:
        for kind in (V1, V2):
            payment = await till.sold(kind)
            await till.shop.scenario("slow", kind.name, call="cancel")
            await till.gave(payment, 500)

    @every_road
    async def test_a_gateway_that_is_away_gets_the_refund_when_it_is_back(self, till: Till, kind: Kind) -> None:
        payment = await till.sold(kind)
        await till.shop.scenario("error_500", kind.name, call="lookup", times=3)
        answer = await till.refund(payment, headers=key())
        assert (answer.status_code, answer.json()["status"]) == (202, "created")
        assert await till.asked(payment) == 0, "nothing is asked for without a look"
        await till.wait_until_decided(payment)
        assert await till.status(answer.json()) == "succeeded"
        await till.has_given(payment, payment["amount"], cancels=1)
