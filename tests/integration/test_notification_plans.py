"""Every filter of the feed and of the list of notifications, the sender's reads, a down endpoint's backlog and a bite of one
that ended cost no more as the history grows, whatever Postgres knows of the tables (law 18)."""

import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID

import asyncpg
import pytest

import app.notifications
from app.db.old_rows import BY_INDEX
from app.db.pool import Connection
from app.db.statements import Statement
from app.domain.schedule import DOWN_AFTER
from app.notifications.endpoints import _ADD, _DELETE, _DROP, _FORGIVE, _PAGE, OLDEST
from app.notifications.feed import (
    FeedQuery,
    NotificationQuery,
    ReplayQuery,
    deliveries_of,
    events_page,
    notifications_page,
    replayed,
)  # fmt: skip
from app.notifications.model import Endpoint, NotificationStatus
from app.notifications.queue import BRING, HURRY, NEXT, READY, RECORD, Made
from app.notifications.relay import _DUE, _ENDPOINTS, _IS_NEW, _NEW, _PLACE, _PUT
from tests.support.databases import Urls

ROWS, PAGE = 20_000, 20
START = datetime(2026, 11, 1, tzinfo=UTC)
BUSY, DOWN, RARE, PICKY, SMALL = (UUID(int=number) for number in (1, 2, 3, 4, 5))
"""Endpoints: one that takes everything, one for which everything waits, one that had a few long ago, one that wants what is rare,
and one of a small store."""
TABLES = ("outbox", "notifications", "deliveries", "notification_endpoints")
MOST_PAGES, MOST_WRITTEN = 300, 600
"""Of tables and indexes: of what reads, and of what puts rows into all indexes."""
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
        yield f"bring {endpoint}", BRING.sql, BRING.values(endpoint_id=endpoint, now=late)
        yield f"hurry {endpoint}", HURRY.sql, HURRY.values(endpoint_id=endpoint, now=START, bite=PAGE)
        yield f"drop {endpoint}", _DROP, [endpoint, PAGE]
        yield f"forgive {endpoint}", _FORGIVE, [endpoint, late, PAGE]
        yield f"end {endpoint}", _DELETE, [endpoint, late, "main"]
    yield from writes(late)


def writes(late: datetime) -> Iterator[tuple[str, str, list[Any]]]:
    """What the relay and the sender write of a page, and the looks for endpoints beside very many that ended."""
    numbers = range(ROWS - PAGE, ROWS)
    payments, events = [UUID(int=n // 2) for n in numbers], [UUID(int=n) for n in numbers]
    yield "page", _PAGE, ["main", *OLDEST, PAGE]
    yield "add", _ADD, [UUID(int=9), "main", "", "", [], "[]", None, late]
    yield "is new", _IS_NEW, [0]
    yield "new", _NEW, [0, PAGE]
    yield "place", _PLACE, [payments, events, list(numbers)]
    yield "told", _ENDPOINTS, [["main", "other"]]
    yield "told at", _DUE, [[BUSY, DOWN], late, DOWN_AFTER]
    for to in (BUSY, PICKY):
        put = [[to] * PAGE, [UUID(int=ROWS + n) for n in numbers], ["main"] * PAGE, ["payment.paid"] * PAGE, [1] * PAGE]
        yield f"put {to}", _PUT, [payments, events, *put, [late] * PAGE, late]
    asked = Endpoint(
        id=DOWN, store="main", url="", description="", events=(), secrets=(), rate_per_s=None, created_at=START, updated_at=START
    )  # fmt: skip
    made = Made(
        payments, events, [UUID(int=ROWS + n) for n in numbers], ["delivered"] * PAGE, [None] * PAGE, [1] * PAGE, [False] * PAGE,
        [late] * PAGE, [204] * PAGE, [1.0] * PAGE, [""] * PAGE, [""] * PAGE, [START + timedelta(seconds=n) for n in numbers],
    )  # fmt: skip
    yield "record", RECORD.sql, RECORD.values(asked=asked, after=asked, made=made, now=late)


READ_BY_INDEX = ("feed", "list", "deliveries", "replay", "drop", "forgive")
"""Of them, how those run that the application runs so."""


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", ()):
        yield from nodes(each)


BY_KEY = "one row by its key"
UNTRIED = {
    **dict.fromkeys(("_FIND", "_URL", "_ROTATE", "_LOOK_NOW", "_PAUSE", "_RESUME", "_ANEW", "_KEY_MISSING"), BY_KEY),
    **dict.fromkeys(("HOLD", "RELEASE", "PUT_OFF", "_LOCK", "_BEGIN", "_ADVANCE"), BY_KEY),
    "_FRONT": "a part of `READY`",
    "ONE_AT_A_TIME": "reads no table",
    "_GAUGES": "reads all endpoints that are there, once a scrape",
}
"""Statements that these tests leave out, and why."""


def statements() -> Iterator[tuple[str, str]]:
    """Every statement of the room."""
    for module in pkgutil.iter_modules(app.notifications.__path__):
        for name, value in vars(importlib.import_module(f"app.notifications.{module.name}")).items():
            sql = value.sql if isinstance(value, Statement) else value
            if isinstance(sql, str) and re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", sql):
                yield name, sql


def test_every_statement_is_tried() -> None:
    tried = {sql for _, sql, _ in reads()}
    assert {name for name, sql in statements() if sql not in tried} == UNTRIED.keys()


def literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, list):
        value = "{" + ",".join("NULL" if each is None else f'"{each}"' for each in value) + "}"
    return f"'{value}'"


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
        if (
            whole
            or rows > 6 * PAGE * 2
            or vain > PAGE
            or pages > (MOST_WRITTEN if name.startswith(("put", "record")) else MOST_PAGES)
        ):
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
