"""Live mode: money of a test channel is nobody's payment."""

from collections.abc import AsyncIterator

import pytest

from app.db.database import Database
from app.settings import Settings
from simulator.portone_v1.access import PortOneV1Account
from simulator.portone_v2.access import PortOneV2Account
from simulator.server import Simulator, SimulatorSettings
from tests.flows.gateways.orders import BY_NAME
from tests.support import Shop
from tests.support.databases import keys_of


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """Gateways whose channels are live ones."""
    simulator = Simulator(
        SimulatorSettings(
            slow_s=0.3,
            accounts={
                "portone_v1": PortOneV1Account(channel="LIVE"),
                "portone_v2": PortOneV2Account(channel="LIVE"),
            },
        )
    )
    await simulator.start()
    yield simulator
    await simulator.stop()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Live, at gateways that a real live deployment would refuse: that check is tested elsewhere."""
    return settings.model_copy(update={"mode": "live"})


@pytest.fixture
async def api_key(database: Database) -> str:
    _, text = await keys_of(database, "live").create(mode="live", scopes=["*"], store="main", name="tests")
    return text


@pytest.mark.parametrize("name", ["portone_v1", "portone_v2"])
async def test_a_test_payment_is_not_kept_and_a_live_one_is(shop: Shop, name: str) -> None:
    kind = BY_NAME[name]
    payment = await shop.create(**kind.order)
    answer = await shop.complete(payment, **await shop.buyer_pays(payment, "test_channel"))
    assert (answer.status_code, answer.json()["mismatch"]) == (409, "test_channel")
    assert (await shop.get(payment))["captured_amount"] == 0
    right = await shop.create(**kind.order)
    assert (await shop.complete(right, **await shop.buyer_pays(right))).json()["status"] == "paid"


async def test_another_stores_payment_is_not_kept(shop: Shop) -> None:
    payment = await shop.create(**BY_NAME["portone_v2"].order)
    answer = await shop.complete(payment, **await shop.buyer_pays(payment, "wrong_store"))
    assert (answer.status_code, answer.json()["mismatch"]) == (409, "store_mismatch")


async def test_a_look_up_that_contradicts_itself_is_for_a_person(shop: Shop) -> None:
    payment = await shop.create(**BY_NAME["unifi_pay"].order)
    answer = await shop.complete(payment, **await shop.buyer_pays(payment, "bad_sum"))
    assert answer.status_code == 202
    stored = await shop.get(payment)
    assert (stored["status"], stored["captured_amount"]) == ("processing", 0)
    assert stored["needs_attention"]
