"""How many unsigned webhooks are kept at once: anybody may send them, and a rate alone fills every disk in time (law 15)."""

from collections.abc import Callable
from time import monotonic
from uuid import UUID

from app.domain.errors import RateLimited
from app.webhooks.inbox import Inbox

MOST_OF_A_PAYMENT = 100
"""Kept about one payment: its gateway's own are a handful."""

COUNT_AGAIN_S = 2.0
"""How long a process goes on from its last count of those that nobody knows, and from what it has let in since."""

FULL_S = 600
"""What `Retry-After` says where there is no room: those that nobody knows leave after a day or two."""


class Room:
    """The room for hints. Rows are counted, so what other processes let in is among them. `most_unknown` 0 is no limit."""

    def __init__(self, inbox: Inbox, most_unknown: int, now: Callable[[], float] = monotonic) -> None:
        self._inbox = inbox
        self._most = most_unknown
        self._now = now
        self._left, self._count_at = 0, 0.0

    async def take(self, payment_id: UUID | None) -> None:
        """Let in a hint about this payment, or with None about nobody of ours. Raises RateLimited where there is no room."""
        if payment_id is not None:
            if await self._inbox.hints_about(payment_id, MOST_OF_A_PAYMENT) >= MOST_OF_A_PAYMENT:
                raise RateLimited(retry_after_s=FULL_S)
        elif self._most:
            if (now := self._now()) >= self._count_at:
                self._left = self._most - await self._inbox.unknown_hints(self._most)
                self._count_at = now + COUNT_AGAIN_S
            if self._left <= 0:
                raise RateLimited(retry_after_s=FULL_S)
            self._left -= 1
