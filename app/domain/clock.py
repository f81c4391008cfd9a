"""Time as the product sees it: always aware UTC, injected, and in test mode with shorter waits."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Now = Callable[[], datetime]


def utc_now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """`2026-11-21T08:30:00.123456Z`: microseconds always present, so texts sort like moments."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


ASK_AGAIN = (5, 15, 60, 300, 900, 3600)
"""Seconds between looks at an undecided attempt whose buyer came back; hourly after that, then daily (design law 8)."""

HOURS, DAYS = 24, 7
"""After those, an attempt is asked about so many times an hour apart, then so many times a day apart; then a person decides."""

ABANDONED = (60, 300, 900, 3600)
"""Seconds between looks at an attempt whose buyer has not come back yet."""


def next_look(now: datetime, checks: int, *, returned: bool, time_scale: float = 1.0) -> datetime:
    """When an undecided attempt is asked about again, after `checks` looks that decided nothing.

    `returned` says that the buyer came back or that we asked for the money: those are looked at sooner.
    """
    steps = ASK_AGAIN if returned else ABANDONED
    wait_s = steps[checks] if checks < len(steps) else 3600 if checks < len(steps) + HOURS else 86_400
    return now + timedelta(seconds=wait_s / time_scale)


def is_exhausted(checks: int) -> bool:
    """Whether an attempt whose money was asked for has been asked about for a week in vain (design law 4)."""
    return checks >= len(ASK_AGAIN) + HOURS + DAYS
