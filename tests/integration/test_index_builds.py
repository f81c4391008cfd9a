"""Indexes are built beside running payments: by two machines at once, after a build that was broken off, and back again."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from alembic import command

from app.db import migrate
from app.db.embedded import EmbeddedPostgres
from app.db.schema import REVISION
from tests.support.migrations import move

INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'payments'"


@pytest.fixture
async def empty(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """The owner's URL of a database without a schema."""
    postgres.execute("postgres", "CREATE DATABASE index_builds")
    yield postgres.owner_url("index_builds")
    postgres.execute("postgres", "DROP DATABASE index_builds WITH (FORCE)")


async def test_two_machines_that_migrate_at_once_both_find_the_newest_schema(empty: str) -> None:
    """The one that waits is no transaction that the other one's index build waits for."""
    assert set(await asyncio.gather(migrate.upgrade(empty), migrate.upgrade(empty))) == {REVISION}


async def test_the_list_indexes_go_back_and_come_again_over_a_broken_build(empty: str) -> None:
    owner = await asyncpg.connect(empty)
    await move(empty, command.upgrade, "0006")
    after = {tuple(row) for row in await owner.fetch(INDEXES)}
    await move(empty, command.downgrade, "0006-1")
    before = {row["indexname"] for row in await owner.fetch(INDEXES)}
    assert {"payments_status_idx", "payments_customer_idx", "payments_attention_idx"} < before
    await owner.execute("CREATE INDEX payments_gateway_status_idx ON payments (store)")
    await move(empty, command.upgrade, "0006")
    assert {tuple(row) for row in await owner.fetch(INDEXES)} == after
    await owner.close()
