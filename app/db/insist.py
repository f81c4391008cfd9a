"""Writing what must not be lost with the connection: an answer of a gateway, which nobody may get a second time."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

from app.db.database import DATABASE_AWAY
from app.domain.clock import Now
from app.domain.schedule import DATABASE_AWAY_S
from app.logs import get_logger

T = TypeVar("T")

log = get_logger("database")


async def insist(work: Callable[[], Awaitable[T]], until: datetime | None, now: Now) -> T:
    """Do the work, and while the database is away do it again until then: the end of the lease that its caller holds.

    `work` is safe to repeat: what its first try wrote whose answer was lost, a second one finds. Raises what the last try raised.
    """
    while True:
        try:
            return await work()
        except DATABASE_AWAY as error:
            is_over = until is None or now() >= until
            if is_over or isinstance(error, ValueError):  # the latter: a value that no column takes
                raise
            log.warning("answer_waits", error=type(error).__name__)
            await asyncio.sleep(DATABASE_AWAY_S)
