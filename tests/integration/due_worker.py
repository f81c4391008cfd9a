"""A worker of the errands as a process of its own: `python -m tests.integration.due_worker URL NAME LEASE_S`."""

import asyncio
import signal
import sys

from app.db.database import Database
from app.db.due_work import DueRow
from app.domain.clock import utc_now
from tests.integration.due import engine, write_down

TAKES_S = 0.05


async def main(url: str, name: str, lease_s: float) -> None:
    """Work until told to stop."""
    database = Database(url, connections=4)
    await database.open()
    await database.row("INSERT INTO errands_workers VALUES ($1)", name)
    write = write_down(database, name)

    async def work(row: DueRow) -> None:
        await asyncio.sleep(TAKES_S)
        await write(row)

    works = engine(database, work, utc_now, deadline_s=lease_s / 2, lease_s=lease_s, time_scale=10)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, works.stop)
    await works.run()
    await database.close()


asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
