"""Postgres for the tests, over connections that stay: no test waits for a program that makes or drops its database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import asyncpg

from app.api_keys.service import ApiKeyService
from app.db import migrate
from app.db.database import Database
from app.db.embedded import EmbeddedPostgres
from app.db.schema import APP_ROLE

TEMPLATE = "onetill_template"
_numbers = count(1)

END_SESSIONS = """
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
"""Waits (10 s at most) until they are gone: a killed process's last statement may still run."""

WHICH_HOLD_ROWS = """
SELECT string_agg(format('(SELECT %L WHERE EXISTS (SELECT FROM %I.%I))', oid::regclass, schemaname, tablename), ' UNION ALL ')
FROM pg_tables JOIN pg_class ON oid = format('%I.%I', schemaname, tablename)::regclass
WHERE schemaname = 'public' AND tablename <> 'alembic_version'
"""
"""The text of a question, for the tables that there are."""


@dataclass(frozen=True, slots=True)
class Urls:
    """How to reach a test's database, as the app and as the owner."""

    app: str
    owner: str


class Databases:
    """The databases of one server. Made from the migrated template; dropped with whoever is still connected."""

    def __init__(self, server: EmbeddedPostgres, connection: "asyncpg.Connection[Any]") -> None:
        self._server = server
        self._connection = connection

    async def create(self, template: str | None = TEMPLATE) -> Urls:
        """A database with the newest schema, or with no template an empty one."""
        name = f"test_{next(_numbers)}"
        made_from = f"TEMPLATE {template} STRATEGY file_copy" if template else ""
        await self._connection.execute(f"CREATE DATABASE {name} {made_from}")
        return Urls(self._server.app_url(name), self._server.owner_url(name))

    async def drop(self, urls: Urls) -> None:
        """End the sessions in it, and it."""
        await self._connection.execute(f"DROP DATABASE {name_of(urls)} WITH (FORCE)")


@asynccontextmanager
async def databases_of(server: EmbeddedPostgres) -> AsyncIterator[Databases]:
    """Make the template, and whatever is asked for while the block lasts."""
    connection = await asyncpg.connect(server.owner_url("postgres"))
    try:
        await connection.execute(f"CREATE DATABASE {TEMPLATE}")
        await migrate.upgrade(server.owner_url(TEMPLATE))
        yield Databases(server, connection)
    finally:
        await connection.close()


class SharedDatabase:
    """One database for all tests of a process that do not ask for their own; emptied before each of them."""

    def __init__(self, urls: Urls, owner: "asyncpg.Connection[Any]", which_hold_rows: str) -> None:
        self.urls = urls
        self._owner = owner
        self._which_hold_rows = which_hold_rows

    async def empty(self) -> None:
        """End every other session and forget every row. Tables that hold none are left alone: that is ten times faster."""
        if self._owner.is_closed():  # a test that ends sessions may have ended this one too
            self._owner = await _connect(self.urls)
        await self._owner.execute(END_SESSIONS)
        if tables := [row[0] for row in await self._owner.fetch(self._which_hold_rows)]:
            await self._owner.execute(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY CASCADE")

    async def close(self) -> None:
        """Disconnect."""
        await self._owner.close()


@asynccontextmanager
async def shared_database(databases: Databases) -> AsyncIterator[SharedDatabase]:
    """Make it, and stay connected as its owner."""
    urls = await databases.create()
    owner = await _connect(urls)
    shared = SharedDatabase(urls, owner, await owner.fetchval(WHICH_HOLD_ROWS))
    try:
        yield shared
    finally:
        await shared.close()


async def _connect(urls: Urls) -> "asyncpg.Connection[Any]":
    return await asyncpg.connect(urls.owner, server_settings={"lock_timeout": "10s"})


def keys_of(database: Database, mode: str = "test") -> ApiKeyService:
    """The service that makes keys, which takes the owner's login, beside a test's database as the app."""
    owner_url = database._url.replace(f"//{APP_ROLE}@", "//postgres@")
    return ApiKeyService(database, mode, owner_url=owner_url)


def name_of(urls: Urls) -> str:
    """The database's name."""
    return urls.owner.rpartition("/")[2]
