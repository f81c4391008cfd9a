"""Fixtures: one Chromium and one site a run (product, Point3's simulator, demo shop), and fresh buyers for every test."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext

from app.db.database import Database
from app.demo.processes import serving
from app.demo.shop import create_shop
from app.main import create_app
from app.ports import free_ports
from simulator.server import Simulator, SimulatorSettings
from tests.browser.driver import COUNT_SENTINELS, DESK, PATIENCE_MS, Buyer, Visit, Witness, World
from tests.browser.storefront import LISTEN, Customer, Embedding, storefront
from tests.flows.gateways.orders import BY_NAME
from tests.support import TLS, Shop
from tests.support.databases import Databases, keys_of
from tests.support.settings import settings_for

NewBuyer = Callable[..., Awaitable[Buyer]]
"""Opens a fresh browser context; keyword arguments are Playwright's, such as `locale` and `viewport`."""

NewCustomer = Callable[..., Awaitable[Customer]]
"""Comes to the shop's own page; keyword arguments but `at` and `query` are members of the payment."""


@asynccontextmanager
async def open_site(databases: Databases, *, every_gateway: bool = False, **changes: Any) -> AsyncIterator[World]:
    """All parts on ports of their own, with a database of their own, with Point3 or every gateway. `changes` are settings."""
    urls = await databases.create()
    api_port, shop_port = free_ports(), free_ports()
    storefront = f"http://127.0.0.1:{shop_port}"
    async with AsyncExitStack() as stack:
        stack.push_async_callback(databases.drop, urls)
        simulator = Simulator(SimulatorSettings(slow_s=0.3))
        await simulator.start()
        stack.push_async_callback(simulator.stop)
        account = simulator.gateways["point3"]
        public_url = f"http://127.0.0.1:{api_port}"
        left_out = {} if every_gateway else {"portone_v1": None, "portone_v2": None, "unifi_pay": None}
        settings = settings_for(urls, simulator, public_url=public_url, time_scale=50, **left_out, **changes)
        database = Database(settings.database_url, connections=4)
        await database.open()
        stack.push_async_callback(database.close)
        keys = keys_of(database)
        _, key = await keys.create(mode="test", scopes=["*"], store="main", name="tests")
        await stack.enter_async_context(serving(create_app(settings), api_port))
        await stack.enter_async_context(serving(create_shop(settings.public_url, key, storefront), shop_port))
        headers = {"Authorization": f"Bearer {key}"}
        client = await stack.enter_async_context(
            httpx.AsyncClient(base_url=settings.public_url, headers=headers, verify=TLS)
        )
        yield World(
            api=settings.public_url,
            widget=account["base_url"],
            storefront=storefront,
            shop=Shop(client, simulator, settings),
            database=database,
        )


@pytest.fixture(scope="session")
async def site(databases: Databases) -> AsyncIterator[World]:
    async with open_site(databases) as site:
        yield site


@pytest.fixture
async def world(site: World) -> World:
    """The site, as far as this test has changed it."""
    return replace(site, begins_at=len(await site.journal()))


@pytest.fixture
async def new_buyer(chromium: Browser, world: World) -> AsyncIterator[NewBuyer]:
    witnesses: list[Witness] = []
    async with AsyncExitStack() as stack:

        async def new_buyer(**options: Any) -> Buyer:
            context = await chromium.new_context(**{"locale": "en-US", **options})
            stack.push_async_callback(context.close)
            context.set_default_timeout(PATIENCE_MS)
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


@pytest.fixture(scope="module")
async def four(databases: Databases) -> AsyncIterator[World]:
    async with open_site(databases, every_gateway=True) as site:
        yield site


@pytest.fixture
async def visit(four: World, chromium: Browser, request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    contexts: list[BrowserContext] = []
    witnesses: list[Witness] = []

    async def visit(
        gateway: str, device: dict[str, Any], *, blocked: str | None = None, go: bool = True, **changes: Any
    ) -> Visit:
        context = await chromium.new_context(locale="en-US", **device)
        if blocked:
            await context.route(blocked, lambda route: route.abort())
        context.set_default_timeout(PATIENCE_MS)
        await context.add_init_script(COUNT_SENTINELS)
        contexts.append(context)
        witness = Witness(context)
        witnesses.append(witness)
        payment = await four.shop.create(**BY_NAME[gateway].order | changes)
        page = await context.new_page()
        if go:
            await page.goto(payment["checkout_url"])
        return Visit(page, four, witness, payment)

    yield visit
    for context in contexts:
        await context.close()
    for witness in witnesses:
        assert witness.surprises == []


@pytest.fixture(scope="module")
async def embedding(databases: Databases) -> AsyncIterator[Embedding]:
    port, other_port = free_ports(), free_ports()
    shop, far_shop, stranger = (
        f"http://127.0.0.1:{port}",
        f"http://localhost:{port}",
        f"http://127.0.0.1:{other_port}",
    )
    async with (
        open_site(databases, every_gateway=True, frame_ancestors=[shop, far_shop]) as world,
        storefront(port, world.api),
        storefront(other_port, world.api),
    ):
        yield Embedding(world, shop, far_shop, stranger)


@pytest.fixture
async def customer(embedding: Embedding, chromium: Browser) -> AsyncIterator[NewCustomer]:
    contexts: list[BrowserContext] = []
    witnesses: list[Witness] = []

    async def customer(
        gateway: str = "point3", device: dict[str, Any] = DESK, *, at: str = "", query: str = "", **order: Any
    ) -> Customer:
        context = await chromium.new_context(**{"locale": "en-US", **device})
        context.set_default_timeout(PATIENCE_MS)
        await context.add_init_script(LISTEN)
        contexts.append(context)
        witness = Witness(context)
        witnesses.append(witness)
        place = at or embedding.shop
        body = {"return_url": f"{place}/paid", **BY_NAME[gateway].order, **order}
        payment = await embedding.world.shop.create(**body)
        page = await context.new_page()
        await page.goto(f"{place}/?{query}")
        return Customer(page, context, witness, embedding, payment)

    yield customer
    for context in contexts:
        await context.close()
    for witness in witnesses:
        assert witness.surprises == []
