"""The example shop and time: a buyer who comes back after his payment has ended unpaid buys all the same, and once."""

import asyncio
import importlib.util
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import httpx2
import pytest
import pytest_asyncio
from fastapi import FastAPI
from onetill_client import Onetill, OnetillUnreachable

from app.demo.processes import serving
from app.jobs.worker import Worker
from app.paths import ROOT
from app.ports import free_ports
from app.services import Services
from simulator.server import Simulator
from tests.clients.test_python import Losing, buyer_pays
from tests.support import MovableClock

HALF_AN_HOUR = 1800
BUYER = {"name": "Minji Kim", "email": "minji@mail.example"}


def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bookshop", ROOT / "examples/bookshop/shop.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SHOP = example()


@pytest_asyncio.fixture
async def url(product: FastAPI) -> AsyncIterator[str]:
    port = free_ports()
    async with serving(product, port, is_started=True):
        yield f"http://127.0.0.1:{port}"


def orders(shop: Any) -> Any:
    return shop.order("1", 24000, "KRW", customer=BUYER)


class Buying:
    """The shop's process, which may end and start again, its buyer, and the gateway's truth."""

    def __init__(self, url: str, key: str, simulator: Simulator, folder: Path) -> None:
        self._where = (url, key)
        self.simulator = simulator
        self._books = str(folder / "orders")

    async def does(self, step: Any, transport: httpx2.BaseTransport | None = None) -> Any:
        """A step of the shop in a process of its own: it opens its books, and closes them."""

        def run() -> Any:
            patience_s = 0 if transport else 60
            with (
                Onetill(*self._where, transport=transport, patience_s=patience_s) as client,
                closing(SHOP.Bookshop(client, self._books)) as shop,
            ):
                return step(shop)

        return await asyncio.to_thread(run)

    async def pays(self, payment_id: str) -> None:
        def run() -> None:
            with Onetill(*self._where) as client:
                buyer_pays(client, self.simulator, payment_id)

        await asyncio.to_thread(run)

    async def payments(self) -> list[str]:
        def run() -> list[str]:
            with Onetill(*self._where) as client:
                return [each["id"] for each in client.list_payments(order_id="1")["data"]]

        return await asyncio.to_thread(run)

    async def captures(self) -> int:
        async with httpx.AsyncClient(base_url=self.simulator.url) as hand:
            rows = (await hand.get("/_sim/journal?gateway=point3")).json()
        return sum(row["captures"] for row in rows)

    async def ends_delivered_once(self) -> None:
        settled = await self.does(lambda shop: [shop.settle("1"), shop.settle("1"), shop.parcels("1")])
        assert settled == ["delivered", "delivered", 1]
        assert await self.captures() == 1


@pytest.fixture
def buying(url: str, api_key: str, simulator: Simulator, tmp_path: Path) -> Buying:
    return Buying(url, api_key, simulator, tmp_path)


async def test_who_comes_back_after_the_payment_expired_buys_and_is_sent_it_once(
    buying: Buying, clock: MovableClock, parts: Services
) -> None:
    seen = []
    for _ in range(2):
        seen.append((await buying.does(orders))["id"])
        clock.advance(HALF_AN_HOUR + 1)
        await Worker(parts).sweep()
        assert await buying.does(lambda shop: shop.settle("1")) == "unpaid"
    third = await buying.does(orders)
    assert third["status"] == "open"
    assert third["id"] not in seen
    assert (await buying.does(orders))["id"] == third["id"]
    assert await buying.does(lambda shop: shop.settle("1")) == "waiting"
    await buying.pays(third["id"])
    await buying.ends_delivered_once()


async def test_a_shop_that_dies_before_it_has_the_answer_goes_on_with_that_payment(buying: Buying) -> None:
    with pytest.raises(OnetillUnreachable):
        await buying.does(orders, Losing(1))
    assert await buying.does(lambda shop: shop.settle("1")) == "waiting", "there is nothing to ask about yet"
    with pytest.raises(LookupError, match="nothing was paid for order 1"):
        await buying.does(lambda shop: shop.take_back("1", "Changed his mind"))
    payment = await buying.does(orders)
    await buying.pays(payment["id"])
    await buying.ends_delivered_once()


async def test_so_does_one_that_starts_again_when_that_payment_has_ended_too(
    buying: Buying, clock: MovableClock, parts: Services
) -> None:
    first = await buying.does(orders)
    clock.advance(HALF_AN_HOUR + 1)
    await Worker(parts).sweep()
    with pytest.raises(OnetillUnreachable):
        await buying.does(orders, Losing(1, after=1))  # the read is answered, the second try's payment is not
    clock.advance(HALF_AN_HOUR + 1)
    await Worker(parts).sweep()
    lost, third = await buying.payments(), await buying.does(orders)
    assert third["status"] == "open"
    assert len({first["id"], third["id"], *lost}) == 3, "the second, which nobody was told of, has expired as well"
    await buying.pays(third["id"])
    await buying.ends_delivered_once()


async def test_two_buyers_at_once_have_one_payment(buying: Buying, clock: MovableClock, parts: Services) -> None:
    await buying.does(orders)
    clock.advance(HALF_AN_HOUR + 1)
    await Worker(parts).sweep()
    both = await asyncio.gather(buying.does(orders), buying.does(orders))
    assert both[0]["id"] == both[1]["id"]
    await buying.pays(both[0]["id"])
    await buying.ends_delivered_once()


async def test_money_that_comes_late_for_a_payment_that_expired_is_delivered_too(
    buying: Buying, clock: MovableClock, parts: Services
) -> None:
    first = await buying.does(orders)
    clock.advance(HALF_AN_HOUR + 1)
    await buying.pays(first["id"])
    assert await buying.does(lambda shop: shop.settle("1")) == "delivered"
    assert (await buying.does(orders))["id"] == first["id"], "what is paid is not asked for again"
    await buying.ends_delivered_once()


@pytest.mark.parametrize("step", ["settle", "state", "parcels", "take_back"])
async def test_an_order_that_nobody_made_is_called_so(buying: Buying, step: str) -> None:
    rest = ("Broken",) if step == "take_back" else ()
    with pytest.raises(LookupError, match="there is no order 2"):
        await buying.does(lambda shop: getattr(shop, step)("2", *rest))
