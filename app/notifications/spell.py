"""One worker's turn at one endpoint: its claim, what is under way there, and how much more may be."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.notifications.model import Attempt, Endpoint, Pending

AT_ONCE_FIRST, AT_ONCE = 4, 32
"""Attempts under way to one endpoint, each of another payment: few at first, one more for each that it took, one less for each
that it did not. So one that hangs holds few connections, and one that mostly answers has places beside what hangs."""

LOOK_AGAIN_S, LOOK_AT_MOST_S = 0.25, 1.0
"""How soon one looks for what came meanwhile, while all that is under way hangs: later each time that nothing came."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Until when an endpoint is left alone, as it was when that was found."""

    until: datetime
    url: str
    updated_at: datetime


@dataclass(slots=True)
class Spell:
    """Changes as it goes on."""

    endpoint_id: UUID
    seen: datetime | None
    """The due time that was acted on: where it has moved, something came. None: it is due no more."""
    held: datetime | None
    """Until when the endpoint is claimed; None: it is not ours any more."""
    rest: Rest | None = None
    began_at: float = field(default_factory=time.monotonic)
    under_way: dict[asyncio.Task[Attempt], tuple[Pending, bool]] = field(default_factory=dict)
    """Each attempt with its notification, and whether that was refused before."""
    look_s: float = LOOK_AGAIN_S
    """How soon the next look for what came."""
    _width: int = AT_ONCE_FIRST
    _free_at: float = 0.0

    @property
    def free(self) -> int:
        """How many attempts may begin now."""
        return max(0, self._width - len(self.under_way))

    @property
    def free_again(self) -> int:
        """How many of them may be of events that were refused before: these hold half of the places at most."""
        again = sum(is_again for _, is_again in self.under_way.values())
        return max(0, min(self.free, self._width // 2 - again))

    @property
    def busy(self) -> list[UUID]:
        """The payments that something is under way of."""
        return [pending.payment_id for pending, _ in self.under_way.values()]

    @property
    def has_ended(self) -> bool:
        """Whether something that was under way is to be recorded."""
        return any(task.done() for task in self.under_way)

    def ended(self) -> list[Attempt]:
        """What has ended, and is not forgotten yet."""
        return [task.result() for task in self.under_way if task.done()]

    def forget(self, attempts: Sequence[Attempt]) -> None:
        """These are recorded."""
        for each in attempts:
            width = self._width + (1 if each.made.is_taken else -1)
            self._width = min(AT_ONCE, max(AT_ONCE_FIRST, width))
        known = set(map(id, attempts))
        self.under_way = {
            task: of for task, of in self.under_way.items() if not (task.done() and id(task.result()) in known)
        }

    @property
    def pause_s(self) -> float:
        """How long nothing may begin, where the endpoint has a pace."""
        return max(0.0, self._free_at - time.monotonic())

    def next_place_s(self, endpoint: Endpoint) -> float:
        """In how many seconds the next attempt may begin. Each call is one attempt."""
        wait_s = self.pause_s
        if endpoint.rate_per_s:
            self._free_at = time.monotonic() + wait_s + 1 / endpoint.rate_per_s
        return wait_s

    def rests(self, endpoint: Endpoint, now: datetime) -> bool:
        """Whether the endpoint is still left alone, being the one that was found to need it."""
        rest = self.rest
        return (
            rest is not None and rest.until > now and (rest.url, rest.updated_at) == (endpoint.url, endpoint.updated_at)
        )
