"""Revision 0009, both ways: what is unknown has been so since its last move, and nobody knows who opened old attempts."""

import asyncpg
from alembic import command

from tests.support.databases import Urls
from tests.support.migrations import move

PAYMENT = """
INSERT INTO payments (id, store, mode, order_id, order_name, amount_minor, currency, status, gateway, created_at, updated_at,
                      expires_at, last_seq, last_hash, details, metadata)
VALUES ('01900000-0000-7000-8000-000000000001', 'main', 'test', 'one', 'Mug', 1000, 'KRW', 'processing', 'point3',
        '2026-11-01Z', '2026-11-01Z', '2026-11-02Z', 1, '\\x00', '{}', '{}')
"""
ATTEMPT = """
INSERT INTO attempts (payment_id, id, number, gateway, reference, status, next_check_at, created_at, updated_at)
SELECT id, $1, $2, 'point3', $3, $4, '2026-11-03Z', '2026-11-01Z', '2026-11-01T12:00Z' FROM payments
"""
STATUSES = ("unknown", "awaiting_deposit", "failed")


async def test_unknown_attempts_have_been_so_since_their_last_move(own_urls: Urls) -> None:
    await move(own_urls.owner, command.downgrade, "0008")
    owner = await asyncpg.connect(own_urls.owner)
    await owner.execute(PAYMENT)
    for number, status in enumerate(STATUSES, start=1):
        await owner.execute(ATTEMPT, f"01900000-0000-7000-8000-00000000000{number}", number, f"a{number}", status)
    for _ in range(2):
        await move(own_urls.owner, command.upgrade, "0009")
        rows = await owner.fetch(
            "SELECT unknown_since = updated_at AS is_known, account, deposit, unanswered_since, ended_at FROM attempts "
            "ORDER BY number"
        )
        assert [tuple(row) for row in rows] == [
            (True, None, None, None, None),
            (None, None, None, None, None),
            (None, None, None, None, None),
        ]
        # Broken off after its columns were there, it can be run again.
        await owner.execute("UPDATE alembic_version SET version_num = '0008'")
    await owner.execute("UPDATE alembic_version SET version_num = '0009'")
    await move(own_urls.owner, command.downgrade, "0008")
    assert await owner.fetchval("SELECT count(*) FROM attempts") == len(STATUSES)
    await owner.close()
