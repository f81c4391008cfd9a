"""`lost_request`, the other half of `accept_then_hang`: nothing is done, and the answer never comes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable

import httpx
import pytest

from simulator.point3 import scenarios as point3
from simulator.portone_v1 import scenarios as portone_v1
from simulator.portone_v2 import scenarios as portone_v2
from simulator.unifi_pay import scenarios as unifi_pay
from tests.simulator.driver import IMPATIENT

from .driver import Driver
from .driver import order as point3_order
from .portone_v1_driver import V1Driver
from .portone_v2_driver import V2Driver
from .unifi_pay_driver import UnifiDriver
from .unifi_pay_driver import order as unifi_order

KEY = "refund-0123456789"


@pytest.fixture
async def v1(sim: Driver) -> AsyncIterator[V1Driver]:
    async with V1Driver(sim.simulator) as driver:
        yield driver


@pytest.fixture
async def v2(sim: Driver) -> AsyncIterator[V2Driver]:
    async with V2Driver(sim.simulator) as driver:
        yield driver


@pytest.fixture
async def unifi(sim: Driver) -> AsyncIterator[UnifiDriver]:
    async with UnifiDriver(sim.simulator) as driver:
        yield driver


async def never_answers(http: httpx.AsyncClient, call: Awaitable[object]) -> None:
    http.timeout = IMPATIENT
    with pytest.raises(httpx.ReadTimeout):
        await call
    http.timeout = httpx.Timeout(5)


@pytest.mark.parametrize("scenarios", [point3, portone_v1, portone_v2, unifi_pay])
def test_it_changes_what_accept_then_hang_changes(scenarios: object) -> None:
    rules = scenarios.RULES  # type: ignore[attr-defined]  # four modules of the same shape
    lost, hangs = rules["lost_request"], rules["accept_then_hang"]
    assert (lost.calls, lost.allowed) == (hangs.calls, hangs.allowed)
    assert lost.allowed == set(scenarios.CALLS)  # type: ignore[attr-defined]


@pytest.mark.parametrize("is_planned", [True, False])
async def test_a_lost_confirm_takes_nothing_and_may_be_sent_again(sim: Driver, is_planned: bool) -> None:
    signature = await sim.paid(scenario=None if is_planned else "lost_request")
    if is_planned:
        assert (await sim.plan("lost_request"))["calls"] == ["confirm", "cancel"]
    await never_answers(sim.http, sim.confirm(signature))
    truth = await sim.truth()
    assert (truth["status"], truth["captures"], truth["confirms"]) == ("WIDGET_DONE", 0, 1)
    (call,) = await sim.calls("confirm")
    assert (call["scenario"], call["status"], call["reference"]) == ("lost_request", None, "order1")
    assert (await sim.look(signature)).json()["result"]["status"] == "WIDGET_DONE"
    assert (await sim.confirm(signature)).status_code == 200
    assert (await sim.truth())["captures"] == 1


async def test_a_lost_token_call_and_a_lost_refresh_did_nothing(sim: Driver) -> None:
    await sim.plan("lost_request", call="token")
    await never_answers(sim.http, sim.http.post("/purchase/token", json=point3_order()))
    assert await sim.journal() == []
    await sim.plan("lost_request", call="refresh")
    await never_answers(sim.http, sim.http.post("/api/token/refresh"))
    assert (await sim.http.get("/api/settlement")).status_code == 200


async def test_a_lost_cancel_never_reaches_the_batch(sim: Driver) -> None:
    signature = await sim.paid()
    await sim.confirm(signature)
    await sim.plan("lost_request", call="cancel")
    await never_answers(sim.http, sim.cancel(signature))
    await sim.advance(300)
    assert (await sim.truth())["status"] == "CONFIRMED"
    assert (await sim.cancel(signature)).status_code == 200


@pytest.mark.parametrize("is_planned", [True, False])
async def test_a_lost_v1_cancel_gives_nothing_back_and_keeps_its_checksum(v1: V1Driver, is_planned: bool) -> None:
    imp_uid = await v1.paid(scenario=None if is_planned else "lost_request")
    if is_planned:
        assert (await v1.plan("lost_request"))["calls"] == ["cancel"]
    await never_answers(v1.http, v1.cancel(imp_uid, amount=2_000, checksum=12_000))
    truth = await v1.truth()
    assert (truth["status"], truth["refunded"], truth["cancels"]) == ("paid", 0, 0)
    assert (await v1.result(v1.cancel(imp_uid, amount=2_000, checksum=12_000)))["cancel_amount"] == 2_000


async def test_a_lost_v1_request_leaves_other_plans_for_the_next(v1: V1Driver) -> None:
    imp_uid = await v1.paid(scenario="async_cancel")
    await v1.plan("lost_request", call="cancel")
    await never_answers(v1.http, v1.cancel(imp_uid))
    assert (await v1.result(v1.cancel(imp_uid)))["status"] == "paid"


async def test_a_lost_v1_prepare_registers_nothing(v1: V1Driver) -> None:
    await v1.plan("lost_request", call="prepare")
    await never_answers(v1.http, v1.prepare())
    assert await v1.journal() == []


@pytest.mark.parametrize("is_planned", [True, False])
async def test_a_lost_v2_cancel_gives_nothing_back(v2: V2Driver, is_planned: bool) -> None:
    await v2.paid(scenario=None if is_planned else "lost_request")
    if is_planned:
        assert (await v2.plan("lost_request"))["calls"] == ["cancel", "confirm"]
    await never_answers(v2.http, v2.cancel(amount=1_000))
    truth = await v2.truth()
    assert (truth["status"], truth["refunded"], truth["cancels"]) == ("PAID", 0, 0)
    assert "cancellations" not in await v2.shown()


async def test_a_lost_v2_request_never_used_its_idempotency_key(v2: V2Driver) -> None:
    await v2.paid()
    await v2.plan("lost_request", call="cancel")
    lost = asyncio.create_task(v2.cancel(key=KEY, amount=1_000))
    while "cancel" not in [row["call"] for row in await v2.calls()]:
        assert not lost.done()
    answer = await v2.cancel(key=KEY, amount=1_000)
    assert answer.status_code == 200, "also while the lost one still waits"
    lost.cancel()
    for _ in range(3):
        assert (await v2.cancel(key=KEY, amount=1_000)).json() == answer.json()
    truth = await v2.truth()
    assert (truth["refunded"], truth["cancels"]) == (1_000, 1)


async def test_a_lost_v2_confirm_takes_nothing_and_its_token_still_works(v2: V2Driver) -> None:
    done = await v2.paid(scenario="manual_approval")
    await v2.plan("lost_request", call="confirm")
    await never_answers(v2.http, v2.confirm(done["paymentToken"]))
    assert (await v2.truth())["captures"] == 0
    assert (await v2.confirm(done["paymentToken"])).status_code == 200


async def test_a_lost_unifi_create_creates_nothing_and_its_request_id_is_free(unifi: UnifiDriver) -> None:
    assert (await unifi.plan("lost_request"))["calls"] == ["create"]
    body = unifi_order()
    await never_answers(unifi.http, unifi.post(body))
    assert await unifi.rows("journal") == []
    assert (await unifi.post(body)).status_code == 200


async def test_given_to_pay_the_next_unifi_look_up_is_lost(unifi: UnifiDriver) -> None:
    transaction_id = await unifi.paid(scenario="lost_request")
    await never_answers(unifi.http, unifi.look(transaction_id))
    assert (await unifi.shown(transaction_id))["status"] == "CONFIRMED"


async def test_reset_lets_go_of_it_without_an_answer(sim: Driver) -> None:
    await sim.plan("lost_request", call="settlement")
    hanging = asyncio.create_task(sim.http.get("/api/settlement"))
    while not await sim.calls("settlement"):
        assert not hanging.done()
    await sim.admin.post("/_sim/reset")
    answer = await asyncio.wait_for(hanging, 1)
    assert (answer.status_code, answer.content) == (504, b"")
