"""Fixtures. What is slow to start is started once a process and found empty by every test: Postgres, the gateways, Chromium."""

import gc
import logging
import shutil
from collections.abc import AsyncIterator, Generator, Iterator

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from playwright.async_api import Browser, async_playwright

from app.db.database import Database
from app.db.embedded import EmbeddedPostgres
from app.paths import ROOT
from app.services import Services, build_services
from app.settings import Settings
from simulator.server import Simulator, SimulatorSettings
from tests.support import MovableClock, Shop, app_of, lifespan, reset
from tests.support.databases import Databases, SharedDatabase, Urls, databases_of, keys_of, shared_database
from tests.support.settings import settings_for

SLOW_S = 0.8
"""How long a slow gateway takes here: time for what a test does meanwhile, on a busy machine too."""

QUICK = {"contract", "simulator", "unit"}
"""Rooms whose files take a few seconds each."""

pytest_plugins = ["tests.no_skips"]

WHOLE = ("chromium", "chromium-browser", "google-chrome")
SHELL = "chromium-headless-shell"
"""The same engine without a browser around it, at a third of the CPU. `make test` takes it; the long tests take the whole."""
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

logging.getLogger("httpx").setLevel(logging.WARNING)  # the tests' own client, beside the product whose logs are read


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--size", type=int, default=1, help="how many times as long the `long` tests run; see docs/soak.md"
    )
    parser.addoption("--whole-chromium", action="store_true", help="prefer a whole Chromium to its headless shell")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without the garbage collector, which would walk through 6,000 tests again and again: a third of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a Chromium, and begin with the slow rooms, so that no process ends long after the others."""
    for item in items:
        if isinstance(item, pytest.Function) and "chromium" in item.fixturenames:
            item.add_marker("browser")
    items.sort(key=lambda item: item.path.relative_to(ROOT / "tests").parts[0] in QUICK)


@pytest.fixture(scope="session")
def size(request: pytest.FixtureRequest) -> int:
    """How many times as long as in `make test-long` a long test runs."""
    return int(request.config.getoption("--size"))


@pytest.fixture(scope="session")
async def chromium(request: pytest.FixtureRequest) -> AsyncIterator[Browser]:
    names = (*WHOLE, SHELL) if request.config.getoption("--whole-chromium") else (SHELL, *WHOLE)
    path = next((found for name in names if (found := shutil.which(name))), None)
    if path is None:
        pytest.fail(f"no Chromium on this machine (looked for {', '.join(names)}): apt-get install chromium", False)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(durable=False) as server:
        yield server


@pytest.fixture(scope="session")
async def databases(postgres: EmbeddedPostgres) -> AsyncIterator[Databases]:
    async with databases_of(postgres) as databases:
        yield databases


@pytest.fixture(scope="session")
async def shared(databases: Databases) -> AsyncIterator[SharedDatabase]:
    async with shared_database(databases) as shared:
        yield shared


@pytest.fixture
async def own_urls(databases: Databases) -> AsyncIterator[Urls]:
    """A database of the test's own: for what changes a schema or a server setting, kills processes, or copies it."""
    urls = await databases.create()
    yield urls
    await databases.drop(urls)


@pytest.fixture
async def urls(shared: SharedDatabase) -> Urls:
    """The process's database, empty."""
    await shared.empty()
    return shared.urls


@pytest_asyncio.fixture
async def database(urls: Urls) -> AsyncIterator[Database]:
    database = Database(urls.app, connections=4)
    await database.open()
    yield database
    await database.close()


@pytest.fixture(scope="session")
async def running_simulator() -> AsyncIterator[Simulator]:
    simulator = Simulator(SimulatorSettings(slow_s=SLOW_S))
    await simulator.start()
    yield simulator
    await simulator.stop()


@pytest.fixture
async def simulator(running_simulator: Simulator) -> AsyncIterator[Simulator]:
    """The imitated gateways, as if they had just been started. Nothing of a test goes on in them after it."""
    yield running_simulator
    await reset(running_simulator)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def settings(urls: Urls, simulator: Simulator) -> Settings:
    """The product with the simulated Point3. Tests change it with `model_copy`; `settings_for` makes others."""
    return settings_for(urls, simulator, portone_v1=None, portone_v2=None, unifi_pay=None)


@pytest_asyncio.fixture
async def api_key(database: Database) -> str:
    _, text = await keys_of(database).create(mode="test", scopes=["*"], store="main", name="tests")
    return text


@pytest_asyncio.fixture
async def product(settings: Settings, clock: MovableClock) -> AsyncIterator[FastAPI]:
    """The ASGI app, started."""
    app = app_of(settings, clock)
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
