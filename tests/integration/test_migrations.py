"""The migrations make the schema that the models describe, and the app's role may do what it must and no more."""

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from app.db import migrate
from app.db.database import Database
from app.db.schema import REVISION
from app.db.tables import metadata
from tests.conftest import Urls
from tests.support import Shop


def test_the_revision_that_processes_expect_is_alembics_newest() -> None:
    assert ScriptDirectory.from_config(migrate.configuration()).get_current_head() == REVISION


def _is_ours(name: str | None, kind: str, _: object) -> bool:
    """The job engine's tables are described by the engine."""
    return not (kind == "table" and name and name.startswith("pgqueuer"))


async def test_the_migrated_schema_is_the_models_schema(urls: Urls) -> None:
    def differences(connection: Connection) -> list[object]:
        options = {"compare_type": True, "compare_server_default": True, "include_name": _is_ours}
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, metadata))

    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(urls.owner))
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_migrating_twice_changes_nothing(urls: Urls) -> None:
    assert await migrate.upgrade(urls.owner) == REVISION


@pytest.mark.parametrize(
    "forbidden",
    [
        "UPDATE payment_events SET reason = 'forged'",
        "DELETE FROM payment_events",
        "UPDATE gateway_refs SET payment_id = payment_id",
        "DELETE FROM payments",
        "DELETE FROM attempts",
        "TRUNCATE payment_events",
        "DROP TABLE payments",
        "CREATE TABLE mine (id int)",
        "ALTER TABLE payments DROP CONSTRAINT payments_captured_check",
    ],
)
@pytest.mark.parametrize("login", ["app", "owner"])
async def test_the_app_may_not_rewrite_history(urls: Urls, login: str, forbidden: str) -> None:
    """Whoever logs in: the owner's session drops to the app's role as well."""
    database = Database(getattr(urls, login), connections=2)
    await database.open()
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await database.row(forbidden)
    finally:
        await database.close()


@pytest.mark.parametrize(
    ("broken", "constraint"),
    [
        ("UPDATE payments SET captured_minor = 1", "payments_captured_check"),
        ("UPDATE payments SET refunded_minor = 1", "payments_refunded_check"),
        ("UPDATE payments SET status = 'paid'", "payments_collected_check"),
        ("UPDATE payments SET captured_minor = amount_minor", "payments_unpaid_check"),
        ("UPDATE payments SET status = 'invented'", "payments_status_check"),
        ("UPDATE attempts SET next_check_at = NULL", "attempts_undecided_is_due_check"),
        ("UPDATE payments SET refunding_minor = 1", "payments_refunded_check"),
        (
            "INSERT INTO payment_events (payment_id, seq, at, cause, reason, payment_to, evidence, prev_hash, hash) "
            "SELECT payment_id, 9, at, cause, reason, payment_to, evidence, prev_hash, hash FROM payment_events LIMIT 1",
            "payment_events_payment_id_prev_seq_fkey",
        ),
        (
            "WITH a AS (SELECT * FROM attempts LIMIT 1), c AS (UPDATE attempts SET status = 'captured') "
            "INSERT INTO attempts (payment_id, id, no, gateway, reference, status, created_at, updated_at) "
            "SELECT payment_id, gen_random_uuid(), 2, gateway, 'x2', 'captured', created_at, updated_at FROM a",
            "attempts_one_captured_idx",
        ),
    ],
)
async def test_the_database_has_the_last_word(shop: Shop, database: Database, broken: str, constraint: str) -> None:
    await shop.create()
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as refused:
        await database.row(broken)
    assert refused.value.constraint_name == constraint
