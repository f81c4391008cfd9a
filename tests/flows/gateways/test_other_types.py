"""Money that is taken at a gateway whose look-up tells a member in another JSON type, whichever it is and whatever type.

Never an answer that nobody can read, never captured with a fact that was not told, never a second window, never a 500.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI

from app.gateways.facts import Told
from app.gateways.point3.wire import Row
from app.gateways.portone_v1.wire import Payment as V1Payment
from app.gateways.portone_v2.wire import Payment as V2Payment
from app.gateways.unifi_pay.wire import Shown
from app.settings import Settings
from simulator.server import Simulator
from tests.contract.test_other_types import DECIDED
from tests.flows.gateways.orders import BY_NAME
from tests.support import Shop, key
from tests.support.databases import Urls
from tests.support.front import Fronts, fronts_of
from tests.support.other_types import Path, of_other_types, put
from tests.support.settings import settings_for

SHAPES: dict[str, type[Told]] = {
    "point3": Row,
    "portone_v1": V1Payment,
    "portone_v2": V2Payment,
    "unifi_pay": Shown,
}
TYPES = ("whole", "text", "flag", "items", "filled")
"""One value of every JSON type; tests/contract/test_other_types.py has more of some."""


@pytest.fixture
async def fronts(urls: Urls, simulator: Simulator) -> AsyncIterator[Fronts]:
    async with fronts_of(settings_for(urls, simulator), *SHAPES) as fronts:
        yield fronts


@pytest.fixture
def settings(fronts: Fronts) -> Settings:
    return fronts.settings


async def paid_there(shop: Shop, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    payment = await shop.create(**BY_NAME[name].order)
    brought = await shop.buyer_pays(payment, "lost_webhook" if name != "point3" else "paid")
    return payment, brought


async def check(shop: Shop, payment: dict[str, Any], brought: dict[str, Any], path: Path) -> None:
    """What must hold after a look, and that the payment heals with the gateway's next answer where it waits."""
    answer = await shop.complete(payment, **brought)
    assert answer.status_code < 500, answer.text
    stored = await shop.get(payment)
    if stored["status"] == "paid":
        assert path not in DECIDED
        return
    assert (answer.status_code, stored["status"], stored["captured_amount"]) == (202, "processing", 0)
    assert stored["attention_code"] in {"incomplete_look_up", "contradictory_look_up", "unknown_status"}
    again = await shop.client.post(f"/payments/{payment['id']}/attempts", json={}, headers=key())
    assert (again.status_code, again.json()["code"]) == (409, "payment_processing")


@pytest.mark.parametrize("name", SHAPES)
async def test_it_waits_with_a_person_or_nobody_needs_it(
    shop: Shop, product: FastAPI, fronts: Fronts, name: str, subtests: pytest.Subtests
) -> None:
    for path, value in of_other_types(SHAPES[name], *TYPES):
        with subtests.test(".".join(path), value=value):
            fronts.change = None
            payment, brought = await paid_there(shop, name)

            def change(shown: dict[str, Any], path: Path = path, value: Any = value) -> None:
                put(shown, path, value)

            fronts.change = change
            await check(shop, payment, brought, path)


async def test_payments_of_an_order_in_another_form_are_not_absent(
    shop: Shop, product: FastAPI, fronts: Fronts, subtests: pytest.Subtests
) -> None:
    """PortOne V1 lists an order's windows. A list that cannot be read does not say that there are none."""
    for value in (7, "text", True, {}, {"a": 1}, [7], ["x"]):
        with subtests.test(value=value):
            fronts.change = None
            payment, _ = await paid_there(shop, "portone_v1")

            def change(page: dict[str, Any], value: Any = value) -> None:
                page["list"] = value

            fronts.change, fronts.changes = change, "list"
            await check(shop, payment, {}, ("list",))
            fronts.changes = "status"


@pytest.mark.parametrize("name", SHAPES)
async def test_it_heals_with_the_next_answer(shop: Shop, product: FastAPI, fronts: Fronts, name: str) -> None:
    payment, brought = await paid_there(shop, name)
    fronts.change = lambda shown: shown.update(status=7)
    await check(shop, payment, brought, ("status",))
    fronts.change = None
    for _ in range(3):  # a confirm may come first
        answer = await shop.sync(payment)
    assert (answer.json()["status"], answer.json()["attention_code"]) == ("paid", None)


@pytest.mark.parametrize(
    ("name", "hidden"),
    [
        ("portone_v1", {"cancel_amount": "500", "cancel_history": []}),
        ("portone_v1", {"cancel_amount": 0, "cancel_history": {}}),
        ("portone_v2", {"cancellations": {}}),
        ("portone_v2", {"cancellations": [7]}),
        ("portone_v2", {"amount": {"total": 24000, "paid": 24000, "cancelled": "500"}, "cancellations": []}),
        ("portone_v2", {"cancellations": [{"status": "SUCCEEDED", "id": "c-1", "totalAmount": "500"}]}),
    ],
)
async def test_cancels_in_another_form_stop_a_refund_and_call_a_person(
    shop: Shop, product: FastAPI, fronts: Fronts, name: str, hidden: dict[str, Any]
) -> None:
    """Else what somebody gave back in the gateway's console would be given back once more."""
    payment, brought = await paid_there(shop, name)
    assert (await shop.complete(payment, **brought)).json()["status"] == "paid"
    fronts.change = lambda shown: shown.update(hidden)
    await shop.client.post(f"/payments/{payment['id']}/refunds", json={"reason": "returned"}, headers=key())
    stored = await shop.get(payment)
    assert (stored["attention_code"], stored["refunded_amount"]) == ("contradictory_look_up", 0)
    assert (await shop.journal(payment))["cancels"] == 0
