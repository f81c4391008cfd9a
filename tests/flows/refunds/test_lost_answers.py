"""A lost answer to a refund is looked for, asked again only where that is safe, and never gives money back twice."""

import pytest

from app.domain import ids
from app.services import Services
from tests.api.checks import problem
from tests.flows.gateways.orders import Kind
from tests.flows.refunds.till import BATCH_S, POINT3, V1, V2, Json, Till
from tests.support import key

every_road = pytest.mark.parametrize(
    ("kind", "pg"),
    [(POINT3, "paymentwall"), (V1, "other"), (V1, "paymentwall"), (V2, "paymentwall")],
    ids=["point3", "portone_v1-other", "portone_v1-paymentwall", "portone_v2"],
)
that_asks_again = pytest.mark.parametrize(
    ("kind", "pg"),
    [(POINT3, "paymentwall"), (V1, "other"), (V2, "paymentwall")],
    ids=["point3", "portone_v1-other", "portone_v2"],
)


async def lost(till: Till, kind: Kind, how: str, amount: int | None = None) -> tuple[Json, Json]:
    """A payment and its refund, of which the next call to the gateway goes wrong."""
    payment = await till.sold(kind)
    await till.shop.scenario(how, kind.name, call="cancel")
    answer = await till.refund(payment, None if kind is POINT3 else amount)
    assert (answer.status_code, answer.json()["status"]) == (202, "unknown"), answer.text
    stored = await till.shop.get(payment)
    assert (stored["status"], stored["refunded_amount"]) == ("paid", 0), "what is not known is not told as done"
    return payment, dict(answer.json())


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
