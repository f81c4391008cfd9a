"""`onetill worker`: carries out jobs as they come, and sweeps up what is due: attempts, kept webhooks, old keys.

Due rows are read without a lock; each is then worked on by the same code as everywhere, so several workers share the load
and at worst ask a gateway once more. SIGTERM lets what is under way finish.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic
from uuid import UUID

import asyncpg

from app.domain.errors import OnetillError
from app.jobs.queue import JobQueue
from app.logs import get_logger
from app.services import Services
from app.webhooks.inbox import APPLY_JOB

SWEEP_EVERY_S = 5.0
BATCH = 200
AT_ONCE = 16
"""Looks under way at one time; bounds the load on gateways and the connection pool."""

FORGET_EVERY_S = 3600.0

log = get_logger("worker")


class Worker:
    """Works until told to stop."""

    def __init__(self, parts: Services) -> None:
        self._parts = parts
        self._stop = asyncio.Event()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._forget_at = 0.0
        slowest = max((gateway.deadline_s for gateway in parts.registry), default=10.0)
        self._queue = JobQueue(
            parts.database,
            {APPLY_JOB: parts.webhooks.apply},
            deadline_s=4 * slowest + parts.settings.confirm_wait_s,
            time_scale=parts.settings.time_scale,
        )

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT, then finish what is under way. A database that is away is waited for."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        log.info("worker_started", sweep_every_s=self._parts.settings.seconds(SWEEP_EVERY_S))
        async with asyncio.TaskGroup() as group:
            group.create_task(self._queue.run(self._stop))
            group.create_task(self._sweep_until_told())
        log.info("worker_stopped")

    async def sweep(self) -> int:
        """Look at one batch of due webhooks, attempts and refunds, and return how many there were."""
        webhooks = await self._parts.webhooks.sweep(BATCH)
        await asyncio.gather(*(self._apply(webhook_id) for webhook_id in webhooks))
        attempts = await self._parts.payments.due(BATCH)
        due = dict.fromkeys([*attempts, *await self._parts.refunds.due(BATCH)])
        await asyncio.gather(*(self._look(payment_id, attempt_id) for payment_id, attempt_id in due))
        return len(webhooks) + len(due)

    async def _sweep_until_told(self) -> None:
        pause_s = self._parts.settings.seconds(SWEEP_EVERY_S)
        while not self._stop.is_set():
            try:
                worked_on = await self.sweep()
                await self._forget_old()
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                log.warning("database_away", error=type(error).__name__)
                worked_on = 0
            if worked_on < BATCH:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), pause_s)

    async def _apply(self, webhook_id: UUID) -> None:
        await self._guarded(
            lambda: self._parts.webhooks.apply(webhook_id),
            lambda: self._parts.webhooks.put_off(webhook_id, "looking into it broke; see the log"),
            webhook_id=str(webhook_id),
        )

    async def _look(self, payment_id: UUID, attempt_id: UUID) -> None:
        await self._guarded(
            lambda: self._parts.payments.verify(payment_id, trigger="sweep", attempt_id=attempt_id),
            lambda: self._postpone(payment_id, attempt_id),
            payment_id=str(payment_id),
        )

    async def _postpone(self, payment_id: UUID, attempt_id: UUID) -> None:
        await self._parts.payments.postpone(payment_id, attempt_id)
        await self._parts.refunds.postpone(payment_id, attempt_id)

    async def _guarded(
        self, work: Callable[[], Awaitable[object]], put_off: Callable[[], Awaitable[None]], **about: str
    ) -> None:
        """Do one piece of work. One that fails is logged and comes back; it never stops the others."""
        async with self._slots:
            if self._stop.is_set():
                return
            try:
                await work()
            except OnetillError as error:
                log.warning("work_failed", code=error.code, **about)
                await put_off()
            except (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError):
                raise
            except Exception:
                # A row that breaks our code, or is held by somebody, must neither stop the worker nor fill every batch.
                # When it is the database that is away, putting it off says so too.
                log.exception("work_broke", **about)
                await put_off()

    async def _forget_old(self) -> None:
        if monotonic() >= self._forget_at:
            forgotten = await self._parts.idempotency.forget_old()
            await self._queue.forget_old()
            await self._parts.webhooks.forget_old()
            await self._parts.gateway_log.forget_older(self._parts.settings.keep_exchanges_days)
            self._forget_at = monotonic() + self._parts.settings.seconds(FORGET_EVERY_S)
            if forgotten:
                log.info("idempotency_keys_forgotten", count=forgotten)
