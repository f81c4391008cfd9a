"""A refund that the gateway never heard of, or may have, is asked for again only where that is safe."""

from app.domain import ids
from app.services import Services
from tests.api.checks import problem
from tests.flows.gateways.orders import Kind
from tests.flows.refunds.lost import every_road, lost, that_asks_again
from tests.flows.refunds.till import BATCH_S, POINT3, V1, V2, Till


class TestItWasNotDone:
    @that_asks_again
    async def test_it_is_asked_for_again_and_done_once(self, till: Till, kind: Kind) -> None:
        payment, refund = await lost(till, kind, "lost_request", 500)
        await till.wait_until_decided(payment)
        assert await till.status(refund) == "succeeded"
        await till.has_given(payment, refund["amount"], cancels=1)
        assert await till.asked(payment) == 2
        assert not (await till.shop.get(payment))["needs_attention"]

    async def test_point3_is_asked_again_only_when_two_batches_have_not_shown_it(self, till: Till) -> None:
        payment, _ = await lost(till, POINT3, "lost_request")
        for seconds in (6, 16, 61, BATCH_S + 1):
            await till.wait(seconds)
            await till.shop.sync(payment)
        assert await till.asked(payment) == 1
        await till.wait(901)
        assert await till.asked(payment) == 2

    async def test_the_gateway_has_forgotten_the_key_by_the_time_it_is_asked_again(self, till: Till) -> None:
        payment, refund = await lost(till, V2, "lost_request", 500)
        await till.wait(4 * 3600)
        assert await till.status(refund) == "succeeded"
        await till.has_given(payment, 500, cancels=1)

    @every_road
    async def test_whoever_looks_often_does_not_make_it_be_asked_often(self, till: Till, kind: Kind) -> None:
        payment, _ = await lost(till, kind, "lost_request", 500)
        for _ in range(3):
            await till.shop.sync(payment)
        assert await till.asked(payment) == 1, "asked again at its time, and not by whoever asks us"

    async def test_it_is_lost_again_and_again(self, till: Till) -> None:
        payment = await till.sold(V2)
        await till.shop.scenario("lost_request", "portone_v2", call="cancel", times=2)
        await till.shop.scenario("accept_then_hang", "portone_v2", call="cancel")
        refund = (await till.refund(payment, 500)).json()
        await till.wait_until_decided(payment)
        assert await till.status(refund) == "succeeded"
        await till.has_given(payment, 500, cancels=1)
        assert await till.asked(payment) == 3


class TestPaymentwallMayHaveDoneIt:
    """Its cancel comes later and shows nowhere, so nothing but a person tells that it never arrived."""

    async def test_it_is_never_asked_for_again_by_itself_and_a_person_is_called(self, till: Till) -> None:
        payment, refund = await lost(till, V1, "lost_request", 500)
        for seconds in (6, 16, 61, 301, 901):
            await till.wait(seconds)
            assert not (await till.shop.get(payment))["needs_attention"]
        await till.wait(3601)
        await till.wait(3601)
        assert (await till.shop.get(payment))["needs_attention"]
        await till.wait(30 * 86_400)
        assert await till.asked(payment) == 1
        assert await till.status(refund) == "unknown"
        assert (await till.shop.get(payment))["refundable_amount"] == payment["amount"] - 500, (
            "its money stays reserved"
        )

    async def test_a_person_who_has_seen_that_it_was_not_done_has_it_asked_again(
        self, till: Till, parts: Services
    ) -> None:
        payment, refund = await lost(till, V1, "lost_request", 500)
        for _ in range(8):
            await till.wait(3601)
        refund_id = ids.read(ids.Prefix.REFUND, refund["id"])
        _, done = await parts.refunds.ask_again(refund_id, "not in Paymentwall's list")
        assert done.status == "succeeded"
        stored = await till.shop.get(payment)
        assert not stored["needs_attention"]
        await till.has_given(payment, 500, cancels=1)
        assert await till.asked(payment) == 2
        assert "not in Paymentwall's list" in str(await till.shop.events(payment))

    async def test_a_person_who_says_that_it_never_will_be_done_frees_its_money(
        self, till: Till, parts: Services
    ) -> None:
        payment, refund = await lost(till, V1, "lost_request", 500)
        refund_id = ids.read(ids.Prefix.REFUND, refund["id"])
        await parts.refunds.mark(refund_id, is_done=False, note="Paymentwall has no trace of it")
        assert await till.status(refund) == "failed"
        assert (await till.shop.get(payment))["refundable_amount"] == payment["amount"]
        await till.gave(payment, 600)
        await till.has_given(payment, 600, cancels=1)

    async def test_one_that_was_marked_as_failed_and_is_done_after_all_is_found(
        self, till: Till, parts: Services
    ) -> None:
        payment, refund = await lost(till, V1, "accept_then_hang", 500)
        refund_id = ids.read(ids.Prefix.REFUND, refund["id"])
        await parts.refunds.mark(refund_id, is_done=False, note="a mistake")
        await till.wait(3700)
        assert await till.status(refund) == "succeeded"
        await till.has_given(payment, 500, cancels=1)

    async def test_it_is_found_after_its_money_was_promised_again(self, till: Till, parts: Services) -> None:
        """A person was wrong, and the shop has asked anew: what was done stands, and the new one has no room."""
        payment, refund = await lost(till, V1, "accept_then_hang", 1000)
        refund_id = ids.read(ids.Prefix.REFUND, refund["id"])
        await parts.refunds.mark(refund_id, is_done=False, note="a mistake")
        told = problem(await till.refund(payment, 1000), "refundable_mismatch")
        assert await till.status({"id": told["refund_id"]}) == "failed"
        assert await till.status(refund) == "succeeded"
        await till.has_given(payment, 1000, cancels=1)
        await till.gave(payment)
        await till.has_given(payment, payment["amount"], cancels=2)
