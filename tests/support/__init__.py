"""What tests share: a clock that can be moved, the app with its lifespan, and a shop that pays through the simulator."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import httpx
from fastapi import FastAPI
from starlette.routing import BaseRoute

from app.domain.clock import Now, utc_now
from app.main import create_app
from app.settings import Settings
from simulator.server import Simulator
from tests.support.korean import KoreanToo

TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients that never use it: httpx would read the machine's certificates for each of them, 20 ms every time."""

_numbers = count(1)
_routes: list[BaseRoute] = []


class MovableClock:
    """Real time plus what a test has added."""

    def __init__(self) -> None:
        self._added = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self._added

    def advance(self, seconds: float) -> None:
        """Move on."""
        self._added += timedelta(seconds=seconds)


async def reset(simulator: Simulator) -> None:
    """Let the imitated gateways forget everything, as when they were started."""
    async with httpx.AsyncClient(base_url=simulator.url, verify=TLS) as hand:
        answer = await hand.post("/_sim/reset")
    assert answer.status_code == 200, answer.text


def app_of(settings: Settings, now: Now = utc_now) -> FastAPI:
    """The product, with the routes of this process's first one, for no setting is in them.

    What it answers can be said in Korean, or the test fails.
    FastAPI would make their models again at the first request of each app: 80 ms of CPU.
    """
    app = create_app(settings, now)
    app.add_middleware(KoreanToo)
    if not _routes:
        _routes.extend(app.router.routes)
    app.router.routes[:] = _routes
    return app


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Run the app's start and end, as a server would, over the ASGI protocol."""
    to_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    from_app: asyncio.Queue[Any] = asyncio.Queue()
    task = asyncio.create_task(
        app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, to_app.get, from_app.put)
    )
    await to_app.put({"type": "lifespan.startup"})
    started = await from_app.get()
    assert started["type"] == "lifespan.startup.complete", started
    try:
        yield
    finally:
        await to_app.put({"type": "lifespan.shutdown"})
        await from_app.get()
        await task


def order(**changes: Any) -> dict[str, Any]:
    """A good body of `POST /payments` for an order of its own; `changes` replace or, with None, remove members."""
    body: dict[str, Any] = {
        "order_id": f"order-{next(_numbers)}",
        "order_name": "도자기 머그컵",
        "amount": 24000,
        "currency": "KRW",
    }
    body |= changes
    return {name: value for name, value in body.items() if value is not None}


def key() -> dict[str, str]:
    """A fresh Idempotency-Key header."""
    return {"Idempotency-Key": f"key-{next(_numbers)}"}


@dataclass(frozen=True, slots=True)
class Shop:
    """A merchant's server and its buyer, against one running product."""

    client: httpx.AsyncClient
    """Calls the API with a secret key."""
    simulator: Simulator
    settings: Settings

    async def create(self, **changes: Any) -> dict[str, Any]:
        """Create a payment; it must work."""
        answer = await self.client.post("/payments", json=order(**changes), headers=key())
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def buyer_pays(self, payment: dict[str, Any], scenario: str = "paid") -> dict[str, Any]:
        """The buyer finishes the newest attempt; returns what the browser received."""
        attempt = payment["attempts"][-1]
        body = {"gateway": attempt["gateway"], "reference": attempt["reference"], "scenario": scenario}
        return dict(await self.sim("POST", "/_sim/pay", body))

    async def complete(self, payment: dict[str, Any], **fields: Any) -> httpx.Response:
        """The shop says that the buyer is done."""
        return await self.client.post("/payments/complete", json={"payment_id": payment["id"], **fields})

    async def sync(self, payment: dict[str, Any]) -> httpx.Response:
        """Ask the gateway now."""
        return await self.client.post(f"/payments/{payment['id']}/sync")

    async def get(self, payment: dict[str, Any]) -> dict[str, Any]:
        """Read the payment."""
        answer = await self.client.get(f"/payments/{payment['id']}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def events(self, payment: dict[str, Any]) -> list[dict[str, Any]]:
        """The payment's trail."""
        answer = await self.client.get(f"/payments/{payment['id']}/events")
        assert answer.status_code == 200, answer.text
        return list(answer.json()["data"])

    async def scenario(self, name: str, gateway: str = "point3", **more: Any) -> None:
        """How a gateway's next matching call behaves."""
        await self.sim("POST", "/_sim/scenario", {"gateway": gateway, "scenario": name, **more})

    async def journal(self, payment: dict[str, Any]) -> dict[str, Any]:
        """What really happened to the newest attempt, as the simulator knows it."""
        attempt = payment["attempts"][-1]
        rows = await self.sim("GET", f"/_sim/journal?gateway={attempt['gateway']}")
        (row,) = [row for row in rows if row["reference"] == attempt["reference"] and row["gateway_ref"] is not None]
        return dict(row)

    async def webhooks_go_to(self, url: str, mode: str = "send") -> None:
        """Tell the consoles of the gateways that have one where the product is."""
        for gateway in ("portone_v1", "portone_v2"):
            path = f"/webhooks/{gateway.replace('_', '-')}"
            await self.sim("POST", "/_sim/webhooks", {"gateway": gateway, "mode": mode, "url": url + path})

    async def sim(self, method: str, path: str, body: Any = None) -> Any:
        """One of the simulator's own hands."""
        async with httpx.AsyncClient(base_url=self.simulator.url, verify=TLS) as client:
            answer = await client.request(method, path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()
