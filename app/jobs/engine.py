"""The engine of due work: finds due rows, claims them, carries them out and puts off what breaks. It knows no noun.

Every kind has hands of its own, so a gateway that hangs in one kind does not hold up another. No more rows are claimed than
there are free hands, so what a killed worker leaves claimed is what it had under way, and waits for one lease.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial

import asyncpg

from app.db.database import DATABASE_AWAY
from app.db.due_work import Chore, DueRow, DueWork, Pump
from app.domain.clock import Now
from app.domain.errors import OnetillError
from app.domain.schedule import DATABASE_AWAY_S, FORGET_AGAIN_S, FORGET_EVERY_S, FORGET_PAUSE_S, LOOK_EVERY_S, PUT_OFF_S
from app.logs import get_logger
from app.metrics import DUE_BROKE, DUE_CLAIMED, DUE_DONE, DUE_LAG, FORGETTING_BROKE, FORGOTTEN

SEEN = 200
"""Due rows that are read to choose from: workers that look at the same moment mostly choose others."""

BITE = 1000
"""Old rows that one statement deletes at most."""

log = get_logger("jobs")


class Engine:
    """Works on all kinds until it is stopped."""

    def __init__(
        self,
        kinds: Sequence[DueWork],
        chores: Sequence[Chore],
        pumps: Sequence[Pump] = (),
        *,
        now: Now,
        time_scale: float,
    ) -> None:
        self._stop = asyncio.Event()
        self._lanes = {kind.name: Lane(kind, self._stop, now, time_scale) for kind in kinds}
        self._pumps = {
            pump.name: Pumping(pump, self._stop, partial(self.wake, pump.then), time_scale) for pump in pumps
        }
        self._chores = chores
        self._time_scale = time_scale

    async def run(self) -> None:
        """Work until `stop`, then finish what is under way. A database that is away is waited for."""
        async with asyncio.TaskGroup() as group:
            for lane in self._lanes.values():
                group.create_task(lane.run())
            for pump in self._pumps.values():
                group.create_task(pump.run())
            for chore in self._chores:
                group.create_task(self._keep_tidy(chore))

    def stop(self) -> None:
        """Begin nothing new."""
        self._stop.set()
        self.wake()

    def wake(self, kind: str = "") -> None:
        """Look at once for due rows of this kind; of every kind without one."""
        for name, each in (self._lanes | self._pumps).items():
            if kind in {name, ""}:
                each.again.set()

    async def sweep(self) -> int:
        """Carry out all that is due now, one kind after another, and what follows of it; return how many rows that were."""
        swept = sum([await lane.sweep() for lane in self._lanes.values()])
        for pump in self._pumps.values():
            if await pump.sweep() and pump.then:
                swept += await self._lanes[pump.then].sweep()
        return swept

    async def _keep_tidy(self, chore: Chore) -> None:
        """Delete what is old until nothing is left of it, then again an hour later. Each chore goes its own way.

        A bite that fails (too big for the statement's timeout, another worker at the same rows) is tried again soon, and smaller.
        """
        bite = BITE
        while not self._stop.is_set():
            try:
                deleted = await chore.forget(bite)
            except Exception:  # whatever it is, nobody's money waits for this
                log.exception("chore_failed", chore=chore.name, bite=bite)
                FORGETTING_BROKE.labels(chore.name).inc()
                wait_s, bite = FORGET_AGAIN_S / self._time_scale, max(1, bite // 4)
            else:
                FORGOTTEN.labels(chore.name).inc(deleted)
                is_done = deleted < bite
                wait_s, bite = FORGET_EVERY_S / self._time_scale if is_done else FORGET_PAUSE_S, min(BITE, bite * 2)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), wait_s)


class Lane:
    """The hands of one kind."""

    def __init__(self, kind: DueWork, stop: asyncio.Event, now: Now, time_scale: float) -> None:
        self.again = asyncio.Event()
        """Set when it is worth looking at once."""
        self._kind = kind
        self._stop = stop
        self._now = now
        self._look_every_s = LOOK_EVERY_S / time_scale
        self._put_off_for = timedelta(seconds=PUT_OFF_S / time_scale)
        self._under_way: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Work until told to stop, then finish what is under way."""
        while not self._stop.is_set():
            self.again.clear()
            try:
                begun = await self._begin()
            except (asyncpg.PostgresError, *DATABASE_AWAY) as error:
                log.warning("not_looked", kind=self._kind.name, error=type(error).__name__)
                begun = 0
            if not begun or len(self._under_way) == self._kind.hands:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.again.wait(), self._look_every_s)
        if self._kind.is_cut_short:
            for task in self._under_way:
                task.cancel()
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def sweep(self) -> int:
        """Carry out all that is due now; see `Engine.sweep`."""
        begun = 0
        while True:
            begun += await self._begin()
            if not self._under_way:
                return begun
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)

    async def _begin(self) -> int:
        """Claim as many due rows as there are free hands, begin them, and return how many."""
        free = self._kind.hands - len(self._under_way)
        if not free or self._stop.is_set():
            return 0
        now, rows = self._now(), self._kind.rows
        due = await rows.due(now, SEEN)
        chosen = due if len(due) <= free else random.sample(due, free)
        won = await rows.claim(chosen, now, now + timedelta(seconds=self._kind.lease_s)) if chosen else []
        for row in won:
            DUE_CLAIMED.labels(self._kind.name).inc()
            DUE_LAG.labels(self._kind.name).observe(max(0.0, (now - row.due_at).total_seconds()))
            task = asyncio.create_task(self._work_on(row))
            self._under_way.add(task)
            task.add_done_callback(self._ended)
        return len(won)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if len(self._under_way) in {0, self._kind.hands // 2}:
            self.again.set()

    async def _work_on(self, row: DueRow) -> None:
        """Carry out one row. One that fails is logged and put off; it never stops the others."""
        kind, about = self._kind, {"row_id": str(row.id), "payment_id": str(row.payment_id)}
        try:
            async with asyncio.timeout(kind.deadline_s):
                await self._carry_out(row)
        except Exception as error:
            if self._stop.is_set() and isinstance(error, DATABASE_AWAY):
                log.warning("work_left", kind=kind.name, error=type(error).__name__, **about)
                return  # it stays claimed, and is another worker's when the lease ends
            DUE_BROKE.labels(kind.name).inc()
            if isinstance(error, OnetillError):
                log.warning("work_failed", kind=kind.name, code=error.code, **about)
            else:
                # A row that breaks our code, or is held by somebody, must neither stop the worker nor fill every batch.
                log.exception("work_broke", kind=kind.name, **about)
            await self._put_off(row)
        else:
            DUE_DONE.labels(kind.name).inc()

    async def _carry_out(self, row: DueRow) -> None:
        """Again while the database is away: the claim holds, and nobody else may go on with the row before it ends."""
        while True:
            try:
                await self._kind.carry_out(row)
            except DATABASE_AWAY as error:
                if self._stop.is_set() or isinstance(error, ValueError):  # the latter: a value that no column takes
                    raise
                log.warning("database_away", kind=self._kind.name, error=type(error).__name__)
                await asyncio.sleep(DATABASE_AWAY_S)
            else:
                return

    async def _put_off(self, row: DueRow) -> None:
        kind = self._kind
        try:
            if kind.put_off is not None:
                await kind.put_off(row)
            else:
                await kind.rows.put_off(row, self._now() + self._put_off_for)
        except Exception:  # whatever it is, the row comes back when its lease ends
            log.exception("not_put_off", kind=kind.name, row_id=str(row.id))


class Pumping:
    """One pump, run again while there is something for it."""

    def __init__(self, pump: Pump, stop: asyncio.Event, has_worked: Callable[[], None], time_scale: float) -> None:
        self.again = asyncio.Event()
        """Set when it is worth running at once."""
        self.then = pump.then
        self._pump = pump
        self._stop = stop
        self._has_worked = has_worked
        self._look_every_s = LOOK_EVERY_S / time_scale

    async def run(self) -> None:
        """Run until told to stop. One that breaks is logged and runs again later: nothing of it is lost."""
        while not self._stop.is_set():
            self.again.clear()
            try:
                done = await self.sweep()
            except (asyncpg.PostgresError, *DATABASE_AWAY) as error:
                log.warning("not_pumped", pump=self._pump.name, error=type(error).__name__)
                done = 0
            except Exception:  # a mistake of ours must not stop the worker, which has other work
                log.exception("pump_broke", pump=self._pump.name)
                done = 0
            if done:
                self._has_worked()
            with suppress(TimeoutError):
                await asyncio.wait_for(self.again.wait(), self._look_every_s)

    async def sweep(self) -> int:
        """Do all that there is now, and return how much that was."""
        done = 0
        while more := await self._pump.run():
            done += more
            if self._stop.is_set():
                break
        return done
