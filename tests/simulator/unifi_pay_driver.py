"""A shop and a tester at the imitated Unifi Pay: real HTTP, signed (docs/gateways/unifi-pay.md §2), and a server that hears."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import digest
from itertools import count
from types import TracebackType
from typing import Any, Self

import httpx
from aiohttp import web

from simulator.server import Simulator

from .driver import TIMEOUT_S, TLS

Json = dict[str, Any]

PATH = "/api/v1/payment"
RETURN_URL = "https://shop.example/return"
NOWHERE = "http://127.0.0.1:9/callback"
"""Nobody listens there."""
HEADERS = ("X-AppId", "X-Timestamp", "X-Authorization-Hmac")

_requests = count(1)


def sign(secret: str, *parts: str, body: bytes = b"") -> str:
    """The formula of docs/gateways/unifi-pay.md §2, written a second time so that a mistake in the twin's own is found."""
    return b64encode(digest(secret.encode(), "".join(parts).encode() + body, sha256)).decode()


def order(reference: str = "order1", **changes: Any) -> Json:
    """A right order of 12.34 USD with a requestId of its own; None as a change takes a field away."""
    body: Json = {
        "items": [{"name": "Violet Jelly", "price": 12.34}],
        "orderId": reference,
        "storeId": "store_sim",
        "requestId": f"request{next(_requests)}",
        "returnUrl": RETURN_URL,
        "callbackUrl": NOWHERE,
        "countryCode": "KOR",
        "orderCurrencyCode": "USD",
        **changes,
    }
    return {name: value for name, value in body.items() if value is not None}


class UnifiDriver:
    """One shop: `http` speaks to the gateway, `admin` is the tester's hand."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.account = simulator.gateways["unifi_pay"]
        self.admin = httpx.AsyncClient(base_url=simulator.url, timeout=TIMEOUT_S, verify=TLS)
        self.http = httpx.AsyncClient(base_url=self.account["base_url"], timeout=TIMEOUT_S, verify=TLS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        await self.admin.aclose()
        await self.http.aclose()

    def signed(self, method: str, path: str, body: bytes = b"", **changes: str | None) -> dict[str, str]:
        """The headers of a call made now; `changes` replace what is sent and signed, None leaves a header out.

        Names of changes: app_id, api_key, timestamp, secret, signing_id, signature.
        """
        now_ms = str(int(self.simulator.clock.now().timestamp() * 1000))
        use: dict[str, str | None] = {
            "app_id": self.account["app_id"],
            "api_key": self.account["api_key"],
            "timestamp": now_ms,
            "secret": self.account["app_secret"],
            "signing_id": self.account["api_key"],
            **changes,
        }
        parts = (method, path, str(use["signing_id"]), str(use["timestamp"]))
        headers = {
            "X-AppId": use["app_id"],
            "X-API-Key": use["api_key"],
            "X-Timestamp": use["timestamp"],
            "X-Authorization-Hmac": use.get("signature", sign(str(use["secret"]), *parts, body=body)),
        }
        return {name: value for name, value in headers.items() if value is not None}

    async def post(self, body: object, path: str = PATH, **changes: str | None) -> httpx.Response:
        """Send a body, signed; bytes go as they are."""
        content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        return await self.http.post(path, content=content, headers=self.signed("POST", path, content, **changes))

    async def create(self, reference: str = "order1", **changes: Any) -> Json:
        """A new payment; returns startPageUrl and transactionId."""
        answer = await self.post(order(reference, **changes))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def look(self, transaction_id: str, **options: Any) -> httpx.Response:
        path = f"{PATH}/{transaction_id}"
        return await self.http.get(path, headers=self.signed("GET", path), **options)

    async def shown(self, transaction_id: str) -> Json:
        """What the look-up shows."""
        answer = await self.look(transaction_id)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def pay(self, reference: str = "order1", scenario: str | None = None) -> str:
        """The buyer; returns the transactionId that the browser brings."""
        answer = await self.try_to_pay(reference, scenario)
        assert answer.status_code == 200, answer.text
        assert answer.json().keys() == {"transactionId"}
        return str(answer.json()["transactionId"])

    async def try_to_pay(self, reference: str = "order1", scenario: str | None = None) -> httpx.Response:
        body = {"gateway": "unifi_pay", "reference": reference} | ({"scenario": scenario} if scenario else {})
        return await self.admin.post("/_sim/pay", json=body)

    async def paid(self, reference: str = "order1", scenario: str | None = None, **changes: object) -> str:
        """A created payment, and what the buyer did with it."""
        await self.create(reference, **changes)
        return await self.pay(reference, scenario)

    async def plan(self, scenario: str, **fields: object) -> Json:
        answer = await self.admin.post("/_sim/scenario", json={"gateway": "unifi_pay", "scenario": scenario, **fields})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def advance(self, seconds: float) -> None:
        assert (await self.admin.post("/_sim/advance", json={"seconds": seconds})).status_code == 200

    async def rows(self, path: str) -> list[Json]:
        """`journal`, `calls` or `webhooks` of this gateway."""
        return list((await self.admin.get(f"/_sim/{path}", params={"gateway": "unifi_pay"})).json())

    async def truth(self, reference: str = "order1") -> Json:
        (row,) = [row for row in await self.rows("journal") if row["reference"] == reference]
        return row


@dataclass(slots=True)
class Heard:
    """One request that arrived at the shop."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Json:
        return dict(json.loads(self.body))


@dataclass(slots=True)
class Receiver:
    """A server of the shop's that hears webhooks. `status` says how each one is answered, by how many came before."""

    status: Callable[[int], int] = lambda _: 200
    heard: list[Heard] = field(default_factory=list)
    url: str = ""
    answering: asyncio.Event = field(default_factory=asyncio.Event)
    """Requests wait for it: clear it to have them hang."""
    _runner: web.AppRunner | None = None
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def __aenter__(self) -> Self:
        self.answering.set()
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._hear)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/callback"
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.answering.set()
        assert self._runner is not None
        await self._runner.cleanup()

    async def _hear(self, request: web.Request) -> web.Response:
        body = await request.read()
        status = self.status(len(self.heard))
        async with self._news:
            self.heard.append(Heard(request.raw_path, dict(request.headers), body))
            self._news.notify_all()
        await self.answering.wait()
        return web.Response(status=status, headers={"Location": "/elsewhere"} if 300 <= status < 400 else None)

    async def hears(self, times: int, within_s: float = 5) -> list[Heard]:
        """Return when exactly so many arrived and, for a moment, no further one."""
        async with asyncio.timeout(within_s):
            async with self._news:
                await self._news.wait_for(lambda: len(self.heard) >= times)
        await asyncio.sleep(0.1)
        assert len(self.heard) == times, [heard.body for heard in self.heard]
        return self.heard

    @property
    def statuses(self) -> list[str]:
        """The `status` of each callback, in the order of arrival."""
        return [str(heard.json["status"]) for heard in self.heard]
