"""Connections that are lent for one statement or one transaction at a time (0021-our-own-connection-pool.md).

Every call of the API runs between one and four statements. asyncpg's own pool spends as much CPU on lending a connection as
the statement does; this one takes it from a list and puts it back.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeAlias

import asyncpg

from app.domain.errors import Overloaded
from app.domain.schedule import OVERLOADED_S, POOL_WAIT_S

Connection: TypeAlias = "asyncpg.Connection[Any]"

GOODBYE_S = 2.0
"""How long a connection that failed may take to cancel what it ran and to close, before it is cut."""


class Pool:
    """At most `most` connections, made when they are needed, lent to whoever has waited longest."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]], most: int) -> None:
        self._connect = connect
        self._most = most
        self._made = 0
        self._free: list[Connection] = []
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._leaving: set[asyncio.Task[None]] = set()
        self._is_closed = False

    async def take(self) -> Connection:
        """A connection of one's own until it is handed to `give` or `drop`. Raises what connecting raises.

        Raises InterfaceError once the pool is closed, and Overloaded when none was free for POOL_WAIT_S.
        """
        if self._is_closed:
            raise asyncpg.InterfaceError("the pool is closed")
        while self._free:
            connection = self._free.pop()  # the last one used: the fewest stay in use
            if not connection.is_closed():
                return connection
            self._made -= 1
        if self._made < self._most:
            self._made += 1
        else:
            try:
                async with asyncio.timeout(POOL_WAIT_S):
                    passed_on = await self._wait()
            except TimeoutError:
                raise Overloaded(retry_after_s=OVERLOADED_S) from None
            if passed_on is not None:
                return passed_on
        try:
            return await self._connect()
        except BaseException:
            self._pass_on(None)
            raise

    def give(self, connection: Connection) -> None:
        """Take back a connection that is as good as new."""
        self._pass_on(None if connection.is_closed() else connection)

    def drop(self, connection: Connection) -> None:
        """Take back one that nobody should use again: what it runs is canceled, and it is closed. Returns at once."""
        task = asyncio.create_task(_close(connection))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
        self._pass_on(None)

    async def close(self) -> None:
        """Wait for every connection to come back, and close it."""
        self._is_closed = True
        while self._made:  # one that is dropped meanwhile counts itself out
            connection = self._free.pop() if self._free else await self._wait()
            self._made -= 1
            if connection is not None:
                await _close(connection)
        if self._leaving:
            await asyncio.wait(self._leaving)

    async def _wait(self) -> Connection | None:
        """What the next one passes on: a connection, or None for the place to make one."""
        turn: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._pass_on(turn.result())
            raise

    def _pass_on(self, connection: Connection | None) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return
        if connection is None:
            self._made -= 1
        else:
            self._free.append(connection)


async def _close(connection: Connection) -> None:
    with suppress(TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):  # it is cut then
        await connection.close(timeout=GOODBYE_S)
