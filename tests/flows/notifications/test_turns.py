"""The relay's turn: how long it is, who waits for it, and what it looks at."""

import asyncio
import json
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest

from app.db.database import Database
from app.db.pool import Connection
from app.domain.clock import utc_now
from app.domain.schedule import PUT_AT_ONCE
from app.jobs.worker import Worker
from app.notifications.endpoints import MOST_ENDPOINTS
from app.notifications.relay import _IS_NEW, Relay, put_in_turn
from app.services import Services
from tests.flows.notifications.house import endpoint, id_of, paid, somebody_waits
from tests.support import MovableClock, Shop, key
from tests.support.databases import Urls
from tests.support.receiver import Receiver

NEW = """
INSERT INTO outbox (payment_id, id, store, type, sequence, created_at, body)
SELECT gen_random_uuid(), gen_random_uuid(), 'main', 'payment.paid', 2, now(), '{}' FROM generate_series(1, $1::integer)
"""


@pytest.fixture
async def owner(urls: Urls) -> AsyncIterator[Connection]:
    owner = await asyncpg.connect(urls.owner)
    yield owner
    await owner.close()


async def test_a_replay_waits_for_no_relay(shop: Shop, parts: Services, receiver: Receiver, owner: Connection) -> None:
    await endpoint(shop, receiver.url)
    await paid(shop)
    await Worker(parts).sweep()
    async with owner.transaction():
        await owner.execute("SELECT FROM outbox_head FOR UPDATE")
        answer = await shop.client.post("/notifications/replay", json={"since": "2026-01-01T00:00:00Z"}, headers=key())
    assert (answer.status_code, answer.json()) == (202, {"count": 1})


async def test_they_lock_endpoints_in_one_order(
    shop: Shop, receiver: Receiver, owner: Connection, urls: Urls, clock: MovableClock
) -> None:
    """Whatever order they lie in: so a relay and a replay never wait for each other."""
    first, second = sorted([id_of(await endpoint(shop, receiver.url)) for _ in range(2)])
    await owner.execute("UPDATE notification_endpoints SET description = 'now it lies behind' WHERE id = $1", first)
    await owner.execute(NEW, 1)
    other = await asyncpg.connect(urls.app)
    await other.execute("SET enable_indexscan = off; SET enable_bitmapscan = off")
    async with owner.transaction():
        await owner.execute("SELECT FROM notification_endpoints WHERE id = $1 FOR UPDATE", first)
        waiting = asyncio.create_task(_put(other, [first, second], clock))
        await somebody_waits(owner)
        await owner.execute("SELECT FROM notification_endpoints WHERE id = $1 FOR UPDATE NOWAIT", second)
    await waiting
    await other.close()


async def _put(connection: Connection, endpoints: list[UUID], clock: MovableClock) -> None:
    async with connection.transaction():
        (event,) = await connection.fetch("SELECT * FROM outbox")
        await put_in_turn(connection, [(event, to) for to in endpoints], clock())


async def test_the_relays_turn_is_bounded_by_what_it_makes(
    shop: Shop, parts: Services, receiver: Receiver, owner: Connection
) -> None:
    for _ in range(MOST_ENDPOINTS):
        await endpoint(shop, receiver.url)
    many = PUT_AT_ONCE // MOST_ENDPOINTS + 1
    await owner.execute(NEW, many)
    pump = next(each for each in parts.pumps if each.then)
    assert [await pump.run() for _ in range(3)] == [many - 1, 1, 0]
    assert await owner.fetchval("SELECT count(*) FROM notifications") == many * MOST_ENDPOINTS


async def test_a_long_transaction_elsewhere_makes_no_look_longer(
    urls: Urls, database: Database, owner: Connection
) -> None:
    """As a dump is: what was new since it began stays in the index, where each look from the beginning reads it."""
    dump = await asyncpg.connect(urls.owner)
    relay = Relay(database, utc_now, look_behind_s=0.01)
    async with dump.transaction(isolation="repeatable_read"):
        await dump.fetch("SELECT FROM outbox")
        await owner.execute(NEW, 4000)
        while await relay():
            pass
        for _ in range(2):
            await asyncio.sleep(0.02)
            await relay()
        whole, behind = await _pages(owner, 0), await _pages(owner, relay.done.number)
    assert behind < 5 < whole
    await dump.close()


async def _pages(owner: Connection, after: int) -> int:
    (told,) = json.loads(await owner.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {_IS_NEW}", after))
    return int(told["Plan"]["Shared Hit Blocks"] + told["Plan"]["Shared Read Blocks"])


async def test_what_was_looked_for_no_more_is_found_all_the_same(
    database: Database, owner: Connection, urls: Urls
) -> None:
    """Its transaction lasted longer than anything of ours may."""
    relay = Relay(database, utc_now, look_behind_s=0.05)
    slow = await asyncpg.connect(urls.owner)
    async with slow.transaction():
        await slow.execute(NEW, 1200)
        for _ in range(4):
            await owner.execute(NEW, 1)
            await asyncio.sleep(0.06)
            await relay()
        assert await relay() == 0
        assert relay.done.number > 1200
    await asyncio.sleep(0.06)
    assert [await relay() for _ in range(4)] == [500, 500, 200, 0]
    await slow.close()
