"""Places (law 15): how many requests a process works on at once. A stranger holds one only while there is work to do.

Until his body is there he waits outside, and once his answer begins he has left: neither half a request nor an answer that is
not read keeps anybody out. Outside is room for so many too; a further one ends the wait of whoever came first, so that others
are kept from sending only by connections at a rate, and by no number of them.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

from starlette.types import Message, Receive

from app.domain.errors import Overloaded
from app.domain.schedule import OVERLOADED_S

STRANGERS_SHARE = 0.25
"""Of the places, for requests that came without a key that is known to be good; and so many of them may wait outside."""


class Places:
    """The places of one process, `most` of them; 0: as many as come."""

    def __init__(self, most: int) -> None:
        self._most = most or 1_000_000_000
        self._most_strangers = self._most * STRANGERS_SHARE
        self._taken = 0
        self._strangers = 0
        self._outside: dict[int, asyncio.Timeout] = {}
        self._arrivals = count()

    def take(self, *, is_stranger: bool) -> None:
        """Take one. Raises Overloaded where none is left."""
        if self._taken >= self._most or (is_stranger and self._strangers >= self._most_strangers):
            raise Overloaded(retry_after_s=OVERLOADED_S)
        self._taken += 1
        self._strangers += is_stranger

    def leave(self, *, is_stranger: bool) -> None:
        """Give one back."""
        self._taken -= 1
        self._strangers -= is_stranger

    def arrival(self) -> int:
        """The number of one who comes; they only grow."""
        return next(self._arrivals)

    @asynccontextmanager
    async def outside(self, arrival: int) -> AsyncIterator[None]:
        """While he who came with this number waits for his body. Raises Overloaded where that has to end for others."""
        try:
            async with asyncio.timeout(None) as wait:
                self._outside[arrival] = wait
                asyncio.get_running_loop().call_soon(self._make_room)  # his body may be there already
                try:
                    yield
                finally:
                    self._outside.pop(arrival, None)
        except TimeoutError:
            raise Overloaded(retry_after_s=OVERLOADED_S) from None

    def _make_room(self) -> None:
        if len(self._outside) > self._most_strangers:
            self._outside.pop(min(self._outside)).reschedule(0)


class StrangersPlace:
    """One stranger's. `receive` is what his request is read with."""

    def __init__(self, places: Places, receive: Receive) -> None:
        self._places = places
        self._receive = receive
        self._arrival = places.arrival()
        self._is_held = False
        self._is_whole = False

    def take(self) -> None:
        """Take it. Raises Overloaded."""
        self._places.take(is_stranger=True)
        self._is_held = True

    def leave(self) -> None:
        """Leave it, if it is held."""
        if self._is_held:
            self._places.leave(is_stranger=True)
            self._is_held = False

    async def receive(self) -> Message:
        """The next part of the body, waited for outside; with the last one the place is taken again. Raises Overloaded."""
        if self._is_whole:
            return await self._receive()
        self.leave()
        async with self._places.outside(self._arrival):
            message = await self._receive()
        self._is_whole = not message.get("more_body", False)
        if self._is_whole:
            self.take()
        return message
