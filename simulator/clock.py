"""The simulator's time: real time plus what a tester skipped, and what happens at a time by itself."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

POLL_S = 0.02
KST = timezone(timedelta(hours=9), "KST")
MAX_ADVANCE_S = 366 * 24 * 3600
"""The most that one call may skip: a year is longer than any interval a gateway has."""


class SimClock:
    """Real time plus the seconds that were skipped; `interval` is the only place that knows the time scale.

    Real time is read from the monotonic clock, so a corrected system clock never runs a batch twice.
    """

    def __init__(self, time_scale: float = 1.0) -> None:
        if not time_scale > 0:
            raise ValueError(f"time_scale must be greater than 0, got {time_scale}")
        self.time_scale = time_scale
        self.restart()

    def restart(self) -> None:
        """Begin again at the real time, with nothing skipped."""
        self._started_at = datetime.now(UTC)
        self._started = time.monotonic()
        self.advanced_s = 0.0

    def elapsed_s(self) -> float:
        """Seconds of simulated time since the start; never goes back."""
        return time.monotonic() - self._started + self.advanced_s

    def now(self) -> datetime:
        """The simulated time, aware, UTC."""
        return self.at(self.elapsed_s())

    def at(self, elapsed_s: float) -> datetime:
        """The time that was `elapsed_s` seconds after the start."""
        return self._started_at + timedelta(seconds=elapsed_s)

    def advance(self, seconds: float) -> None:
        """Skip `seconds`, as they are: the time scale shortens intervals, not this."""
        if not 0 <= seconds <= MAX_ADVANCE_S:
            raise ValueError(f"seconds must be between 0 and {MAX_ADVANCE_S}, got {seconds}")
        self.advanced_s += seconds

    def interval(self, seconds: float) -> float:
        """How long a real gateway's interval of `seconds` lasts here."""
        return seconds / self.time_scale

    def last_boundary(self, seconds: float) -> float:
        """Elapsed seconds at the latest multiple of the (scaled) interval."""
        length = self.interval(seconds)
        return self.elapsed_s() // length * length

    def next_boundary(self, seconds: float) -> float:
        """Elapsed seconds at the coming multiple of the (scaled) interval; always in the future."""
        length = self.interval(seconds)
        return (self.elapsed_s() // length + 1) * length


class Timers:
    """Runs actions when the simulator's clock reaches their time. Times may jump: the tester moves the clock."""

    def __init__(self, clock: SimClock) -> None:
        self._clock = clock
        self._waiting: list[tuple[float, Callable[[], None]]] = []
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Run `action` after this much of the gateway's time; the time scale shortens it."""
        self.at(self._clock.elapsed_s() + self._clock.interval(seconds), action)

    def at(self, elapsed_s: float, action: Callable[[], None]) -> None:
        """Run `action` so long after the clock's start."""
        self._waiting.append((elapsed_s, action))
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


def kst(moment: datetime | None) -> str | None:
    """A time as Korean gateways write it: local Korean time, no zone, whole seconds."""
    return None if moment is None else moment.astimezone(KST).strftime("%Y-%m-%dT%H:%M:%S")
