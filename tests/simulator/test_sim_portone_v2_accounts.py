"""Virtual accounts: issued, paid into, closed, and paid back from."""

from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from .driver import Driver
from .portone_v2_driver import V2Driver

REFUND_ACCOUNT = {"bank": "SHINHAN", "number": "110123456789", "holderName": "김철수"}


@pytest.fixture
async def v2(sim: Driver) -> AsyncIterator[V2Driver]:
    async with V2Driver(sim.simulator) as driver:
        yield driver


async def test_an_account_is_issued_and_the_next_pay_is_the_deposit(v2: V2Driver) -> None:
    issued = await v2.paid(scenario="virtual_account")
    shown = await v2.shown()
    assert (shown["status"], shown["transactionId"]) == ("VIRTUAL_ACCOUNT_ISSUED", issued["txId"])
    method = shown["method"]
    assert method["type"] == "PaymentMethodVirtualAccount"
    assert method["accountNumber"].isdigit()
    assert method["bank"] == "SHINHAN"
    assert method["remitteeName"]
    assert datetime.fromisoformat(method["expiredAt"]) > datetime.fromisoformat(method["issuedAt"])
    assert (await v2.truth())["captures"] == 0
    assert (await v2.pay())["txId"] == issued["txId"]
    shown = await v2.shown()
    assert (shown["status"], shown["amount"]["paid"], shown["method"]) == ("PAID", 12_000, method)
    assert (await v2.truth())["captures"] == 1


async def test_a_page_that_asks_for_an_account_gets_one(v2: V2Driver) -> None:
    await v2.open(payMethod="VIRTUAL_ACCOUNT")
    await v2.pay()
    assert (await v2.shown())["status"] == "VIRTUAL_ACCOUNT_ISSUED"


@pytest.mark.parametrize("scenarios", [("underpaid_deposit", "paid"), ("virtual_account", "underpaid_deposit")])
async def test_an_underpaid_deposit_is_paid_with_less_than_the_total(v2: V2Driver, scenarios: tuple[str, str]) -> None:
    await v2.paid(scenario=scenarios[0])
    await v2.pay(scenario=scenarios[1])
    shown = await v2.shown()
    assert shown["status"] == "PAID"
    amounts = {name: shown["amount"][name] for name in ("total", "paid", "discount")}
    assert amounts == {"total": 12_000, "paid": 11_900, "discount": 0}
    assert (await v2.truth())["amount"] == 11_900
    await v2.cancel(refundAccount=REFUND_ACCOUNT, currentCancellableAmount=11_900)
    truth = await v2.truth()
    assert (truth["status"], truth["refunded"]) == ("CANCELLED", 11_900)


async def test_money_that_came_by_account_goes_back_to_an_account_only(v2: V2Driver) -> None:
    await v2.paid(scenario="virtual_account")
    assert (await v2.cancel(refundAccount=REFUND_ACCOUNT)).json()["type"] == "PAYMENT_NOT_PAID"
    await v2.pay()
    answer = await v2.cancel()
    assert (answer.status_code, answer.json()["type"]) == (400, "INVALID_REQUEST")
    assert "refundAccount" in answer.json()["message"]
    assert (await v2.cancel(refundAccount=REFUND_ACCOUNT)).status_code == 200


async def test_a_closed_account_takes_no_deposit(v2: V2Driver) -> None:
    await v2.paid(scenario="virtual_account")
    close = v2.path("order1", "virtual-account", "close")
    answer = await v2.http.post(close)
    assert answer.status_code == 200
    assert datetime.fromisoformat(answer.json()["closedAt"]).tzinfo is not None
    shown = await v2.shown()
    assert (shown["status"], shown["cancellations"], shown["amount"]["paid"]) == ("CANCELLED", [], 0)
    again = await v2.http.post(close)
    assert (again.status_code, again.json()["type"]) == (409, "PAYMENT_NOT_WAITING_FOR_DEPOSIT")
    paid = await v2.pay()  # a new attempt, because the old one is over
    assert paid["txId"] != shown["transactionId"]


async def test_what_has_no_account_cannot_be_closed(v2: V2Driver) -> None:
    assert (await v2.http.post(v2.path("x", "virtual-account", "close"))).json()["type"] == "PAYMENT_NOT_FOUND"
    await v2.paid()
    answer = await v2.http.post(v2.path("order1", "virtual-account", "close"))
    assert (answer.status_code, answer.json()["type"]) == (409, "PAYMENT_NOT_WAITING_FOR_DEPOSIT")


async def test_a_deposit_after_the_deadline_is_refused(v2: V2Driver) -> None:
    await v2.paid(scenario="virtual_account")
    await v2.advance(3 * 24 * 3600)
    assert (await v2.try_to_pay()).status_code == 409
    assert (await v2.truth())["captures"] == 0


async def test_a_deposit_cannot_be_declined(v2: V2Driver) -> None:
    await v2.paid(scenario="virtual_account")
    assert (await v2.try_to_pay(scenario="declined")).status_code == 409
