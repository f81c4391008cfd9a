"""Connections that are kept waiting, and how they are let go."""

import asyncio
import contextlib
from dataclasses import dataclass

from starlette.types import Receive

SLOW_S = 3.0
HANG_S = 60.0


@dataclass(frozen=True, slots=True)
class Delays:
    """How long the misbehaving answers take, in real seconds: the time scale does not shorten them."""

    slow_s: float = SLOW_S
    hang_s: float = HANG_S


class HeldConnections:
    """Keeps clients waiting, but never longer than they stay, and never past the end of the simulator."""

    def __init__(self) -> None:
        self._let_go = asyncio.Event()

    async def wait(self, receive: Receive, seconds: float) -> None:
        """Return after `seconds`, or as soon as the client hangs up or the connections are let go.

        The request's body must have been read, so that the next message can only be the disconnect.
        """
        if seconds <= 0:
            return
        gone = asyncio.ensure_future(_disconnected(receive))
        freed = asyncio.ensure_future(self._let_go.wait())
        try:
            await asyncio.wait((gone, freed), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (gone, freed):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    def let_go(self) -> None:
        """End all present waits; later ones wait again."""
        self._let_go.set()
        self._let_go = asyncio.Event()

    def close(self) -> None:
        """End all present waits, and let later ones end at once."""
        self._let_go.set()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
