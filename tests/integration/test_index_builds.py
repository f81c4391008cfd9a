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

LANES = "0010"
"""The revision that gives hints a lane of their own."""

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


async def test_the_lanes_of_webhooks_go_back_and_come_again_over_a_broken_build(empty: str) -> None:
    owner = await asyncpg.connect(empty)
    due = (
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'webhook_inbox' AND indexdef LIKE '%next_try_at%'"
    )
    await move(empty, command.upgrade, LANES)
    after = {tuple(row) for row in await owner.fetch(due)}
    assert "webhook_inbox_lane_idx" in {name for name, _ in after}
    await move(empty, command.downgrade, f"{LANES}-1")
    assert "webhook_inbox_due_idx" in {row["indexname"] for row in await owner.fetch(due)}
    await owner.execute("CREATE INDEX webhook_inbox_lane_idx ON webhook_inbox (gateway)")
    await move(empty, command.upgrade, LANES)
    assert {tuple(row) for row in await owner.fetch(due)} == after
    await owner.close()


async def test_the_room_for_hints_goes_back_and_comes_again_over_a_broken_build(empty: str) -> None:
    owner = await asyncpg.connect(empty)
    names = "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'webhook_inbox'"
    await move(empty, command.upgrade, "0015")
    after = {tuple(row) for row in await owner.fetch(names)}
    assert {"webhook_inbox_payment_idx", "webhook_inbox_unknown_idx"} < {name for name, _ in after}
    await move(empty, command.downgrade, "0015-1")
    assert "webhook_inbox_waiting_idx" in {row["indexname"] for row in await owner.fetch(names)}
    await owner.execute("CREATE INDEX webhook_inbox_unknown_idx ON webhook_inbox (gateway)")
    await move(empty, command.upgrade, "0015")
    assert {tuple(row) for row in await owner.fetch(names)} == after
    await owner.close()


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
