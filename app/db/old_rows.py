"""Rows that are deleted when they are old: in bites, each from an index, so that the cost does not grow with history (law 18)."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from app.db.database import Database

BY_INDEX = "; ".join(f"SET LOCAL enable_{each} = off" for each in ("seqscan", "bitmapscan", "sort", "incremental_sort"))
"""Without fresh statistics, Postgres takes a third of the table to be old, and reads all of it in each bite."""


class OldRows:
    """Those rows of a table that may go, `keep` after the moment in the column `since`.

    `only` leaves out those that must stay; an index on `since`, with `only` as its condition, serves both statements.
    """

    def __init__(
        self, database: Database, table: str, key: Sequence[str], *, since: str, keep: timedelta, now: Callable[[], datetime],
        only: str = "true",
    ) -> None:  # fmt: skip
        self._database = database
        self._keep = keep
        self._now = now
        columns = ", ".join(key)
        self.oldest_sql = f"SELECT min({since}) AS oldest FROM {table} WHERE {only}"  # noqa: S608  our names, no value
        self.forget_sql = (
            f"DELETE FROM {table} WHERE ({columns}) IN "  # noqa: S608  our names, no value
            f"(SELECT {columns} FROM {table} WHERE {since} < $1 AND {only} ORDER BY {since} LIMIT $2)"
        )

    async def forget(self, limit: int) -> int:
        """Delete the oldest of them, at most so many, and return how many. Safe to repeat, also by several at once."""
        async with self._database.transaction() as connection:
            await connection.execute(BY_INDEX)
            status = await connection.execute(self.forget_sql, self._now() - self._keep, limit)
        return int(status.rpartition(" ")[2])

    async def overdue_s(self) -> float:
        """Seconds since the oldest of them should have gone; 0 when none should."""
        row = await self._database.row(self.oldest_sql)
        assert row is not None
        oldest: datetime | None = row["oldest"]
        return max(0.0, (self._now() - self._keep - oldest).total_seconds()) if oldest else 0.0
