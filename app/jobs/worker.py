"""`onetill worker`: the sweeper. It asks about every attempt whose time to look has come, and forgets old keys.

Due rows are read without a lock; each is then verified by the same `verify` as everywhere, so several workers only cost
an extra look-up. SIGTERM lets the looks under way finish.
"""

import asyncio
import signal
from contextlib import suppress
from time import monotonic
from uuid import UUID

import asyncpg

from app.domain.errors import OnetillError
from app.logs import get_logger
from app.main import Parts

SWEEP_EVERY_S = 5.0
BATCH = 200
AT_ONCE = 16
"""Looks under way at one time; bounds the load on gateways and the connection pool."""

FORGET_EVERY_S = 3600.0

log = get_logger("worker")


class Worker:
    """Sweeps until told to stop."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._stop = asyncio.Event()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._forget_at = 0.0

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT, then finish what is under way. A database that is away is waited for."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        pause_s = self._parts.settings.seconds(SWEEP_EVERY_S)
        log.info("worker_started", sweep_every_s=pause_s)
        while not self._stop.is_set():
            try:
                looked_at = await self.sweep()
                await self._forget_old_keys()
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                log.warning("database_away", error=type(error).__name__)
                looked_at = 0
            if looked_at < BATCH:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), pause_s)
        log.info("worker_stopped")

    async def sweep(self) -> int:
        """Look at one batch of due attempts and return how many there were."""
        due = await self._parts.payments.due(BATCH)
        await asyncio.gather(*(self._look(payment_id, attempt_id) for payment_id, attempt_id in due))
        return len(due)

    async def _look(self, payment_id: UUID, attempt_id: UUID) -> None:
        """Verify one attempt. One that fails is logged and comes back; it never stops the others."""
        async with self._slots:
            if self._stop.is_set():
                return
            try:
                await self._parts.payments.verify(payment_id, cause="sweep", attempt_id=attempt_id)
            except OnetillError as error:
                log.warning("look_failed", payment_id=str(payment_id), code=error.code)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                raise
            except Exception:
                # A row that breaks our code must neither stop the worker nor fill every batch.
                log.exception("look_broke", payment_id=str(payment_id))
                await self._parts.payments.postpone(payment_id, attempt_id)

    async def _forget_old_keys(self) -> None:
        if monotonic() >= self._forget_at:
            forgotten = await self._parts.idempotency.forget_old()
            self._forget_at = monotonic() + self._parts.settings.seconds(FORGET_EVERY_S)
            if forgotten:
                log.info("idempotency_keys_forgotten", count=forgotten)
