"""A gateway that answers, but slowly, holds up its own refunds and no other's (law 8)."""

import asyncio

import pytest

from app.jobs.engine import Engine
from app.services import Services
from tests.concurrency.victims import until
from tests.flows.refunds.till import V1, V2, Till

WAITING = 36


async def test_refunds_at_other_gateways_go_on(till: Till, parts: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = [await till.sold(V2, "lost_webhook") for _ in range(WAITING)]
    quick = await till.sold(V1, "lost_webhook")
    for kind, payments in ((V2, slow), (V1, [quick])):
        await till.shop.scenario("error_500", kind.name, call="lookup", times=-1)
        for payment in payments:
            assert (await till.refund(payment)).status_code == 202
        await till.shop.scenario("error_500", kind.name, call="lookup", times=0)
    await till.shop.scenario("slow", V2.name, call="lookup", times=-1)
    till.clock.advance(30)
    # Longest waiting first, and not as it happens: the quick one came last.
    monkeypatch.setattr("app.jobs.engine.random.sample", lambda rows, count: rows[:count])

    async def is_back() -> bool:
        return [each["status"] for each in await till.refunds(quick)] == ["succeeded"]

    engine = Engine(parts.due_work, (), now=till.clock, time_scale=1)
    running = asyncio.create_task(engine.run())
    try:
        async with asyncio.timeout(30):
            await until(is_back, 0.05)
        row = await till.database.row(
            "SELECT count(*) AS n FROM refunds WHERE claimed_until IS NULL AND asked_at IS NULL"
        )
        assert row is not None
        assert row["n"] > WAITING // 4, "some of the slow ones still wait for their turn"
    finally:
        await till.shop.scenario("slow", V2.name, call="lookup", times=0)
        engine.stop()
        await running
    await till.wait(400)
    for payment in slow:
        await till.has_given(payment, payment["amount"], cancels=1)
