"""What happens later by itself: a late approval, an asynchronous cancel."""

import asyncio
from collections.abc import Callable

from simulator.clock import SimClock

POLL_S = 0.02


class Timers:
    """Runs actions when the simulator's clock reaches their time. Times may jump: the tester moves the clock."""

    def __init__(self, clock: SimClock) -> None:
        self._clock = clock
        self._waiting: list[tuple[float, Callable[[], None]]] = []
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Run `action` after this much of the gateway's time; the time scale shortens it."""
        self._waiting.append((self._clock.elapsed_s() + self._clock.interval(seconds), action))
        if not self._is_closed and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._run())

    def run_due(self) -> None:
        """Run what is due, oldest first. Call before anything is read, so that nobody sees the past."""
        now_s = self._clock.elapsed_s()
        due = sorted((entry for entry in self._waiting if entry[0] <= now_s), key=lambda entry: entry[0])
        self._waiting = [entry for entry in self._waiting if entry[0] > now_s]
        for _, action in due:
            action()

    def reset(self) -> None:
        """Forget what was to come."""
        self._waiting.clear()

    def close(self) -> None:
        """Run nothing from now on."""
        self._is_closed = True
        self.reset()
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        while self._waiting:
            self.run_due()
            await asyncio.sleep(POLL_S)
