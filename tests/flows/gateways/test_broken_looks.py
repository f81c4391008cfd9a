"""A look that raises what none should is one that was not answered: it calls a person, and an answer that works ends the call."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.gateways.portone_v2.adapter import PortOneV2
from app.gateways.values import GatewayPayment, PaymentQuery
from app.jobs.worker import Worker
from app.services import Services
from app.settings import Settings
from simulator.server import Simulator
from tests.flows.gateways.orders import BY_NAME
from tests.support import MovableClock, Shop, key
from tests.support.databases import Urls
from tests.support.front import Fronts, fronts_of
from tests.support.settings import settings_for

HOURS = (61, 310, 910, 3700, 3700)


@pytest.fixture
async def fronts(urls: Urls, simulator: Simulator) -> AsyncIterator[Fronts]:
    async with fronts_of(settings_for(urls, simulator), "portone_v1", "portone_v2", "unifi_pay") as fronts:
        yield fronts


@pytest.fixture
def settings(fronts: Fronts) -> Settings:
    return fronts.settings


async def sweep(parts: Services, clock: MovableClock, *pauses_s: float) -> None:
    for pause_s in pauses_s:
        clock.advance(pause_s)
        await Worker(parts).sweep()


@pytest.mark.parametrize("error", [KeyError, OverflowError, TypeError, AssertionError, UnicodeError])
async def test_a_fault_of_ours_calls_a_person_after_an_hour(
    shop: Shop, parts: Services, clock: MovableClock, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    payment = await shop.create(**BY_NAME["portone_v2"].order)
    brought = await shop.buyer_pays(payment, "lost_webhook")

    async def breaks(*_: object) -> GatewayPayment:
        raise error("nobody thought of this")

    with monkeypatch.context() as patch:
        patch.setattr(PortOneV2, "fetch_payment", breaks)
        answer = await shop.complete(payment, **brought)
        assert answer.status_code == 202, "the buyer waits, and is told no error"
        assert (await shop.get(payment))["attention_code"] is None
        await sweep(parts, clock, *HOURS)
        assert (await shop.get(payment))["attention_code"] == "look_broke"
    await sweep(parts, clock, 3700)
    stored = await shop.get(payment)
    assert (stored["status"], stored["attention_code"]) == ("paid", None)


async def test_a_refunds_look_that_breaks_calls_one_too(
    shop: Shop, parts: Services, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = await shop.create(**BY_NAME["portone_v2"].order)
    await shop.complete(payment, **await shop.buyer_pays(payment))
    await shop.scenario("async_cancel", "portone_v2", call="cancel")
    answer = await shop.client.post(f"/payments/{payment['id']}/refunds", json={"reason": "back"}, headers=key())
    assert answer.json()["status"] == "pending"

    async def breaks(self: PortOneV2, query: PaymentQuery) -> GatewayPayment:
        raise KeyError("nobody thought of this")

    with monkeypatch.context() as patch:
        patch.setattr(PortOneV2, "fetch_payment", breaks)
        await sweep(parts, clock, 6, 16, *HOURS, 3700, 3700)
        assert (await shop.get(payment))["attention_code"] == "look_broke"


ODD: dict[str, list[tuple[str, Any]]] = {
    "portone_v1": [("amount", 10**19), ("amount", 10**40), ("imp_uid", "i" * 20_000)],
    "portone_v2": [("total", 10**19), ("total", 10**40), ("transactionId", "t" * 20_000)],
    "unifi_pay": [("orderAmount", str(10**19)), ("transactionId", "t" * 20_000)],
}


@pytest.mark.parametrize(("name", "member", "value"), [(name, *each) for name, some in ODD.items() for each in some])
async def test_a_value_that_no_column_takes_is_no_error_of_the_buyers(
    shop: Shop, parts: Services, clock: MovableClock, fronts: Fronts, name: str, member: str, value: Any
) -> None:
    payment = await shop.create(**BY_NAME[name].order)
    brought = await shop.buyer_pays(payment, "lost_webhook")

    def change(shown: dict[str, Any]) -> None:
        (shown["amount"] if member == "total" else shown)[member] = value
        if member == "total":
            shown["amount"]["paid"] = value

    fronts.change = change
    assert (await shop.complete(payment, **brought)).status_code in {200, 202}
    await sweep(parts, clock, *HOURS)
    stored = await shop.get(payment)
    assert stored["status"] == "paid" or stored["attention_code"] is not None


async def test_an_account_without_end_is_shown_and_waited_at(
    shop: Shop, parts: Services, clock: MovableClock, fronts: Fronts
) -> None:
    payment = await shop.create(method="VIRTUAL_ACCOUNT", **BY_NAME["portone_v2"].order)
    brought = await shop.buyer_pays(payment, "virtual_account")

    def endless(shown: dict[str, Any]) -> None:
        shown["method"]["expiredAt"] = "9999-12-31T23:59:59Z"

    fronts.change = endless
    answer = await shop.complete(payment, **brought)
    assert (answer.status_code, answer.json()["status"]) == (200, "awaiting_deposit")
    assert answer.json()["attempts"][0]["deposit"]["expires_at"] is None
    await sweep(parts, clock, *HOURS)
    assert (await shop.get(payment))["status"] == "awaiting_deposit"
