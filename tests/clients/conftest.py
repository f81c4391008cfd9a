"""The product over real HTTP, as the clients call it, with all gateways of the simulator."""

from collections.abc import AsyncIterator

import pytest_asyncio

from app.db.database import Database
from app.demo.processes import serving
from app.ports import free_ports
from simulator.server import Simulator
from tests.support import app_of
from tests.support.databases import Urls, keys_of
from tests.support.settings import settings_for


@pytest_asyncio.fixture
async def url(urls: Urls, simulator: Simulator) -> AsyncIterator[str]:
    port = free_ports()
    settings = settings_for(urls, simulator, public_url=f"http://127.0.0.1:{port}")
    async with serving(app_of(settings), port):
        yield settings.public_url


@pytest_asyncio.fixture
async def key(url: str, database: Database) -> str:
    _, text = await keys_of(database).create(mode="test", scopes=["*"], store="main", name="clients")
    return text
