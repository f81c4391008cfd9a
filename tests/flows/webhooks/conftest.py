"""The product on a real port with all four gateways, so that their webhooks find it."""

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI

from app.demo.processes import serving
from app.ports import free_ports
from app.settings import Settings
from simulator.server import Simulator
from tests.support import Shop
from tests.support.databases import Urls
from tests.support.settings import settings_for


@pytest.fixture
def port() -> int:
    return free_ports()


@pytest.fixture
def settings(urls: Urls, simulator: Simulator, port: int) -> Settings:
    return settings_for(urls, simulator, public_url=f"http://127.0.0.1:{port}")


@pytest.fixture
async def served(product: FastAPI, port: int, shop: Shop, settings: Settings) -> AsyncIterator[str]:
    """The product's address; the consoles of the gateways know it."""
    async with serving(product, port, is_started=True):
        await shop.webhooks_go_to(settings.public_url)
        yield settings.public_url
