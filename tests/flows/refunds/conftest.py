"""The product with all four gateways, and a till that gives their money back."""

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI

from app.db.database import Database
from app.demo.processes import serving
from app.ports import free_ports
from app.services import Services
from app.settings import Settings
from simulator.server import Simulator
from tests.flows.refunds.till import Till
from tests.support import MovableClock, Shop
from tests.support.databases import Urls
from tests.support.settings import every_account, settings_for

PATIENCE_S = 1.5
"""What a call to a gateway may take here: longer than a slow answer, and not long for one that is lost."""


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
    accounts = every_account(simulator, PATIENCE_S)
    accounts["portone_v1"] |= {"pg": pg, "settlement_currency": settled_in}
    accounts["portone_v2"] |= {"settlement_currency": settled_in}
    url = f"http://127.0.0.1:{port}"
    return settings_for(urls, simulator, public_url=url, rejected_money=rejected_money, **accounts)


@pytest.fixture
async def till(shop: Shop, parts: Services, database: Database, clock: MovableClock) -> AsyncIterator[Till]:
    """Whatever a test does, its books are right in the end: every trail holds, every sum is the gateway's."""
    till = Till(shop, parts, database, clock)
    yield till
    await till.audit()


@pytest.fixture
async def served(product: FastAPI, port: int, shop: Shop, settings: Settings) -> AsyncIterator[None]:
    """The product on a real port, which the gateways' consoles know, so that webhooks arrive."""
    async with serving(product, port, is_started=True):
        await shop.webhooks_go_to(settings.public_url)
        yield
