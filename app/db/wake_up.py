"""Wakes the workers when something is due at once: one small NOTIFY after the commit that made it due, through the pool.

A NOTIFY inside the writing statement would hold every committing session in one line (Postgres orders notifications under a
lock that is held while the commit is flushed), and is lost on Citus. It only makes work sooner: one that is lost costs as
much as the workers' next look is away.
"""

import asyncio

import asyncpg

from app.db.database import DATABASE_AWAY, Database
from app.domain.schedule import WAKE_EVERY_S
from app.logs import get_logger

CHANNEL = "onetill_due"

log = get_logger("wake_up")


class WakeUp:
    """Call it with the name of a kind of due work. Returns at once; calls that come close together share one NOTIFY."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kinds: set[str] = set()
        self._sending: asyncio.Task[None] | None = None

    def __call__(self, kind: str) -> None:
        """Something of this kind is due."""
        self._kinds.add(kind)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())

    async def close(self) -> None:
        """Wait for what is being sent."""
        if self._sending is not None:
            await asyncio.wait([self._sending])

    async def _send(self) -> None:
        while self._kinds:
            kind = self._kinds.pop()
            try:
                await self._database.row("SELECT pg_notify($1, $2)", CHANNEL, kind)
            except (asyncpg.PostgresError, *DATABASE_AWAY) as error:
                log.warning("wake_up_lost", kind=kind, error=type(error).__name__)
            await asyncio.sleep(WAKE_EVERY_S)
