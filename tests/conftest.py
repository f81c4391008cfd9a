"""Fixtures: one Postgres and one migrated template a run, a database of its own for every test that asks for one."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import count

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from playwright.async_api import Browser, async_playwright

from app.api_keys.service import ApiKeyService
from app.db import migrate
from app.db.database import Database
from app.db.embedded import EmbeddedPostgres
from app.main import create_app
from app.services import Services, build_services
from app.settings import Point3Settings, Settings
from app.simulator.server import Simulator, SimulatorSettings
from tests.support import MovableClock, Shop, lifespan

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
]

TEMPLATE = "onetill_template"
_databases = count(1)


@dataclass(frozen=True, slots=True)
class Urls:
    """How to reach a test's own database, as the app and as the owner."""

    app: str
    owner: str


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    path = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if path is None:
        pytest.fail(f"no Chromium on this machine (looked for {', '.join(CHROMIUM)}): apt-get install chromium", False)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(durable=False) as server:
        server.execute("postgres", f"CREATE DATABASE {TEMPLATE}")
        asyncio.run(migrate.upgrade(server.owner_url(TEMPLATE)))
        yield server


@pytest.fixture
def urls(postgres: EmbeddedPostgres) -> Iterator[Urls]:
    name = f"test_{next(_databases)}"
    postgres.execute("postgres", f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    yield Urls(postgres.app_url(name), postgres.owner_url(name))
    postgres.execute("postgres", f"DROP DATABASE {name} WITH (FORCE)")


@pytest_asyncio.fixture
async def database(urls: Urls) -> AsyncIterator[Database]:
    database = Database(urls.app, connections=4)
    await database.open()
    yield database
    await database.close()


@pytest_asyncio.fixture
async def simulator() -> AsyncIterator[Simulator]:
    simulator = Simulator(SimulatorSettings(slow_s=0.3))
    await simulator.start()
    yield simulator
    await simulator.stop()


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def settings(urls: Urls, simulator: Simulator) -> Settings:
    """The product on the test's database, with the simulated Point3. Tests change it with `model_copy`."""
    account = simulator.gateways["point3"]
    return Settings(
        _env_file=None,  # type: ignore[call-arg]  # pydantic-settings takes it, its type does not say so
        database_url=urls.app,
        database_owner_url=urls.owner,
        public_url="http://testserver",
        log_level="error",
        confirm_wait_s=5,
        point3=Point3Settings.model_validate(
            {
                "base_url": account["base_url"],
                "secret": account["secret"],
                "widget_origin": account["base_url"],
                "client_business_num": "1234567890",
                "client_nickname": "Test shop",
                "timeout_s": 2.0,
            }
        ),
    )


@pytest_asyncio.fixture
async def api_key(database: Database) -> str:
    _, text = await ApiKeyService(database, "test").create(mode="test", scopes=["*"], store="main", name="tests")
    return text


@pytest_asyncio.fixture
async def product(settings: Settings, clock: MovableClock) -> AsyncIterator[FastAPI]:
    """The ASGI app, started."""
    app = create_app(settings, clock)
    async with lifespan(app):
        yield app


@pytest_asyncio.fixture
async def client(product: FastAPI, api_key: str) -> AsyncIterator[httpx.AsyncClient]:
    """A shop server's client: secret key set."""
    headers = {"Authorization": f"Bearer {api_key}"}
    transport = httpx.ASGITransport(app=product)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver", headers=headers) as client:
        yield client


@pytest.fixture
def shop(client: httpx.AsyncClient, simulator: Simulator, settings: Settings) -> Shop:
    return Shop(client, simulator, settings)


@pytest_asyncio.fixture
async def parts(settings: Settings, clock: MovableClock) -> AsyncIterator[Services]:
    """The product's services without HTTP, for the worker and the commands."""
    parts = build_services(settings, clock)
    await parts.database.open()
    yield parts
    await parts.close()
