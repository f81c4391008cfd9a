"""With nothing but its folders, AcmePay takes money through the whole product: on real Postgres, over real HTTP."""

from datetime import timedelta
from typing import Any

import pytest
from app.gateways.acmepay.manifest import MANIFEST

from app.services import Services
from app.settings import Settings
from simulator.server import Simulator
from tests.conftest import Urls
from tests.support import MovableClock, Shop

ORDER = {"gateway": "acmepay", "currency": "EUR", "amount": 1234}


@pytest.fixture
def settings(urls: Urls, simulator: Simulator) -> Settings:
    return Settings.model_validate(
        {
            "database_url": urls.app,
            "database_owner_url": urls.owner,
            "public_url": "http://testserver",
            "log_level": "error",
            "confirm_wait_s": 0.2,
            "acmepay": MANIFEST.at_simulator(simulator.gateways["acmepay"]) | {"timeout_s": 2.0},
        }
    )


async def comes_back(shop: Shop, payment: dict[str, Any], scenario: str) -> dict[str, Any]:
    """The buyer finishes and the browser follows AcmePay's redirect to us."""
    query = await shop.buyer_pays(payment, scenario)
    answer = await shop.client.get("/checkout/return/acmepay", params=query)
    assert answer.status_code == 200, answer.text
    return await shop.get(payment)


async def test_a_payment_is_created_paid_and_verified(shop: Shop) -> None:
    payment = await shop.create(**ORDER)
    assert payment["next_action"]["type"] == "redirect"
    assert (payment["status"], payment["attempts"][-1]["gateway_ref"]) == ("open", "ch-1")
    paid = await comes_back(shop, payment, "paid")
    assert (paid["status"], paid["attempts"][-1]["status"]) == ("paid", "captured")
    assert (await shop.journal(payment))["captures"] == 1


async def test_a_browser_that_only_says_so_pays_nothing(shop: Shop) -> None:
    payment = await shop.create(**ORDER)
    await shop.client.get("/checkout/return/acmepay", params={"charge": "ch-1", "status": "paid"})
    assert (await shop.get(payment))["status"] == "open"


async def test_a_buyer_who_pays_and_never_comes_back_is_found(shop: Shop, parts: Services, clock: MovableClock) -> None:
    payment = await shop.create(**ORDER)
    await shop.buyer_pays(payment)
    clock.advance(timedelta(hours=1).total_seconds())
    ((payment_id, attempt_id),) = await parts.payments.due(100)
    await parts.payments.verify(payment_id, trigger="sweep", attempt_id=attempt_id)
    assert (await shop.get(payment))["status"] == "paid"


@pytest.mark.parametrize(
    ("scenario", "status", "attempt_status"),
    [
        ("declined", "open", "failed"),
        ("amount_differs", "review", "rejected"),
        ("unknown_status", "open", "pending"),
    ],
)
async def test_what_is_not_the_right_money_is_not_paid(
    shop: Shop, scenario: str, status: str, attempt_status: str
) -> None:
    """The service compares, for every gateway alike; this one cannot refund, so a person decides about wrong money."""
    seen = await comes_back(shop, await shop.create(**ORDER), scenario)
    assert (seen["status"], seen["attempts"][-1]["status"]) == (status, attempt_status)
