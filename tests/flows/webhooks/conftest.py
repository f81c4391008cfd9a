"""The product on a real port with all four gateways, so that their webhooks find it."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from app.demo.processes import serving
from app.ports import free_ports
from app.settings import Settings
from app.simulator.server import Simulator
from tests.conftest import Urls
from tests.support import every_account


@pytest.fixture
def port() -> int:
    return free_ports()


@pytest.fixture
def settings(urls: Urls, simulator: Simulator, port: int) -> Settings:
    return Settings.model_validate(
        {
            "database_url": urls.app,
            "database_owner_url": urls.owner,
            "public_url": f"http://127.0.0.1:{port}",
            "log_level": "error",
            "confirm_wait_s": 5,
            **every_account(simulator),
        }
    )


@pytest.fixture
async def served(product: FastAPI, port: int, simulator: Simulator, settings: Settings) -> AsyncIterator[str]:
    """The product's address; the consoles of the gateways know it."""
    async with serving(product, port), httpx.AsyncClient(base_url=simulator.url) as hands:
        for gateway in ("portone_v1", "portone_v2"):
            url = f"{settings.public_url}/webhooks/{gateway.replace('_', '-')}"
            answer = await hands.post("/_sim/webhooks", json={"gateway": gateway, "mode": "send", "url": url})
            assert answer.status_code == 200, answer.text
        yield settings.public_url
