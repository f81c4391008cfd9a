from collections.abc import AsyncIterator
from typing import Any

import pytest

from .driver import Driver
from .portone_v2_driver import V2Driver


@pytest.fixture
async def v2(sim: Driver) -> AsyncIterator[V2Driver]:
    async with V2Driver(sim.simulator) as driver:
        yield driver


async def test_a_whole_cancel_gives_everything_back(v2: V2Driver) -> None:
    await v2.paid()
    answer = await v2.cancel(requester="CUSTOMER", currentCancellableAmount=12_000)
    cancellation = answer.json()["cancellation"]
    assert (cancellation["status"], cancellation["totalAmount"], cancellation["trigger"]) == (
        "SUCCEEDED",
        12_000,
        "API",
    )
    assert (cancellation["vatAmount"], cancellation["taxFreeAmount"], cancellation["reason"]) == (1_091, 0, "test")
    shown = await v2.shown()
    assert (shown["status"], shown["amount"]["cancelled"]) == ("CANCELLED", 12_000)
    assert shown["cancellations"] == [cancellation]
    assert shown["cancelledAt"] == cancellation["cancelledAt"]
    truth = await v2.truth()
    assert (truth["status"], truth["refunded"], truth["cancels"]) == ("CANCELLED", 12_000, 1)


async def test_parts_add_up_and_the_last_one_takes_what_is_left_of_the_vat(v2: V2Driver) -> None:
    await v2.paid()
    parts = [(await v2.cancel(amount=amount)).json()["cancellation"] for amount in (5_000, 5_000)]
    assert (await v2.shown())["status"] == "PARTIAL_CANCELLED"
    parts.append((await v2.cancel()).json()["cancellation"])
    assert [part["totalAmount"] for part in parts] == [5_000, 5_000, 2_000]
    assert sum(part["vatAmount"] for part in parts) == 1_091
    truth = await v2.truth()
    assert (truth["refunded"], truth["cancels"]) == (12_000, 3)


async def test_a_whole_cancel_takes_the_tax_free_part_along(v2: V2Driver) -> None:
    await v2.paid(taxFreeAmount=2_000)
    cancellation = (await v2.cancel()).json()["cancellation"]
    assert (cancellation["taxFreeAmount"], cancellation["vatAmount"]) == (2_000, 909)
    assert (await v2.shown())["amount"]["cancelledTaxFree"] == 2_000


@pytest.mark.parametrize(
    ("body", "status", "type_"),
    [
        ({"currentCancellableAmount": 11_999}, 409, "CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN"),
        ({"amount": 12_001}, 409, "CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT"),
        ({"amount": 1_000, "taxFreeAmount": 900, "vatAmount": 101}, 409, "SUM_OF_PARTS_EXCEEDS_CANCEL_AMOUNT"),
        ({"amount": 3_000, "taxFreeAmount": 2_001}, 409, "CANCEL_TAX_FREE_AMOUNT_EXCEEDS_CANCELLABLE_TAX_FREE_AMOUNT"),
        ({"amount": 10_001}, 409, "CANCEL_TAX_AMOUNT_EXCEEDS_CANCELLABLE_TAX_AMOUNT"),
        ({"amount": 5_000, "vatAmount": 910}, 409, "CANCEL_TAX_AMOUNT_EXCEEDS_CANCELLABLE_TAX_AMOUNT"),
        ({"amount": 0}, 400, "INVALID_REQUEST"),
        ({"amount": -1}, 400, "INVALID_REQUEST"),
        ({"amount": 1.5}, 400, "INVALID_REQUEST"),
        ({"amount": 1_000, "taxFreeAmount": -1}, 400, "INVALID_REQUEST"),
        ({"reason": None}, 400, "INVALID_REQUEST"),
        ({"requester": "SHOP"}, 400, "INVALID_REQUEST"),
        ({"promotionDiscountRetainOption": "KEEP"}, 400, "INVALID_REQUEST"),
        ({"skipWebhook": "yes"}, 400, "INVALID_REQUEST"),
        ({"refundAccount": {"bank": "SHINHAN", "number": "1"}}, 400, "INVALID_REQUEST"),
        ({"refundAccount": {"number": "1", "holderName": "x"}}, 400, "INVALID_REQUEST"),
        ({"refundAccount": {"bank": "MY_BANK", "number": "1", "holderName": "x"}}, 400, "INVALID_REQUEST"),
    ],
)
async def test_a_cancel_that_cannot_be_is_refused_and_moves_nothing(
    v2: V2Driver, body: dict[str, Any], status: int, type_: str
) -> None:
    await v2.paid(taxFreeAmount=2_000)
    answer = await v2.cancel(**body)
    assert (answer.status_code, answer.json()["type"]) == (status, type_)
    truth = await v2.truth()
    assert (truth["status"], truth["refunded"], truth["cancels"]) == ("PAID", 0, 0)
    assert "cancellations" not in await v2.shown()


async def test_the_reason_is_required(v2: V2Driver) -> None:
    await v2.paid()
    assert (await v2.http.post(v2.path("order1", "cancel"), json={})).status_code == 400


async def test_what_is_expected_counts_what_went_back_before(v2: V2Driver) -> None:
    await v2.paid()
    await v2.cancel(amount=5_000, currentCancellableAmount=12_000)
    answer = await v2.cancel(amount=5_000, currentCancellableAmount=12_000)
    assert answer.json()["type"] == "CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN"
    assert (await v2.cancel(amount=5_000, currentCancellableAmount=7_000)).status_code == 200


async def test_only_what_is_paid_can_be_cancelled_and_only_once(v2: V2Driver) -> None:
    assert (await v2.cancel()).json()["type"] == "PAYMENT_NOT_FOUND"
    await v2.open()
    assert (await v2.cancel()).json()["type"] == "PAYMENT_NOT_PAID"
    await v2.pay()
    assert (await v2.cancel()).status_code == 200
    answer = await v2.cancel()
    assert (answer.status_code, answer.json()["type"]) == (409, "PAYMENT_ALREADY_CANCELLED")


async def test_an_asynchronous_cancel_is_requested_and_done_five_minutes_later(v2: V2Driver) -> None:
    await v2.paid(scenario="async_cancel")
    answer = await v2.cancel()
    assert answer.status_code == 200
    assert answer.json()["cancellation"]["status"] == "REQUESTED"
    assert "cancelledAt" not in answer.json()["cancellation"]
    shown = await v2.shown()
    assert (shown["status"], shown["amount"]["cancelled"]) == ("PAID", 0)
    assert [each["status"] for each in shown["cancellations"]] == ["REQUESTED"]
    assert (await v2.cancel()).json()["type"] == "PAYMENT_ALREADY_CANCELLED"
    assert (await v2.cancel(amount=1)).json()["type"] == "CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT"
    await v2.advance(299)
    assert (await v2.truth())["refunded"] == 0
    await v2.advance(1)
    assert (await v2.truth())["refunded"] == 12_000
    shown = await v2.shown()
    assert (shown["status"], shown["cancellations"][0]["status"]) == ("CANCELLED", "SUCCEEDED")


async def test_a_refused_partial_cancel_is_502_and_a_whole_one_is_not(v2: V2Driver) -> None:
    await v2.paid()
    await v2.plan("partial_cancel_refused", reference="order1", times=-1)
    answer = await v2.cancel(amount=1_000)
    assert (answer.status_code, answer.json()["type"]) == (502, "PG_PROVIDER")
    assert answer.json()["pgCode"]
    assert answer.json()["pgMessage"]
    assert (await v2.truth())["refunded"] == 0
    assert (await v2.cancel()).status_code == 200


async def test_a_cancel_may_fail_with_200(v2: V2Driver) -> None:
    await v2.paid()
    await v2.plan("cancel_failed")
    answer = await v2.cancel()
    assert (answer.status_code, answer.json()["cancellation"]["status"]) == (200, "FAILED")
    shown = await v2.shown()
    assert (shown["status"], [each["status"] for each in shown["cancellations"]]) == ("PAID", ["FAILED"])
    assert (await v2.truth())["refunded"] == 0
    assert (await v2.cancel(currentCancellableAmount=12_000)).status_code == 200


async def test_a_plan_for_a_cancel_waits_for_one_that_is_in_order(v2: V2Driver) -> None:
    await v2.paid()
    await v2.plan("cancel_failed")
    await v2.cancel(amount=99_999)
    assert (await v2.cancel()).json()["cancellation"]["status"] == "FAILED"


async def test_the_console_cancels_everything_that_is_left(v2: V2Driver) -> None:
    await v2.paid()
    await v2.cancel(amount=2_000)
    await v2.pay(scenario="console_cancel")
    shown = await v2.shown()
    assert shown["status"] == "CANCELLED"
    assert [(each["trigger"], each["totalAmount"]) for each in shown["cancellations"]] == [
        ("API", 2_000),
        ("CONSOLE", 10_000),
    ]
    assert (await v2.try_to_pay(scenario="console_cancel")).status_code == 409


async def test_the_console_cannot_cancel_what_is_not_paid(v2: V2Driver) -> None:
    await v2.open()
    assert (await v2.try_to_pay(scenario="console_cancel")).status_code == 409
