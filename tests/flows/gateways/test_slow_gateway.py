"""A gateway that answers, but slowly, holds up its own attempts and no other's (law 8)."""

import asyncio

import pytest

from app.db.database import Database
from app.jobs.engine import Engine
from app.services import Services
from tests.concurrency.victims import until
from tests.flows.gateways.orders import BY_NAME
from tests.support import MovableClock, Shop

OPEN_WINDOWS = 40


async def test_looks_at_other_gateways_go_on(
    shop: Shop, parts: Services, database: Database, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = [await shop.create(**BY_NAME["portone_v1"].order) for _ in range(OPEN_WINDOWS)]
    quick = await shop.create(**BY_NAME["portone_v2"].order)
    await shop.buyer_pays(quick, "lost_webhook")
    await shop.scenario("slow", "portone_v1", times=-1)
    clock.advance(61)
    # Longest waiting first, and not as it happens: the quick one came last.
    monkeypatch.setattr("app.jobs.engine.random.sample", lambda rows, count: rows[:count])

    async def is_paid() -> bool:
        return bool((await shop.get(quick))["status"] == "paid")

    engine = Engine(parts.due_work, (), now=clock, time_scale=1)
    running = asyncio.create_task(engine.run())
    try:
        async with asyncio.timeout(30):
            await until(is_paid, 0.05)
        row = await database.row(
            "SELECT count(*) AS n FROM attempts WHERE gateway = 'portone_v1' AND lookup_attempts = 0"
        )
        assert row is not None
        assert row["n"] > len(slow) // 2, "the slow ones still wait for their turn"
    finally:
        engine.stop()
        await running
