"""Every scenario of the imitated Unifi Pay: what look-ups and the journal say, and how calls misbehave."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from decimal import Decimal

import httpx
import pytest

from simulator.unifi_pay.scenarios import CALLS, RULES
from tests.simulator.driver import IMPATIENT

from .driver import Driver
from .unifi_pay_driver import Json, UnifiDriver, order

REQUIRED = {
    "status", "orderId", "storeId", "payAmount", "orderAmount", "transactionId", "discountAmount",
    "payCurrencyCode", "orderCurrencyCode",
}  # fmt: skip


@pytest.fixture
async def unifi(sim: Driver) -> AsyncIterator[UnifiDriver]:
    async with UnifiDriver(sim.simulator) as driver:
        yield driver


async def state(unifi: UnifiDriver, transaction_id: str) -> tuple[str, str, int]:
    """What the look-up says, what the journal says, and how often money moved."""
    truth = await unifi.truth()
    return (await unifi.shown(transaction_id))["status"], truth["status"], truth["captures"]


@pytest.mark.parametrize(
    ("scenario", "status"),
    [("declined", "FAILED"), ("canceled", "CANCELED"), ("returns_confirmed_but_failed", "FAILED")],
)
async def test_what_is_over_without_money_cannot_be_paid(unifi: UnifiDriver, scenario: str, status: str) -> None:
    transaction_id = await unifi.paid(scenario=scenario)
    assert await state(unifi, transaction_id) == (status, status, 0)
    shown = await unifi.shown(transaction_id)
    assert (shown["payAmount"], shown["discountAmount"], shown["orderAmount"]) == (0, 0, "12.34")
    answer = await unifi.try_to_pay()
    assert answer.status_code == 409
    assert status in answer.json()["error"]


async def test_abandoned_may_be_paid_later(unifi: UnifiDriver) -> None:
    transaction_id = await unifi.paid(scenario="abandoned")
    assert await state(unifi, transaction_id) == ("PAYMENT_REQUESTED", "PAYMENT_REQUESTED", 0)
    assert await unifi.pay() == transaction_id
    assert await state(unifi, transaction_id) == ("CONFIRMED", "CONFIRMED", 1)


async def test_leaving_after_paying_changes_nothing(unifi: UnifiDriver) -> None:
    transaction_id = await unifi.paid()
    assert await unifi.pay(scenario="abandoned") == transaction_id
    assert await state(unifi, transaction_id) == ("CONFIRMED", "CONFIRMED", 1)


async def test_late_approval_fails_first_and_is_paid_five_seconds_later(unifi: UnifiDriver) -> None:
    transaction_id = await unifi.paid(scenario="late_approval")
    assert await state(unifi, transaction_id) == ("FAILED", "FAILED", 0)
    await unifi.advance(4)
    assert await state(unifi, transaction_id) == ("FAILED", "FAILED", 0)
    await unifi.advance(1)
    assert await state(unifi, transaction_id) == ("CONFIRMED", "CONFIRMED", 1)
    await unifi.advance(5)
    assert await state(unifi, transaction_id) == ("CONFIRMED", "CONFIRMED", 1)


@pytest.mark.parametrize("total", ["12.34", "0.50", "1.00"])
async def test_amount_differs_as_pay_is_really_charged(unifi: UnifiDriver, total: str) -> None:
    transaction_id = await unifi.paid(scenario="amount_differs", items=[{"name": "x", "price": float(total)}])
    shown, truth = await unifi.shown(transaction_id), await unifi.truth()
    assert shown["orderAmount"] != total
    assert Decimal(shown["orderAmount"]) * 100 == truth["amount"] > 0
    assert Decimal(str(shown["payAmount"])) == Decimal(shown["orderAmount"])
    assert truth["captures"] == 1


async def test_amount_differs_on_a_look_up_is_shown_once(unifi: UnifiDriver) -> None:
    transaction_id = await unifi.paid()
    planned = await unifi.plan("amount_differs")
    assert planned["calls"] == ["lookup"]
    assert (await unifi.shown(transaction_id))["orderAmount"] == "11.34"
    assert (await unifi.shown(transaction_id))["orderAmount"] == "12.34"
    assert (await unifi.truth())["amount"] == 1234


async def exact(unifi: UnifiDriver, transaction_id: str) -> Json:
    return dict(json.loads((await unifi.look(transaction_id)).text, parse_float=Decimal, parse_int=Decimal))


async def test_discount_adds_up(unifi: UnifiDriver) -> None:
    shown = await exact(unifi, await unifi.paid(scenario="discount"))
    assert (shown["payAmount"], shown["discountAmount"]) == (Decimal("11.34"), Decimal("1.00"))
    assert shown["payAmount"] + shown["discountAmount"] == Decimal(shown["orderAmount"])
    assert (await unifi.truth())["amount"] == 1234


async def test_bad_sum_does_not_add_up(unifi: UnifiDriver) -> None:
    shown = await exact(unifi, await unifi.paid(scenario="bad_sum"))
    assert shown["orderAmount"] == "12.34"
    assert shown["payAmount"] + shown["discountAmount"] == Decimal("12.33")


@pytest.mark.parametrize(
    ("scenario", "field", "right"),
    [
        ("wrong_store", "storeId", "store_sim"),
        ("wrong_order", "orderId", "order1"),
        ("unknown_status", "status", "CONFIRMED"),
        ("internal_status", "status", "CONFIRMED"),
        ("bad_sum", "payAmount", 12.34),
        ("amount_differs", "orderAmount", "12.34"),
    ],
)
async def test_views_hold_for_good_as_pay_and_once_as_plan(
    unifi: UnifiDriver, scenario: str, field: str, right: object
) -> None:
    for_good = await unifi.paid("for_good", scenario)
    assert (await unifi.shown(for_good))[field] != right
    assert (await unifi.shown(for_good))[field] not in (right, "order1")
    once = await unifi.paid()
    await unifi.plan(scenario, reference="order1")
    assert (await unifi.shown(once))[field] != right
    assert (await unifi.shown(once))[field] == right
    assert (await unifi.truth())["status"] == "CONFIRMED"


async def test_the_internal_name_is_shown_of_a_paid_payment_only(unifi: UnifiDriver) -> None:
    created = await unifi.create()
    await unifi.plan("internal_status", times=-1)
    assert (await unifi.shown(created["transactionId"]))["status"] == "CREATED"
    await unifi.pay()
    assert (await unifi.shown(created["transactionId"]))["status"] == "PAYMENT_CONFIRMED"


async def test_sparse_shows_required_fields_only(unifi: UnifiDriver) -> None:
    whole = await unifi.shown(await unifi.paid())
    sparse = await unifi.shown(await unifi.paid("b", "sparse"))
    assert whole.keys() - REQUIRED == {"items"}
    assert sparse.keys() == REQUIRED
    assert sparse["status"] == "CONFIRMED"


async def test_several_views_hold_at_once(unifi: UnifiDriver) -> None:
    transaction_id = await unifi.paid(scenario="sparse")
    await unifi.plan("wrong_store")
    await unifi.plan("unknown_status")
    shown = await unifi.shown(transaction_id)
    assert (shown["status"], shown["storeId"], "items" in shown) == ("HELD_FOR_REVIEW", "store_of_another", False)
    assert (await unifi.rows("calls"))[-1]["scenario"] == "unknown_status,wrong_store"


# -- calls that misbehave


@pytest.mark.parametrize(("scenario", "status"), [("error_500", 500), ("too_many_requests", 429)])
async def test_a_create_that_fails_did_nothing_and_may_be_sent_again(
    unifi: UnifiDriver, scenario: str, status: int
) -> None:
    await unifi.plan(scenario)
    body = order()
    answer = await unifi.post(body)
    assert answer.status_code == status
    assert await unifi.rows("journal") == []
    assert (await unifi.post(body)).status_code == 200


async def test_a_server_error_has_the_vendors_shape(unifi: UnifiDriver) -> None:
    await unifi.plan("error_500")
    assert (await unifi.post(order())).json().keys() == {"code", "message"}


async def test_a_lost_create_has_created_and_its_request_id_is_used(unifi: UnifiDriver) -> None:
    planned = await unifi.plan("accept_then_hang")
    assert planned["calls"] == ["create"]
    unifi.http.timeout = IMPATIENT
    body = order()
    with pytest.raises(httpx.ReadTimeout):
        await unifi.post(body)
    assert (await unifi.truth())["status"] == "CREATED"
    assert (await unifi.post(body)).status_code == 409
    (call, _) = await unifi.rows("calls")
    assert (call["scenario"], call["status"]) == ("accept_then_hang", None)


async def test_a_slow_create_does_the_work_first(unifi: UnifiDriver) -> None:
    await unifi.plan("slow", call="create")
    began = time.monotonic()
    creating = asyncio.create_task(unifi.post(order()))
    while not await unifi.rows("journal"):
        assert time.monotonic() - began < 2
    assert not creating.done()
    assert (await creating).status_code == 200
    assert time.monotonic() - began >= 0.15


@pytest.mark.parametrize("scenario", ["slow", "error_500", "too_many_requests", "garbage", "accept_then_hang"])
async def test_given_to_pay_it_hits_the_next_look_up_of_that_payment(unifi: UnifiDriver, scenario: str) -> None:
    other = await unifi.paid("other")
    hit = await unifi.paid("hit", scenario)
    assert (await unifi.look(other)).json()["status"] == "CONFIRMED"
    if scenario in {"slow", "accept_then_hang"}:
        with pytest.raises(httpx.ReadTimeout):
            await unifi.look(hit, timeout=httpx.Timeout(5, read=0.1))
    else:
        answer = await unifi.look(hit)
        assert answer.status_code == {"error_500": 500, "too_many_requests": 429, "garbage": 200}[scenario]
        assert "CONFIRMED" not in answer.text
    assert (await unifi.shown(hit))["status"] == "CONFIRMED"


async def test_a_plan_for_pay_is_followed_by_the_next_buyer(unifi: UnifiDriver) -> None:
    await unifi.plan("declined", reference="b")
    await unifi.paid("a")
    await unifi.paid("b")
    assert [row["status"] for row in await unifi.rows("journal")] == ["CONFIRMED", "FAILED"]


async def test_paid_given_to_one_look_up_keeps_a_plan_for_the_next(unifi: UnifiDriver) -> None:
    transaction_id = await unifi.paid()
    await unifi.plan("paid", call="lookup")
    await unifi.plan("error_500", call="lookup")
    assert (await unifi.look(transaction_id)).status_code == 200
    assert (await unifi.look(transaction_id)).status_code == 500


@pytest.mark.parametrize("scenario", sorted(RULES))
async def test_every_scenario_can_be_planned_and_paid_with(unifi: UnifiDriver, scenario: str) -> None:
    rule = RULES[scenario]
    assert rule.allowed <= set(CALLS)
    assert rule.about.endswith(".")
    for call in rule.allowed:
        await unifi.plan(scenario, call=call, times=1, reference="nobody's")
    transaction_id = await unifi.paid(scenario=scenario)
    truth = await unifi.truth()
    assert truth["gateway_ref"] == transaction_id
    assert truth["captures"] == (truth["status"] == "CONFIRMED")
