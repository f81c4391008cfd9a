"""Bring a database to the newest revision, as its owner. Safe to run twice and by several machines at once."""

import asyncio
from typing import Any

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from app.db import roles
from app.db.database import UNANSWERED, unanswered
from app.db.schema import REVISION
from app.paths import ROOT

_MIGRATION_LOCK = 0x0E711
_LOCK_POLL_S = 0.2
_LOCK_TIMEOUT = "5s"
"""A migration that waits longer for a table lock would stop payments; it fails instead and can be run again."""


async def upgrade(owner_url: str, app_url: str | None = None, *, one_role: bool = False) -> str:
    """Run every missing revision, grant the processes what they need, and return the newest revision.

    Takes an advisory lock, so a second caller waits. `app_url` is how the processes log in; None: as the owner. With
    `one_role`, an owner who may not create theirs runs them himself. Raises DatabaseUnusable where nobody answers, and
    RolesMissing.
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
            await connection.exec_driver_sql(f"SELECT pg_advisory_unlock({_MIGRATION_LOCK})")
            await connection.commit()
    finally:
        await engine.dispose()
    return REVISION


async def _connect(url: str) -> "asyncpg.Connection[Any]":
    try:
        return await asyncpg.connect(url, timeout=10)
    except UNANSWERED as error:
        raise unanswered(error) from error


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
