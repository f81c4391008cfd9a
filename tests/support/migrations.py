"""One revision of the schema to another, as the owner."""

from collections.abc import Callable

import asyncpg
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from app.db import migrate


async def move(url: str, command: Callable[[Config, str], None], revision: str) -> None:
    """Alembic's `upgrade` or `downgrade` of the database at `url`, to `revision`."""

    def run(connection: Connection) -> None:
        config = migrate.configuration()
        config.attributes["connection"] = connection
        command(config, revision)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(url))
    async with engine.connect() as connection:
        await connection.run_sync(run)
        await connection.commit()
    await engine.dispose()
