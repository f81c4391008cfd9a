"""Paymentwall's cancels come later and show nowhere meanwhile: what is asked again when an answer was lost, and what never.

All that is left cannot be paid twice, a part can (docs/gateways/portone-v1.md §6).
"""

import pytest

from app.domain.schedule import MOST_BLIND_REQUESTS
from app.settings import Settings
from tests.flows.gateways.test_silence import sweep, with_settings
from tests.flows.refunds.lost import lost
from tests.flows.refunds.till import BATCH_S, V1, Json, Till

QUIET = (6, 16, 61, 301, 901)
not_done = pytest.mark.parametrize("how", ["error_500", "lost_request"])


async def after_a_quiet_hour(till: Till) -> None:
    for seconds in (*QUIET, 3601):
        await till.wait(seconds)


class TestTheWhole:
    @not_done
    async def test_it_is_asked_for_again_after_a_quiet_hour_and_done_once(self, till: Till, how: str) -> None:
        payment, refund = await lost(till, V1, how)
        for seconds in QUIET:
            await till.wait(seconds)
            await till.shop.sync(payment)
        assert await till.asked(payment) == 1
        await till.wait(3601)
        assert await till.asked(payment) == 2
        assert await till.status(refund) == "succeeded"
        await till.has_given(payment, payment["amount"], cancels=1)
        assert not (await till.shop.get(payment))["needs_attention"]

    @not_done
    async def test_all_that_is_left_beside_a_part_as_well(self, till: Till, how: str) -> None:
        payment = await till.sold(V1)
        await till.gave(payment, 500)
        await till.shop.scenario(how, "portone_v1", call="cancel")
        assert (await till.refund(payment)).json()["status"] == "unknown"
        await after_a_quiet_hour(till)
        await till.has_given(payment, payment["amount"], cancels=2)

    @pytest.mark.parametrize("how", ["garbage", "accept_then_hang"])
    @pytest.mark.parametrize("later", [False, True], ids=["at_once", "later"])
    async def test_what_was_done_is_found_and_not_asked_for_again(self, till: Till, how: str, later: bool) -> None:
        payment = await till.sold(V1)
        if later:
            await till.shop.scenario("async_cancel", "portone_v1", call="cancel")
        await till.shop.scenario(how, "portone_v1", call="cancel")
        refund = (await till.refund(payment)).json()
        await after_a_quiet_hour(till)
        assert await till.status(refund) == "succeeded"
        await till.has_given(payment, payment["amount"], cancels=1)
        assert await till.asked(payment) == 1

    async def test_a_refusal_because_the_first_is_under_way_fails_nothing(self, till: Till) -> None:
        """Paymentwall takes longer than the quiet hour: the second request is refused, and says nothing of the first."""
        payment = await till.sold(V1)
        await till.shop.scenario("async_cancel", "portone_v1", call="cancel")
        await till.shop.scenario("accept_then_hang", "portone_v1", call="cancel")
        refund = (await till.refund(payment)).json()
        for seconds in (*QUIET, 3601):
            till.clock.advance(seconds)  # only here: the gateway is not done yet
            await till.sweep()
        assert await till.asked(payment) == 2
        assert await till.status(refund) == "unknown"
        await till.wait(BATCH_S + 3601)
        assert await till.status(refund) == "succeeded"
        await till.has_given(payment, payment["amount"], cancels=1)

    async def test_after_so_many_requests_a_person_decides(self, till: Till) -> None:
        payment = await till.sold(V1)
        await till.shop.scenario("lost_request", "portone_v1", call="cancel", times=9)
        refund = (await till.refund(payment)).json()
        await after_a_quiet_hour(till)
        for _ in range(6):
            await till.wait(3601)
        await till.wait(30 * 86_400)
        assert await till.asked(payment) == MOST_BLIND_REQUESTS == 3
        assert await till.status(refund) == "unknown"
        stored = await till.shop.get(payment)
        assert (stored["needs_attention"], stored["refundable_amount"]) == (True, 0)


class TestAPart:
    @pytest.mark.parametrize("how", ["error_500", "lost_request"])
    async def test_it_is_never_asked_for_again_by_itself(self, till: Till, how: str) -> None:
        payment, _ = await lost(till, V1, how, 500)
        await after_a_quiet_hour(till)
        await till.wait(86_400)
        assert await till.asked(payment) == 1
        assert (await till.shop.get(payment))["needs_attention"]


class TestAnotherPgIsSetMeanwhile:
    """What took the money takes it back, by its own rules, whatever the settings name by then."""

    @pytest.mark.parametrize(("pg", "then"), [("paymentwall", "other"), ("other", "paymentwall")])
    async def test_a_lost_part_is_asked_again_as_the_pg_that_took_it_allows(
        self, till: Till, settings: Settings, pg: str, then: str
    ) -> None:
        payment, refund = await lost(till, V1, "lost_request", 500)
        account = settings.portone_v1.model_copy(update={"pg": then})  # type: ignore[attr-defined]
        async with with_settings(settings, till.clock, portone_v1=account) as services:
            await sweep(services, till.clock, *QUIET, 3601)
            stored = await till.load(payment)
            _, options = await services.refunds.options(stored.id, stored.store)
        assert await till.asked(payment) == (1 if pg == "paymentwall" else 2)
        assert await till.status(refund) == ("unknown" if pg == "paymentwall" else "succeeded")
        assert ("fee_from_tomorrow" in options.notes) == (pg == "paymentwall")


class TestTheAutomaticOne:
    @not_done
    async def test_money_that_raced_a_cancel_goes_back_although_the_first_answer_was_lost(
        self, till: Till, how: str
    ) -> None:
        payment: Json = await till.shop.create(**V1.order)
        assert (await till.shop.client.post(f"/payments/{payment['id']}/cancel")).json()["status"] == "canceled"
        await till.shop.scenario(how, "portone_v1", call="cancel")
        await till.shop.buyer_pays(payment)
        await till.shop.sync(payment)
        (refund,) = await till.refunds(payment)
        assert (refund["cause"], refund["status"]) == ("rejected", "unknown")
        await after_a_quiet_hour(till)
        assert await till.status(refund) == "succeeded"
        truth = await till.shop.journal(payment)
        assert (truth["refunded"], truth["cancels"]) == (truth["amount"], 1)
        stored = await till.shop.get(payment)
        assert (stored["status"], stored["needs_attention"]) == ("canceled", False)
