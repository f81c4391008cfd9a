"""The product with all four gateways, and a till that gives their money back."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from app.db.database import Database
from app.db.embedded import EmbeddedPostgres
from app.demo.processes import serving
from app.ports import free_ports
from app.services import Services
from app.settings import Settings
from app.simulator.server import Simulator, SimulatorSettings
from migrations.tables import metadata
from tests.conftest import TEMPLATE, Urls
from tests.flows.refunds.till import Handy, Till
from tests.support import MovableClock, Shop, every_account

PATIENCE_S = 0.6
"""What a call to a gateway may take here: longer than a slow answer, and not long for one that is lost."""


@pytest.fixture(scope="module")
def shared_urls(postgres: EmbeddedPostgres, request: pytest.FixtureRequest) -> Iterator[Urls]:
    """A database for a file; its tests find it empty."""
    name = f"refunds_{request.node.path.stem}"
    postgres.execute("postgres", f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    yield Urls(postgres.app_url(name), postgres.owner_url(name))
    postgres.execute("postgres", f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
async def owner(shared_urls: Urls) -> AsyncIterator[asyncpg.Connection]:
    """Who may empty it."""
    connection = await asyncpg.connect(shared_urls.owner)
    yield connection
    await connection.close()


@pytest.fixture
async def urls(shared_urls: Urls, owner: asyncpg.Connection) -> AsyncIterator[Urls]:
    yield shared_urls
    await owner.execute(f"TRUNCATE {', '.join(table.name for table in metadata.sorted_tables)}")


@pytest.fixture(scope="module")
async def gateways() -> AsyncIterator[Simulator]:
    """The imitated gateways, started once for a file."""
    simulator = Simulator(SimulatorSettings(slow_s=0.3))
    await simulator.start()
    yield simulator
    await simulator.stop()


@pytest.fixture(scope="module")
async def hand(gateways: Simulator) -> AsyncIterator[httpx.AsyncClient]:
    """The tester's own hand at them."""
    async with httpx.AsyncClient(base_url=gateways.url) as hand:
        yield hand


@pytest.fixture
async def simulator(gateways: Simulator, hand: httpx.AsyncClient) -> AsyncIterator[Simulator]:
    """Every test finds them as if they had just been started."""
    yield gateways
    assert (await hand.post("/_sim/reset")).status_code == 200


@pytest.fixture
def shop(client: httpx.AsyncClient, simulator: Simulator, settings: Settings, hand: httpx.AsyncClient) -> Shop:
    return Handy(client, simulator, settings, hand)


@pytest.fixture
def pg() -> str:
    """Which payment company stands behind PortOne V1. Tests name another with `parametrize`."""
    return "paymentwall"


@pytest.fixture
def settled_in() -> str | None:
    """What the payment companies behind PortOne pay the shop in."""
    return None


@pytest.fixture
def rejected_money() -> str:
    """What becomes of money that must not be kept. Tests name another with `parametrize`."""
    return "auto_refund"


@pytest.fixture
def port() -> int:
    return free_ports()


@pytest.fixture
def settings(
    urls: Urls, simulator: Simulator, port: int, pg: str, settled_in: str | None, rejected_money: str
) -> Settings:
    accounts: dict[str, Any] = every_account(simulator)
    for account in accounts.values():
        account["timeout_s"] = PATIENCE_S
    accounts["portone_v1"] |= {"pg": pg, "settlement_currency": settled_in}
    accounts["portone_v2"] |= {"settlement_currency": settled_in}
    return Settings.model_validate(
        {
            "database_url": urls.app,
            "database_owner_url": urls.owner,
            "public_url": f"http://127.0.0.1:{port}",
            "log_level": "error",
            "confirm_wait_s": 5,
            "rejected_money": rejected_money,
            **accounts,
        }
    )


@pytest.fixture
async def till(shop: Shop, parts: Services, database: Database, clock: MovableClock) -> AsyncIterator[Till]:
    """Whatever a test does, its books are right in the end: every story holds, every sum is the gateway's."""
    till = Till(shop, parts, database, clock)
    yield till
    await till.audit()


@pytest.fixture
async def served(product: FastAPI, port: int, shop: Shop, settings: Settings) -> AsyncIterator[None]:
    """The product on a real port, which the gateways' consoles know, so that webhooks arrive."""
    async with serving(product, port):
        for gateway in ("portone_v1", "portone_v2"):
            url = f"{settings.public_url}/webhooks/{gateway.replace('_', '-')}"
            await shop.sim("POST", "/_sim/webhooks", {"gateway": gateway, "mode": "send", "url": url})
        yield
