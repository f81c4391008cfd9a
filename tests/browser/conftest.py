"""Fixtures: one Chromium a run, and for each test the product, Point3's simulator and the demo shop on ports of their own."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, async_playwright

from app.db.database import Database
from app.demo.processes import free_port, serving
from app.demo.shop import create_shop
from app.main import create_app
from app.settings import Settings
from app.simulator.server import Simulator
from tests.browser.driver import COUNT_SENTINELS, Buyer, Witness, World
from tests.support import Shop

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

NewBuyer = Callable[..., Awaitable[Buyer]]
"""Opens a fresh browser context; keyword arguments are Playwright's, such as `locale` and `viewport`."""


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    path = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if path is None:
        pytest.fail(f"no Chromium on this machine (looked for {', '.join(CHROMIUM)}): apt-get install chromium", False)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
def changes() -> dict[str, object]:
    """Settings that a test wants otherwise: parametrize it."""
    return {}


@pytest.fixture
def settings(settings: Settings, changes: dict[str, object]) -> Settings:
    return settings.model_copy(update={"public_url": f"http://127.0.0.1:{free_port(0)}", **changes})


@pytest.fixture
async def served(settings: Settings) -> AsyncIterator[str]:
    """The real product behind a real server; its address."""
    async with serving(create_app(settings), int(settings.public_url.rpartition(":")[2])):
        yield settings.public_url


@pytest.fixture
async def client(served: str, api_key: str) -> AsyncIterator[httpx.AsyncClient]:
    """The shop's server, over real HTTP."""
    async with httpx.AsyncClient(base_url=served, headers={"Authorization": f"Bearer {api_key}"}) as client:
        yield client


@pytest.fixture
async def world(
    served: str, api_key: str, simulator: Simulator, shop: Shop, database: Database
) -> AsyncIterator[World]:
    port = free_port(0)
    storefront = f"http://127.0.0.1:{port}"
    async with serving(create_shop(served, api_key, storefront), port):
        widget = simulator.gateways["point3"]["base_url"]
        yield World(api=served, widget=widget, storefront=storefront, shop=shop, database=database)


@pytest.fixture
async def new_buyer(chromium: Browser, world: World) -> AsyncIterator[NewBuyer]:
    witnesses: list[Witness] = []
    async with AsyncExitStack() as stack:

        async def new_buyer(**options: Any) -> Buyer:
            context = await chromium.new_context(**{"locale": "en-US", **options})
            stack.push_async_callback(context.close)
            context.set_default_timeout(8_000)
            await context.add_init_script(COUNT_SENTINELS)
            witness = Witness(context)
            witnesses.append(witness)
            return Buyer(await context.new_page(), witness, world)

        yield new_buyer
    for witness in witnesses:
        assert witness.surprises == []


@pytest.fixture
async def buyer(new_buyer: NewBuyer) -> Buyer:
    """Reads English, sits at a desk."""
    return await new_buyer()
