"""The job engine: what was enqueued with the data that needs it is carried out, on whichever worker has a hand free.

PgQueuer keeps the jobs in our Postgres; a worker that dies is noticed by its missing heartbeats and its jobs are taken over.
A job only says which row wants work. The row itself knows whether the work is still wanted and when to try again, so a
job that is lost, doubled or broken loses nothing: the sweep finds the row.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from uuid import UUID

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.models import Job

from app.db.database import Database
from app.logs import get_logger

POLL_S = 30.0
"""How often the queue is looked at when no notification came; notifications make it immediate."""

HEARTBEAT_S = 30.0
"""A worker that was not heard of for so long has died; its jobs are somebody else's then."""

AT_ONCE = 32
"""Jobs under way in one worker."""

KEEP_LOG_DAYS = 7

log = get_logger("jobs")

Work = Callable[[UUID], Awaitable[None]]


class JobQueue:
    """Runs the enqueued jobs of some kinds until told to stop. Each kind is a function of the row's id."""

    def __init__(self, database: Database, kinds: Mapping[str, Work], *, deadline_s: float, time_scale: float) -> None:
        self._database = database
        self._kinds = kinds
        self._deadline_s = deadline_s
        self._time_scale = time_scale

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then finish what is under way. A database that is away is waited for."""
        while not stop.is_set():
            manager = self._manager()
            stopping = asyncio.create_task(_pass_on(stop, manager.shutdown))
            try:
                await manager.run(
                    dequeue_timeout=timedelta(seconds=max(0.2, POLL_S / self._time_scale)),
                    heartbeat_timeout=timedelta(seconds=max(1.0, HEARTBEAT_S / self._time_scale)),
                    batch_size=AT_ONCE // 2,
                    max_concurrent_tasks=AT_ONCE,
                )
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                log.warning("job_queue_away", error=type(error).__name__)
                await asyncio.sleep(1)
            finally:
                stopping.cancel()

    async def forget_old(self) -> None:
        """Delete the engine's own notes on jobs that ended days ago."""
        await self._database.row(
            "DELETE FROM pgqueuer_log WHERE created < now() - make_interval(days => $1)", KEEP_LOG_DAYS
        )

    def _manager(self) -> QueueManager:
        manager = QueueManager(Queries(AsyncpgPoolDriver(self._database.pool)))
        for kind, work in self._kinds.items():
            manager.entrypoint(kind, accepts_context=False)(self._job(kind, work))
        return manager

    def _job(self, kind: str, work: Work) -> Callable[[Job], Awaitable[None]]:
        async def run(job: Job) -> None:
            row_id = UUID((job.payload or b"").decode())
            try:
                async with asyncio.timeout(self._deadline_s):
                    await work(row_id)
            except Exception:
                # The row stays due whatever broke, so nothing is lost by going on; logged whole, because it is our bug.
                log.exception("job_broke", kind=kind, row_id=str(row_id))

        return run


async def _pass_on(stop: asyncio.Event, to: asyncio.Event) -> None:
    await stop.wait()
    to.set()
