"""A shop and a tester at the imitated PortOne V2: real HTTP, and a real server that hears webhooks."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx
from aiohttp import web

from simulator.server import Simulator

from .driver import TIMEOUT_S, TLS

Json = dict[str, Any]

MOBILE = "Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36"


class V2Driver:
    """One shop: `http` speaks to the gateway with the API secret, `admin` is the tester's hand."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.account = simulator.gateways["portone_v2"]
        secret = {"Authorization": f"PortOne {self.account['api_secret']}"}
        self.admin = httpx.AsyncClient(base_url=simulator.url, timeout=TIMEOUT_S, verify=TLS)
        self.http = httpx.AsyncClient(base_url=self.account["base_url"], timeout=TIMEOUT_S, verify=TLS, headers=secret)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        await self.admin.aclose()
        await self.http.aclose()

    async def register(self, reference: str = "order1", total: int = 12_000, **changes: object) -> httpx.Response:
        body = {"totalAmount": total, "currency": "KRW", "storeId": self.account["store_id"], **changes}
        return await self.http.post(self.path(reference, "pre-register"), json=body)

    def request(self, reference: str = "order1", total: int = 12_000, **changes: object) -> Json:
        """What a shop's page gives to `PortOne.requestPayment`."""
        return {
            "storeId": self.account["store_id"],
            "channelKey": self.account["channel_key"],
            "paymentId": reference,
            "orderName": "커피 원두",
            "totalAmount": total,
            "currency": "KRW",
            "payMethod": "CARD",
            **changes,
        }

    async def open(self, reference: str = "order1", total: int = 12_000, **changes: object) -> httpx.Response:
        """What the SDK script sends when the page calls it."""
        body = {
            "request": self.request(reference, total, **changes),
            "page": {"url": "https://shop.example/cart", "isMobile": False},
        }
        return await self.http.post("/v2/browser/payments", content=json.dumps(body))

    async def pay(self, reference: str = "order1", scenario: str | None = None) -> Json:
        answer = await self.try_to_pay(reference, scenario)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def try_to_pay(self, reference: str = "order1", scenario: str | None = None) -> httpx.Response:
        body = {"gateway": "portone_v2", "reference": reference}
        return await self.admin.post("/_sim/pay", json=body | ({"scenario": scenario} if scenario else {}))

    async def paid(self, reference: str = "order1", scenario: str | None = None, **changes: Any) -> Json:
        """A pre-registered payment whose buyer did what the scenario says."""
        assert (await self.register(reference, **changes)).status_code == 200
        return await self.pay(reference, scenario)

    async def look(self, reference: str = "order1", **query: str) -> httpx.Response:
        return await self.http.get(self.path(reference), params=query)

    async def shown(self, reference: str = "order1") -> Json:
        answer = await self.look(reference)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def cancel(self, reference: str = "order1", key: str | None = None, **body: object) -> httpx.Response:
        headers = {"Idempotency-Key": f'"{key}"'} if key else {}
        return await self.http.post(self.path(reference, "cancel"), json={"reason": "test", **body}, headers=headers)

    async def confirm(self, token: str, reference: str = "order1", **body: object) -> httpx.Response:
        return await self.http.post(self.path(reference, "confirm"), json={"paymentToken": token, **body})

    async def listed(self, page: Json | None = None, /, **filters: object) -> httpx.Response:
        body = {"page": page or {}, "filter": filters}
        return await self.http.get("/payments", params={"requestBody": json.dumps(body)})

    async def plan(self, scenario: str, **fields: object) -> Json:
        answer = await self.admin.post("/_sim/scenario", json={"gateway": "portone_v2", "scenario": scenario, **fields})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def advance(self, seconds: float) -> None:
        assert (await self.admin.post("/_sim/advance", json={"seconds": seconds})).status_code == 200

    async def send_webhooks_to(self, url: str | None, mode: str = "send") -> None:
        body = {"gateway": "portone_v2", "mode": mode} | ({"url": url} if url else {})
        assert (await self.admin.post("/_sim/webhooks", json=body)).status_code == 200

    async def deliveries(self) -> list[Json]:
        return list((await self.admin.get("/_sim/webhooks", params={"gateway": "portone_v2"})).json())

    async def journal(self) -> list[Json]:
        return list((await self.admin.get("/_sim/journal", params={"gateway": "portone_v2"})).json())

    async def calls(self) -> list[Json]:
        return list((await self.admin.get("/_sim/calls", params={"gateway": "portone_v2"})).json())

    async def truth(self, reference: str = "order1") -> Json:
        (row,) = [row for row in await self.journal() if row["reference"] == reference]
        return dict(row)

    async def until(self, what: str, value: object, reference: str = "order1") -> None:
        """Return once the journal says so."""
        for _ in range(500):
            if (await self.truth(reference))[what] == value:
                return
        raise AssertionError(f"{what} did not become {value}")

    @staticmethod
    def path(reference: str, *more: str) -> str:
        return "/".join(["/payments", quote(reference, safe=""), *more])


@dataclass(frozen=True, slots=True)
class Heard:
    """One webhook as it arrived."""

    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Json:
        return dict(json.loads(self.text))

    @property
    def type(self) -> str:
        return str(self.json["type"]).removeprefix("Transaction.")


class Shop:
    """A real HTTP server that hears webhooks, and answers each with the next of `statuses`, else 200.

    Every GET is answered with `html`, the shop's page.
    """

    def __init__(self, html: str = "") -> None:
        self._html = html
        self.heard: list[Heard] = []
        self.statuses: list[int] = []
        self.origin = self.url = ""
        self._news = asyncio.Condition()
        app = web.Application()
        app.router.add_get("/{tail:.*}", self._page)
        app.router.add_post("/{tail:.*}", self._hear)
        self._runner = web.AppRunner(app)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.origin = f"http://{host}:{port}"
        self.url = f"{self.origin}/webhooks"
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def types(self, count: int) -> list[str]:
        return [heard.type for heard in await self.first(count)]

    async def first(self, count: int) -> list[Heard]:
        """The first so many webhooks, as soon as there are so many."""
        async with self._news:
            await asyncio.wait_for(self._news.wait_for(lambda: len(self.heard) >= count), 5)
        return self.heard[:count]

    async def hears_no_more_than(self, count: int, within_s: float = 0.3) -> None:
        await asyncio.sleep(within_s)
        assert len(self.heard) == count, [heard.text for heard in self.heard]

    async def _page(self, _: web.Request) -> web.Response:
        return web.Response(text=self._html, content_type="text/html")

    async def _hear(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        async with self._news:
            self.heard.append(Heard(headers, await request.text()))
            self._news.notify_all()
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)
