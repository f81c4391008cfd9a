"""The simulator's time: real time, plus what a tester skipped."""

import time
from datetime import UTC, datetime, timedelta, timezone

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


def kst(moment: datetime | None) -> str | None:
    """A time as Korean gateways write it: local Korean time, no zone, whole seconds."""
    return None if moment is None else moment.astimezone(KST).strftime("%Y-%m-%dT%H:%M:%S")
