"""Bring a database to the newest revision, as its owner. Safe to run twice and by several machines at once."""

import asyncio
from typing import Any

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from app.db import roles
from app.db.database import UNANSWERED, DatabaseUnusable, unanswered
from app.db.schema import REVISION
from app.db.session import ask_who, is_behind_pooler, settings_of_role
from app.paths import ROOT

_MIGRATION_LOCK = 0x0E711
_LOCK_POLL_S = 0.2
_LOCK_TIMEOUT = "5s"
"""A migration that waits longer for a table lock would stop payments; it fails instead and can be run again."""


async def upgrade(owner_url: str, app_url: str | None = None, *, one_role: bool = False) -> str:
    """Run every missing revision, grant the processes what they need, and return the newest revision.

    Takes an advisory lock, so a second caller waits. `app_url` is how the processes log in; None: as their role itself.
    With `one_role`, an owner who may not create that role runs them himself. Raises DatabaseUnusable where nobody answers,
    and RolesMissing.
    """
    owner = await _connect(owner_url)
    try:
        has_role = await roles.prepare(owner, app_url, one_role=one_role)
    finally:
        await owner.close()
    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: _connect(owner_url))
    try:
        async with engine.connect() as connection:
            # Not inside one waiting statement: an index that is built concurrently waits for every statement under way.
            while not await connection.scalar(text(f"SELECT pg_try_advisory_lock({_MIGRATION_LOCK})")):
                await connection.commit()
                await asyncio.sleep(_LOCK_POLL_S)
            await connection.exec_driver_sql(f"SET lock_timeout = '{_LOCK_TIMEOUT}'")
            await connection.commit()
            await connection.run_sync(_run)
            await connection.commit()
            if has_role:
                await connection.run_sync(_grant)
                await connection.commit()
                await _set_timeouts(connection)
            await connection.exec_driver_sql(f"SELECT pg_advisory_unlock({_MIGRATION_LOCK})")
            await connection.commit()
    finally:
        await engine.dispose()
    return REVISION


async def _set_timeouts(connection: AsyncConnection) -> None:
    """Let the app's role have its timeouts from its login, for sessions that a pooler lends. An owner who may not leaves it."""
    database = await connection.scalar(text("SELECT current_database()"))
    try:
        for statement in settings_of_role(str(database)):
            await connection.exec_driver_sql(statement)
        await connection.commit()
    except DBAPIError:
        await connection.rollback()


async def _connect(url: str) -> "asyncpg.Connection[Any]":
    try:
        connection = await asyncpg.connect(url, timeout=10)
        is_pooled = is_behind_pooler(connection, await ask_who(connection))
    except UNANSWERED as error:
        raise unanswered(error) from error
    if is_pooled:
        connection.terminate()
        raise DatabaseUnusable(
            "a pooler stands before the database",
            ": it keeps no lock of a session, so two migrations could run at once. Set ONETILL_DATABASE_OWNER_URL to the address "
            "of Postgres itself.",
        )
    return connection


def _run(connection: Connection) -> None:
    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _grant(connection: Connection) -> None:
    from migrations.privileges import grant_all  # it imports every room's tables, and this room knows none

    grant_all(connection)


def configuration() -> Config:
    """Alembic's configuration: there is no ini file."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.set_main_option("path_separator", "os")
    return config
