import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from simulator.portone_v2.scenarios import RULES
from tests.simulator.driver import IMPATIENT

from .driver import Driver
from .portone_v2_driver import V2Driver

FOR_ALL_TWINS = """
    paid declined abandoned slow error_500 too_many_requests garbage accept_then_hang amount_differs unknown_status sparse
    late_approval contradiction test_channel live_channel partial_cancel_refused async_cancel underpaid_deposit
    virtual_account duplicate_webhook reordered_webhooks lost_webhook
"""
ANY_CALL: list[tuple[str, str, str, dict[str, Any] | None]] = [
    ("login", "POST", "/login/api-secret", {"apiSecret": "x"}),
    ("refresh", "POST", "/token/refresh", {"refreshToken": "x"}),
    ("prepare", "POST", "/payments/x/pre-register", {}),
    ("lookup", "GET", "/payments/x", None),
    ("lookup", "GET", "/payments", None),
    ("cancel", "POST", "/payments/x/cancel", {"reason": "x"}),
    ("confirm", "POST", "/payments/x/confirm", {"paymentToken": "x"}),
    ("close", "POST", "/payments/x/virtual-account/close", None),
    ("resend", "POST", "/payments/x/resend-webhook", {}),
]


@pytest.fixture
async def v2(sim: Driver) -> AsyncIterator[V2Driver]:
    async with V2Driver(sim.simulator) as driver:
        yield driver


def test_it_knows_what_every_twin_knows() -> None:
    assert set(FOR_ALL_TWINS.split()) <= set(RULES)


async def test_abandoned_leaves_the_attempt_open_and_the_buyer_may_come_back(v2: V2Driver) -> None:
    left = await v2.paid(scenario="abandoned")
    assert left["code"] == "FAILURE_TYPE_PG"
    assert left["pgCode"] == "PAY_PROCESS_CANCELED"
    assert (await v2.shown())["status"] == "READY"
    assert (await v2.pay())["txId"] == left["txId"]
    assert (await v2.shown())["status"] == "PAID"


async def test_late_approval_pays_the_same_transaction_five_seconds_later(v2: V2Driver) -> None:
    refused = await v2.paid(scenario="late_approval")
    assert refused["code"]
    assert (await v2.shown())["status"] == "FAILED"
    await v2.advance(5)
    shown = await v2.shown()
    assert (shown["status"], shown["transactionId"]) == ("PAID", refused["txId"])
    assert "failure" not in shown
    assert (await v2.truth())["captures"] == 1


async def test_late_approval_never_pays_a_payment_twice(v2: V2Driver) -> None:
    await v2.paid(scenario="late_approval")
    paid = await v2.pay()
    await v2.advance(5)
    assert (await v2.shown())["transactionId"] == paid["txId"]
    assert sum(row["captures"] for row in await v2.journal()) == 1


async def test_a_pending_approval_comes_by_itself(v2: V2Driver) -> None:
    await v2.paid(scenario="pay_pending")
    assert (await v2.shown())["status"] == "PAY_PENDING"
    await v2.advance(60)
    assert (await v2.shown())["status"] == "PAID"


@pytest.mark.parametrize(("scenario", "status", "captures"), [("paid", "PAID", 1), ("declined", "FAILED", 0)])
async def test_a_pending_approval_can_be_decided_by_hand(
    v2: V2Driver, scenario: str, status: str, captures: int
) -> None:
    await v2.paid(scenario="pay_pending")
    await v2.pay(scenario=scenario)
    await v2.advance(60)
    truth = await v2.truth()
    assert (truth["status"], truth["captures"]) == (status, captures)


async def test_amount_differs_is_really_charged_when_the_buyer_did_it(v2: V2Driver) -> None:
    await v2.paid(scenario="amount_differs")
    amount = (await v2.shown())["amount"]
    assert (amount["total"], amount["paid"]) == (11_900, 11_900)
    assert (await v2.truth())["amount"] == 11_900
    await v2.cancel()
    assert (await v2.truth())["refunded"] == 11_900


async def test_amount_differs_is_only_shown_when_it_is_planned(v2: V2Driver) -> None:
    await v2.paid()
    assert (await v2.plan("amount_differs"))["calls"] == ["lookup"]
    assert [(await v2.shown())["amount"]["total"] for _ in range(2)] == [11_900, 12_000]
    assert (await v2.truth())["amount"] == 12_000


async def test_a_discount_lowers_what_was_paid_not_the_total(v2: V2Driver) -> None:
    await v2.paid(scenario="discount")
    amount = (await v2.shown())["amount"]
    assert (amount["total"], amount["discount"], amount["paid"]) == (12_000, 100, 11_900)
    await v2.cancel(currentCancellableAmount=12_000)
    assert (await v2.truth())["refunded"] == 12_000


@pytest.mark.parametrize(("scenario", "type_"), [("test_channel", "TEST"), ("live_channel", "LIVE")])
async def test_the_channel_is_what_the_scenario_says(v2: V2Driver, scenario: str, type_: str) -> None:
    await v2.paid(scenario=scenario)
    assert (await v2.shown())["channel"]["type"] == type_


async def test_unknown_status_and_wrong_store_hold_for_good_when_the_buyer_did_it(v2: V2Driver) -> None:
    await v2.paid(scenario="unknown_status")
    await v2.paid("order2", "wrong_store")
    for _ in range(2):
        assert (await v2.shown())["status"] == "HELD_FOR_REVIEW"
        assert (await v2.shown("order2"))["storeId"] != v2.account["store_id"]
    assert (await v2.truth())["status"] == "PAID"


async def test_sparse_shows_what_is_required_alone(v2: V2Driver) -> None:
    await v2.paid(scenario="sparse")
    shown = await v2.shown()
    always = (
        "status id transactionId merchantId storeId version requestedAt updatedAt statusChangedAt orderName amount "
    )
    assert set(shown) == set((always + "currency customer origin channel paidAt disputes").split())
    assert set(shown["amount"]) == {"total", "taxFree", "discount", "paid", "cancelled", "cancelledTaxFree"}


async def test_a_plan_for_one_payment_distorts_it_in_the_list_alone(v2: V2Driver) -> None:
    await v2.paid()
    await v2.paid("order2")
    await v2.plan("unknown_status", reference="order1")
    assert [item["status"] for item in (await v2.listed()).json()["items"]] == ["PAID", "HELD_FOR_REVIEW"]
    assert (await v2.shown())["status"] == "PAID"


@pytest.mark.parametrize(("scenario", "status"), [("error_500", 500), ("too_many_requests", 429)])
@pytest.mark.parametrize(("call", "method", "path", "body"), ANY_CALL)
async def test_every_call_can_break(
    v2: V2Driver, scenario: str, status: int, call: str, method: str, path: str, body: dict[str, Any] | None
) -> None:
    await v2.plan(scenario, call=call)
    assert (await v2.http.request(method, path, json=body)).status_code == status
    assert (await v2.http.request(method, path, json=body)).status_code != status
    calls = await v2.calls()
    assert [(row["call"], row["scenario"]) for row in calls] == [(call, scenario), (call, None)]
    assert "x" not in calls[0]["path"].split("/")


async def test_slow_given_to_pay_slows_the_next_call(v2: V2Driver) -> None:
    await v2.paid(scenario="slow")
    began = time.monotonic()
    assert (await v2.shown())["status"] == "PAID"
    assert time.monotonic() - began >= 0.15


@pytest.mark.parametrize("scenario", ["error_500", "too_many_requests", "garbage"])
async def test_what_is_given_to_pay_breaks_the_next_call_of_that_payment(v2: V2Driver, scenario: str) -> None:
    await v2.paid(scenario=scenario)
    await v2.paid("order2")
    assert (await v2.shown("order2"))["status"] == "PAID"
    broken = await v2.look()
    assert broken.status_code != 200 or "status" not in broken.text
    assert (await v2.shown())["status"] == "PAID"


async def test_accept_then_hang_cancels_and_never_answers(v2: V2Driver) -> None:
    await v2.paid()
    assert (await v2.plan("accept_then_hang"))["calls"] == ["cancel", "confirm"]
    v2.http.timeout = IMPATIENT
    with pytest.raises(httpx.ReadTimeout):
        await v2.cancel()
    assert (await v2.truth())["refunded"] == 12_000


async def test_a_planned_pay_is_what_the_next_buyer_does(v2: V2Driver) -> None:
    await v2.plan("declined", reference="order1")
    await v2.paid("order2")
    assert (await v2.paid())["code"]
    assert "code" not in await v2.pay()
