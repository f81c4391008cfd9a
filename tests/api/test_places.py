"""A stranger holds a place only while there is work to do: not for half a request, nor for an answer that he does not read."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from app.api.middleware import CallMiddleware
from app.api.protocol import EdgeProtocol
from app.db.database import Database
from app.domain.schedule import PACE_S
from app.settings import LimitSettings, Settings
from simulator.server import Simulator
from tests.api.checks import problem
from tests.api.running import running
from tests.api.test_edge import KEY, MADE_UP, TOKEN, admitting
from tests.concurrency.victims import until
from tests.deployment.test_edge import serving, wire
from tests.support import MovableClock, Shop, app_of, lifespan
from tests.support.databases import Urls
from tests.support.settings import settings_for

STRANGERS = [("/webhooks/any", {}), ("/payments/complete", TOKEN), ("/payments", MADE_UP), ("/docs", {})]
MOST, PLACES = 8, 2
"""Places in all, and the strangers' among them."""


class Reader:
    """An application that reads its request to the end, works until the test lets it go, and answers."""

    def __init__(self) -> None:
        self.read = 0
        self.work, self.answer = asyncio.Event(), asyncio.Event()
        self.work.set()
        self.answer.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        self.read += 1
        await self.work.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await self.answer.wait()
        await send({"type": "http.response.body", "body": b""})


class Edge:
    """Requests that come to the edge, whole ones and halves."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.rest = asyncio.Event()

    async def _half(self, drips_s: float | None) -> AsyncIterator[bytes]:
        yield b"{"
        while drips_s is not None and not self.rest.is_set():
            await asyncio.sleep(drips_s)
            yield b" "
        await self.rest.wait()
        yield b"}"

    async def halves(
        self, count: int, path: str, headers: dict[str, str], drips_s: float | None = None
    ) -> list[asyncio.Task[httpx.Response]]:
        """Begin so many, one after the other; their rests come with `rest`."""
        tasks = []
        for _ in range(count):
            call = self.client.post(path, content=self._half(drips_s), headers=headers)
            tasks.append(asyncio.create_task(call))
            await asyncio.sleep(0.02)
        return tasks

    async def whole(self, path: str = "/webhooks/any", headers: dict[str, str] | None = None) -> int:
        answer = await self.client.post(path, content=b"{}", headers=headers)
        if answer.status_code == 503:
            problem(answer, "overloaded")
        return answer.status_code


async def until_read(reader: Reader, count: int) -> None:
    async def has_read() -> bool:
        return reader.read >= count

    await until(has_read)


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
async def edge(reader: Reader) -> AsyncIterator[Edge]:
    app = CallMiddleware(admitting(reader, most=MOST), log_every=0)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://testserver") as client:
        yield Edge(client)


@pytest.mark.parametrize(("path", "headers"), STRANGERS)
async def test_half_a_request_holds_no_place(edge: Edge, path: str, headers: dict[str, str]) -> None:
    halves = await edge.halves(PLACES, path, headers)
    for other, given in STRANGERS:
        assert await edge.whole(other, given) == 204
    edge.rest.set()
    assert [(await each).status_code for each in halves] == [204] * PLACES


@pytest.mark.parametrize("drips_s", [None, 0.005], ids=["silent", "dripping"])
@pytest.mark.parametrize(("path", "headers"), STRANGERS)
async def test_of_many_halves_the_first_are_given_up_and_who_comes_later_is_served(
    edge: Edge, path: str, headers: dict[str, str], drips_s: float | None
) -> None:
    """However they drip: what counts is when they came."""
    first = await edge.halves(PLACES, path, headers, drips_s)
    later = await edge.halves(3 * PLACES, path, headers)
    for each in first + later[:-PLACES]:
        problem(await asyncio.wait_for(each, 10), "overloaded")
    assert await edge.whole() == 204, "he waits outside for a moment"
    edge.rest.set()
    assert (await later[-1]).status_code == 204


async def test_who_has_sent_the_rest_needs_a_place_again(edge: Edge, reader: Reader) -> None:
    reader.work.clear()
    half = await edge.halves(1, "/webhooks/any", {})
    working = [asyncio.create_task(edge.whole()) for _ in range(PLACES)]
    await until_read(reader, PLACES)
    edge.rest.set()
    problem(await asyncio.wait_for(half[0], 10), "overloaded")
    assert reader.read == PLACES
    reader.work.set()
    assert [await each for each in working] == [204] * PLACES
    assert await edge.whole() == 204


async def test_a_shop_keeps_the_place_that_it_has(edge: Edge, reader: Reader) -> None:
    """Its bodies come from a server, and it is known: nobody ends its wait, and it takes no stranger's room."""
    halves = await edge.halves(MOST - 1, "/payments", KEY)
    assert await edge.whole("/payments", KEY) == 204
    edge.rest.set()
    assert [(await each).status_code for each in halves] == [204] * (MOST - 1)
    assert reader.read == MOST


@pytest.mark.parametrize(("path", "headers"), STRANGERS)
async def test_an_answer_that_nobody_reads_holds_none(
    edge: Edge, reader: Reader, path: str, headers: dict[str, str]
) -> None:
    reader.answer.clear()
    unread = []
    for number in range(3 * PLACES):
        unread.append(asyncio.create_task(edge.whole(path, headers)))
        await until_read(reader, number + 1)
    reader.answer.set()
    assert [await each for each in unread] == [204] * (3 * PLACES)


@pytest.mark.parametrize(("path", "headers"), [("/webhooks/any", {}), ("/payments", KEY)])
async def test_probes_need_no_place(edge: Edge, reader: Reader, path: str, headers: dict[str, str]) -> None:
    reader.work.clear()
    working = [asyncio.create_task(edge.whole(path, headers)) for _ in range(MOST if headers else PLACES)]
    await until_read(reader, len(working))
    probes = [asyncio.create_task(edge.client.get(probe)) for probe in ("/healthz", "/readyz") for _ in range(MOST)]
    await until_read(reader, len(working) + len(probes))
    assert await edge.whole(path, headers) == 503
    reader.work.set()
    assert {(await each).status_code for each in probes} == {204}
    assert {await each for each in working} == {204}


async def test_a_probe_over_its_sources_budget_waits_and_is_answered(
    settings: Settings, clock: MovableClock, api_key: str
) -> None:
    """A stranger may come from its address, or pretend to be one."""
    settings = settings.model_copy(update={"limits": LimitSettings(source_per_s=0.1)})
    async with running(settings, clock, api_key) as client:
        assert [(await client.get("/docs")).status_code for _ in range(2)] == [200, 429]
        began = time.monotonic()
        assert (await client.get("/readyz")).json() == {"status": "ready"}
        assert time.monotonic() - began >= PACE_S / 2
        assert (await client.get("/healthz")).status_code == 200


async def test_who_asks_at_once_whether_it_is_ready_shares_one_look(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, revision = 0, Database.revision

    async def counted(database: Database) -> str | None:
        nonlocal looks
        looks += 1
        await asyncio.sleep(0.2)
        return await revision(database)

    monkeypatch.setattr(Database, "revision", counted)
    answers = await asyncio.gather(*(client.get("/readyz") for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert looks == 1
    assert (await client.get("/readyz")).status_code == 200
    assert looks == 2, "the next one looks again"


@asynccontextmanager
async def half_sent(port: int, heads: list[bytes], each: int) -> AsyncIterator[None]:
    """So many connections for each head, of whose body one byte has come."""
    async with AsyncExitStack() as stack:
        for head in heads:
            for _ in range(each):
                client = await stack.enter_async_context(wire(port))
                await client.send(head + b"Host: h\r\nContent-Length: 500\r\n\r\n{")
        await asyncio.sleep(0.3)
        yield


async def test_half_sent_webhooks_and_completes_keep_nobody_out(
    urls: Urls, clock: MovableClock, api_key: str, simulator: Simulator
) -> None:
    """Many times the places, over real sockets: pages, calls with a token, webhooks and probes go on, and so does the shop."""
    settings = settings_for(urls, simulator, limits=LimitSettings(in_flight=4 * MOST))
    app = app_of(settings, clock)
    async with (
        lifespan(app),
        serving(EdgeProtocol, app=app) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
        httpx.AsyncClient(base_url=client.base_url, headers={"Authorization": f"Bearer {api_key}"}) as server,
    ):
        shop = Shop(server, simulator, settings)
        payment = await shop.create(gateway="point3")
        token = {"Authorization": f"Bearer {payment['client_token']}"}
        name = {"payment_id": payment["id"]}
        webhook = b"POST /webhooks/portone-v1 HTTP/1.1\r\n"
        complete = f"POST /payments/complete HTTP/1.1\r\nAuthorization: {token['Authorization']}\r\n".encode()
        async with half_sent(port, [webhook, complete], 20):
            answers = [
                await client.get(f"/checkout/{payment['client_token']}"),
                await client.get(f"/payments/{payment['id']}", headers=token),
                await client.post("/payments/complete", headers=token, json=name),
                await client.post("/webhooks/portone-v1", json={"imp_uid": "imp_1"}),
                await client.get("/readyz"),
                await client.get("/healthz"),
            ]
            assert [answer.status_code for answer in answers] == [200, 200, 202, 200, 200, 200]
            await shop.create(gateway="point3")
