"""News of money that went back, and refunds, between two processes, a crash, a slow gateway and many callers."""

import asyncio
import time
from typing import Any

import asyncpg
import pytest

from app.db.database import Database
from app.domain import ids
from app.idempotency.service import Idempotency
from app.jobs.worker import Worker
from app.services import Services, build_services
from app.settings import Settings
from tests.flows.refunds.till import V2, Json, Till
from tests.flows.webhooks.test_arrival import until_kept
from tests.support import MovableClock, key
from tests.support.databases import Urls

DAY_S = 86_400.0


async def due_at(database: Database, payment: Json) -> Any:
    row = await database.row(
        "SELECT next_check_at FROM attempts WHERE payment_id = $1", ids.read(ids.Prefix.PAYMENT, payment["id"])
    )
    assert row is not None
    return row["next_check_at"]


async def no_kept_look_is_left(till: Till, payment: Json, left: int) -> None:
    """Wait until only `left` of the looks at kept money are still to come."""
    for days in (1, 2, 10, 40, 80, 100)[: 6 - left]:
        await till.wait(days * DAY_S)
    assert (await due_at(till.database, payment) is None) == (left == 0)


class TestALookIsMovedOnBeforeWhatItShowedIsStored:
    async def test_the_row_is_held_while_the_last_look_is_made(
        self, till: Till, urls: Urls, database: Database
    ) -> None:
        """Verification moves the attempt's time (attempts row), then the processor fails to store the news (payments
        row, lock_timeout). The engine's put_off does not touch a time that lies later or is NULL."""
        payment = await till.sold(V2, "lost_webhook")
        await no_kept_look_is_left(till, payment, 1)
        await till.past_us(payment, kind="chargeback")
        holder = await asyncpg.connect(urls.owner)
        await holder.execute("BEGIN")
        await holder.execute(
            "SELECT 1 FROM payments WHERE id = $1 FOR UPDATE", ids.read(ids.Prefix.PAYMENT, payment["id"])
        )
        await till.wait(100 * DAY_S)
        await holder.execute("ROLLBACK")
        await holder.close()
        assert await till.refunds(payment) == []
        for _ in range(20):
            await till.wait(30 * DAY_S)
        assert [each["status"] for each in await till.refunds(payment)] == ["succeeded"]

    async def test_the_worker_dies_between(
        self, till: Till, settings: Settings, clock: MovableClock, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A worker that is killed after verification's write and before the processor's."""
        payment = await till.sold(V2, "lost_webhook")
        await no_kept_look_is_left(till, payment, 1)
        await till.past_us(payment, kind="chargeback")
        dying = build_services(settings, clock)
        await dying.database.open()
        reached = asyncio.Event()

        async def killed_here(*_: object, **__: object) -> None:
            reached.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(dying.payments._processor, "process", killed_here)
        clock.advance(100 * DAY_S)
        worker = asyncio.create_task(Worker(dying).sweep())
        await asyncio.wait_for(reached.wait(), 10)
        worker.cancel()
        await dying.registry.close()
        await dying.database.close()
        for _ in range(20):
            await till.wait(30 * DAY_S)
        assert [each["status"] for each in await till.refunds(payment)] == ["succeeded"]

    async def test_the_payment_moves_and_the_second_look_is_not_answered(
        self, till: Till, database: Database, parts: Services
    ) -> None:
        """No crash: sync in one process and the sweep in another at once; the gateway fails the sweep's second look."""
        payment = await till.sold(V2, "lost_webhook")
        await no_kept_look_is_left(till, payment, 1)
        await till.past_us(payment, 700)
        await till.shop.scenario("slow", "portone_v2", call="lookup", times=2)
        looks = await till.looks(payment)
        sync = asyncio.create_task(till.shop.sync(payment))
        await till.until_called(payment, "lookup", looks)
        await till.past_us(payment, 50)
        till.clock.advance(100 * DAY_S)
        sweep = asyncio.create_task(Worker(parts).sweep())
        await till.until_called(payment, "lookup", looks + 1)
        await till.shop.scenario("error_500", "portone_v2", call="lookup")
        await asyncio.gather(sync, sweep)
        for _ in range(20):
            await till.wait(30 * DAY_S)
        assert [each["amount"] for each in await till.refunds(payment)] == [700, 50]


class TestAnAcknowledgementWiderThanItsCheck:
    async def test_a_webhook_is_done_though_what_it_told_is_not_stored(
        self, till: Till, served: None, database: Database, parts: Services
    ) -> None:
        """The payment moved (another process stored an earlier refund), the look after that is not answered: the webhook
        must stay due. Before: is_answered False, tried again."""
        payment = await till.sold(V2)
        for row in await until_kept(database, "portone_v2", 2):
            await parts.webhooks.apply(row["id"])
        await till.past_us(payment, 700)
        await until_kept(database, "portone_v2", 3)
        await till.shop.scenario("slow", "portone_v2", call="lookup", times=2)
        looks = await till.looks(payment)
        sync = asyncio.create_task(till.shop.sync(payment))
        await till.until_called(payment, "lookup", looks)
        await till.past_us(payment, 50)
        row = (await until_kept(database, "portone_v2", 4))[-1]
        webhook = asyncio.create_task(parts.webhooks.apply(row["id"]))
        await till.until_called(payment, "lookup", looks + 1)
        await till.shop.scenario("error_500", "portone_v2", call="lookup")
        await asyncio.gather(sync, webhook)
        kept = (await until_kept(database, "portone_v2", 4))[-1]
        assert kept["applied_at"] is None, "nothing of what it told is stored"
        await till.wait(60)
        assert [each["amount"] for each in await till.refunds(payment)] == [700, 50]


class TestHowLongACallerWaits:
    @pytest.mark.parametrize("how", ["lost_request"])
    async def test_many_refunds_while_the_gateway_hangs(self, till: Till, settings: Settings, how: str) -> None:
        """Each caller waits for the turns of all before it. Before: `confirm_wait_s` and one look."""
        payment = await till.sold(V2, "lost_webhook")
        await till.shop.scenario(how, "portone_v2", call="lookup", times=-1)

        async def timed(amount: int) -> tuple[float, int]:
            began = time.monotonic()
            answer = await till.refund(payment, amount)
            return time.monotonic() - began, answer.status_code

        async def synced() -> tuple[float, int]:
            began = time.monotonic()
            answer = await till.shop.sync(payment)
            return time.monotonic() - began, answer.status_code

        took = await asyncio.gather(*(timed(100 + n) for n in range(7)), synced())
        await till.shop.scenario(how, "portone_v2", call="lookup", times=0)
        assert max(s for s, _ in took) < settings.confirm_wait_s + 2 * 2, took

    async def test_many_refunds_of_a_slow_gateway(self, till: Till, settings: Settings) -> None:
        """0.8 s a call, 12 refunds at once: the last waits for 24 calls."""
        payment = await till.sold(V2, "lost_webhook")
        await till.shop.scenario("slow", "portone_v2", call="lookup", times=-1)
        await till.shop.scenario("slow", "portone_v2", call="cancel", times=-1)

        async def timed(amount: int) -> tuple[float, int]:
            began = time.monotonic()
            answer = await till.refund(payment, amount)
            return time.monotonic() - began, answer.status_code

        took = await asyncio.gather(*(timed(100 + n) for n in range(12)))
        await till.shop.scenario("slow", "portone_v2", call="lookup", times=0)
        await till.shop.scenario("slow", "portone_v2", call="cancel", times=0)
        await till.wait_until_decided(payment)
        assert max(s for s, _ in took) < settings.confirm_wait_s + 2 * 2, took


class TestManyCallersOfOneLook:
    async def test_completes_of_money_that_does_not_match(self, till: Till) -> None:
        payment = await till.shop.create(**V2.order)
        proof = await till.shop.buyer_pays(payment, "amount_differs")
        await till.shop.scenario("slow", "portone_v2", call="lookup", times=-1)
        looks = await till.looks(payment)
        await asyncio.gather(*(till.shop.complete(payment, **proof) for _ in range(20)))
        await till.shop.scenario("slow", "portone_v2", call="lookup", times=0)
        assert await till.looks(payment) - looks <= 3
        assert await till.asked(payment) == 1

    async def test_syncs_that_see_a_refund_of_the_console(self, till: Till) -> None:
        payment = await till.sold(V2, "lost_webhook")
        await till.past_us(payment, 700)
        await till.shop.scenario("slow", "portone_v2", call="lookup", times=-1)
        looks = await till.looks(payment)
        await asyncio.gather(*(till.shop.sync(payment) for _ in range(20)))
        await till.shop.scenario("slow", "portone_v2", call="lookup", times=0)
        assert await till.looks(payment) - looks <= 3


class TestSchedule:
    async def test_a_kept_look_with_news_is_made_once(self, till: Till, database: Database) -> None:
        """The processor writes the attempt as verification read it, with the time that verification has just moved."""
        payment = await till.sold(V2, "lost_webhook")
        await till.past_us(payment, 700)
        looks = await till.looks(payment)
        await till.wait(3601)
        assert await till.looks(payment) - looks == 1


class TestTheEdgeDies:
    @pytest.mark.parametrize("is_gateway_down", [False, True])
    async def test_between_the_processor_and_finish(
        self, till: Till, monkeypatch: pytest.MonkeyPatch, is_gateway_down: bool
    ) -> None:
        """The same key later gives the same refund, asked once."""
        payment = await till.sold(V2, "lost_webhook")
        mine = key()

        async def dies(*_: object) -> None:
            raise ConnectionResetError

        with monkeypatch.context() as patch:
            patch.setattr(Idempotency, "finish", dies)
            assert (await till.refund(payment, 500, headers=mine)).status_code == 503
        if is_gateway_down:
            await till.shop.scenario("error_500", "portone_v2", call="lookup", times=1)
        for _ in range(200):
            if (last := await till.refund(payment, 500, headers=mine)).status_code != 409:
                break
            await asyncio.sleep(0.05)  # it is being let go
        assert (last.status_code, await till.asked(payment)) == (201, 1)
        assert (await till.refund(payment, 500, headers=mine)).headers["Idempotency-Replayed"] == "true"


class TestAWorkerAndATurnThatIsLong:
    async def test_due_refunds_of_one_payment_hold_up_nobody_else(self, till: Till, parts: Services) -> None:
        payment = await till.sold(V2, "lost_webhook")
        await till.shop.scenario("error_500", "portone_v2", call="lookup", times=-1)
        for number in range(20):
            await till.refund(payment, 100 + number)
        await till.shop.scenario("error_500", "portone_v2", call="lookup", times=0)
        await till.shop.scenario("slow", "portone_v2", call="lookup", times=-1)
        await till.shop.scenario("slow", "portone_v2", call="cancel", times=-1)
        till.clock.advance(7)
        await asyncio.wait_for(Worker(parts).sweep(), 60)
        await till.shop.scenario("slow", "portone_v2", call="lookup", times=0)
        await till.shop.scenario("slow", "portone_v2", call="cancel", times=0)
        for _ in range(12):
            await till.wait(400)
        assert {each["status"] for each in await till.refunds(payment)} == {"succeeded"}
