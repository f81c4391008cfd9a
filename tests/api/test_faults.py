"""When something breaks inside: 500 or 503 problems that tell nothing of the inside, and one log entry that tells all."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx
import pytest
import structlog
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from app.api.middleware import CallMiddleware
from app.db.embedded import EmbeddedPostgres
from app.demo.processes import serving
from app.ports import free_ports
from app.settings import Settings
from tests.api.checks import problem
from tests.api.line import Line
from tests.api.running import running
from tests.support import MovableClock, key, order
from tests.support.databases import Urls, name_of

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def urls(own_urls: Urls) -> Urls:
    """Schemas and server settings break here: each test has a database of its own."""
    return own_urls


@pytest.fixture
def log_lines(product: FastAPI) -> Lines:
    """What the product has logged, as it stands in its log."""
    (handler,) = (
        handler
        for handler in logging.getLogger().handlers
        if isinstance(handler, logging.StreamHandler)
        and isinstance(handler.formatter, structlog.stdlib.ProcessorFormatter)
    )
    log = io.StringIO()
    handler.setStream(log)
    return lambda: [json.loads(line) for line in log.getvalue().splitlines()]


@pytest.fixture
async def line(postgres: EmbeddedPostgres) -> AsyncIterator[Line]:
    line = Line(postgres.port)
    await line.mend()
    yield line
    await line.cut()


@pytest.fixture
def behind_line(settings: Settings, line: Line, postgres: EmbeddedPostgres) -> Settings:
    """The product's settings, its database behind a wire that the test can cut."""
    url = settings.database_url.replace(f":{postgres.port}/", f":{line.port}/")
    return settings.model_copy(update={"database_url": url})


async def test_our_own_mistake_is_a_500_that_tells_nothing_and_is_logged_once(
    client: httpx.AsyncClient, urls: Urls, log_lines: Lines
) -> None:
    await _as_owner(urls, "ALTER TABLE payment_events RENAME TO a_secret_name")
    answer = await client.post("/payments", json=order(order_name="비밀 선물"), headers=key())
    told = problem(answer, "internal_error")
    assert told.keys() == {"type", "title", "status", "detail", "instance", "code", "request_id", "retryable"}
    for inner in ("payment_events", "relation", "asyncpg", "Traceback"):
        assert inner not in answer.text
    (logged,) = log_lines()
    assert logged["event"] == "unhandled_error"
    assert logged["request_id"] == told["request_id"]
    assert "Traceback" in logged["exception"]
    assert "UndefinedTableError" in logged["exception"]
    assert "비밀 선물" not in json.dumps(logged, ensure_ascii=False)


async def test_a_mistake_after_the_answer_has_begun_is_logged_and_not_answered_twice(log_lines: Lines) -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ZeroDivisionError

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    await CallMiddleware(broken, log_every=0)(scope, receive, send)
    assert [message["type"] for message in sent] == ["http.response.start"]
    assert [logged["event"] for logged in log_lines()] == ["unhandled_error"]


async def test_a_body_that_stops_halfway_is_nobodys_mistake(product: FastAPI, api_key: str, log_lines: Lines) -> None:
    messages: list[Message] = [
        {"type": "http.request", "body": b'{"order_id":', "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"authorization", f"Bearer {api_key}".encode()), (b"idempotency-key", b"one")]
    scope = {"type": "http", "method": "POST", "path": "/payments", "query_string": b"", "headers": headers}
    await product(scope, receive, send)
    assert sent[0]["status"] == 400
    assert log_lines() == []


async def test_a_database_that_went_away_is_a_503_and_its_return_needs_no_restart(
    behind_line: Settings, line: Line, clock: MovableClock, api_key: str
) -> None:
    async with running(behind_line, clock, api_key) as client:
        payment = (await client.post("/payments", json=order(), headers=key())).json()
        await line.cut()
        body, headers = order(), key()
        unavailable = problem(await client.post("/payments", json=body, headers=headers), "storage_unavailable")
        assert unavailable["retryable"] is True
        for method, path, sent in [
            ("GET", "/payments", None),
            ("GET", f"/payments/{payment['id']}", None),
            ("GET", f"/payments/{payment['id']}/events", None),
            ("POST", f"/payments/{payment['id']}/attempts", {}),
            ("POST", f"/payments/{payment['id']}/sync", None),
            ("POST", "/payments/complete", {"payment_id": payment["id"]}),
        ]:
            problem(await client.request(method, path, json=sent), "storage_unavailable")
        unknown_key = {"Authorization": "Bearer sk_test_unknown"}
        problem(await client.get("/payments", headers=unknown_key), "storage_unavailable")
        assert (await client.get("/healthz")).status_code == 200
        unready = await client.get("/readyz")
        assert (unready.status_code, unready.json()["reason"]) == (503, "the database does not answer")
        await line.mend()
        assert (await client.post("/payments", json=body, headers=headers)).status_code == 201
        assert (await client.get(f"/payments/{payment['id']}")).json() == payment
        assert (await client.get("/readyz")).status_code == 200


@pytest.mark.parametrize(
    ("revision", "way_out"), [("0001", "run `onetill migrate`"), ("9999", "run the release that migrated it")]
)
async def test_readiness_names_the_way_out_of_another_revision(
    client: httpx.AsyncClient, urls: Urls, revision: str, way_out: str
) -> None:
    owner = await asyncpg.connect(urls.owner)
    try:
        await owner.execute("UPDATE alembic_version SET version_num = $1", revision)
    finally:
        await owner.close()
    unready = await client.get("/readyz")
    assert unready.status_code == 503
    assert unready.json()["reason"].endswith(f": {way_out}")


async def test_a_connection_that_breaks_during_a_statement_is_a_503(
    behind_line: Settings, line: Line, urls: Urls, clock: MovableClock, api_key: str
) -> None:
    async with running(behind_line, clock, api_key) as client:
        assert (await client.get("/payments")).status_code == 200
        async with _locked(urls):
            waiting = asyncio.create_task(client.get("/payments"))
            await _until_blocked(urls)
            await line.cut()
            problem(await waiting, "storage_unavailable")
            await line.mend()
        assert (await client.get("/payments")).status_code == 200


async def test_a_server_that_is_shut_down_during_a_statement_is_a_503(client: httpx.AsyncClient, urls: Urls) -> None:
    assert (await client.get("/payments")).status_code == 200
    async with _locked(urls) as owner:
        waiting = asyncio.create_task(client.get("/payments"))
        blocked = await _until_blocked(urls)
        await owner.execute("SELECT pg_terminate_backend($1)", blocked)
        problem(await waiting, "storage_unavailable")


async def test_a_server_that_became_a_standby_is_a_503(
    urls: Urls, settings: Settings, clock: MovableClock, api_key: str
) -> None:
    await _as_owner(urls, f"ALTER DATABASE {name_of(urls)} SET default_transaction_read_only = on")
    async with running(settings, clock, api_key) as client:
        problem(await client.post("/payments", json=order(), headers=key()), "storage_unavailable")


async def _as_owner(urls: Urls, sql: str) -> None:
    owner = await asyncpg.connect(urls.owner)
    await owner.execute(sql)
    await owner.close()


@asynccontextmanager
async def _locked(urls: Urls) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """While the block runs, nobody reads a payment. Yields the owner's connection that holds the lock."""
    owner = await asyncpg.connect(urls.owner)
    try:
        async with owner.transaction():
            await owner.execute("LOCK TABLE payments IN ACCESS EXCLUSIVE MODE")
            yield owner
    finally:
        await owner.close()


async def _until_blocked(urls: Urls) -> int:
    """The process id of the session that waits for the lock."""
    watcher = await asyncpg.connect(urls.owner)
    blocked = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    try:
        while True:
            pid: int | None = await watcher.fetchval(blocked)
            if pid is not None:
                return pid
            await asyncio.sleep(0.01)
    finally:
        await watcher.close()


async def test_a_request_for_another_protocol_is_served_and_makes_no_noise(
    log_lines: Lines, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)

    async def healthz(_: Request) -> PlainTextResponse:
        return PlainTextResponse("fine")

    port, said = free_ports(), []
    async with serving(Starlette(routes=[Route("/healthz", healthz)]), port):
        upgrade = b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
        for asked in (upgrade, b"nothing\r\n\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(asked)
            said.append(await reader.readline())
            writer.close()
            await writer.wait_closed()
    assert said == [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 400 Bad Request\r\n"]
    warnings = [each["event"] for each in log_lines() if each["level"] == "warning"]
    assert warnings == ["Invalid HTTP request received."], "all else of the server is still heard"
