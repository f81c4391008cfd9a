"""The server that `onetill serve` runs, over real sockets: what a head, a body and a wait may be."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvicorn
from starlette.types import ASGIApp
from typer.testing import CliRunner

from app.api.protocol import MAX_HEAD_BYTES, MAX_URL_BYTES, MAX_URL_FIELDS, EdgeProtocol
from app.cli import app as command
from app.domain.schedule import KEEP_ALIVE_S
from app.ports import free_ports
from tests.concurrency.victims import until
from tests.support.databases import Urls

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
LARGE = 20_000_000
"""More than the sockets of both sides hold."""
POST = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n"


class Quick(EdgeProtocol):
    """The same with shorter waits."""

    head_s, body_s, answer_s = 0.4, 0.4, 0.4


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Tells how many bytes came; slowly where the path says so."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message["body"])
        more = message["more_body"]
    if scope["path"] == "/slow":
        await asyncio.sleep(1)
    body = b"x" * LARGE if scope["path"] == "/large" else b"%d" % size
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def serving(
    protocol: type[EdgeProtocol] = Quick, keep_alive_s: int = KEEP_ALIVE_S, app: ASGIApp = echo
) -> AsyncIterator[int]:
    port = free_ports()
    config = uvicorn.Config(
        app,
        port=port,
        http=protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        timeout_keep_alive=keep_alive_s,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve())

    async def has_started() -> bool:
        return server.started

    await until(has_started)
    try:
        yield port
    finally:
        server.should_exit = True
        await task


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with serving() as port:
        yield port


class Wire:
    """A client's end of a connection, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> tuple[int, bytes]:
        """The next answer's status and body. Raises IncompleteReadError when the server has hung up."""
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 10)
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return int(head.split()[1]), await self.reader.readexactly(length)

    async def is_cut(self) -> bool:
        try:
            return await asyncio.wait_for(self.reader.read(), 10) == b""
        except ConnectionResetError:
            return True


@asynccontextmanager
async def wire(port: int) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()


async def test_requests_one_after_the_other_and_in_one_piece_are_answered(port: int) -> None:
    async with wire(port) as client:
        for _ in range(3):
            await client.send(POST + b"0123456789")
            assert await client.answer() == (200, b"10")
        await client.send((POST + b"0123456789" + GET) * 5)
        assert [await client.answer() for _ in range(10)] == [(200, b"10"), (200, b"0")] * 5


@pytest.mark.parametrize("spelled", ["one header", "many headers", "the address"])
@pytest.mark.parametrize("size", [MAX_HEAD_BYTES + 1, 2_000_000])
async def test_a_head_that_is_too_large_is_refused(port: int, spelled: str, size: int) -> None:
    head = {
        "one header": b"GET / HTTP/1.1\r\nHost: h\r\nX-Long: " + b"x" * size,
        "many headers": b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X-Many: yyyyyyyyyyyy\r\n" * (size // 22 + 1),
        "the address": b"GET /" + b"x" * size,
    }[spelled]
    async with wire(port) as client:
        try:
            await client.send(head)
            assert (await client.answer())[0] == 431
        except ConnectionError:
            pass  # it was cut while the rest was still being sent
        assert await client.is_cut()


async def test_a_head_that_is_whole_and_too_large_is_refused_as_well(port: int) -> None:
    async with wire(port) as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: h\r\nX-Long: " + b"x" * (MAX_HEAD_BYTES - 4) + b"\r\n\r\n")
        assert (await client.answer())[0] == 431
        assert await client.is_cut()


@pytest.mark.parametrize(
    ("query", "status"),
    [
        (b"a=" + b"x" * (MAX_URL_BYTES - 4), 200),
        (b"a=" + b"x" * (MAX_URL_BYTES - 3), 414),
        (b"&".join([b"a=1"] * MAX_URL_FIELDS), 200),
        (b"&" * MAX_URL_FIELDS, 414),
        (b"&".join(b"%x=1" % number for number in range(9500)), 414),
    ],
    ids=["nearly long", "long", "of many fields", "of too many", "of thousands"],
)
async def test_a_query_that_takes_long_to_parse_reaches_no_route(port: int, query: bytes, status: int) -> None:
    async with wire(port) as client:
        await client.send(b"GET /?" + query + b" HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (await client.answer())[0] == status
        assert status == 200 or await client.is_cut()


async def test_a_head_of_nearly_that_size_and_a_large_body_are_served(port: int) -> None:
    async with wire(port) as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: h\r\nX-Long: " + b"x" * (MAX_HEAD_BYTES - 200) + b"\r\n\r\n")
        assert await client.answer() == (200, b"0")
        await client.send(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n" + b"b" * 1_000_000)
        assert await client.answer() == (200, b"1000000")


async def test_a_huge_header_costs_no_memory() -> None:
    """What the parser keeps of a head that never ends is what one read holds, not what was sent."""
    kept: list[int] = []

    class Watched(Quick):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            kept.append(self._head_bytes)

    async with serving(Watched) as port, wire(port) as client:
        try:
            await client.send(b"GET / HTTP/1.1\r\nX-Long: ")
            for _ in range(64):
                await client.send(b"x" * (1 << 20))
        except ConnectionError:
            pass
        assert await client.is_cut()
    assert max(kept) < 1_000_000


@pytest.mark.parametrize(
    "begun",
    [b"G", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: h\r\nX-A: b", b"\r\n"],
    ids=["a letter", "a line", "a header", "nothing"],
)
async def test_a_head_that_does_not_end_is_cut(port: int, begun: bytes) -> None:
    async with wire(port) as client:
        started = time.monotonic()
        await client.send(begun)
        assert (await client.answer())[0] == 408
        assert await client.is_cut()
        assert time.monotonic() - started >= Quick.head_s - 0.05


async def test_a_head_that_drips_is_cut_all_the_same(port: int) -> None:
    async with wire(port) as client:
        started = time.monotonic()
        await client.send(b"GET / HTTP/1.1\r\nX-Drip: ")
        while time.monotonic() - started < 5:
            await asyncio.sleep(0.05)
            try:
                await client.send(b"x")
            except ConnectionError:
                break
        else:
            pytest.fail("it may drip for ever")


async def test_a_second_head_on_the_same_connection_has_an_end_too(port: int) -> None:
    async with wire(port) as client:
        await client.send(GET)
        assert (await client.answer())[0] == 200
        await client.send(GET[:9])
        assert (await client.answer())[0] == 408
        assert await client.is_cut()
    async with wire(port) as client:
        await client.send(GET + GET[:9])
        assert (await client.answer())[0] == 200
        assert (await client.answer())[0] == 408


@pytest.mark.parametrize("sent", [b"", b"01234"])
async def test_a_body_that_does_not_end_is_cut(port: int, sent: bytes) -> None:
    async with wire(port) as client:
        await client.send(POST + sent)
        assert (await client.answer())[0] == 408
        assert await client.is_cut()


async def test_a_slow_answer_is_not_cut_short(port: int) -> None:
    async with wire(port) as client:
        await client.send(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (await client.answer())[0] == 200
        await client.send(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n" + GET)
        assert [(await client.answer())[0] for _ in range(2)] == [200, 200]


async def test_who_leaves_his_answers_unread_is_cut(port: int) -> None:
    async with wire(port) as client:
        await client.send(b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n" * 2)
        await asyncio.sleep(Quick.answer_s + 0.3)
        taken = 0
        with suppress(ConnectionError):
            while part := await asyncio.wait_for(client.reader.read(1 << 20), 10):
                taken += len(part)
        assert taken < LARGE


async def test_who_reads_slowly_is_served() -> None:
    held: list[EdgeProtocol] = []

    class Patient(EdgeProtocol):
        def pause_writing(self) -> None:
            super().pause_writing()
            held.append(self)

    async with serving(Patient) as port, wire(port) as client:
        await client.send(b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n" * 2)
        await asyncio.sleep(0.2)
        assert [len((await client.answer())[1]) for _ in range(2)] == [LARGE] * 2
        assert held
        assert all(each._unread is None for each in held), "whoever has taken all of it is not cut later"


async def test_a_hundred_half_sent_requests_leave_and_hold_up_nobody(port: int) -> None:
    halves = [await asyncio.open_connection("127.0.0.1", port) for _ in range(100)]
    for _, writer in halves:
        writer.write(POST[:-7])
    async with wire(port) as client:
        await client.send(GET)
        assert (await client.answer())[0] == 200
    for reader, writer in halves:
        assert b"408" in await asyncio.wait_for(reader.read(), 10)
        writer.close()


async def test_an_idle_connection_is_kept_as_long_as_set_and_no_longer() -> None:
    async with serving(keep_alive_s=1) as port, wire(port) as client, wire(port) as silent:
        await client.send(GET)
        assert (await client.answer())[0] == 200
        await asyncio.sleep(0.5)  # longer than a head may take: between requests nothing is under way
        await client.send(GET)
        assert (await client.answer())[0] == 200
        assert await client.is_cut()
        assert await silent.is_cut(), "one that never sent anything is idle too"


def test_the_command_serves_with_these_ends_and_believes_no_header(urls: Urls, monkeypatch: pytest.MonkeyPatch) -> None:
    """What uvicorn is told; that it does so is above."""
    told: dict[str, Any] = {}
    monkeypatch.setattr("uvicorn.run", lambda *_, **options: told.update(options))
    monkeypatch.setenv("ONETILL_DATABASE_URL", urls.app)
    monkeypatch.setenv("ONETILL_KEEP_ALIVE_S", "123")
    done = CliRunner().invoke(command, ["serve"])
    assert done.exit_code == 0, done.output
    assert (told["http"], told["timeout_keep_alive"], told["proxy_headers"]) == (EdgeProtocol, 123, False)
    ends = (EdgeProtocol.head_s, EdgeProtocol.body_s, EdgeProtocol.answer_s)
    assert ends == (10, 20, 60), "docs/deployment.md §2 and docs/threat-model.md §3 say so"


def test_it_is_longer_than_balancers_keep_theirs() -> None:
    """Nginx closes its side after 60 s, and Amazon's balancer too; Google's after 600 s, where the setting is raised."""
    assert KEEP_ALIVE_S > 65
