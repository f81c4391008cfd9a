"""The product over real HTTP with its worker, as the clients call it, with all gateways of the simulator."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest_asyncio

from app.db.database import Database
from app.demo.processes import serving
from app.jobs.worker import Worker
from app.ports import free_ports
from app.services import opened
from app.settings import NotificationSettings, Settings
from simulator.server import Simulator
from tests.support import app_of
from tests.support.databases import Urls, keys_of
from tests.support.receiver import Receiver, receiving
from tests.support.settings import settings_for

PAUSE_S = 0.1


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[None]:
    """What is due is carried out meanwhile."""

    async def work() -> None:
        while True:
            await worker.sweep()
            await asyncio.sleep(PAUSE_S)

    async with opened(settings) as services:
        worker = Worker(services)
        task = asyncio.create_task(work())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest_asyncio.fixture
async def url(urls: Urls, simulator: Simulator) -> AsyncIterator[str]:
    port = free_ports()
    notifications = NotificationSettings(allow_private=True)
    settings = settings_for(
        urls, simulator, public_url=f"http://127.0.0.1:{port}", notifications=notifications, time_scale=20
    )
    async with serving(app_of(settings), port), working(settings):
        yield settings.public_url


@pytest_asyncio.fixture
async def key(url: str, database: Database) -> str:
    _, text = await keys_of(database).create(mode="test", scopes=["*"], store="main", name="clients")
    return text


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver
