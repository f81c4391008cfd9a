"""A wire that can be cut: forwards bytes between the product and something that it talks to, and counts its messages.

A message is one write of the product's that arrives in one piece; the counts are recorded in a run without a cut, so the
places where a process can die are enumerated and not guessed.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

Moment = Literal["before", "after"]


@dataclass(slots=True)
class Cut:
    """Cut at message `number`: before it is passed on, or once its answer has come and before that is passed back."""

    number: int
    moment: Moment
    kill: Callable[[], None]


class Wiretap:
    """A TCP forwarder on 127.0.0.1 that is told apart by messages from the client."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.messages = 0
        self.is_counting = False
        self.cut: Cut | None = None
        self.port = 0

    async def __aenter__(self) -> "Wiretap":
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.close()
            return
        state = _Line()
        for work in (self._outward(reader, far_writer, state), self._inward(far_reader, writer, state)):
            task = asyncio.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _outward(self, reader: asyncio.StreamReader, far: asyncio.StreamWriter, line: "_Line") -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                if self.is_counting:
                    self.messages += 1
                    if self.cut and self.cut.number == self.messages:
                        if self.cut.moment == "before":
                            self._fall(self.cut)
                            break
                        line.is_doomed = True
                far.write(data)
                await far.drain()
        far.close()

    async def _inward(self, far: asyncio.StreamReader, writer: asyncio.StreamWriter, line: "_Line") -> None:
        with suppress(OSError):
            while data := await far.read(1 << 16):
                if line.is_doomed and self.cut:
                    self._fall(self.cut)
                    break
                writer.write(data)
                await writer.drain()
        writer.close()

    def _fall(self, cut: Cut) -> None:
        self.is_counting, self.cut = False, None
        cut.kill()


@dataclass(slots=True)
class _Line:
    """One connection: whether its next answer is where the cut falls."""

    is_doomed: bool = False
