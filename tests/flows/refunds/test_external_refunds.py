"""Refunds that we did not start: found, counted, told as such, and nothing is given back for them again."""

import pytest

from app.db.database import Database
from app.services import Services
from tests.api.checks import problem
from tests.flows.gateways.orders import Kind
from tests.flows.refunds.till import BATCH_S, POINT3, V1, V2, Json, Till
from tests.flows.webhooks.test_arrival import until_kept

at_once = pytest.mark.parametrize("kind", [V1, V2], ids=lambda kind: kind.name)
HOUR_S = 3601.0


async def until_heard(till: Till, database: Database, parts: Services, kind: Kind, count: int) -> None:
    """So many webhooks have come, and the worker has looked into them."""
    for row in await until_kept(database, kind.name, count):
        await parts.webhooks.apply(row["id"])


async def found(till: Till, payment: Json) -> list[tuple[str, str, int]]:
    return [(each["cause"], each["status"], each["amount"]) for each in await till.refunds(payment)]


class TestFound:
    @at_once
    async def test_by_a_webhook(
        self, till: Till, kind: Kind, served: None, database: Database, parts: Services
    ) -> None:
        payment = await till.sold(kind)
        told = {"portone_v1": 1, "portone_v2": 2}[kind.name]
        await until_heard(till, database, parts, kind, told)
        await till.past_us(payment, 700)
        await until_heard(till, database, parts, kind, told + 1)
        assert await found(till, payment) == [("gateway", "succeeded", 700)]
        await till.past_us(payment)
        await until_heard(till, database, parts, kind, told + 2)
        await till.has_given(payment, payment["amount"], cancels=2)
        assert {each["cause"] for each in await till.shop.events(payment) if each["reason"] == "refund_found"} == {
            "webhook"
        }
        assert await till.asked(payment) == 0

    @at_once
    async def test_by_sync(self, till: Till, kind: Kind) -> None:
        payment = await till.sold(kind)
        await till.past_us(payment, 700)
        synced = (await till.shop.sync(payment)).json()
        assert (synced["status"], synced["refunded_amount"]) == ("partially_refunded", 700)
        await till.past_us(payment, 50)
        await till.past_us(payment)
        await till.shop.sync(payment)
        await till.shop.sync(payment)
        assert await found(till, payment) == [
            ("gateway", "succeeded", 700),
            ("gateway", "succeeded", 50),
            ("gateway", "succeeded", payment["amount"] - 750),
        ]
        await till.has_given(payment, payment["amount"], cancels=3)
        problem(await till.refund(payment), "already_refunded")
        assert await till.asked(payment) == 0

    @pytest.mark.parametrize("kind", [POINT3, V1, V2], ids=lambda kind: kind.name)
    async def test_by_the_sweep_alone(self, till: Till, kind: Kind) -> None:
        payment = await till.sold(kind, **({} if kind is POINT3 else {"scenario": "lost_webhook"}))
        await till.past_us(payment)
        await till.wait(HOUR_S)
        assert await found(till, payment) == [("gateway", "succeeded", payment["amount"])]
        await till.has_given(payment, payment["amount"], cancels=1)
        assert await till.asked(payment) == 0
        assert {each["cause"] for each in await till.shop.events(payment) if each["reason"] == "refund_found"} == {
            "sweep"
        }

    async def test_by_the_sweep_months_later(self, till: Till) -> None:
        payment = await till.sold(V2, "lost_webhook")
        await till.wait(60 * 86_400)
        await till.past_us(payment, kind="chargeback")
        await till.wait(60 * 86_400)
        assert await found(till, payment) == [("gateway", "succeeded", payment["amount"])]
        await till.has_given(payment, payment["amount"], cancels=1)

    async def test_a_chargeback_is_told_as_one(self, till: Till) -> None:
        payment = await till.sold(V2)
        await till.past_us(payment, 9000, kind="chargeback")
        await till.past_us(payment, 1000, kind="console")
        await till.shop.sync(payment)
        told = [(each["cause"], each["reason"], each["amount"]) for each in await till.refunds(payment)]
        assert told == [("gateway", "chargeback", 9000), ("gateway", "관리자 콘솔에서 취소", 1000)]
        await till.has_given(payment, 10_000, cancels=2)

    async def test_a_chargeback_after_our_own_refund_of_the_same_amount_is_another_one(self, till: Till) -> None:
        payment = await till.sold(V2)
        await till.gave(payment, 500)
        await till.past_us(payment, 500, kind="chargeback")
        await till.shop.sync(payment)
        assert await found(till, payment) == [("api", "succeeded", 500), ("gateway", "succeeded", 500)]
        await till.has_given(payment, 1000, cancels=2)

    @at_once
    async def test_one_of_the_same_amount_as_ours_that_failed_before_is_not_ours(self, till: Till, kind: Kind) -> None:
        """The gateway said an explicit no to ours, so it was the console that gave this money back."""
        payment = await till.sold(kind)
        await till.shop.scenario("partial_cancel_refused", kind.name)
        problem(await till.refund(payment, 500), "refund_declined")
        await till.past_us(payment, 500)
        await till.shop.sync(payment)
        assert await found(till, payment) == [("api", "failed", 500), ("gateway", "succeeded", 500)]
        await till.has_given(payment, 500, cancels=1)

    async def test_point3s_console_cancel_is_told_once_it_is_done(self, till: Till) -> None:
        payment = await till.sold(POINT3)
        await till.past_us(payment)
        await till.shop.sync(payment)
        assert (await till.refunds(payment), (await till.shop.get(payment))["status"]) == ([], "paid")
        await till.wait(BATCH_S + 1)
        await till.shop.sync(payment)
        assert await found(till, payment) == [("gateway", "succeeded", payment["amount"])]
        await till.has_given(payment, payment["amount"], cancels=1)

    async def test_point3s_console_cancel_before_its_batch_keeps_ours_from_being_asked_for(self, till: Till) -> None:
        payment = await till.sold(POINT3)
        await till.past_us(payment)
        before = await till.looks(payment)
        answer = await till.refund(payment)
        assert (answer.status_code, answer.json()["status"]) == (202, "created"), answer.text
        assert await till.looks(payment) - before <= 3, (
            "a call that cannot be carried out yet does not poll the gateway"
        )
        assert not (await till.shop.get(payment))["needs_attention"]
        await till.wait_until_decided(payment)
        await till.wait(BATCH_S)
        await till.has_given(payment, payment["amount"], cancels=1)
        assert await till.asked(payment) == 0


class TestWhileOursWaits:
    """Ours stands in the queue behind one that the gateway does later."""

    @pytest.fixture
    async def payment(self, till: Till) -> Json:
        payment = await till.sold(V2)
        await till.shop.scenario("async_cancel", "portone_v2")
        assert (await till.refund(payment, 4000)).json()["status"] == "pending"
        return payment

    async def test_there_is_room_for_both(self, till: Till, payment: Json) -> None:
        waiting = (await till.refund(payment, 5000)).json()
        await till.past_us(payment, 6000)
        await till.wait(BATCH_S + 10)
        await till.wait(61)
        assert await till.status(waiting) == "succeeded"
        await till.has_given(payment, 15_000, cancels=3)

    async def test_there_is_no_room_any_more(self, till: Till, payment: Json) -> None:
        waiting = (await till.refund(payment, 15_000)).json()
        await till.past_us(payment, 6000)
        await till.shop.sync(payment)
        stored = await till.read(waiting)
        assert (stored["status"], stored["failure"]["code"]) == ("failed", "refundable_mismatch")
        await till.wait(BATCH_S + 10)
        await till.has_given(payment, 10_000, cancels=2)
        assert await till.asked(payment) == 1, "what was overtaken is never asked for"

    async def test_ours_was_bound_to_a_balance(self, till: Till, payment: Json) -> None:
        bound = (await till.refund(payment, 5000, expected_refundable=20_000)).json()
        free = (await till.refund(payment, 1000)).json()
        await till.past_us(payment, 6000)
        await till.shop.sync(payment)
        stored = await till.read(bound)
        assert (stored["status"], stored["failure"]["code"]) == ("failed", "refundable_mismatch")
        await till.wait(BATCH_S + 10)
        await till.wait(61)
        assert await till.status(free) == "succeeded"
        await till.has_given(payment, 11_000, cancels=3)

    async def test_the_console_takes_all_that_is_left(self, till: Till, payment: Json) -> None:
        waiting = (await till.refund(payment, 5000, expected_refundable=20_000)).json()
        await till.past_us(payment, 20_000)
        await till.shop.sync(payment)
        assert await till.status(waiting) == "failed"
        await till.wait(BATCH_S + 10)
        await till.has_given(payment, 24_000, cancels=2)


class TestWhileOursIsUnknown:
    @pytest.mark.parametrize(
        ("kind", "pg", "how", "amount"),
        [
            *((V1, "other", "accept_then_hang", amount) for amount in (700, 500)),
            *((V2, "paymentwall", how, 700) for how in ("lost_request", "accept_then_hang")),
            (V2, "paymentwall", "accept_then_hang", 500),
        ],
        ids=lambda each: each.name if isinstance(each, Kind) else str(each),
    )
    async def test_both_are_told_apart(self, till: Till, kind: Kind, how: str, amount: int) -> None:
        payment = await till.sold(kind)
        await till.shop.scenario(how, kind.name, call="cancel")
        ours = (await till.refund(payment, 500)).json()
        assert ours["status"] == "unknown"
        await till.past_us(payment, amount)
        await till.wait_until_decided(payment)
        assert sorted(await found(till, payment)) == [("api", "succeeded", 500), ("gateway", "succeeded", amount)]
        await till.has_given(payment, 500 + amount, cancels=2)

    @pytest.mark.parametrize("amount", [400, 700])
    async def test_where_nobody_is_told_to_have_asked_a_person_tells_them_apart(self, till: Till, amount: int) -> None:
        """V1 does not say who gave it back. Less or more: it may be ours, adjusted."""
        payment = await till.sold(V1)
        await till.shop.scenario("lost_request", "portone_v1", call="cancel")
        ours = (await till.refund(payment, 500)).json()
        await till.past_us(payment, amount)
        for pause_s in (6, 16, 61, 301, 3601):
            await till.wait(pause_s)
        assert await till.status(ours) == "unknown"
        assert (await till.shop.get(payment))["attention_code"] == "unexplained_refund"
        assert await till.asked(payment) == 1, "it is not asked for again"

    @at_once
    async def test_one_that_may_be_ours_counts_as_ours(self, till: Till, kind: Kind) -> None:
        """Ours never arrived, and the console gave the same amount: of two readings the one that gives less back."""
        payment = await till.sold(kind)
        await till.shop.scenario("lost_request", kind.name, call="cancel")
        await till.refund(payment, 500)
        await till.past_us(payment, 500)
        await till.wait_until_decided(payment)
        assert await found(till, payment) == [("api", "succeeded", 500)]
        await till.has_given(payment, 500, cancels=1)
        assert await till.asked(payment) == 1

    async def test_the_console_leaves_no_room_for_ours(self, till: Till) -> None:
        payment = await till.sold(V2)
        await till.shop.scenario("lost_request", "portone_v2", call="cancel")
        ours = (await till.refund(payment, 15_000)).json()
        await till.past_us(payment, 10_000)
        await till.wait_until_decided(payment)
        stored = await till.read(ours)
        assert (stored["status"], stored["failure"]["code"]) == ("failed", "refundable_mismatch")
        await till.has_given(payment, 10_000, cancels=1)
