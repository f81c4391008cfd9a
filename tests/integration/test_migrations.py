"""The migrations make the schema that the models describe, and the app's role may do what it must and no more."""

from collections.abc import Callable

import asyncpg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from app.db import migrate
from app.db.database import Database
from app.db.schema import REVISION
from migrations.tables import metadata
from tests.support import Shop
from tests.support.databases import Databases, Urls


def test_the_revision_that_processes_expect_is_alembics_newest() -> None:
    assert ScriptDirectory.from_config(migrate.configuration()).get_current_head() == REVISION


@pytest.mark.filterwarnings(
    "ignore:Can't validate argument 'dialect_options'"
)  # SQLAlchemy's, of a check that is NOT VALID
async def test_the_migrated_schema_is_the_models_schema(urls: Urls) -> None:
    def differences(connection: Connection) -> list[object]:
        options = {"compare_type": True, "compare_server_default": True}
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
            "INSERT INTO payment_events (payment_id, seq, at, trigger, reason, payment_to, evidence, facts, key_id, prev_hash, "
            "hash) SELECT payment_id, 9, at, trigger, reason, payment_to, evidence, facts, key_id, prev_hash, hash "
            "FROM payment_events LIMIT 1",
            "payment_events_payment_id_prev_seq_fkey",
        ),
        (
            "INSERT INTO payment_events (payment_id, seq, at, trigger, reason, payment_to, evidence, prev_hash, hash) "
            "SELECT payment_id, 3, at, trigger, reason, payment_to, evidence, prev_hash, hash FROM payment_events LIMIT 1",
            "payment_events_sealed_check",
        ),
        (
            "WITH a AS (SELECT * FROM attempts LIMIT 1), c AS (UPDATE attempts SET status = 'captured') "
            "INSERT INTO attempts (payment_id, id, number, gateway, reference, status, created_at, updated_at) "
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


BEFORE_REFUNDS = """
INSERT INTO payments (id, store, mode, order_id, order_name, amount_minor, currency, status, gateway, details, metadata,
    last_seq, last_hash, created_at, updated_at, expires_at)
SELECT gen_random_uuid(), 'main', 'test', state, 'Mug', 24000, 'KRW', 'canceled', 'portone_v2', '{}', '{}', 1, '\\x00',
    now(), now(), now() FROM unnest(ARRAY['owed', 'asked', 'done']) AS state;
INSERT INTO attempts (payment_id, id, no, gateway, reference, status, give_back, failure, next_check_at, created_at, updated_at)
SELECT id, gen_random_uuid(), 1, gateway, 'ref' || order_id, 'rejected', order_id, '{"code": "amount_mismatch"}',
    CASE WHEN order_id <> 'done' THEN now() END, now(), now() FROM payments
"""


async def test_money_that_was_going_back_becomes_refunds_and_turns_back(databases: Databases) -> None:
    """What stood on the attempt before revision 0003 is a refund after it, due as it was."""
    urls = await databases.create(template=None)

    async def to(move: Callable[[Config, str], None], revision: str) -> None:
        def run(connection: Connection) -> None:
            config = migrate.configuration()
            config.attributes["connection"] = connection
            move(config, revision)

        async with engine.connect() as connection:
            await connection.run_sync(run)
            await connection.commit()

    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(urls.owner))
    await to(command.upgrade, "0002")
    owner = await asyncpg.connect(urls.owner)
    await owner.execute(BEFORE_REFUNDS)
    await to(command.upgrade, "0003")
    sql = """SELECT p.order_id, r.status, r.amount_minor, r.reason, r.next_check_at IS NOT NULL AS is_due, p.refund_count,
        p.refunding_minor FROM refunds r JOIN payments p ON p.id = r.payment_id ORDER BY r.status"""
    assert [tuple(row) for row in await owner.fetch(sql)] == [
        ("owed", "created", 24000, "amount_mismatch", True, 1, 0),
        ("asked", "pending", 24000, "amount_mismatch", True, 1, 0),
        ("done", "succeeded", 24000, "amount_mismatch", False, 1, 0),
    ]
    await to(command.downgrade, "0002")
    assert {row["give_back"] for row in await owner.fetch("SELECT give_back FROM attempts")} == {
        "owed",
        "asked",
        "done",
    }
    await owner.close()
    await engine.dispose()
    await databases.drop(urls)
