"""Nothing waits for what hangs or was refused: not beside it at the same endpoint, and not behind it in the database."""

import asyncio
import json
import time
from contextlib import suppress
from typing import Any

import asyncpg
import pytest

from app.jobs.worker import Worker
from app.notifications.queue import READY
from app.notifications.spell import AT_ONCE_FIRST
from app.services import Services
from tests.flows.notifications.house import endpoint, id_of, paid
from tests.support import MovableClock, Shop
from tests.support.databases import Urls
from tests.support.receiver import Received, Receiver


async def test_events_that_hang_hold_up_no_other_of_their_endpoint(
    shop: Shop, parts: Services, receiver: Receiver
) -> None:
    """Fewer than the first places: those of other payments go past them, for as long as they hang."""
    await endpoint(shop, receiver.url)
    released, hanging = asyncio.Event(), set[str]()

    async def answer(got: Received) -> int:
        if got.event["payment_id"] in hanging:
            await released.wait()
        return 204

    receiver.answer = answer
    worker = Worker(parts)
    running = asyncio.create_task(worker._engine.run())
    good: list[str] = []
    for number in range(12):
        payment = (await paid(shop))["id"]
        (hanging.add if number < AT_ONCE_FIRST - 1 else good.append)(payment)
        worker._engine.wake()
    await _taken(receiver, len(good), within_s=8)  # an attempt that hangs lasts ten
    assert {each.event["payment_id"] for each in receiver.taken} == set(good)
    released.set()
    worker._engine.stop()
    await asyncio.wait_for(running, 60)
    assert {each.event["payment_id"] for each in receiver.taken} == hanging | set(good)


async def test_a_worker_that_stops_waits_for_no_spell_and_leaves_its_endpoint_free(
    shop: Shop, parts: Services, receiver: Receiver
) -> None:
    """What is under way ends and is kept; nothing new begins, although more is due."""
    await endpoint(shop, receiver.url, rate_per_s=1)
    for _ in range(30):
        await paid(shop)
    worker = Worker(parts)
    running = asyncio.create_task(worker._engine.run())
    await _taken(receiver, 1, within_s=20)
    worker._engine.stop()
    await asyncio.wait_for(running, 5)
    row = await parts.database.row("SELECT claimed_until, due_at FROM notification_endpoints")
    assert row is not None
    assert row["claimed_until"] is None
    assert row["due_at"] is not None
    sent = len(receiver.taken)
    assert sent < 10
    row = await parts.database.row("SELECT count(*) AS n FROM notifications WHERE status = 'delivered'")
    assert row is not None
    assert row["n"] == sent


async def _taken(receiver: Receiver, number: int, *, within_s: float) -> None:
    """Return once so many were taken."""
    async with asyncio.timeout(within_s):
        while True:
            if len(receiver.taken) >= number:
                return
            await asyncio.sleep(0.01)


BLOCKED = """
INSERT INTO notifications (payment_id, event_id, endpoint_id, id, store, type, sequence, created_at, status, next_try_at,
    delivery_attempts, tried_at, is_again)
SELECT lpad(to_hex(n), 32, '0')::uuid, gen_random_uuid(), $1, gen_random_uuid(), 'main', 'payment.paid', s, $2, 'pending',
    $2::timestamptz + CASE s WHEN 2 THEN interval '1 day' ELSE interval '0' END,
    CASE s WHEN 2 THEN 5 ELSE 0 END, CASE s WHEN 2 THEN $2 END, s = 2
FROM generate_series(1, $3::integer) AS n CROSS JOIN unnest('{2,4}'::bigint[]) AS s
"""


@pytest.mark.parametrize("statistics", ["none", "fresh"])
async def test_what_is_blocked_is_read_once_and_not_at_each_look(
    shop: Shop, receiver: Receiver, clock: MovableClock, urls: Urls, statistics: str
) -> None:
    """An endpoint refuses one event of each of many payments, and the next one of each waits behind it."""
    made, number = await endpoint(shop, receiver.url), 3000
    owner = await asyncpg.connect(urls.owner)
    await owner.execute("ALTER TABLE notifications SET (autovacuum_enabled = off)")
    await owner.execute(BLOCKED, id_of(made), clock(), number)
    if statistics == "fresh":
        await owner.execute("ANALYZE notifications")
    look = {"endpoint_id": id_of(made), "until": clock(), "busy": [], "fresh": 32, "again": 16}
    looks = 0
    while rows := await owner.fetch(READY.sql, *READY.values(**look)):
        assert all(row["is_parked"] and not row["is_first"] for row in rows)
        looks += 1
    assert looks <= number / 32 + 1
    (told,) = json.loads(await owner.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {READY.sql}", *READY.values(**look)))
    assert _rows(told["Plan"]) == 0
    await owner.close()


def _rows(plan: dict[str, Any]) -> float:
    mine = plan["Actual Rows"] * plan["Actual Loops"] if plan.get("Relation Name") == "notifications" else 0
    removed = plan.get("Rows Removed by Filter", 0) * plan["Actual Loops"]
    return float(mine + removed + sum(map(_rows, plan.get("Plans", ()))))


ENDLESS = {
    "hints": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 500),
    "chunk extension": (b"HTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"a" * 65_536),
    "body": (b"HTTP/1.1 500 Oh\r\nContent-Length: 99999999999\r\n\r\n", b"a" * 65_536),
    "chunks": (b"HTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n" * 10_000),
}


@pytest.mark.parametrize("name", ENDLESS)
async def test_an_answer_without_end_is_not_read_to_it(shop: Shop, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is written as fast as it is taken: little of it is, and everybody else has his turn meanwhile."""
    monkeypatch.setattr("app.notifications.delivery.DELIVERY_DEADLINE_S", 1.0)
    begin, more = ENDLESS[name]
    written = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await reader.readuntil(b"\r\n\r\n")
        writer.write(begin)
        with suppress(ConnectionError):
            while True:
                writer.write(more)
                await writer.drain()
                written += len(more)
                await asyncio.sleep(0)

    server = await asyncio.start_server(answer, "127.0.0.1")
    made = await endpoint(shop, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    asked = asyncio.create_task(shop.client.post(f"/notification-endpoints/{made['id']}/test"))
    longest_s = 0.0
    while not asked.done():
        since = time.monotonic()
        await asyncio.sleep(0.01)
        longest_s = max(longest_s, time.monotonic() - since)
    told = (await asked).json()
    assert told["status"] == (500 if begin else None)
    assert longest_s < 0.5
    assert written < 20_000_000, "what the sockets hold, and no more"
    server.close()
