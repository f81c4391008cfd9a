"""`POST /payments/{id}/sync` asks about every attempt that may hold money, and late looks follow every end."""

from typing import Any

import pytest

from app.db.database import Database
from app.services import Services
from app.settings import Settings
from tests.flows.gateways.orders import BUYER, BY_NAME
from tests.flows.gateways.test_silence import sweep, with_settings
from tests.support import MovableClock, Shop, key

Json = dict[str, Any]
ORDER = {"currency": "USD", "amount": 1750, "customer": BUYER}


async def further(shop: Shop, payment: Json, gateway: str) -> Json:
    answer = await shop.client.post(f"/payments/{payment['id']}/attempts", json={"gateway": gateway}, headers=key())
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


@pytest.mark.parametrize("scenario", ["abandoned", "declined"])
@pytest.mark.parametrize("newer", ["portone_v1", "unifi_pay"])
async def test_sync_finds_the_money_of_an_older_attempt(shop: Shop, newer: str, scenario: str) -> None:
    first = await shop.create(gateway="portone_v1", **ORDER)
    await shop.complete(first, **await shop.buyer_pays(first, scenario))
    await further(shop, first, newer)
    if scenario == "declined":  # the buyer tries once more in the window of before
        assert (await shop.get(first))["attempts"][0]["status"] == "failed"
    await shop.buyer_pays(first, "lost_webhook")
    answer = await shop.sync(first)
    assert (answer.status_code, answer.json()["status"]) == (200, "paid")
    assert answer.json()["attempts"][0]["status"] == "captured"


async def test_sync_asks_about_each_attempt_once_and_not_about_what_was_never_opened(shop: Shop) -> None:
    payment = await shop.create(**BY_NAME["portone_v2"].order)
    await further(shop, payment, "portone_v2")
    await shop.scenario("error_500", "portone_v2", call="prepare")
    await shop.client.post(f"/payments/{payment['id']}/attempts", json={}, headers=key())
    assert [each["status"] for each in (await shop.get(payment))["attempts"]] == ["pending", "pending", "failed"]
    before = len(await shop.sim("GET", "/_sim/calls?gateway=portone_v2"))
    await shop.sync(payment)
    assert len(await shop.sim("GET", "/_sim/calls?gateway=portone_v2")) == before + 2


async def test_a_gateway_that_left_does_not_keep_sync_from_the_others(
    shop: Shop, settings: Settings, clock: MovableClock, database: Database
) -> None:
    payment = await shop.create(gateway="portone_v1", **ORDER)
    payment = await further(shop, payment, "unifi_pay")
    await shop.buyer_pays(payment, "lost_webhook")
    row = await database.row("SELECT id FROM payments")
    assert row is not None
    async with with_settings(settings, clock, portone_v1=None) as services:
        result = await services.payments.sync(row["id"], None)
    assert (result.payment.status, result.is_answered) == ("paid", False)


async def test_a_try_that_was_declined_early_is_looked_at_a_day_after_its_end(
    shop: Shop, parts: Services, clock: MovableClock, database: Database
) -> None:
    """And not only when its payment expires, a month later."""
    payment = await shop.create(gateway="portone_v1", expires_in_s=30 * 86_400, **ORDER)
    await shop.complete(payment, **await shop.buyer_pays(payment, "declined"))
    looks = []
    while True:
        row = await database.row("SELECT next_check_at, ended_at, expires_at FROM attempts, payments")
        assert row is not None
        if row["next_check_at"] is None:
            break
        looks.append(round((row["next_check_at"] - row["ended_at"]).total_seconds() / 3600))
        await sweep(parts, clock, (row["next_check_at"] - clock()).total_seconds() + 1)
    assert looks == [1, 24, 720, 721, 744]


async def test_money_in_a_window_that_was_left_open_is_found_a_day_after_its_attempts_end(
    shop: Shop, parts: Services, clock: MovableClock
) -> None:
    payment = await shop.create(gateway="portone_v1", expires_in_s=30 * 86_400, **ORDER)
    await shop.complete(payment, **await shop.buyer_pays(payment, "declined"))
    await sweep(parts, clock, 3601)
    await shop.buyer_pays(payment, "lost_webhook")
    await sweep(parts, clock, 23 * 3600)
    assert (await shop.get(payment))["status"] == "paid"
