"""A webhook arrives: kept before it is answered, looked into soon, believed about nothing."""

import asyncio
import signal
import time
from typing import Any

import pytest

from app.db.database import Database
from app.jobs.worker import Worker
from app.services import Services
from tests.flows.gateways.orders import ONE_STEP, Kind
from tests.support import MovableClock, Shop

one_step = pytest.mark.parametrize("kind", ONE_STEP, ids=lambda kind: kind.name)


async def rows(database: Database, gateway: str) -> list[dict[str, Any]]:
    sql = "SELECT * FROM webhook_inbox WHERE gateway = $1 ORDER BY received_at"
    return [dict(row) for row in await database.rows(sql, gateway)]


async def until_kept(database: Database, gateway: str, count: int = 1) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 60
    while len(found := await rows(database, gateway)) < count:
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.02)
    return found


@one_step
async def test_money_is_found_by_its_webhook_alone(
    shop: Shop, kind: Kind, served: str, parts: Services, database: Database, clock: MovableClock
) -> None:
    payment = await shop.create(**kind.order)
    await shop.buyer_pays(payment)
    kept = await until_kept(database, kind.name)
    assert (await shop.get(payment))["status"] == "open", "a webhook by itself changes nothing"
    assert {row["proof"] for row in kept} == {"hint" if kind.name == "portone_v1" else "signature"}
    for row in kept:
        await parts.webhooks.apply(row["id"])
    assert (await shop.get(payment))["status"] == "paid"
    applied = {row["id"] for row in await rows(database, kind.name) if row["applied_at"]}
    assert applied >= {row["id"] for row in kept}
    causes = {event["cause"] for event in await shop.events(payment) if event["to"] == "paid"}
    assert causes == {"webhook"}


@one_step
async def test_the_worker_takes_it_up_at_once(shop: Shop, kind: Kind, served: str, parts: Services) -> None:
    worker = asyncio.create_task(Worker(parts).run())
    try:
        payment = await shop.create(**kind.order)
        await shop.buyer_pays(payment)
        started = time.monotonic()
        while (await shop.get(payment))["status"] != "paid":
            assert time.monotonic() - started < 5
            await asyncio.sleep(0.02)
        assert time.monotonic() - started < 3, "long before the sweep"
    finally:
        signal.raise_signal(signal.SIGTERM)
        await asyncio.wait_for(worker, 60)


@one_step
async def test_the_same_webhook_twice_is_one_row_and_one_capture(
    shop: Shop, kind: Kind, served: str, parts: Services, database: Database, clock: MovableClock
) -> None:
    payment = await shop.create(**kind.order)
    await shop.buyer_pays(payment, "duplicate_webhook")
    deadline = time.monotonic() + 60
    while max((row["times_received"] for row in await rows(database, kind.name)), default=0) < 2:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    clock.advance(60)
    await Worker(parts).sweep()
    stored = await shop.get(payment)
    assert (stored["status"], stored["captured_amount"]) == ("paid", payment["amount"])
    assert all(row["applied_at"] for row in await rows(database, kind.name))
