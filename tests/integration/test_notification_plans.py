"""Every filter of the feed and of the list of notifications, the sender's reads, a down endpoint's backlog and a bite of one
that ended cost no more as the history grows, whatever Postgres knows of the tables (law 18)."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.db.old_rows import BY_INDEX
from app.db.pool import Connection
from app.notifications.endpoints import _DROP, _FORGIVE
from app.notifications.feed import (
    FeedQuery,
    NotificationQuery,
    ReplayQuery,
    deliveries_of,
    events_page,
    notifications_page,
    replayed,
)  # fmt: skip
from app.notifications.model import NotificationStatus
from app.notifications.queue import BRING, NEXT, READY
from tests.support.databases import Urls

ROWS, PAGE = 20_000, 20
START = datetime(2026, 11, 1, tzinfo=UTC)
BUSY, DOWN, RARE, PICKY, SMALL = (UUID(int=number) for number in (1, 2, 3, 4, 5))
"""Endpoints: one that takes everything, one for which everything waits, one that had a few long ago, one that wants what is rare,
and one of a small store."""
TABLES = ("outbox", "notifications", "deliveries", "notification_endpoints")
MOST_PAGES = 300
MANY = 400
"""Attempts of one notification."""

ENDPOINTS = """
INSERT INTO notification_endpoints (id, store, url, description, events, secrets, created_at, updated_at)
SELECT each, CASE WHEN each = $3 THEN 'other' ELSE 'main' END, '', '',
    CASE WHEN each = $4 THEN '{refund.failed}'::text[] ELSE '{}' END, '[]', $2, $2
FROM unnest($1::uuid[]) AS each
"""
ENDED = """
INSERT INTO notification_endpoints (id, store, url, description, events, secrets, created_at, updated_at, deleted_at)
SELECT gen_random_uuid(), 'main', '', '', '{}', '[]', $2, $2, $2 FROM generate_series(1, $1::integer)
"""
OUTBOX = """
INSERT INTO outbox (payment_id, id, store, type, sequence, created_at, body, position)
SELECT lpad(to_hex(n / 2), 32, '0')::uuid, lpad(to_hex(n), 32, '0')::uuid, CASE WHEN n % 100 = 1 THEN 'other' ELSE 'main' END,
    CASE WHEN n <= 20 THEN 'refund.failed' WHEN n % 2 = 0 THEN 'payment.paid' ELSE 'refund.succeeded' END, n % 2,
    $2::timestamptz + n * interval '1 s', '{}', n
FROM generate_series(1, $1::integer) AS n
"""
NOTIFICATIONS = """
INSERT INTO notifications (payment_id, event_id, endpoint_id, id, store, type, sequence, created_at, status, next_try_at)
SELECT o.payment_id, o.id, e.id, gen_random_uuid(), 'main', o.type, o.sequence, o.created_at,
    CASE WHEN e.id = $2 THEN 'pending' WHEN o.type = 'payment.paid' THEN 'failed' ELSE 'delivered' END,
    CASE WHEN e.id = $2 THEN o.created_at END
FROM outbox o, unnest($1::uuid[]) AS e (id) WHERE e.id <> $3 OR o.position <= 5 ORDER BY o.position
"""
DELIVERED = """
INSERT INTO deliveries (payment_id, id, event_id, endpoint_id, at, status, took_ms)
SELECT n.payment_id, gen_random_uuid(), n.event_id, n.endpoint_id, n.created_at + each * interval '1 ms', 204, 1
FROM notifications n, generate_series(1, $2::integer) AS each WHERE n.endpoint_id = $1 AND (each = 1 OR n.event_id = $3)
"""


@pytest.fixture
async def filled(own_urls: Urls) -> Urls:
    """Tables without statistics and without a visibility map, as after a burst."""
    owner = await asyncpg.connect(own_urls.owner)
    for table in TABLES:
        await owner.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    await owner.execute(ENDPOINTS, [BUSY, DOWN, RARE, PICKY, SMALL], START, SMALL, PICKY)
    await owner.execute(ENDED, ROWS, START)
    await owner.execute(OUTBOX, ROWS, START)
    await owner.execute(NOTIFICATIONS, [BUSY, DOWN, RARE], DOWN, RARE)
    await owner.execute(DELIVERED, BUSY, MANY, UUID(int=ROWS))
    await owner.close()
    return own_urls


def reads() -> Iterator[tuple[str, str, list[Any]]]:
    """Each page by each filter, at its begin and deep inside; and what the sender asks."""
    late = START + timedelta(seconds=ROWS - 50)
    for payment, kind, after in product((None, UUID(int=77)), (None, "payment.paid", "refund.failed"), (0, ROWS // 2)):
        for store in ("main", "other"):
            query = FeedQuery(store, after, PAGE, payment, kind)
            yield f"feed {query}", *events_page(query)
    filters = product(
        ("main", "other"), (None, *NotificationStatus), (None, BUSY, DOWN, RARE), (None, "payment.paid", "refund.failed"),
        (None, START + timedelta(seconds=50), late), (None, (START + timedelta(seconds=ROWS // 2), UUID(int=0))),
    )  # fmt: skip
    for store, status, endpoint, kind, since, below in filters:
        found = NotificationQuery(store, PAGE, below, status, endpoint, kind, since)
        yield f"list {found}", *notifications_page(found)
    yield "deliveries", *deliveries_of([(UUID(int=n // 2), UUID(int=n), BUSY) for n in range(ROWS - PAGE, ROWS + 1)])
    ids = tuple(UUID(int=n) for n in range(1, ROWS, ROWS // PAGE))
    for store, endpoint, (since, until), is_counted in product(
        ("main", "other"), (None, BUSY, PICKY, SMALL),
        ((START, None), (None, late), (late, None), (START + timedelta(seconds=50), late)), (True, False),
    ):  # fmt: skip
        for chosen in (ids, ()):
            again = ReplayQuery(store, chosen, endpoint, since, until)
            yield f"replay {again} {is_counted}", *replayed(again, PAGE, is_counted=is_counted)
    for endpoint in (BUSY, DOWN, RARE):
        ready = {"endpoint_id": endpoint, "until": late, "busy": [UUID(int=9)], "fresh": PAGE, "again": PAGE}
        yield f"ready {endpoint}", READY.sql, READY.values(**ready)
        yield f"next {endpoint}", NEXT.sql, NEXT.values(endpoint_id=endpoint, seen=late, held=late, rest=None)
        yield f"bring {endpoint}", BRING.sql, BRING.values(endpoint_id=endpoint, since=START, now=late)
        yield f"drop {endpoint}", _DROP, [endpoint, PAGE]
        yield f"forgive {endpoint}", _FORGIVE, [endpoint, late, PAGE]


READ_BY_INDEX = ("feed", "list", "deliveries", "replay", "drop", "forgive")
"""Of them, how those run that the application runs so."""


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", ()):
        yield from nodes(each)


def literal(value: Any) -> str:
    if value is None:
        return "NULL"
    text = "{" + ",".join(map(str, value)) + "}" if isinstance(value, list) else str(value)
    return f"'{text}'"


async def faults(connection: Connection, plans: str) -> dict[str, Any]:
    """What was read in vain: whole tables, and rows and pages beyond those of each run."""
    found = {}
    await connection.execute(f"SET plan_cache_mode = force_{plans}_plan")
    for name, sql, values in reads():
        transaction = connection.transaction()
        await transaction.start()
        if name.startswith(READ_BY_INDEX):
            await connection.execute(BY_INDEX)
        if name.startswith("drop"):
            await connection.execute("UPDATE notification_endpoints SET deleted_at = created_at, due_at = created_at")
        await connection.execute(f"PREPARE read AS {sql}")
        execute = f"EXECUTE read ({', '.join(map(literal, values))})"
        (told,) = json.loads(await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {execute}"))
        await transaction.rollback()
        await connection.execute("DEALLOCATE read")
        steps = list(nodes(told["Plan"]))
        tables = [each for each in steps if each.get("Relation Name") in TABLES]
        whole = [each["Relation Name"] for each in tables if each["Node Type"] == "Seq Scan"]
        rows = sum(each["Actual Rows"] * each["Actual Loops"] for each in tables)
        vain = sum(each.get("Rows Removed by Filter", 0) * each["Actual Loops"] for each in tables)
        pages = told["Plan"]["Shared Hit Blocks"] + told["Plan"]["Shared Read Blocks"]
        if whole or rows > 6 * PAGE * 2 or vain > PAGE or pages > MOST_PAGES:
            found[name] = (whole, rows, vain, pages)
    return found


@pytest.mark.parametrize("plans", ["custom", "generic"])
async def test_no_read_grows_with_the_history(filled: Urls, plans: str) -> None:
    connection = await asyncpg.connect(filled.app)
    assert await faults(connection, plans) == {}, "without statistics"
    owner = await asyncpg.connect(filled.owner)
    await owner.execute(f"VACUUM ANALYZE {', '.join(TABLES)}")
    await owner.close()
    assert await faults(connection, plans) == {}, "with statistics"
    await connection.close()
