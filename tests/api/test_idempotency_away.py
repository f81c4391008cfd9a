"""The database goes away while a call with a key is under way: the same call again goes on, as soon as the database is back."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx
import pytest

from app.gateways.portone_v2.manifest import PortOneV2Settings
from app.settings import Settings
from simulator.server import Simulator
from tests.integration.wire import Wire
from tests.support import Shop, app_of, key, lifespan, order
from tests.support.databases import Urls
from tests.support.settings import settings_for


@pytest.fixture
async def wire(urls: Urls) -> AsyncIterator[Wire]:
    port = urlsplit(urls.app).port
    assert port is not None
    async with Wire(port) as wire:
        yield wire


@pytest.fixture
def settings(urls: Urls, simulator: Simulator, wire: Wire) -> Settings:
    """With a gateway that may take a minute, so that leases are long."""
    settings = settings_for(urls, simulator)
    account = settings.account(PortOneV2Settings)
    assert account
    slow = account.model_copy(update={"timeout_s": 60.0})
    url = urls.app.replace(f":{urlsplit(urls.app).port}/", f":{wire.port}/")
    return settings.model_copy(update={"portone_v2": slow, "database_url": url})


@pytest.mark.parametrize("call", ["create", "attempt", "refund"])
async def test_the_key_is_free_once_the_database_is_back(
    simulator: Simulator, settings: Settings, api_key: str, wire: Wire, call: str
) -> None:
    async with lifespan(app := app_of(settings)):
        transport, headers = httpx.ASGITransport(app=app), {"Authorization": f"Bearer {api_key}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver", headers=headers) as client:
            shop = Shop(client, simulator, settings)
            path, body = "/payments", order(gateway="point3")
            if call != "create":
                payment = await shop.create(gateway="point3")
                path, body = f"/payments/{payment['id']}/attempts", {"gateway": "point3"}
            if call == "refund":
                await shop.complete(payment, **await shop.buyer_pays(payment))
                path, body = f"/payments/{payment['id']}/refunds", {"reason": "broken"}
            await shop.scenario("slow", "point3", times=3)
            once = key()
            first = asyncio.create_task(client.post(path, json=body, headers=once))
            await asyncio.sleep(0.4)
            await wire.__aexit__()
            answer = await first
            assert (answer.status_code, answer.json()["retryable"]) == (503, True)
            async with wire:
                async with asyncio.timeout(10):
                    while (answer := await client.post(path, json=body, headers=once)).status_code == 409:
                        assert answer.json()["code"] == "idempotency_key_in_use"
                        await asyncio.sleep(0.2)
                assert answer.status_code in {201, 202}, answer.text
                again = await client.post(path, json=body, headers=once)
                assert again.json()["id"] == answer.json()["id"]
