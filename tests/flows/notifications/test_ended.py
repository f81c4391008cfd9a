"""An endpoint that ends leaves nothing waiting: whoever was cut off, whatever is handed on at that moment."""

import asyncio
import time
from typing import Any

import asyncpg
import pytest

from app.db.database import Database
from app.jobs.worker import Worker
from app.services import Services
from tests.flows.notifications.house import endpoint, id_of, notifications, paid, somebody_waits
from tests.support import Shop
from tests.support.databases import Urls
from tests.support.receiver import Receiver

BACKLOG = """
INSERT INTO notifications (payment_id, event_id, endpoint_id, id, store, type, sequence, created_at, status, next_try_at)
SELECT gen_random_uuid(), gen_random_uuid(), $1, gen_random_uuid(), 'main', 'payment.paid', 6, now(), 'pending',
    now() + interval '1 day' FROM generate_series(1, $2)
"""


async def waiting(database: Database, made: dict[str, Any]) -> int:
    """How much waits for an endpoint."""
    sql = "SELECT count(*) AS n FROM notifications WHERE endpoint_id = $1 AND next_try_at IS NOT NULL"
    row = await database.row(sql, id_of(made))
    assert row is not None
    return int(row["n"])


async def ended_in_the_middle(parts: Services, database: Database, urls: Urls, made: dict[str, Any], rows: int) -> None:
    """It has a backlog, another has one too, and the call that ends it dies after the first bite."""
    endpoint_id = id_of(made)
    owner = await asyncpg.connect(urls.owner)
    await owner.execute(BACKLOG, endpoint_id, rows)
    await owner.close()
    ending = asyncio.create_task(parts.notifications.delete(endpoint_id, "main"))
    async with asyncio.timeout(30):
        while True:
            if await waiting(database, made) <= rows:
                break
    ending.cancel()
    await asyncio.wait([ending])
    assert 0 < await waiting(database, made) <= rows


@pytest.mark.parametrize("by", ["a second call", "the worker"])
@pytest.mark.parametrize("rows", [40_000, pytest.param(100_000, marks=pytest.mark.long)])
async def test_a_backlog_whose_end_was_cut_off_is_dropped(
    shop: Shop, parts: Services, receiver: Receiver, database: Database, urls: Urls, by: str, rows: int
) -> None:
    made, other = await endpoint(shop, receiver.url), await endpoint(shop, receiver.url + "/other")
    receiver.status = 503
    await paid(shop)
    await Worker(parts).sweep()
    await ended_in_the_middle(parts, database, urls, made, rows)
    at = f"/notification-endpoints/{made['id']}"
    assert (await shop.client.get(at)).status_code == 404
    if by == "the worker":
        await Worker(parts).sweep()
        assert await waiting(database, made) == 0
    else:
        began, calls = time.monotonic(), 0
        while (answer := await shop.client.delete(at)).status_code == 204:
            calls += 1
            assert time.monotonic() - began < 5 * calls, "one call is over soon, however much there is"
        assert calls > 0
        assert answer.status_code == 404
        assert await waiting(database, made) == 0
    assert await waiting(database, other) == 1
    await Worker(parts).sweep()
    row = await database.row("SELECT due_at FROM notification_endpoints WHERE deleted_at IS NOT NULL")
    assert row is not None
    assert row["due_at"] is None, "nobody looks at it any more"


async def test_what_is_handed_on_while_it_ends_waits_for_nobody(
    shop: Shop, parts: Services, receiver: Receiver, urls: Urls
) -> None:
    """The relay has read which endpoints there are, and the end comes before it is written."""
    made, other = await endpoint(shop, receiver.url), await endpoint(shop, receiver.url + "/other")
    await paid(shop)
    relay = next(each for each in parts.pumps if each.then)
    ender = await asyncpg.connect(urls.owner)
    try:
        async with ender.transaction():
            ended = "UPDATE notification_endpoints SET deleted_at = now(), due_at = NULL WHERE id = $1"
            await ender.execute(ended, id_of(made))
            handing_on = asyncio.ensure_future(relay.run())
            await somebody_waits(ender)
        assert await handing_on == 1
    finally:
        await ender.close()
    assert [each["endpoint_id"] for each in await notifications(shop)] == [other["id"]]
