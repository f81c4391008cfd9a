"""How long Postgres takes for the first page of a list, by every filter and pair of filters, over a long history.

`python -m benchmarks.lists [payments]` fills a database of its own and prints a table, first with tables that were never
analyzed, then with statistics. The history is the worst that one can think of: one customer with half of all payments, pairs
that hold nothing although each of the two is common, a gateway that was used long ago.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import combinations, product
from typing import Any
from uuid import UUID

import asyncpg

from app.db import migrate
from app.db.database import Database
from app.db.embedded import EmbeddedPostgres
from app.db.pool import Connection
from app.ledger.model import Search
from app.ledger.search import list_payments

START = datetime(2026, 1, 1, tzinfo=UTC)
EVERY = timedelta(seconds=10)
PAGE = 21
LOOKS = 5
"""Of which the quickest counts: what somebody else did on the machine meanwhile is not Postgres's time."""

PAYMENTS = """
INSERT INTO payments (id, store, mode, order_id, order_name, amount_minor, currency, status, captured_minor, gateway,
    customer_id, details, metadata, attention, last_seq, last_hash, created_at, updated_at, expires_at)
SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(n % 4096), 3, '0') || '8'
        || substr(md5(n::text), 1, 15))::uuid,
    CASE WHEN n % 100 = 1 THEN 'other' ELSE 'main' END, 'test', 'order' || n, 'Mug', 24000, 'KRW', status,
    CASE WHEN status IN ('paid', 'partially_refunded', 'refunded') THEN 24000 ELSE 0 END, gateway,
    CASE WHEN status <> 'expired' AND gateway <> 'unifi_pay' AND kind % 2 = 0 THEN 'guest'
        WHEN kind % 10 <> 1 THEN 'c' || n % 100000 END,
    '{}', '{}',
    CASE WHEN status = 'review' OR (gateway = 'point3' AND status <> 'awaiting_deposit' AND kind < 100) THEN 'look' END,
    1, '\\x00', at, at, at
FROM (
    SELECT n, $2::timestamptz + n * $3::interval AS at, kind, CASE
        WHEN n <= 20 THEN 'retired' WHEN place < 500 THEN 'point3' WHEN place < 800 THEN 'portone_v2'
        WHEN place < 998 THEN 'portone_v1' ELSE 'unifi_pay' END AS gateway, CASE
        WHEN n <= 20 OR kind < 700 THEN 'paid' WHEN kind < 900 THEN 'expired' WHEN kind < 950 THEN 'canceled'
        WHEN kind < 970 THEN 'refunded' WHEN kind < 980 THEN 'partially_refunded'
        WHEN kind < 990 AND place < 998 THEN 'review' WHEN kind < 995 THEN 'open'
        WHEN kind < 998 AND place < 800 THEN 'awaiting_deposit' ELSE 'processing' END AS status
    FROM generate_series(1, $1::integer) AS n,
        LATERAL (SELECT abs(hashint4(n)::bigint) % 1000 AS kind, abs(hashint4(n + 77777777)::bigint) % 1000 AS place) AS dice
) AS made
"""
ATTEMPTS = """
INSERT INTO attempts (payment_id, id, number, gateway, reference, status, created_at, updated_at)
SELECT id, id, 1, gateway, replace(id::text, '-', ''), 'failed', created_at, created_at FROM payments
"""

FILTERS: dict[str, list[dict[str, Any]]] = {
    "order": [{"order_id": "order4711"}],
    "status": [{"status": status} for status in ("paid", "expired", "review", "awaiting_deposit", "open")],
    "gateway": [{"gateway": gateway} for gateway in ("point3", "portone_v1", "unifi_pay", "retired", "never")],
    "customer": [{"customer_id": customer} for customer in ("guest", "c4711", "nobody")],
    "attention": [{"needs_attention": needs} for needs in (True, False)],
    "from": [{"created_from": START + timedelta(days=1)}, {"created_from": START + timedelta(days=9999)}],
    "before": [{"created_before": START + timedelta(days=1)}, {"created_before": START}],
    "cursor": [{"after": (START + timedelta(days=1), UUID(int=0))}],
}
"""Values of each filter: common ones, rare ones, and some that nothing has."""


@dataclass(frozen=True, slots=True)
class Look:
    """What Postgres did for one page."""

    ms: float
    nodes: tuple[dict[str, Any], ...]

    @property
    def scanned(self) -> set[str]:
        """Tables that were read from end to end."""
        return {node["Relation Name"] for node in self.nodes if node["Node Type"] == "Seq Scan"}

    @property
    def in_vain(self) -> int:
        """Rows that were read and left out."""
        return sum(round(node.get("Rows Removed by Filter", 0) * node["Actual Loops"]) for node in self.nodes)


def searches() -> Iterator[tuple[str, Search]]:
    """No filter, every single one and every pair, each with all of its values."""
    alone = [[(f"{name}={_told(value)}", value) for value in values] for name, values in FILTERS.items()]
    yield "none", Search(store="main", limit=PAGE)
    for values in alone:
        for told, value in values:
            yield told, Search(store="main", limit=PAGE, **value)
    for first, second in combinations(alone, 2):
        for (one, value), (two, other) in product(first, second):
            yield f"{one} {two}", Search(store="main", limit=PAGE, **value, **other)


def _told(value: dict[str, Any]) -> str:
    (only,) = value.values()
    return f"{only[0] if isinstance(only, tuple) else only}"


async def fill(owner_url: str, count: int) -> None:
    """A history without statistics and without a visibility map, as after a burst of payments."""
    owner = await asyncpg.connect(owner_url)
    for table in ("payments", "attempts"):
        await owner.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    await owner.execute(PAYMENTS, count, START, EVERY)
    await owner.execute(ATTEMPTS)
    await owner.close()


async def look(connection: Connection, search: Search) -> Look:
    """Run the search as the product does, by a statement that was prepared when it was first used, and say how."""
    sql, values = list_payments(search)
    name = f"list_{abs(hash(sql))}"
    if not await connection.fetchval("SELECT count(*) FROM pg_prepared_statements WHERE name = $1", name):
        await connection.execute(f"PREPARE {name} AS {sql}")
    execute = f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE {name} ({', '.join(_literal(value) for value in values)})"
    (told,) = json.loads(await connection.fetchval(execute))
    return Look(told["Planning Time"] + told["Execution Time"], tuple(_nodes(told["Plan"])))


def _literal(value: object) -> str:
    """EXECUTE takes no parameters; the values are all ours."""
    if isinstance(value, list):
        return f"ARRAY[{', '.join(_literal(each) for each in value)}]"
    return str(value) if isinstance(value, int) else f"'{value}'"


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", ()):
        yield from _nodes(each)


async def _measure(database: Database) -> dict[str, float]:
    async with database.connection() as connection:
        looks = {told: [await look(connection, search) for _ in range(LOOKS)] for told, search in searches()}
    scanned = {told for told, each in looks.items() if any(one.scanned for one in each)}
    assert not scanned, scanned
    return {told: min(one.ms for one in each) for told, each in looks.items()}


async def main(count: int) -> None:
    """Print how long each takes, the slowest first, without and with statistics."""
    with EmbeddedPostgres(durable=False) as postgres:
        postgres.execute("postgres", "CREATE DATABASE lists")
        await migrate.upgrade(postgres.owner_url("lists"))
        database = Database(postgres.app_url("lists"), connections=1)
        await database.open()
        await fill(postgres.owner_url("lists"), count)
        without = await _measure(database)
        postgres.execute("lists", "VACUUM ANALYZE")
        analyzed = await _measure(database)
        await database.close()
    print(f"{count} payments, {len(without)} filters and pairs, ms of Postgres: without and with statistics")
    for told in sorted(without, key=lambda told: -max(without[told], analyzed[told])):
        print(f"{without[told]:8.2f} {analyzed[told]:8.2f}  {told}")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
