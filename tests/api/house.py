"""A product with limits of the test's own, behind one proxy, and those who come to it: the tests of budgets use it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from app.settings import LimitSettings, Settings
from simulator.server import Simulator
from tests.api.checks import problem
from tests.flows.webhooks.senders import Post
from tests.support import MovableClock, Shop, app_of, lifespan

STRANGER = "203.0.113.7"


class House:
    """A product, and clients that come to it through the proxy."""

    def __init__(self, settings: Settings, client: httpx.AsyncClient, api_key: str) -> None:
        self.settings = settings
        self._client = client
        self._api_key = api_key

    async def get(self, path: str, source: str = STRANGER, **headers: str) -> httpx.Response:
        return await self._client.get(path, headers={"X-Forwarded-For": source} | headers)

    async def call(self, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
        return await self._client.request(method, path, headers=headers)

    async def post(self, post: Post, source: str = STRANGER) -> httpx.Response:
        headers = post.headers | {"X-Forwarded-For": source}
        return await self._client.post(post.path, content=post.content, headers=headers)

    async def send(self, path: str, body: AsyncIterator[bytes]) -> httpx.Response:
        return await self._client.post(path, content=body, headers={"X-Forwarded-For": STRANGER})

    def shop(self, simulator: Simulator) -> Shop:
        self._client.headers["Authorization"] = f"Bearer {self._api_key}"
        return Shop(self._client, simulator, self.settings)


@asynccontextmanager
async def house(settings: Settings, clock: MovableClock, api_key: str, **limits: float) -> AsyncIterator[House]:
    settings = settings.model_copy(update={"limits": LimitSettings.model_validate(limits)})
    app = app_of(settings, clock)
    transport = httpx.ASGITransport(app=app)
    async with lifespan(app), httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield House(settings, client, api_key)


def limited(answer: httpx.Response) -> None:
    body = problem(answer, "rate_limited")
    assert answer.headers["retry-after"] == str(body["retry_after_s"])
    assert int(answer.headers["retry-after"]) >= 1
