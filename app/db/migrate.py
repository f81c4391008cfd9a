"""Bring a database to the newest revision, as its owner. Safe to run twice and by several machines at once."""

import asyncio
from typing import Any

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from app.db.database import UNANSWERED, unanswered
from app.db.schema import REVISION
from app.paths import ROOT

_MIGRATION_LOCK = 0x0E711
_LOCK_POLL_S = 0.2
_LOCK_TIMEOUT = "5s"
"""A migration that waits longer for a table lock would stop payments; it fails instead and can be run again."""


async def upgrade(owner_url: str) -> str:
    """Run every missing revision and return the newest. Takes an advisory lock, so a second caller waits.

    Raises DatabaseUnusable where nobody answers.
    """
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


def configuration() -> Config:
    """Alembic's configuration: there is no ini file."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.set_main_option("path_separator", "os")
    return config
