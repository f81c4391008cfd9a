"""The unit of work. One driver: asyncpg, prepared statements kept, no reset query between uses.

Every session runs as the role `onetill_app`, whoever logs in, so what the schema forbids the app is forbidden (`session`).
Only in test mode may there be no such role, where nobody may create one: then whoever logs in does all himself.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from app.db.pool import Connection, Pool
from app.db.schema import APP_ROLE
from app.db.session import COMMAND_TIMEOUT_S, POOLED, SessionRefused, Sessions
from app.domain.errors import Overloaded
from app.logs import get_logger

Row = asyncpg.Record
log = get_logger("database")

_DUPLICATE = re.compile(r'duplicate key value violates unique constraint "([^"]+)"')
_SHARD = re.compile(r"_\d{6,}$")

DATABASE_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.ReadOnlySQLTransactionError,  # failed over: this one is a standby now
    asyncpg.InterfaceError,  # SessionRefused too
    asyncpg.InternalClientError,  # its end came while the connection lay idle
    OSError,
    Overloaded,  # our own pool, whose connections all wait for a database that stands still
)
"""What a statement raises because there is no database to run it: the same statement may work in a moment."""

UNANSWERED = (*DATABASE_AWAY, asyncpg.PostgresError, ValueError)
"""What connecting raises, for whatever reason; ValueError for a URL that cannot be read."""


class DatabaseUnusable(RuntimeError):
    """No statement can run. `reason` is for everybody, the whole text for whoever runs the process; no password is in it."""

    def __init__(self, reason: str, more: str = "") -> None:
        super().__init__(reason + more)
        self.reason = reason


def unanswered(error: Exception) -> DatabaseUnusable:
    """No connection could be made. What a URL that cannot be read says of itself is left out: it may be the password."""
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return DatabaseUnusable(
            f"its login may not take the role {APP_ROLE}",
            f" ({error}). Run `onetill migrate`, or as an administrator: "
            f"GRANT {APP_ROLE} TO the user of ONETILL_DATABASE_URL.",
        )
    said = "the URL cannot be read" if isinstance(error, ValueError) else f"{type(error).__name__} {error}".strip()
    way_out = "Start Postgres, or set ONETILL_DATABASE_URL (for migrations ONETILL_DATABASE_OWNER_URL) to where it is"
    return DatabaseUnusable("the database does not answer", f" ({said}). {way_out}.")


class Database:
    """One pool per process. A single statement is its own transaction; several go through `transaction()`."""

    def __init__(self, url: str, *, connections: int, one_role: bool = False, is_live: bool = False) -> None:
        """With `one_role`, a login without the role `onetill_app` to take works as itself; live mode takes no superuser."""
        self._url = url
        self._sessions = Sessions(url, one_role=one_role, is_live=is_live)
        self._connections = connections
        self._pool: Pool | None = None

    async def open(self) -> None:
        """Make the pool. It connects with the first statement, which raises when the database cannot be reached.

        A database that is away must not keep a process from starting: /readyz tells.
        """
        assert self._pool is None, "the database is open already"
        self._pool = Pool(self._sessions.open, self._connections)

    async def revision(self, timeout_s: float = 2.0) -> str | None:
        """The revision of the schema. Raises DatabaseUnusable when there is none, or no database that answers in time."""
        try:
            async with asyncio.timeout(timeout_s):
                row = await self.row("SELECT version_num FROM alembic_version")
        except (asyncpg.UndefinedTableError, asyncpg.InvalidParameterValueError) as error:  # without a schema, no role
            raise DatabaseUnusable("the schema is missing: run `onetill migrate`") from error
        except SessionRefused as error:
            raise DatabaseUnusable(error.reason, f": {error.way_out}") from error
        except UNANSWERED as error:
            raise unanswered(error) from error
        return row["version_num"] if row else None

    async def report(self) -> None:
        """Log what keeps the process from working. It goes on all the same: a database that is away is waited for.

        Raises DatabaseUnusable where waiting helps nobody: the database is there, and this process must not work with it.
        """
        try:
            await self.revision()
        except DatabaseUnusable as error:
            if isinstance(error.__cause__, SessionRefused):
                raise
            log.warning("database_unusable", reason=str(error))

    async def close(self) -> None:
        """Wait for statements under way, then disconnect."""
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    async def row(self, sql: str, *values: Any) -> Row | None:
        """Run one statement in its own transaction and return its first row."""
        row: Row | None = await self._run(asyncpg.Connection.fetchrow, sql, values)
        return row

    async def rows(self, sql: str, *values: Any) -> list[Row]:
        """Run one statement in its own transaction and return all rows."""
        rows: list[Row] = await self._run(asyncpg.Connection.fetch, sql, values)
        return rows

    async def changed(self, sql: str, *values: Any) -> int:
        """Run one statement in its own transaction and return how many rows it wrote or deleted."""
        status: str = await self._run(asyncpg.Connection.execute, sql, values)
        return int(status.rpartition(" ")[2])

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A unit of work: leaving it commits, an error rolls back. Never call a gateway inside."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Connection]:
        """Several reads that all see one moment."""
        async with self.connection() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            yield connection

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """One connection for several statements."""
        pool = self._open_pool()
        connection = await pool.take()
        try:
            yield connection
        except BaseException as error:
            _take_back(pool, connection, error)
            raise
        pool.give(connection)

    @asynccontextmanager
    async def as_owner(self, owner_url: str | None) -> AsyncIterator[Connection]:
        """A connection that takes no role: for the few statements that only the owner may run (None: whoever logs in here).

        Raises DatabaseUnusable where nobody answers.
        """
        try:
            connection = await asyncpg.connect(
                owner_url or self._url,
                server_settings=POOLED,
                statement_cache_size=0,
                timeout=10,
                command_timeout=COMMAND_TIMEOUT_S,
            )
        except UNANSWERED as error:
            raise unanswered(error) from error
        try:
            yield connection
        finally:
            await connection.close()

    async def _run(self, statement: Callable[..., Awaitable[Any]], sql: str, values: tuple[Any, ...]) -> Any:
        pool = self._open_pool()
        connection = await pool.take()
        try:
            result = await statement(connection, sql, *values)
        except BaseException as error:
            _take_back(pool, connection, error)
            raise
        pool.give(connection)
        return result

    def _open_pool(self) -> Pool:
        assert self._pool is not None, "the database is not open: call Database.open() first"
        return self._pool


def _take_back(pool: Pool, connection: Connection, error: BaseException) -> None:
    """Keep a connection on which the server refused a statement; drop one that was cut, canceled or led to a standby."""
    is_clean = isinstance(error, asyncpg.PostgresError) and not connection.is_in_transaction()
    if is_clean and not isinstance(error, DATABASE_AWAY):
        pool.give(connection)
    else:
        pool.drop(connection)


def broken_unique(error: asyncpg.PostgresError) -> str | None:
    """The unique constraint that a statement would have broken, or None where it failed for another reason.

    A distributed Postgres (Citus) tells the name in the text alone, with the number of the shard behind it, and from
    `INSERT … SELECT` under SQLSTATE XX000.
    """
    if isinstance(error, asyncpg.UniqueViolationError) and error.constraint_name:
        name = error.constraint_name
    elif found := _DUPLICATE.search(str(error)):
        name = found[1]
    else:
        return None
    return _SHARD.sub("", name)
