"""`kill -9` of the API at every message that it exchanges with Postgres or the gateway, for create and for complete.

A run without a kill records how many messages there are; then the process is killed before and after each of them, a new
one is started, and the same call, or `sync`, must end where the undisturbed run ended: paid once, one payment.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio

from app.ports import free_ports
from app.settings import Settings
from simulator.server import Simulator
from tests.concurrency.victims import WAIT_S
from tests.concurrency.wiretap import Cut, Moment, Wiretap
from tests.support import Shop, order
from tests.support.databases import Urls
from tests.support.settings import SECRET_KEY

pytestmark = pytest.mark.long

TIME_SCALE = "100"


@dataclass(slots=True)
class Api:
    """One `onetill serve` whose wires to Postgres and to the gateway can be cut."""

    postgres: Wiretap
    gateway: Wiretap
    environment: dict[str, str]
    client: httpx.AsyncClient
    port: int
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        arguments = ("-m", "app.cli", "serve", "--port", str(self.port))
        self.process = await asyncio.create_subprocess_exec(sys.executable, *arguments, env=self.environment)
        async with asyncio.timeout(WAIT_S):
            while True:
                with suppress(httpx.HTTPError):
                    if (await self.client.get("/readyz")).status_code == 200:
                        return
                await asyncio.sleep(0.05)

    async def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.send_signal(how)
            await self.process.wait()

    def kill(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGKILL)

    @asynccontextmanager
    async def counted(self) -> AsyncIterator[None]:
        for wire in (self.postgres, self.gateway):
            wire.messages, wire.is_counting = 0, True
        yield
        for wire in (self.postgres, self.gateway):
            wire.is_counting, wire.cut = False, None


@pytest_asyncio.fixture
async def api(urls: Urls, simulator: Simulator, api_key: str) -> AsyncIterator[Api]:
    database, point3 = urlsplit(urls.app), urlsplit(simulator.gateways["point3"]["base_url"])
    port = free_ports()
    assert database.port is not None
    assert point3.port is not None
    async with (
        Wiretap(database.port) as postgres,
        Wiretap(point3.port) as gateway,
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {api_key}"}, timeout=WAIT_S
        ) as client,
    ):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ONETILL_")} | {
            "ONETILL_DATABASE_URL": urls.app.replace(f":{database.port}/", f":{postgres.port}/"),
            "ONETILL_SECRET_KEY": SECRET_KEY,
            "ONETILL_POINT3__BASE_URL": f"http://127.0.0.1:{gateway.port}",
            "ONETILL_POINT3__SECRET": simulator.gateways["point3"]["secret"],
            "ONETILL_POINT3__CLIENT_BUSINESS_NUM": "1234567890",
            "ONETILL_POINT3__CLIENT_NICKNAME": "Killed shop",
            "ONETILL_TIME_SCALE": TIME_SCALE,
            "ONETILL_LOG_LEVEL": "error",
        }
        api = Api(postgres, gateway, environment, client, port)
        await api.start()
        yield api
        await api.end()


async def _until(shop: Shop, payment: dict[str, Any], status: str) -> dict[str, Any]:
    """Sync until the payment has the status, as an operator or the page would."""
    async with asyncio.timeout(WAIT_S):
        while True:
            answer = await shop.sync(payment)
            if answer.json().get("status") == status:
                return dict(answer.json())
            await asyncio.sleep(0.1)


async def _created(client: httpx.AsyncClient, body: dict[str, Any], headers: dict[str, str]) -> httpx.Response:
    """Send the same call again until the dead process's lease has run out, as a shop's server would."""
    async with asyncio.timeout(WAIT_S):
        while True:
            answer = await client.post("/payments", json=body, headers=headers)
            if answer.status_code != 409:
                return answer
            await asyncio.sleep(0.1)


async def _points(api: Api, call: Any) -> list[tuple[Wiretap, int, Moment]]:
    """Record one undisturbed run and enumerate the places where it can be cut."""
    async with api.counted():
        await call()
    moments: tuple[Moment, ...] = ("before", "after")
    found = [(wire, n + 1, m) for wire in (api.postgres, api.gateway) for n in range(wire.messages) for m in moments]
    assert api.postgres.messages >= 2
    assert api.gateway.messages >= 1
    return found


async def test_complete_converges_wherever_the_process_is_killed(
    api: Api, simulator: Simulator, settings: Settings
) -> None:
    shop = Shop(api.client, simulator, settings)

    async def paid_by_buyer() -> tuple[dict[str, Any], dict[str, Any]]:
        payment = await shop.create()
        return payment, await shop.buyer_pays(payment)

    first, first_proof = await paid_by_buyer()
    points = await _points(api, lambda: shop.complete(first, **first_proof))
    assert api.gateway.messages == 2, "look-up and confirm"
    for wire, number, moment in points:
        payment, proof = await paid_by_buyer()
        async with api.counted():
            wire.cut = Cut(number, moment, api.kill)
            with suppress(httpx.HTTPError):
                await shop.complete(payment, **proof)
        await api.end(signal.SIGKILL)
        await api.start()
        where = f"killed {moment} message {number} to {'Postgres' if wire is api.postgres else 'the gateway'}"
        paid = await _until(shop, payment, "paid")
        assert paid["captured_amount"] == payment["amount"], where
        assert (await shop.journal(payment))["captures"] == 1, where
        trail = await shop.events(payment)
        assert [event["seq"] for event in trail] == list(range(1, len(trail) + 1)), where
        assert [event["to"] for event in trail].count("paid") == 1, where


async def test_create_converges_wherever_the_process_is_killed(
    api: Api, simulator: Simulator, settings: Settings
) -> None:
    shop = Shop(api.client, simulator, settings)
    points = await _points(api, shop.create)
    for wire, number, moment in points:
        body, headers = order(), {"Idempotency-Key": f"killed-{number}-{moment}-{wire is api.postgres}"}
        async with api.counted():
            wire.cut = Cut(number, moment, api.kill)
            with suppress(httpx.HTTPError):
                await api.client.post("/payments", json=body, headers=headers)
        await api.end(signal.SIGKILL)
        await api.start()
        where = f"killed {moment} message {number} to {'Postgres' if wire is api.postgres else 'the gateway'}"
        answer = await _created(api.client, body, headers)
        assert answer.status_code == 201, f"{where}: {answer.text}"
        listed = (await api.client.get("/payments", params={"order_id": body["order_id"]})).json()["data"]
        assert [payment["id"] for payment in listed] == [answer.json()["id"]], where
        proof = await shop.buyer_pays(answer.json())
        assert (await shop.complete(answer.json(), **proof)).json()["status"] == "paid", where
