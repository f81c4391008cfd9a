"""Listens for what wakes the workers, on a connection of its own. One that has died is noticed within seconds and replaced.

LISTEN belongs to a session, which a pooler does not keep: around it by `ONETILL_DATABASE_DIRECT_URL`, else there is nobody to
listen to, and the workers find what is due when they look next.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import asyncpg

from app.db.database import DATABASE_AWAY
from app.db.session import ask_who, connect, is_behind_pooler, is_from_pooler
from app.db.wake_up import CHANNEL
from app.domain.schedule import CONNECT_TIMEOUT_S, KEEPALIVE_S, KEEPALIVE_TIMEOUT_S, LOOK_EVERY_S, RECONNECT_S
from app.logs import get_logger

log = get_logger("listener")
NOBODY = object()


class Listener:
    """Calls `wake` with the kind that each notification names, and with "" whenever some may have been missed."""

    def __init__(self, url: str, wake: Callable[[str], None], *, one_role: bool = False) -> None:
        self._url = url
        self._one_role = one_role
        self._wake = wake
        self._is_there = True

    async def run(self) -> None:
        """Listen until canceled."""
        while True:
            try:
                if await self._listen() is NOBODY:
                    log.warning(
                        "nobody_to_listen_to",
                        detail=f"a pooler stands before the database: what is due is found within {LOOK_EVERY_S:g} s",
                        way_out="set ONETILL_DATABASE_DIRECT_URL to the address of Postgres itself",
                    )
                    return
            except (asyncpg.PostgresError, *DATABASE_AWAY) as error:
                if self._is_there:
                    log.warning("listener_lost", error=type(error).__name__)
                self._is_there = False
            await asyncio.sleep(RECONNECT_S)

    async def _listen(self) -> object:
        """One connection's life: until it ends, or does not answer in time. NOBODY: a pooler has answered."""
        try:
            connection = await connect(self._url, CONNECT_TIMEOUT_S, CONNECT_TIMEOUT_S, one_role=self._one_role)
        except asyncpg.ProtocolViolationError as error:
            if is_from_pooler(error):
                return NOBODY
            raise
        ended = asyncio.Event()
        try:
            if is_behind_pooler(connection, await ask_who(connection)):
                return NOBODY
            connection.add_termination_listener(lambda _: ended.set())
            await connection.add_listener(CHANNEL, self._heard)
            self._is_there = True
            self._wake("")
            while not ended.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(ended.wait(), KEEPALIVE_S)
                await connection.execute("SELECT 1", timeout=KEEPALIVE_TIMEOUT_S)
        finally:
            connection.terminate()
        return None

    def _heard(self, _: Any, __: int, ___: str, kind: object) -> None:
        self._wake(str(kind))
