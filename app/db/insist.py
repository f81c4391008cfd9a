"""Writing what must not be lost with the connection: an answer of a gateway, which nobody may get a second time."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar

import asyncpg

from app.db.database import DATABASE_AWAY
from app.domain.clock import Now
from app.domain.schedule import DATABASE_AWAY_S
from app.logs import get_logger

T = TypeVar("T")

log = get_logger("database")

LEAST = timedelta(seconds=60)
"""So long an answer is kept at least, though the lease ends: a late answer finds what others wrote meanwhile."""

_ABOUT_CONTENT = ("21", "22", "23", "42", "44", "54", "P0")
"""Classes of SQLSTATE that say what is wrong with the statement or its values, triggers' words among them (Postgres, appendix A).
All others are about the server and whoever else uses it: a lock, a timeout, a deadlock, no room, too many clients, a failover."""


async def insist(work: Callable[[], Awaitable[T]], until: datetime | None, now: Now) -> T:
    """Do the work, and while the database does not do it, do it again until then, the end of the caller's lease, and for `LEAST`.

    `work` is safe to repeat: what its first try wrote whose answer was lost, a second one finds. Raises what the last try
    raised, and at once what no second try can mend.
    """
    end = max(until, now() + LEAST) if until is not None else None
    while True:
        try:
            return await work()
        except (asyncpg.PostgresError, *DATABASE_AWAY) as error:
            is_over = end is None or now() >= end
            if is_over or is_about_content(error):
                raise
            log.warning("answer_waits", error=type(error).__name__)
            await asyncio.sleep(DATABASE_AWAY_S)


def is_about_content(error: Exception) -> bool:
    """Whether the same statement with the same values fails again, whatever becomes of the database."""
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(_ABOUT_CONTENT)
    return isinstance(error, ValueError)  # a value that no column takes
