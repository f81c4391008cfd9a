"""Due work that is nobody's noun: a table of rows that want to be written down once, and engines that do it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from app.db.database import Database
from app.db.due_work import Chore, DueRow, DueTable, DueWork
from app.domain.clock import Now
from app.jobs.engine import Engine

TABLES = """
CREATE TABLE errands (
    payment_id uuid NOT NULL, id uuid NOT NULL, next_at timestamptz, claimed_until timestamptz, PRIMARY KEY (payment_id, id));
CREATE INDEX errands_due_idx ON errands (next_at) WHERE next_at IS NOT NULL;
CREATE TABLE errands_done (id uuid NOT NULL, worker text NOT NULL);
CREATE TABLE errands_workers (name text NOT NULL);
GRANT SELECT, INSERT, UPDATE ON errands, errands_done, errands_workers TO onetill_app
"""

Work = Callable[[DueRow], Awaitable[object]]


class Errands:
    """The table, seen by its owner."""

    def __init__(self, owner: "asyncpg.Connection[Any]") -> None:
        self.owner = owner

    async def add(self, number: int) -> None:
        """So many more rows that are due since a second."""
        await self.owner.execute(
            "INSERT INTO errands SELECT gen_random_uuid(), gen_random_uuid(), now() - interval '1 second' "
            "FROM generate_series(1, $1)",
            number,
        )

    async def left(self) -> int:
        """How many rows still want something."""
        return int(await self.owner.fetchval("SELECT count(*) FROM errands WHERE next_at IS NOT NULL"))

    async def done(self) -> dict[str, int]:
        """How often something was done, by worker."""
        rows = await self.owner.fetch("SELECT worker, count(*) AS n FROM errands_done GROUP BY worker")
        return {row["worker"]: row["n"] for row in rows}

    async def done_again(self) -> int:
        """How many rows were carried out more than once."""
        sql = "SELECT count(*) FROM (SELECT id FROM errands_done GROUP BY id HAVING count(*) > 1) twice"
        return int(await self.owner.fetchval(sql))

    async def until_done(self, within_s: float = 30) -> None:
        """Wait until nothing is left. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while await self.left():  # noqa: ASYNC110  others do it
                await asyncio.sleep(0.02)


@asynccontextmanager
async def errands(owner_url: str) -> AsyncIterator[Errands]:
    """The table in a database of the test's own."""
    owner = await asyncpg.connect(owner_url)
    try:
        await owner.execute(TABLES)
        yield Errands(owner)
    finally:
        await owner.close()


def write_down(database: Database, worker: str) -> Work:
    """What is done with a row: it is written down, and the row wants nothing any more."""

    async def work(row: DueRow) -> None:
        await database.row("INSERT INTO errands_done VALUES ($1, $2)", row.id, worker)
        await database.row(
            "UPDATE errands SET next_at = NULL, claimed_until = NULL WHERE payment_id = $1 AND id = $2",
            row.payment_id,
            row.id,
        )

    return work


def engine(
    database: Database,
    work: Work,
    now: Now,
    *,
    deadline_s: float = 5,
    lease_s: float = 10,
    time_scale: float = 1,
    chores: tuple[Chore, ...] = (),
) -> Engine:
    """An engine for the one kind."""
    kind = DueWork("errands", DueTable(database, "errands", due_at="next_at"), work, deadline_s, lease_s)
    return Engine([kind], chores, now=now, time_scale=time_scale)
