"""How far this machine's clock is from the database's: leases and due times compare the clocks of all machines."""

from app.db.database import Database
from app.db.due_work import Chore
from app.domain.clock import Now
from app.domain.schedule import LEASE_MARGIN_S
from app.logs import get_logger

log = get_logger("clock")


async def clock_ahead_s(database: Database, now: Now) -> float:
    """Seconds that our clock is ahead of the database's, behind it where negative; as exact as one statement is quick."""
    before = now()
    row = await database.row("SELECT clock_timestamp() AS at")
    assert row is not None
    return float((before + (now() - before) / 2 - row["at"]).total_seconds())


def watched_clock(database: Database, now: Now) -> Chore:
    """The worker, which serves no gauge, says in its log when the clocks differ by more than leases allow for."""

    async def watch(_: int) -> int:
        ahead_s = await clock_ahead_s(database, now)
        if abs(ahead_s) > LEASE_MARGIN_S:
            log.warning("clock_skewed", ahead_s=round(ahead_s, 1), allowed_s=LEASE_MARGIN_S)
        return 0

    return Chore("clock", watch)
