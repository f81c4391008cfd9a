"""Revision 0005, both ways: what was due before is due after, whether a job stood for it in the queue or not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from app.db import migrate
from app.db.embedded import EmbeddedPostgres

BEFORE = "0004"
OWNER = "plain_owner"

WAITING = """
INSERT INTO webhook_inbox (id, gateway, dedupe_key, proof, headers, body, received_at, last_received_at, next_try_at, applied_at)
SELECT gen_random_uuid(), 'portone_v1', state, 'hint', '{}', '', now(), now(),
    CASE state WHEN 'queued' THEN now() + interval '15 s' WHEN 'job is lost' THEN now() - interval '1 s'
        WHEN 'put off' THEN now() + interval '1 hour' END,
    CASE WHEN state = 'applied' THEN now() END
FROM unnest(ARRAY['queued', 'job is lost', 'put off', 'applied']) AS state;
INSERT INTO pgqueuer (priority, entrypoint, payload, status, execute_after)
SELECT 0, 'apply_webhook', convert_to(id::text, 'UTF8'), 'queued', now() FROM webhook_inbox
WHERE dedupe_key IN ('queued', 'applied')
"""

DUE = "SELECT dedupe_key FROM webhook_inbox WHERE next_try_at <= now() ORDER BY dedupe_key"

Move = Callable[[Config, str], None]
To = Callable[[Move, str], Awaitable[None]]


@asynccontextmanager
async def stepping(postgres: EmbeddedPostgres, name: str) -> AsyncIterator[tuple[To, "asyncpg.Connection[Any]"]]:
    """A database whose owner is no superuser, a way to move it to a revision, and that owner's connection."""
    postgres.execute(
        "postgres",
        f"DO $$ BEGIN CREATE ROLE {OWNER} LOGIN; GRANT onetill_app TO {OWNER}; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
    )
    postgres.execute("postgres", f"CREATE DATABASE {name} OWNER {OWNER}")
    url = postgres.owner_url(name).replace("postgres@", f"{OWNER}@")
    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(url))

    async def to(move: Move, revision: str) -> None:
        def run(connection: Connection) -> None:
            config = migrate.configuration()
            config.attributes["connection"] = connection
            move(config, revision)

        async with engine.connect() as connection:
            await connection.run_sync(run)
            await connection.commit()

    owner = await asyncpg.connect(url)
    try:
        yield to, owner
    finally:
        await owner.close()
        await engine.dispose()
        postgres.execute("postgres", f"DROP DATABASE {name} WITH (FORCE)")


async def test_what_is_due_stays_due_both_ways(postgres: EmbeddedPostgres) -> None:
    async with stepping(postgres, "before_due_rows") as (to, owner):
        await to(command.upgrade, BEFORE)
        await owner.execute(WAITING)
        await to(command.upgrade, "head")
        assert [row[0] for row in await owner.fetch(DUE)] == ["job is lost", "queued"]
        assert await owner.fetchval("SELECT to_regclass('pgqueuer')") is None
        await owner.execute("UPDATE webhook_inbox SET claimed_until = now() + interval '1 hour'")
        await to(command.downgrade, BEFORE)
        assert [row[0] for row in await owner.fetch(DUE)] == ["job is lost", "queued"]
        assert await owner.fetchval("SELECT count(*) FROM pgqueuer") == 0
        await owner.execute("SET ROLE onetill_app")
        await owner.execute("INSERT INTO pgqueuer (priority, entrypoint, status) VALUES (0, 'apply_webhook', 'queued')")
        await owner.execute("RESET ROLE")
        await to(command.upgrade, "head")
        left = await owner.fetchval("SELECT count(*) FROM webhook_inbox WHERE next_try_at IS NOT NULL")
        assert left == 3, "and a job without a row is no trouble"


async def test_an_index_that_was_interrupted_is_built_again(postgres: EmbeddedPostgres) -> None:
    async with stepping(postgres, "interrupted_index") as (to, owner):
        await to(command.upgrade, BEFORE)
        await owner.execute("CREATE INDEX attempts_undecided_idx ON attempts (created_at) WHERE false")
        await to(command.upgrade, "head")
        made = await owner.fetchval("SELECT indexdef FROM pg_indexes WHERE indexname = 'attempts_undecided_idx'")
        assert "awaiting_deposit" in made


async def test_several_machines_may_migrate_at_the_same_moment(postgres: EmbeddedPostgres) -> None:
    """One builds an index concurrently, which waits for every statement under way: the others must not wait in one."""
    postgres.execute("postgres", "CREATE DATABASE several_machines")
    url = postgres.owner_url("several_machines")
    try:
        revisions = await asyncio.wait_for(asyncio.gather(*(migrate.upgrade(url) for _ in range(3))), 60)
        assert len(set(revisions)) == 1
    finally:
        postgres.execute("postgres", "DROP DATABASE several_machines WITH (FORCE)")
