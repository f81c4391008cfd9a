"""Payments from before events were sealed: their audit trails hold as they are, and go on sealed."""

from dataclasses import replace

import asyncpg
import pytest
from alembic import command

from app.db import migrate
from app.domain import ids
from app.jobs.history import check
from app.ledger.audit_trail import FIRST_HASH
from app.ledger.sql import EVENT
from app.ledger.transitions import Event
from app.services import Services
from tests.support import Shop
from tests.support.databases import Urls
from tests.support.migrations import move

BEFORE = "0013-1"
OLD = [name for name in EVENT.names if name not in {"facts", "key_id"}]


@pytest.fixture
async def urls(own_urls: Urls) -> Urls:
    return own_urls


async def test_an_old_trail_holds_and_goes_on_sealed(shop: Shop, parts: Services, urls: Urls) -> None:
    payment = await shop.create()
    payment_id = ids.read(ids.Prefix.PAYMENT, payment["id"])
    await move(urls.owner, command.downgrade, BEFORE)
    owner = await asyncpg.connect(urls.owner)
    before = FIRST_HASH
    for row in await owner.fetch(f"SELECT {', '.join(OLD)} FROM payment_events ORDER BY seq"):  # noqa: S608  our own names
        event = replace(Event(**row), prev_hash=before)  # as the version before wrote it
        sql = "UPDATE payment_events SET prev_hash = $2, hash = $3 WHERE seq = $1"
        await owner.execute(sql, event.seq, before, event.hash())
        before = event.hash()
    await owner.execute("UPDATE payments SET last_hash = $1", before)
    await migrate.upgrade(urls.owner)  # with what the app's role may do to tables that are new since then
    await owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'onetill_app'")
    assert await check(parts, payment_id) == []
    assert (await shop.complete(payment, **await shop.buyer_pays(payment))).status_code == 200
    assert await check(parts, payment_id) == []
    sealed = await owner.fetch("SELECT seq, key_id IS NOT NULL AS is_sealed FROM payment_events ORDER BY seq")
    assert [row["is_sealed"] for row in sealed] == [False, False, True, True]
    await owner.execute("UPDATE payments SET order_id = 'another'")
    assert await check(parts, payment_id) == [f"the payment has order_id another, step 4 says {payment['order_id']}"]
    await owner.close()
