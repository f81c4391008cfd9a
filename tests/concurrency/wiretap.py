"""A wire that can be cut: forwards bytes between the product and something that it talks to, and counts its messages.

A message is one write of the product's that arrives in one piece; the counts are recorded in a run without a cut, so the
places where a process can die are enumerated and not guessed.
"""

import asyncio
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Literal

Moment = Literal["before", "after"]

Namer = Callable[[bytes], str]
"""Names the messages of one connection, which it is given in their order."""


@dataclass(slots=True)
class Cut:
    """Cut at message `number`: before it is passed on, or once its answer has come and before that is passed back."""

    number: int
    moment: Moment
    kill: Callable[[], None]
    of: str | None = None
    """Count only messages of this name, so that what else happens at the same time does not shift the place."""


class Wiretap:
    """A TCP forwarder on 127.0.0.1 that is told apart by messages from the client."""

    def __init__(self, port: int, namer: Callable[[], Namer] | None = None) -> None:
        self._target = port
        self._namer = namer
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.messages = 0
        self.names: list[str] = []
        """What the counted messages are called, where a namer was given."""
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
        self._server = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.close()
            return
        if self._server is None:
            writer.close()
            far_writer.close()
            return
        state = _Line(self._namer() if self._namer else None)
        for work in (self._outward(reader, far_writer, state), self._inward(far_reader, writer, state)):
            task = asyncio.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _outward(self, reader: asyncio.StreamReader, far: asyncio.StreamWriter, line: "_Line") -> None:
        with closing(far), suppress(OSError):
            while data := await reader.read(1 << 16):
                name = line.namer(data) if line.namer else ""
                if self.is_counting:
                    self.messages += 1
                    self.names.append(name)
                    if self.cut and self._is_at(self.cut, name):
                        if self.cut.moment == "before":
                            self._fall(self.cut)
                            break
                        line.is_doomed = True
                far.write(data)
                await far.drain()

    async def _inward(self, far: asyncio.StreamReader, writer: asyncio.StreamWriter, line: "_Line") -> None:
        with closing(writer), suppress(OSError):
            while data := await far.read(1 << 16):
                if line.is_doomed and self.cut:
                    self._fall(self.cut)
                    break
                writer.write(data)
                await writer.drain()

    def _is_at(self, cut: Cut, name: str) -> bool:
        if cut.of is None:
            return cut.number == self.messages
        return cut.of == name and cut.number == self.names.count(name)

    def _fall(self, cut: Cut) -> None:
        self.is_counting, self.cut = False, None
        cut.kill()


@dataclass(slots=True)
class _Line:
    """One connection: whether its next answer is where the cut falls."""

    namer: Namer | None = None
    is_doomed: bool = False
