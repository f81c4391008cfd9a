"""A gateway that breaks in ways no web framework can: a raw TCP server, which also keeps what arrived on the wire."""

import asyncio
import gzip
import json
import socket
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from app.ports import free_ports

Behaviour = Callable[[StreamWriter], Awaitable[None]]

DRIP_EVERY_S = 0.01


@dataclass(frozen=True, slots=True)
class Arrived:
    """One request as it stood on the wire."""

    method: str
    target: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Doorkeeper = Callable[[Arrived], Behaviour | None]
"""What answers a request before the server misbehaves, or None: for logins that stand before every call."""


class FaultyServer:
    """Listens on a free loopback port and treats every request as `behave` says at that moment.

    A request that the doorkeeper answers is not among those that `arrived`.
    """

    def __init__(self, behave: Behaviour, doorkeeper: Doorkeeper | None = None) -> None:
        self.behave = behave
        self._doorkeeper = doorkeeper
        self.arrived: list[Arrived] = []
        self.accepted = 0
        """Connections so far."""
        self._news = asyncio.Event()
        self._serving: set[asyncio.Task[object]] = set()
        self._writers: set[StreamWriter] = set()

    @property
    def url(self) -> str:
        host, port = self._server.sockets[0].getsockname()
        return f"http://{host}:{port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving)
        await self._server.wait_closed()

    async def has_got(self, requests: int) -> None:
        """Return once so many requests have arrived."""
        while len(self.arrived) < requests:
            await self._news.wait()
            self._news.clear()

    def drop_connections(self) -> None:
        """Close what clients keep open between calls, as a front end that restarts does."""
        for writer in list(self._writers):
            writer.close()

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        self._writers.add(writer)
        self.accepted += 1
        try:
            while not writer.is_closing() and (request := await _read(reader)) is not None:
                if self._doorkeeper and (welcome := self._doorkeeper(request)):
                    await welcome(writer)
                    continue
                self.arrived.append(request)
                self._news.set()
                await self.behave(writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.transport.abort()  # the end of the test; Python 3.11 reports a server's task that was canceled as a fault
        finally:
            self._writers.discard(writer)
            self._serving.discard(task)
            writer.close()


async def _read(reader: StreamReader) -> Arrived | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Arrived(method, target, headers, body)


def answers(status: int, body: bytes | object, *, headers: str = "", media_type: str = "application/json") -> Behaviour:
    """A complete answer: bytes as they are, anything else as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def behave(writer: StreamWriter) -> None:
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {media_type}\r\nContent-Length: {len(content)}\r\n{headers}\r\n"
        writer.write(head.encode() + content)
        await writer.drain()

    return behave


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """Each request gets the next behaviour; the last one stays."""
    waiting = list(behaviours)

    async def behave(writer: StreamWriter) -> None:
        await (waiting.pop(0) if len(waiting) > 1 else waiting[0])(writer)

    return behave


async def hangs(_: StreamWriter) -> None:
    """The request arrived, and nothing ever comes."""
    await asyncio.Event().wait()


async def closes(writer: StreamWriter) -> None:
    """The request arrived, and the connection ends without a word."""
    writer.close()


async def resets(writer: StreamWriter) -> None:
    """The request arrived, and the connection breaks."""
    _reset(writer)


async def resets_in_the_body(writer: StreamWriter) -> None:
    """Half an answer, then the connection breaks."""
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"statusCode": 200, ')
    await writer.drain()
    await asyncio.sleep(DRIP_EVERY_S)  # so that the first half is read and not thrown away with the connection
    _reset(writer)


async def cuts_the_body(writer: StreamWriter) -> None:
    """The answer ends before the length that it promised."""
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"statusCode": 200}')
    await writer.drain()
    writer.close()


async def drips_the_head(writer: StreamWriter) -> None:
    """Headers without end, a little at a time: every single read succeeds."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    await _drip(writer, b"X: y\r\n")


async def drips_the_body(writer: StreamWriter) -> None:
    """A body without end, a little at a time."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    await _drip(writer, b" ")


async def sends_too_much(writer: StreamWriter) -> None:
    """More than a megabyte, and an honest length."""
    body = b'{"statusCode": 200, "result": "' + b"x" * (1 << 20) + b'"}'
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body)
    await writer.drain()


async def never_stops_sending(writer: StreamWriter) -> None:
    """A body without length or end, as fast as it is read."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
        await writer.drain()


BOMB = gzip.compress(b'{"statusCode": 200, "result": "' + b"x" * (10 << 20) + b'"}')


async def sends_a_bomb(writer: StreamWriter) -> None:
    """Ten kilobytes that unpack to ten megabytes."""
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(BOMB)}\r\n\r\n"
    writer.write(head.encode() + BOMB)
    await writer.drain()


async def speaks_no_http(writer: StreamWriter) -> None:
    """A line that no HTTP client understands."""
    writer.write(b"220 mail.example ESMTP ready\r\n\r\n")
    await writer.drain()
    writer.close()


def refused_url() -> str:
    """An address at which nobody listens."""
    return f"http://127.0.0.1:{free_ports()}"


async def _drip(writer: StreamWriter, piece: bytes) -> None:
    with suppress(ConnectionError):
        while not writer.is_closing():
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(DRIP_EVERY_S)


def _reset(writer: StreamWriter) -> None:
    """End the connection with RST instead of FIN: a lingering time of 0 says so."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
