"""Every filter of a list, and every pair, reads what it shows and no more, whatever Postgres knows of the tables."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.db.database import Database
from app.db.pool import Connection
from app.ledger.model import Search
from app.ledger.repository import PaymentRepository
from benchmarks.lists import fill, look, searches
from tests.support.databases import Urls

PAYMENTS = 20_000
IN_VAIN = 5
"""Rows of one order that another filter leaves out, and the ends of the search for gateways: no number that grows."""


@pytest.fixture
def urls(own_urls: Urls) -> Urls:
    """Tables that nothing was ever written to, so that no statistics help."""
    return own_urls


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[Connection]:
    async with database.connection() as connection:
        yield connection


async def _faults(connection: Connection) -> dict[str, object]:
    """What was read in vain, by filters."""
    looks = {told: await look(connection, search) for told, search in searches()}
    return {
        told: (seen.scanned, seen.in_vain) for told, seen in looks.items() if seen.scanned or seen.in_vain > IN_VAIN
    }


async def test_no_page_reads_more_than_it_shows(urls: Urls, connection: Connection) -> None:
    assert await _faults(connection) == {}, "on empty tables"
    await fill(urls.owner, PAYMENTS)
    assert await _faults(connection) == {}, "by plans that were made for empty tables"
    await connection.execute("DISCARD PLANS")
    assert await _faults(connection) == {}, "without statistics"
    owner = await asyncpg.connect(urls.owner)
    await owner.execute("VACUUM ANALYZE payments, attempts")
    await owner.close()
    assert await _faults(connection) == {}, "with statistics"


PLAIN = """
SELECT id FROM payments WHERE store = $1 AND ($2::text IS NULL OR order_id = $2) AND ($3::text IS NULL OR status = $3)
    AND ($4::text IS NULL OR gateway = $4) AND ($5::text IS NULL OR customer_id = $5)
    AND ($6::timestamptz IS NULL OR created_at >= $6) AND ($7::timestamptz IS NULL OR created_at < $7)
    AND ($8::boolean IS NULL OR (attention IS NOT NULL) = $8) AND ($9::timestamptz IS NULL OR (created_at, id) < ($9, $10))
ORDER BY created_at DESC, id DESC LIMIT $11
"""


async def test_every_page_is_what_reading_all_payments_finds(urls: Urls, database: Database) -> None:
    await fill(urls.owner, PAYMENTS // 4)
    repository = PaymentRepository(database)
    wrong, found = {}, 0
    for told, search in searches():
        page = [payment.id for payment in await repository.search(search)]
        if page != [row["id"] for row in await database.rows(PLAIN, *_values(search))]:
            wrong[told] = page
        found += len(page)
    assert wrong == {}
    assert found > 1000


def _values(search: Search) -> list[object]:
    names = (
        "store",
        "order_id",
        "status",
        "gateway",
        "customer_id",
        "created_from",
        "created_before",
        "needs_attention",
    )
    return [*(getattr(search, name) for name in names), *(search.after or (None, None)), search.limit]
