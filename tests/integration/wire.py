"""A wire to Postgres that can be cut, and that can fall silent, as a machine does that lost its power."""

import asyncio
from contextlib import closing, suppress


class Wire:
    """A TCP forwarder on 127.0.0.1."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._speaks = asyncio.Event()
        self._speaks.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.connections = 0
        """How many have been made so far."""

    async def __aenter__(self) -> "Wire":
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self.cut()

    async def cut(self) -> None:
        """Every connection ends at once."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def fall_silent(self) -> None:
        """Nothing passes any more on the connections that there are; nobody is told. New ones are better off."""
        self._speaks.clear()
        self._speaks = asyncio.Event()
        self._speaks.set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        with closing(writer), closing(far_writer), suppress(ConnectionError):
            speaks = self._speaks
            async with asyncio.TaskGroup() as group:
                there = group.create_task(_pass_on(reader, far_writer, speaks))
                back = group.create_task(_pass_on(far_reader, writer, speaks))
                await asyncio.wait([there, back], return_when=asyncio.FIRST_COMPLETED)
                there.cancel()
                back.cancel()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, speaks: asyncio.Event) -> None:
    while data := await reader.read(65_536):
        await speaks.wait()
        writer.write(data)
        await writer.drain()
