"""With nothing but its folders, AcmePay takes money through the whole product: on real Postgres, over real HTTP."""

from datetime import timedelta
from typing import Any

import pytest

from app.jobs.worker import Worker
from app.services import Services
from app.settings import Settings
from simulator.server import Simulator
from tests.support import MovableClock, Shop
from tests.support.databases import Urls
from tests.support.settings import settings_for

ORDER = {"gateway": "acmepay", "currency": "EUR", "amount": 1234}


@pytest.fixture
def settings(urls: Urls, simulator: Simulator) -> Settings:
    return settings_for(urls, simulator, confirm_wait_s=0.2)


async def comes_back(shop: Shop, payment: dict[str, Any], scenario: str) -> dict[str, Any]:
    """The buyer finishes and the browser follows AcmePay's redirect to us."""
    await shop.client.get(f"/checkout/{payment['client_token']}")  # gives this browser the payment's cookie
    query = await shop.buyer_pays(payment, scenario)
    answer = await shop.client.get("/checkout/return/acmepay", params=query)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/checkout/{payment['id']}#returned")
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
    await Worker(parts).sweep()
    assert (await shop.get(payment))["status"] == "paid"


@pytest.mark.parametrize(
    ("scenario", "status", "attempt_status"),
    [
        ("declined", "open", "failed"),
        ("amount_differs", "review", "rejected"),
        ("unknown_status", "processing", "unknown"),
    ],
)
async def test_what_is_not_the_right_money_is_not_paid(
    shop: Shop, scenario: str, status: str, attempt_status: str
) -> None:
    """The service compares, for every gateway alike; this one cannot refund, so a person decides about wrong money."""
    seen = await comes_back(shop, await shop.create(**ORDER), scenario)
    assert (seen["status"], seen["attempts"][-1]["status"]) == (status, attempt_status)
