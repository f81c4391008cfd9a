"""`/metrics` reads the first entry of an index, however long the history is."""

import asyncpg

from app.ledger.sql import BACKLOG
from app.services import Services
from tests.support import MovableClock, Shop
from tests.support.databases import Urls

KEPT = """
INSERT INTO payments (id, store, mode, order_id, order_name, amount_minor, currency, status, captured_minor, gateway,
    details, metadata, last_seq, last_hash, created_at, updated_at, expires_at, paid_at)
SELECT gen_random_uuid(), 'old', 'test', n, 'Mug', 100, 'KRW', 'paid', 100, 'point3', '{}', '{}', 1, '\\x00', now(), now(),
    now(), now()
FROM generate_series(1, 5000) AS n;
INSERT INTO attempts (payment_id, id, number, gateway, reference, status, next_check_at, created_at, updated_at)
SELECT id, gen_random_uuid(), 1, gateway, 'ref' || order_id, 'captured', now() + interval '180 days', now(), now()
FROM payments WHERE store = 'old'
"""


async def test_captured_payments_that_are_looked_at_later_cost_nothing(urls: Urls) -> None:
    owner = await asyncpg.connect(urls.owner)
    try:
        await owner.execute("ALTER TABLE attempts SET (autovacuum_enabled = off)")
        await owner.execute(KEPT)
        rows = await owner.fetch(f"EXPLAIN (ANALYZE, COSTS off, TIMING off) {BACKLOG}")
    finally:
        await owner.close()
    plan = "\n".join(row[0] for row in rows)
    assert "attempts_undecided_idx" in plan, plan
    assert "Seq Scan" not in plan, plan
    assert "rows=5000" not in plan, plan


async def test_the_gauges_tell_how_long_undecided_money_has_waited(
    shop: Shop, parts: Services, clock: MovableClock
) -> None:
    gauges = await parts.gauges()
    assert gauges["onetill_oldest_undecided_seconds"][1] == gauges["onetill_sweep_overdue_seconds"][1] == 0
    await shop.create()
    clock.advance(100)
    gauges = await parts.gauges()
    assert 100 <= gauges["onetill_oldest_undecided_seconds"][1] < 110
    assert 39 <= gauges["onetill_sweep_overdue_seconds"][1] <= 41, "its first look was due after a minute"
