"""What calls a person is found by indexes that hold nothing else, with and without statistics (law 18)."""

import asyncpg
import pytest

from app.alarms.repository import AlarmRepository
from app.db.database import Database
from app.domain.clock import utc_now
from tests.integration.test_retention import seq_scans
from tests.support.databases import Urls

TABLES = ("payments", "notification_endpoints")
FILL = """
INSERT INTO payments (id, store, mode, order_id, order_name, amount_minor, currency, status, gateway, details, metadata,
    last_seq, last_hash, created_at, updated_at, expires_at, attention)
SELECT gen_random_uuid(), 'main', 'test', n, 'x', 1, 'KRW', 'open', 'point3', '{}', '{}', 1, sha256('x'), now(), now(), now(),
    CASE WHEN n % 500 = 0 THEN 'undecided' END
FROM generate_series(1, 10000) AS n;
INSERT INTO notification_endpoints (id, store, url, description, events, secrets, created_at, updated_at, alarmed_percent,
    failing_since)
SELECT gen_random_uuid(), 'main', '', '', '{}', '[]', now(), now(), CASE WHEN n % 500 = 0 THEN 50 ELSE 0 END, now()
FROM generate_series(1, 5000) AS n
"""


@pytest.mark.parametrize("is_analyzed", [False, True])
async def test_no_table_is_read_from_end_to_end(own_urls: Urls, is_analyzed: bool) -> None:
    owner = await asyncpg.connect(own_urls.owner)
    await owner.execute(FILL)
    if is_analyzed:
        for table in TABLES:
            await owner.execute(f"ANALYZE {table}")
    database = Database(own_urls.app, connections=1)
    await database.open()
    alarms = AlarmRepository(database)
    before = [await seq_scans(owner, owner, table) for table in TABLES]
    assert len(await alarms.raise_new(utc_now(), utc_now())) == 20 + 10
    assert await alarms.raise_new(utc_now(), utc_now()) == []
    assert await alarms.end_old(utc_now()) == 0
    async with database.connection() as connection:
        assert [await seq_scans(owner, connection, table) for table in TABLES] == before
    await database.close()
    await owner.close()
