"""What is old goes, in bites from an index, each kind by itself; how far behind it is, is a metric (law 18)."""

import asyncio
from collections.abc import AsyncIterator
from copy import copy

import asyncpg
import pytest

from app.db.database import Database
from app.db.due_work import Chore
from app.db.pool import Connection
from app.jobs.engine import BITE, Engine
from app.metrics import REGISTRY
from app.services import Services
from migrations.tables import metadata
from tests.support import MovableClock
from tests.support.databases import Urls

DAYS = {
    "idempotency_keys": 30,
    "webhook_inbox": 90,
    "gateway_exchanges": 30,
    "outbox": 180,
    "notifications": 180,
    "deliveries": 180,
    "notification_endpoints": 180,
}
"""Tables whose rows go, and after how many days by default."""

KEPT = {
    "payments": "the books",
    "attempts": "the books",
    "payment_events": "the books: an audit trail is never cut",
    "refunds": "the books",
    "order_claims": "one for each order that stands open or is paid",
    "gateway_refs": "the books: whose payment a gateway's reference is",
    "history_anchors": "the books: what makes a cut tail visible",
    "api_keys": "as many as a person makes",
    "outbox_head": "one row",
    "alarms": "one for each endpoint and payment that calls a person now",
}
"""Tables that keep their rows, each with the reason. A new table must choose."""

CHORES = dict(zip(DAYS, DAYS, strict=True)) | {"webhook_inbox": "webhooks", "gateway_exchanges": "gateway_log"}

ROWS = {
    "idempotency_keys": """
        INSERT INTO idempotency_keys (scope, key, fingerprint, payment_id, created_at)
        SELECT 'main', 'key-' || $2::float8 || n, sha256('x'), gen_random_uuid(),
            now() - $2::float8 * interval '1 day' - n * interval '1 ms'
        FROM generate_series(1, $1) AS n""",
    "webhook_inbox": """
        INSERT INTO webhook_inbox (id, gateway, dedupe_key, proof, headers, body, received_at, last_received_at, applied_at)
        SELECT gen_random_uuid(), 'portone_v2', 'key-' || $2::float8 || n, 'signature', '{}', '', at, at, at
        FROM (
            SELECT n, now() - $2::float8 * interval '1 day' - n * interval '1 ms' AS at FROM generate_series(1, $1) AS n
        ) AS made""",
    "gateway_exchanges": """
        INSERT INTO gateway_exchanges (payment_id, id, at, gateway, operation, outcome, took_ms)
        SELECT gen_random_uuid(), gen_random_uuid(),
            now() - $2::float8 * interval '1 day' - n * interval '1 ms', 'point3', 'x', 'x', 1
        FROM generate_series(1, $1) AS n""",
    "outbox": """
        INSERT INTO outbox (payment_id, id, store, type, sequence, created_at, body, position)
        SELECT gen_random_uuid(), gen_random_uuid(), 'main', 'payment.paid', n,
            now() - $2::float8 * interval '1 day' - n * interval '1 ms', '{}', n
        FROM generate_series(1, $1) AS n""",
    "notifications": """
        INSERT INTO notifications (payment_id, event_id, endpoint_id, id, store, type, sequence, created_at, status)
        SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'main', 'payment.paid', n,
            now() - $2::float8 * interval '1 day' - n * interval '1 ms', 'delivered'
        FROM generate_series(1, $1) AS n""",
    "deliveries": """
        INSERT INTO deliveries (payment_id, id, event_id, endpoint_id, at, took_ms)
        SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(),
            now() - $2::float8 * interval '1 day' - n * interval '1 ms', 1
        FROM generate_series(1, $1) AS n""",
    "notification_endpoints": """
        INSERT INTO notification_endpoints (id, store, url, description, events, secrets, created_at, updated_at, deleted_at)
        SELECT gen_random_uuid(), 'main', '', '', '{}', '[]', at, at, at
        FROM (
            SELECT now() - $2::float8 * interval '1 day' - n * interval '1 ms' AS at FROM generate_series(1, $1) AS n
        ) AS made""",
}

every_kind = pytest.mark.parametrize("table", DAYS)


@pytest.fixture
async def owner(urls: Urls) -> AsyncIterator[Connection]:
    owner = await asyncpg.connect(urls.owner)
    yield owner
    await owner.close()


def test_every_table_keeps_its_rows_for_a_reason_or_lets_them_go() -> None:
    assert set(metadata.tables) <= set(DAYS) | set(KEPT), "give it an OldRows and a Chore, or say here why it may grow"
    assert not set(DAYS) & set(KEPT)


async def fill(owner: Connection, table: str, rows: int, days: float) -> None:
    await owner.execute(ROWS[table], rows, days)


def chore_of(parts: Services, table: str) -> Chore:
    return parts.chore(CHORES[table])


@every_kind
async def test_all_that_is_old_goes_in_one_run_and_nothing_else(
    owner: Connection, parts: Services, clock: MovableClock, table: str
) -> None:
    """More than an hour brings at 2.8 creates a second. Its lag falls to nothing."""
    old, young = 12 * BITE + 7, 50
    await fill(owner, table, old, DAYS[table] + 2)
    await fill(owner, table, young, DAYS[table] - 1)
    chore, bites = chore_of(parts, table), list[int]()
    gauge = f"onetill_{chore.name}_retention_lag_seconds"
    assert (await parts.gauges())[gauge][1] == pytest.approx(2 * 86_400, abs=60)

    async def forget(limit: int) -> int:
        bites.append(await chore.forget(limit))
        return bites[-1]

    engine = Engine((), [Chore(chore.name, forget, chore.overdue_s)], now=clock, time_scale=1)
    running = asyncio.create_task(engine.run())
    async with asyncio.timeout(60):
        while not bites or bites[-1] == BITE:  # noqa: ASYNC110  the engine goes on by itself
            await asyncio.sleep(0.05)
    engine.stop()
    await running
    assert bites == [BITE] * 12 + [7]
    assert await owner.fetchval(f"SELECT count(*) FROM {table}") == young  # noqa: S608
    assert (await parts.gauges())[gauge][1] == 0


@every_kind
async def test_one_kind_that_cannot_go_holds_up_no_other_and_is_counted(
    owner: Connection, parts: Services, clock: MovableClock, table: str
) -> None:
    for each, days in DAYS.items():
        await fill(owner, each, 10, days + 1)
    await owner.execute(f"REVOKE DELETE ON {table} FROM onetill_app")
    labels = {"kind": CHORES[table]}
    broke = REGISTRY.get_sample_value("onetill_retention_broke_total", labels) or 0
    try:
        engine = Engine((), parts.chores, now=clock, time_scale=1)
        running = asyncio.create_task(engine.run())
        left = " UNION ALL ".join(f"SELECT '{each}' AS name, count(*) FROM {each}" for each in DAYS)  # noqa: S608
        async with asyncio.timeout(30):
            while {r["name"] for r in await owner.fetch(left) if r["count"]} != {table}:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        engine.stop()
        await running
    finally:
        await owner.execute(f"GRANT DELETE ON {table} TO onetill_app")
    assert (REGISTRY.get_sample_value("onetill_retention_broke_total", labels) or 0) > broke
    assert (await parts.gauges())[f"onetill_{CHORES[table]}_retention_lag_seconds"][1] > 80_000, "and it stays visible"


async def test_a_bite_that_is_too_big_becomes_smaller_until_it_passes(clock: MovableClock) -> None:
    bites, is_done = list[int](), asyncio.Event()

    async def forget(limit: int) -> int:
        bites.append(limit)
        if limit > 100:
            raise asyncpg.QueryCanceledError("canceling statement due to statement timeout")
        is_done.set()
        return 0

    async def overdue_s() -> float:
        return 0.0

    engine = Engine((), [Chore("big", forget, overdue_s)], now=clock, time_scale=10_000)
    running = asyncio.create_task(engine.run())
    await asyncio.wait_for(is_done.wait(), 10)
    engine.stop()
    await running
    assert bites[:3] == [BITE, BITE // 4, BITE // 16]


async def seq_scans(owner: Connection, worker: Connection, table: str) -> int:
    """How often the whole table was read so far, also by what this worker has just done."""
    await worker.execute("SELECT pg_stat_force_next_flush()")
    await worker.execute("SELECT 1")
    await owner.execute("SELECT pg_stat_clear_snapshot()")
    return int(await owner.fetchval("SELECT seq_scan FROM pg_stat_user_tables WHERE relname = $1", table))


@every_kind
@pytest.mark.parametrize("is_analyzed", [False, True])
async def test_a_bite_and_its_lag_are_read_from_an_index(
    own_urls: Urls, table: str, is_analyzed: bool, parts: Services
) -> None:
    """With a long history that stays, and with and without statistics."""
    owner = await asyncpg.connect(own_urls.owner)
    await fill(owner, table, 5_000, 1)
    await fill(owner, table, 3, DAYS[table] + 1)
    if table == "webhook_inbox":  # older than all, and here to stay
        await owner.execute(
            "UPDATE webhook_inbox SET applied_at = NULL, parked_at = now() "
            "WHERE last_received_at > now() - interval '30 days' AND random() < 0.5"
        )
        await owner.execute("UPDATE webhook_inbox SET received_at = received_at - interval '200 days'")
    if table in {"outbox", "notification_endpoints"}:  # older than all, and here to stay
        column = {"outbox": "position", "notification_endpoints": "deleted_at"}[table]
        await owner.execute(
            f"UPDATE {table} SET {column} = NULL, created_at = created_at - interval '200 days' "  # noqa: S608
            "WHERE created_at > now() - interval '30 days' AND random() < 0.5"
        )
    if is_analyzed:
        await owner.execute(f"VACUUM ANALYZE {table}")
    database = Database(own_urls.app, connections=1)
    await database.open()
    rows = copy(chore_of(parts, table).forget.__self__)  # type: ignore[attr-defined]
    rows._database = database
    before = await seq_scans(owner, owner, table)
    assert await rows.overdue_s() > 80_000
    assert await rows.forget(BITE) == 3
    assert await rows.overdue_s() == 0
    async with database.connection() as connection:
        assert await seq_scans(owner, connection, table) == before
    await database.close()
    await owner.close()


@pytest.mark.parametrize(
    ("proof", "state", "is_known", "goes"),
    [
        ("signature", "applied", True, True), ("hint", "applied", False, True),
        ("hint", "parked", False, True), ("hint", "parked", True, True),
        ("signature", "parked", False, False), ("signature", "parked", True, False),
        ("hint", "waiting", False, False), ("signature", "waiting", True, False),
    ],
)  # fmt: skip
async def test_a_webhook_that_waits_or_that_a_person_must_look_at_stays(
    owner: Connection, parts: Services, proof: str, state: str, is_known: bool, goes: bool
) -> None:
    """A stranger's words about nobody's payment are nobody's work: they cannot fill the table."""
    await fill(owner, "webhook_inbox", 1, DAYS["webhook_inbox"] + 1)
    await owner.execute(
        "UPDATE webhook_inbox SET proof = $1, payment_id = $2, applied_at = CASE WHEN $3 = 'applied' THEN received_at END, "
        "parked_at = CASE WHEN $3 = 'parked' THEN received_at END, next_try_at = CASE WHEN $3 = 'waiting' THEN received_at END",
        proof, "00000000-0000-0000-0000-000000000001" if is_known else None, state,
    )  # fmt: skip
    deleted = await chore_of(parts, "webhook_inbox").forget(10)
    assert deleted == (1 if goes else 0)
