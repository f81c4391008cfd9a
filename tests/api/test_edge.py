"""The edge: how many requests are under way, who reads the metrics, where `/` leads, and https that stays."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI, Request
from pydantic import SecretStr
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.admission import AT_THE_DOOR, AdmissionMiddleware
from app.api.limits import Limits
from app.api.metrics import MetricsGate
from app.api.middleware import CallMiddleware
from app.api.security import Caller
from app.api.source import source_behind
from app.domain.errors import OnetillError
from app.domain.ids import uuid7
from app.domain.schedule import PACE_S
from app.settings import LimitSettings, Settings
from tests.api.checks import problem
from tests.api.running import running
from tests.support import MovableClock

KEY = {"Authorization": "Bearer sk_test_good"}
TOKEN = {"Authorization": "Bearer ct_good"}
MADE_UP = {"Authorization": "Bearer sk_test_made-up"}
KNOWN = {KEY["Authorization"]: Caller(store="shop"), TOKEN["Authorization"]: Caller(store=None, payment_id=uuid7())}


def admitting(app: ASGIApp, *, most: int = 8, **limits: float) -> AdmissionMiddleware:
    """The edge around an application; of its places, a quarter are for strangers."""
    budgets = Limits(LimitSettings.model_validate(limits), source_behind(0))
    return AdmissionMiddleware(app, limits=budgets, most=most, keyed={"payments"}, known=KNOWN.get)


class Slow:
    """An application whose answers wait until the test lets them go."""

    def __init__(self, status: int = 204) -> None:
        self.status = status
        self.begun = 0
        self.go = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.begun += 1
        await self.go.wait()
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def slow() -> Slow:
    return Slow()


@pytest.fixture
async def edge(slow: Slow) -> AsyncIterator[httpx.AsyncClient]:
    """Eight places, of which two are for strangers."""
    app = CallMiddleware(admitting(slow), log_every=0)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://testserver") as client:
        yield client


async def at_once(client: httpx.AsyncClient, slow: Slow, count: int, path: str, **headers: str) -> list[httpx.Response]:
    tasks = [asyncio.create_task(client.get(path, headers=headers)) for _ in range(count)]
    await asyncio.sleep(0.05)
    slow.go.set()
    return await asyncio.gather(*tasks)


def overloaded(answers: list[httpx.Response]) -> int:
    found = [answer for answer in answers if answer.status_code == 503]
    for answer in found:
        problem(answer, "overloaded")
        assert answer.headers["retry-after"] == "1"
    return len(found)


async def test_beyond_its_places_is_503_with_retry_after(edge: httpx.AsyncClient, slow: Slow) -> None:
    assert overloaded(await at_once(edge, slow, 12, "/payments", **KEY)) == 4
    assert overloaded(await at_once(edge, slow, 8, "/payments", **KEY)) == 0, "a place that was left is free again"


async def test_of_a_burst_of_strangers_few_begin_in_one_turn_and_a_shop_at_once(slow: Slow) -> None:
    """A shop's call, which takes many turns of the event loop, does not wait for all of them in each."""
    turn, begun = 0, []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        begun.append((turn, scope["path"]))

    async def nothing(*_: object) -> None:
        pass

    admission = admitting(app, most=1000, source_per_s=0)

    def call(path: str, headers: dict[str, str]) -> asyncio.Task[None]:
        fields = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        scope: Scope = {"type": "http", "path": path, "headers": fields, "client": ("203.0.113.7", 1)}
        return asyncio.create_task(admission(scope, nothing, nothing))  # type: ignore[arg-type]  # never received from

    calls = [call("/checkout/x", {}) for _ in range(100)] + [call("/payments/x", MADE_UP) for _ in range(100)]
    calls.append(call("/payments", KEY))
    while not all(each.done() for each in calls):
        turn += 1
        await asyncio.sleep(0)
    strangers = Counter(at for at, path in begun if path != "/payments")
    assert sum(strangers.values()) == 200
    assert max(strangers.values()) <= AT_THE_DOOR <= 8
    assert next(at for at, path in begun if path == "/payments") == 1


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/checkout/x", {}, 204),
        ("/payments", {}, 204),
        ("/payments", MADE_UP, 429),
        ("/payments", {"Authorization": "nothing"}, 429),
        ("/payments", TOKEN, 429),
        ("/webhooks/x", {}, 429),
    ],
)
async def test_who_is_refused_waits_for_it_and_not_all_for_one_moment(
    path: str, headers: dict[str, str], status: int
) -> None:
    """By the edge, or with a 429 by his route."""
    slow = Slow(status)
    app = CallMiddleware(admitting(slow, most=0, source_per_s=0.001), log_every=0)
    slow.go.set()
    began, ended = time.monotonic(), []

    async def ask(client: httpx.AsyncClient) -> None:
        if (await client.get(path, headers=headers)).status_code == 429:
            ended.append(time.monotonic() - began)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://testserver") as client:
        await asyncio.gather(*(ask(client) for _ in range(30)))
    assert len(ended) > 20
    assert min(ended) >= PACE_S / 2
    assert max(ended) - min(ended) > PACE_S / 2


async def test_who_waits_for_his_429_holds_no_place_and_a_shop_does_not_wait() -> None:
    slow = Slow(429)
    slow.go.set()
    app = CallMiddleware(admitting(slow), log_every=0)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://testserver") as client:
        waiting = []
        for _ in range(6):
            waiting.append(asyncio.create_task(client.get("/payments", headers=TOKEN)))
            await asyncio.sleep(0.01)
        began = time.monotonic()
        assert (await client.get("/payments", headers=KEY)).status_code == 429
        assert time.monotonic() - began < PACE_S / 2
        assert [answer.status_code for answer in await asyncio.gather(*waiting)] == [429] * 6


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/checkout/return/any", {}),
        ("/payments", {}),
        ("/payments", TOKEN),
        ("/payments", MADE_UP),
        ("/payments", {"Authorization": "x"}),
        ("/webhooks/any", KEY),
        ("/docs", KEY),
    ],
)
async def test_strangers_have_a_quarter_of_them_and_never_the_shops(
    edge: httpx.AsyncClient, slow: Slow, path: str, headers: dict[str, str]
) -> None:
    strangers = asyncio.create_task(at_once(edge, slow, 6, path, **headers))
    await asyncio.sleep(0.01)
    shops = [asyncio.create_task(edge.get("/payments", headers=KEY)) for _ in range(6)]
    assert overloaded(await strangers) == 4
    assert [answer.status_code for answer in await asyncio.gather(*shops)] == [204] * 6


async def test_a_browser_names_no_address_of_ours_to_where_an_answer_leads(client: httpx.AsyncClient) -> None:
    """Checkout addresses hold tokens; what an engine does by itself is no promise."""
    for path in (
        "/",
        "/docs",
        "/checkout/ct_nobody",
        "/checkout/return/portone-v1?imp_uid=imp_1",
        "/static/docs.css",
        "/no",
    ):
        assert (await client.get(path)).headers.get_list("referrer-policy") == ["no-referrer"], path


@pytest.mark.parametrize("is_live", [True, False])
async def test_https_stays_in_live_mode_only(slow: Slow, is_live: bool) -> None:
    slow.go.set()
    app = CallMiddleware(slow, log_every=0, is_live=is_live)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://testserver") as client:
        answer = await client.get("/")
    assert answer.headers.get("strict-transport-security") == ("max-age=31536000" if is_live else None)


@pytest.mark.parametrize(
    ("token", "is_live", "given", "code"),
    [
        (None, False, "", None),
        (None, True, "", "not_found"),
        (None, True, "Bearer anything", "not_found"),
        ("metrics-secret", False, "", "unauthorized"),
        ("metrics-secret", True, "", "unauthorized"),
        ("metrics-secret", True, "Bearer other", "unauthorized"),
        ("metrics-secret", True, "Bearer métrics", "unauthorized"),
        ("metrics-secret", True, "metrics-secret", "unauthorized"),
        ("metrics-secret", True, "Bearer metrics-secret", None),
    ],
)
def test_who_reads_the_metrics(token: str | None, is_live: bool, given: str, code: str | None) -> None:
    gate = MetricsGate(SecretStr(token) if token else None, is_live=is_live)
    request = Request({"type": "http", "headers": [(b"authorization", given.encode("latin-1"))] if given else []})
    try:
        gate.admit(request)
        found = None
    except OnetillError as error:
        found = error.code
    assert found == code


async def test_metrics_ask_for_the_token_that_is_set(settings: Settings, clock: MovableClock, api_key: str) -> None:
    settings = settings.model_copy(update={"metrics_token": SecretStr("metrics-secret")})
    async with running(settings, clock, api_key) as client:
        problem(await client.get("/metrics"), "unauthorized")
        answer = await client.get("/metrics", headers={"Authorization": "Bearer metrics-secret"})
        assert "onetill_oldest_undecided_seconds" in answer.text


async def test_the_root_leads_to_the_reference(client: httpx.AsyncClient, product: FastAPI) -> None:
    answer = await client.get("/")
    assert (answer.status_code, answer.headers["location"]) == (307, "/docs")
