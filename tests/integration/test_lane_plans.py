"""Whoever looks for the due rows of one gateway's lane reads due rows, and no history, whatever Postgres knows of the tables."""

from typing import Any

import asyncpg
import msgspec
import pytest

from app.db.due_work import lanes
from app.services import Services
from app.settings import Settings
from benchmarks.lists import fill
from simulator.server import Simulator
from tests.support.databases import Urls
from tests.support.settings import settings_for

PAYMENTS, DUE = 20_000, 300
TABLES = ("attempts", "refunds", "webhook_inbox", "notification_endpoints", "alarms")

REFUNDS = """
INSERT INTO refunds (payment_id, id, number, attempt_id, amount_minor, currency, taxed_minor, tax_free_minor, initiator, reason,
    status, next_check_at, created_at, updated_at)
SELECT payment_id, gen_random_uuid(), 1, id, 100, 'KRW', 100, 0, 'api', 'x', 'created',
    CASE WHEN n <= $1 THEN now() - n * interval '1 s' ELSE now() + interval '1 day' END, now(), now()
FROM (SELECT payment_id, id, row_number() OVER (ORDER BY md5(id::text)) AS n FROM attempts) AS each
"""


@pytest.fixture
def urls(own_urls: Urls) -> Urls:
    """Tables that nothing was ever written to, so that no statistics help."""
    return own_urls


@pytest.fixture
def settings(urls: Urls, simulator: Simulator) -> Settings:
    return settings_for(urls, simulator)


ATTEMPTS = """
UPDATE attempts AS a SET next_check_at = CASE WHEN n <= $1 THEN now() - n * interval '1 s' ELSE now() + interval '1 day' END
FROM (SELECT payment_id, id, row_number() OVER (ORDER BY md5(id::text)) AS n FROM attempts) AS each
WHERE a.payment_id = each.payment_id AND a.id = each.id
"""
WEBHOOKS = """
INSERT INTO webhook_inbox (id, gateway, dedupe_key, proof, headers, body, received_at, last_received_at, next_try_at)
SELECT gen_random_uuid(), gateway, n, proof, '{}', '', now(), now(),
    CASE WHEN n <= $1 THEN now() - n * interval '1 s' ELSE now() + interval '1 day' END
FROM (SELECT gateway, row_number() OVER (ORDER BY md5(id::text)) AS n FROM attempts) AS each,
    LATERAL (SELECT CASE n % 2 WHEN 0 THEN 'hint' ELSE 'signature' END AS proof) AS made
"""
ENDPOINTS = f"""
INSERT INTO notification_endpoints (id, store, url, description, events, secrets, created_at, updated_at, due_at)
SELECT gen_random_uuid(), 'main', '', '', '{{}}', '[]', now(), now(),
    CASE WHEN n <= $1 THEN now() - n * interval '1 s' ELSE now() + interval '1 day' END
FROM generate_series(1, {PAYMENTS}) AS n
"""  # noqa: S608  our number
ALARMS = f"""
INSERT INTO alarms (id, kind, subject_id, step, raised_at, due_at)
SELECT gen_random_uuid(), 'payment', gen_random_uuid(), 'raised', now(),
    CASE WHEN n <= $1 THEN now() - n * interval '1 s' ELSE now() + interval '1 day' END
FROM generate_series(1, {PAYMENTS}) AS n
"""  # noqa: S608  our number
INDEXES = {
    "alarms": {"alarms_due_idx"},
    "notifications": {"notification_endpoints_due_idx"},
    "attempts": {"attempts_due_idx"},
    "refunds": {"refunds_due_idx", "attempts_pkey", "attempts_payment_id_number_key"},
    "webhooks": {"webhook_inbox_lane_idx"},
    "hints": {"webhook_inbox_lane_idx"},
}


async def test_a_lane_reads_what_is_due_and_no_history(urls: Urls, parts: Services) -> None:
    """The gateway of a refund stands in another table, and indexes that begin with the gateway lead to all that ever was."""
    owner = await asyncpg.connect(urls.owner)
    try:
        for table in TABLES:
            await owner.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
        await fill(urls.owner, PAYMENTS)
        for sql in (ATTEMPTS, REFUNDS, WEBHOOKS, ENDPOINTS, ALARMS):
            await owner.execute(sql, DUE)
        for statistics in ("without", "with"):
            found = dict.fromkeys(INDEXES, 0)
            for lane in parts.due_work:
                kind = lane.name.partition("_")[0]
                told = await owner.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {lane.rows.due_sql}", parts.now(), 2 * DUE)
                plan = msgspec.json.decode(told)[0]["Plan"]
                scans = [node for node in _nodes(plan) if "Scan" in node["Node Type"]]
                names = {node.get("Index Name") for node in scans if node["Node Type"] != "Bitmap Heap Scan"}
                assert names <= INDEXES[kind], (statistics, lane.name, plan)
                read = sum(_read(node) for node in scans if node["Node Type"] != "Bitmap Index Scan")
                assert read <= 2 * DUE, (statistics, lane.name, plan)
                found[kind] += plan["Actual Rows"]
            own = dict.fromkeys(INDEXES, DUE) | {"webhooks": DUE // 2, "hints": DUE // 2}
            assert found == own, "each in one lane"
            await owner.execute(f"VACUUM ANALYZE payments, {', '.join(TABLES)}")
    finally:
        await owner.close()


def _nodes(node: dict[str, Any]) -> list[dict[str, Any]]:
    return [node, *(inner for each in node.get("Plans", []) for inner in _nodes(each))]


def _read(node: dict[str, Any]) -> int:
    return int((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"])


async def test_every_row_is_in_one_lane(parts: Services) -> None:
    """Also one of a gateway that left the settings."""
    names = [gateway.name for gateway in parts.registry]
    connection = await asyncpg.connect(parts.settings.database_url)
    try:
        for known in (names, []):
            conditions = [only for _, only in lanes("refunds", known, by="gateway")]
            for gateway in (*names, "left"):
                sql = f"SELECT {' , '.join(f'({only})' for only in conditions)} FROM (VALUES ('{gateway}')) AS row (gateway)"  # noqa: S608
                row = await connection.fetchrow(sql)
                assert row is not None
                assert sum(row.values()) == 1, (gateway, conditions)
    finally:
        await connection.close()
    for kind in ("attempts", "refunds", "webhooks", "hints"):
        found = {lane.name for lane in parts.due_work if lane.name.startswith(kind)}
        assert found == {name for name, _ in lanes(kind, names, by="gateway")}
