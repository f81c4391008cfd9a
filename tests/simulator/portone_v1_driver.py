"""A shop and a tester at the imitated PortOne V1: real HTTP, and a real server that hears webhooks."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, quote

import httpx
from aiohttp import web

from simulator.server import Simulator

from .driver import TIMEOUT_S, TLS

Json = dict[str, Any]

MOBILE = "Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36"


class V1Driver:
    """One shop with a token: `http` speaks to the gateway, `admin` is the tester's hand."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.account = simulator.gateways["portone_v1"]
        self.keys = {name: self.account[name] for name in ("imp_key", "imp_secret")}
        self.admin = httpx.AsyncClient(base_url=simulator.url, timeout=TIMEOUT_S, verify=TLS)
        self.http = httpx.AsyncClient(base_url=self.account["base_url"], timeout=TIMEOUT_S, verify=TLS)

    async def __aenter__(self) -> Self:
        await self.log_in()
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        await self.admin.aclose()
        await self.http.aclose()

    async def log_in(self) -> Json:
        """Fetch the token and use it from now on."""
        granted: Json = await self.result(self.http.post("/users/getToken", json=self.keys))
        self.http.headers["Authorization"] = granted["access_token"]
        return granted

    @staticmethod
    async def result(call: Any) -> Any:
        """The `response` of a call that must succeed."""
        answer = await call
        content = answer.json()
        assert (answer.status_code, content["code"], content["message"]) == (200, 0, None), answer.text
        return content["response"]

    async def prepare(self, reference: str = "order1", amount: object = 12_000, **more: object) -> httpx.Response:
        body = {"merchant_uid": reference, "amount": amount, "currency": "KRW", **more}
        return await self.http.post("/payments/prepare", json=body)

    def params(self, reference: str = "order1", amount: object = 12_000, **changes: object) -> Json:
        """What a shop's page gives to `IMP.request_pay`."""
        return {
            "channelKey": self.account["channel_key"],
            "merchant_uid": reference,
            "name": "커피 원두",
            "amount": amount,
            "currency": "KRW",
            "buyer_name": "Gildong Hong",
            "buyer_email": "gildong@shop.example",
            **changes,
        }

    async def open(
        self, reference: str = "order1", amount: object = 12_000, *, is_mobile: bool = False, **changes: object
    ) -> Json:
        """What the SDK script sends when the page calls it, and what it gets."""
        params = self.params(reference, amount, **changes)
        body = {"user_code": self.account["user_code"], "params": params, "is_mobile": is_mobile}
        answer = await self.http.post("/browser/payments", content=json.dumps(body))
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*"), answer.text
        return dict(answer.json())

    async def window(self, imp_uid: str, action: str = "pay", scenario: str | None = None) -> httpx.Response:
        """What a button in the payment window sends."""
        return await self.http.post(f"/window/{action}", json={"imp_uid": imp_uid, "scenario": scenario})

    async def pay(self, reference: str = "order1", scenario: str | None = None) -> Json:
        answer = await self.try_to_pay(reference, scenario)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def try_to_pay(self, reference: str = "order1", scenario: str | None = None) -> httpx.Response:
        body = {"gateway": "portone_v1", "reference": reference}
        return await self.admin.post("/_sim/pay", json=body | ({"scenario": scenario} if scenario else {}))

    async def paid(
        self, reference: str = "order1", scenario: str | None = None, amount: object = 12_000, **changes: Any
    ) -> str:
        """A payment whose buyer did in the SDK's window what the scenario says; returns its imp_uid."""
        assert "imp_uid" in await self.open(reference, amount, **changes)
        return str((await self.pay(reference, scenario))["imp_uid"])

    async def look(self, imp_uid: str, include_sandbox: str | None = "true") -> httpx.Response:
        query = {} if include_sandbox is None else {"include_sandbox": include_sandbox}
        return await self.http.get(f"/payments/{imp_uid}", params=query)

    async def shown(self, imp_uid: str) -> Json:
        return dict(await self.result(self.look(imp_uid)))

    async def cancel(self, imp_uid: str | None = None, **fields: Any) -> httpx.Response:
        body = fields if imp_uid is None else {"imp_uid": imp_uid, **fields}
        return await self.http.post("/payments/cancel", json=body)

    @staticmethod
    async def refusal(call: Any) -> tuple[int, int]:
        """HTTP status and code of a call that must fail, with a message and no response."""
        answer = await call
        content = answer.json()
        assert content["response"] is None
        assert isinstance(content["message"], str)
        assert content["message"]
        assert content["code"] != 0
        return answer.status_code, content["code"]

    async def plan(self, scenario: str, **fields: object) -> Json:
        answer = await self.admin.post("/_sim/scenario", json={"gateway": "portone_v1", "scenario": scenario, **fields})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def advance(self, seconds: float) -> None:
        assert (await self.admin.post("/_sim/advance", json={"seconds": seconds})).status_code == 200

    async def send_webhooks_to(self, url: str, mode: str = "send") -> None:
        body = {"gateway": "portone_v1", "mode": mode, "url": url}
        assert (await self.admin.post("/_sim/webhooks", json=body)).status_code == 200

    async def journal(self) -> list[Json]:
        return list((await self.admin.get("/_sim/journal", params={"gateway": "portone_v1"})).json())

    async def truth(self, reference: str = "order1") -> Json:
        """The one row of this merchant_uid."""
        (row,) = [row for row in await self.journal() if row["reference"] == reference]
        return dict(row)

    async def until(self, what: str, value: object, reference: str = "order1") -> None:
        """Return once the journal says so."""
        for _ in range(500):
            if (await self.truth(reference))[what] == value:
                return
        raise AssertionError(f"{what} did not become {value}")

    async def calls(self, call: str) -> list[Json]:
        rows = (await self.admin.get("/_sim/calls", params={"gateway": "portone_v1"})).json()
        return [row for row in rows if row["call"] == call]

    async def find(self, reference: str = "order1", *more: str, **query: str) -> httpx.Response:
        return await self.http.get("/".join(["/payments/find", quote(reference, safe=""), *more]), params=query)

    async def find_all(self, reference: str = "order1", *more: str, **query: str) -> httpx.Response:
        return await self.http.get("/".join(["/payments/findAll", quote(reference, safe=""), *more]), params=query)

    async def several(self, *pairs: tuple[str, str]) -> httpx.Response:
        return await self.http.get("/payments", params=list(pairs))


@dataclass(frozen=True, slots=True)
class Heard:
    """One webhook as it arrived."""

    path: str
    content_type: str
    text: str

    @property
    def fields(self) -> Json:
        if self.content_type == "application/x-www-form-urlencoded":
            return dict(parse_qsl(self.text))
        return dict(json.loads(self.text))


class Ear:
    """A shop's server that hears webhooks."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 200
        self._heard: list[Heard] = []

    async def heard(self, count: int) -> list[Heard]:
        """The webhooks once there are `count`."""
        for _ in range(400):
            if len(self._heard) >= count:
                return list(self._heard)
            await asyncio.sleep(0.01)
        raise AssertionError(f"{len(self._heard)} webhooks came, not {count}")

    async def only(self, count: int) -> list[Heard]:
        """The webhooks, and no more than `count` come."""
        heard = await self.heard(count)
        await asyncio.sleep(0.15)
        assert len(self._heard) == count
        return heard

    async def hear(self, request: web.Request) -> web.Response:
        text = (await request.read()).decode()
        self._heard.append(Heard(request.path, request.headers.get("Content-Type", ""), text))
        return web.Response(status=self.status)


@asynccontextmanager
async def an_ear() -> AsyncIterator[Ear]:
    """Listen on a free port for as long as the block lasts."""
    ear = Ear()
    app = web.Application()
    app.router.add_post("/{path:.*}", ear.hear)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    ear.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield ear
    await runner.cleanup()


@asynccontextmanager
async def a_driver(simulator: Simulator) -> AsyncIterator[V1Driver]:
    """An empty simulator, and a shop that has a token."""
    for twin in simulator.twins.values():
        twin.reset()
    simulator.clock.restart()
    async with V1Driver(simulator) as driver:
        yield driver
