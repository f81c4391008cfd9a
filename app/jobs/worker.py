"""`onetill worker`: carries out what is due. SIGTERM lets what is under way finish."""

import asyncio
import signal

from app.jobs.engine import Engine
from app.jobs.listener import Listener
from app.logs import get_logger
from app.services import Services

log = get_logger("worker")


class Worker:
    """Works until told to stop. Several of them, on one machine or many, share the rows."""

    def __init__(self, services: Services) -> None:
        settings = services.settings
        self._database = services.database
        self._engine = Engine(
            services.due_work, services.chores, services.pumps, now=services.now, time_scale=settings.time_scale
        )
        direct_url = settings.database_direct_url or settings.database_url
        self._listener = Listener(direct_url, self._engine.wake, one_role=settings.mode == "test")

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT, then finish what is under way. A database that is away is waited for."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._engine.stop)
        log.info("worker_started")
        await self._database.report()
        listening = asyncio.create_task(self._listener.run())
        try:
            await self._engine.run()
        finally:
            listening.cancel()
            await asyncio.wait([listening])
        log.info("worker_stopped")

    async def sweep(self) -> int:
        """Carry out all that is due now, and return how many rows that were."""
        return await self._engine.sweep()
