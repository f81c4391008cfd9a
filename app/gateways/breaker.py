"""Stops asking a gateway that does not answer, and asks again a little later with one call at a time.

A refused call was never sent, so nothing is in doubt; what was asked about is due again on its own schedule.
"""

import time
from collections.abc import Callable

FAILURES = 8
"""Calls that failed in a row before new ones are refused: more than one payment's own tries."""

OPEN_S = 5.0
"""How long calls are refused before one may try again. Shorter than the first waits of an undecided attempt."""


class Breaker:
    """The health of one gateway account, as this process sees it."""

    def __init__(self, open_s: float = OPEN_S, now: Callable[[], float] = time.monotonic) -> None:
        self._open_s = open_s
        self._now = now
        self._failed = 0
        self._closed_until = 0.0
        self._is_probing = False

    @property
    def is_open(self) -> bool:
        """Whether the gateway has failed FAILURES calls in a row and no call has succeeded since."""
        return self._failed >= FAILURES

    def lets_through(self) -> bool:
        """Whether a call may be made now. While open, one call after each pause finds out whether it is well again."""
        if not self.is_open:
            return True
        if self._is_probing or self._now() < self._closed_until:
            return False
        self._is_probing = True
        return True

    def record(self, *, is_good: bool) -> None:
        """Note how a call went."""
        self._failed = 0 if is_good else self._failed + 1
        if self.is_open:
            self._closed_until = self._now() + self._open_s

    def release(self) -> None:
        """A call has ended, also one whose caller left: another one may probe."""
        self._is_probing = False
