"""Copies of one prepared database, so that every victim finds the same work and nobody else's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx

from app.db.database import Database
from app.main import create_app
from app.settings import Settings
from simulator.server import Simulator
from tests.concurrency.victims import until
from tests.support import MovableClock, Shop, lifespan
from tests.support.databases import Urls, keys_of

_copies = count(1)


@asynccontextmanager
async def selling(settings: Settings, simulator: Simulator, clock: MovableClock) -> AsyncIterator[Shop]:
    """The product while the block lasts; afterwards nobody is connected to its database, so that it can be copied."""
    database = Database(settings.database_url, connections=2)
    await database.open()
    _, key = await keys_of(database).create(mode="test", scopes=["*"], store="main", name="killed")
    await database.close()
    app = create_app(settings, clock)
    headers = {"Authorization": f"Bearer {key}"}
    transport = httpx.ASGITransport(app=app)
    async with (
        lifespan(app),
        httpx.AsyncClient(transport=transport, base_url="http://testserver", headers=headers) as client,
    ):
        yield Shop(client, simulator, settings)


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy of the prepared database, seen by its owner."""

    url: str
    """For the app."""
    owner: "asyncpg.Connection[Any]"

    async def until_so(self, sql: str, *values: Any, where: str) -> None:
        """Wait until a question is answered with yes. Raises AssertionError that tells all that is there."""
        try:
            await until(lambda: self.owner.fetchval(sql, *values))
        except TimeoutError:
            tables = ("payments", "attempts", "refunds", "webhook_inbox")
            left = [dict(row) for name in tables for row in await self.owner.fetch(f"SELECT * FROM {name}")]  # noqa: S608
            raise AssertionError(f"{where}: {left}") from None


@asynccontextmanager
async def copied(urls: Urls) -> AsyncIterator[Copy]:
    """A copy of the test's database, which nobody may be connected to; gone afterwards."""
    source = urlsplit(urls.owner).path.lstrip("/")
    name = f"{source}_copy_{next(_copies)}"
    server = await asyncpg.connect(urls.owner.replace(f"/{source}", "/postgres"))
    try:
        await server.execute(f"CREATE DATABASE {name} TEMPLATE {source}")
        owner = await asyncpg.connect(urls.owner.replace(f"/{source}", f"/{name}"))
        try:
            yield Copy(urls.app.replace(f"/{source}", f"/{name}"), owner)
        finally:
            await owner.close()
    finally:
        await server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await server.close()
