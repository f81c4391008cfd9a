"""Manual approval: the buyer is done, and money moves at confirm only."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.simulator.driver import IMPATIENT

from .driver import Driver
from .portone_v2_driver import V2Driver


@pytest.fixture
async def v2(sim: Driver) -> AsyncIterator[V2Driver]:
    async with V2Driver(sim.simulator) as driver:
        yield driver


async def waiting(v2: V2Driver) -> dict[str, Any]:
    done = await v2.paid(scenario="manual_approval")
    assert set(done) == {"transactionType", "paymentId", "txId", "paymentToken"}
    return done


async def test_the_money_moves_at_confirm(v2: V2Driver) -> None:
    done = await waiting(v2)
    assert (await v2.shown())["status"] == "READY"
    assert (await v2.truth())["captures"] == 0
    held = {"txId": done["txId"], "currency": "KRW", "totalAmount": 12_000, "taxFreeAmount": 0, "isTest": True}
    answer = await v2.confirm(done["paymentToken"], **held)
    shown = await v2.shown()
    assert (answer.status_code, answer.json()) == (200, {"pgTxId": shown["pgTxId"], "paidAt": shown["paidAt"]})
    assert (shown["status"], shown["transactionId"]) == ("PAID", done["txId"])
    truth = await v2.truth()
    assert (truth["captures"], truth["confirms"]) == (1, 1)


@pytest.mark.parametrize(
    "wrong", [{"txId": "other"}, {"currency": "USD"}, {"totalAmount": 11_999}, {"taxFreeAmount": 1}, {"isTest": False}]
)
async def test_a_statement_that_differs_is_refused_and_the_token_stays_good(
    v2: V2Driver, wrong: dict[str, Any]
) -> None:
    token = (await waiting(v2))["paymentToken"]
    answer = await v2.confirm(token, **wrong)
    assert (answer.status_code, answer.json()["type"]) == (409, "INFORMATION_MISMATCH")
    assert next(iter(wrong)) in answer.json()["message"]
    assert (await v2.truth())["captures"] == 0
    assert (await v2.confirm(token)).status_code == 200


async def test_a_token_works_once(v2: V2Driver) -> None:
    token = (await waiting(v2))["paymentToken"]
    await v2.confirm(token)
    answer = await v2.confirm(token)
    assert (answer.status_code, answer.json()["type"]) == (409, "ALREADY_PAID")
    assert (await v2.truth())["captures"] == 1


async def test_an_unknown_token_and_another_payments_token_are_refused(v2: V2Driver) -> None:
    token = (await waiting(v2))["paymentToken"]
    answer = await v2.confirm("wrong")
    assert (answer.status_code, answer.json()["type"]) == (400, "INVALID_PAYMENT_TOKEN")
    await v2.paid("order2", "manual_approval")
    assert (await v2.confirm(token, "order2")).json()["type"] == "INVALID_PAYMENT_TOKEN"
    assert (await v2.confirm(token, "nobody's")).json()["type"] == "PAYMENT_NOT_FOUND"


@pytest.mark.parametrize(
    "body", [{"paymentToken": None}, {"paymentToken": 1}, {"isTest": "true"}, {"totalAmount": 1.0}, {"currency": "W"}]
)
async def test_a_wrong_body_is_refused(v2: V2Driver, body: dict[str, Any]) -> None:
    token = (await waiting(v2))["paymentToken"]
    answer = await v2.http.post(v2.path("order1", "confirm"), json={"paymentToken": token, **body})
    assert (answer.status_code, answer.json()["type"]) == (400, "INVALID_REQUEST")


async def test_a_declined_confirm_is_502_and_the_payment_has_failed(v2: V2Driver) -> None:
    token = (await waiting(v2))["paymentToken"]
    await v2.plan("declined", call="confirm")
    answer = await v2.confirm(token)
    assert (answer.status_code, answer.json()["type"]) == (502, "PG_PROVIDER")
    shown = await v2.shown()
    assert (shown["status"], shown["failure"]["pgCode"]) == ("FAILED", answer.json()["pgCode"])
    assert (await v2.confirm(token)).json()["type"] == "INVALID_PAYMENT_TOKEN"
    assert (await v2.truth())["captures"] == 0


async def test_a_confirm_whose_answer_is_lost_took_the_money(v2: V2Driver) -> None:
    token = (await waiting(v2))["paymentToken"]
    await v2.plan("accept_then_hang", call="confirm")
    v2.http.timeout = IMPATIENT
    with pytest.raises(httpx.ReadTimeout):
        await v2.confirm(token)
    v2.http.timeout = httpx.Timeout(5)
    assert (await v2.shown())["status"] == "PAID"
    assert (await v2.truth())["captures"] == 1


async def test_a_confirm_that_broke_did_nothing(v2: V2Driver) -> None:
    token = (await waiting(v2))["paymentToken"]
    await v2.plan("error_500", call="confirm")
    assert (await v2.confirm(token)).status_code == 500
    truth = await v2.truth()
    assert (truth["captures"], truth["confirms"]) == (0, 1)
    assert (await v2.confirm(token)).status_code == 200


async def test_a_buyer_who_comes_back_before_confirm_gets_another_attempt(v2: V2Driver) -> None:
    first = await waiting(v2)
    second = await v2.pay()
    assert second["txId"] != first["txId"]
    assert (await v2.confirm(first["paymentToken"])).json()["type"] == "ALREADY_PAID"
    assert sum(row["captures"] for row in await v2.journal()) == 1
