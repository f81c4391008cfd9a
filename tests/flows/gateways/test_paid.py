"""The same three calls through every gateway: create, complete, read. And without any browser at all."""

import pytest

from app.jobs.worker import Worker
from app.services import Services
from tests.flows.gateways.orders import FOUR, ONE_STEP, Kind
from tests.support import MovableClock, Shop

every_gateway = pytest.mark.parametrize("kind", FOUR, ids=lambda kind: kind.name)
one_step = pytest.mark.parametrize("kind", ONE_STEP, ids=lambda kind: kind.name)


@every_gateway
async def test_the_same_three_calls_sell_through_every_gateway(shop: Shop, kind: Kind) -> None:
    payment = await shop.create(**kind.order)
    assert payment["gateway"] == kind.name
    assert payment["next_action"]["type"] in {"point3_widget", "portone_v1_sdk", "portone_v2_sdk", "redirect"}
    browser = await shop.buyer_pays(payment)
    answer = await shop.complete(payment, **browser)
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "paid"
    stored = await shop.get(payment)
    truth = await shop.journal(payment)
    assert (stored["status"], stored["captured_amount"]) == ("paid", payment["amount"])
    assert (truth["captures"], truth["amount"], truth["currency"]) == (1, payment["amount"], payment["currency"])
    assert stored["attempts"][0]["gateway_ref"] == truth["gateway_ref"]


@every_gateway
async def test_it_says_paid_however_often_it_is_asked(shop: Shop, kind: Kind) -> None:
    payment = await shop.create(**kind.order)
    browser = await shop.buyer_pays(payment)
    answers = [await shop.complete(payment, **browser) for _ in range(3)] + [await shop.sync(payment)]
    assert [answer.json()["status"] for answer in answers] == ["paid"] * 4
    assert sum(event["to"] == "paid" and event["from"] != "paid" for event in await shop.events(payment)) == 1


@one_step
async def test_without_any_browser_the_sweep_finds_the_money(
    shop: Shop, kind: Kind, parts: Services, clock: MovableClock
) -> None:
    payment = await shop.create(**kind.order)
    await shop.buyer_pays(payment, "lost_webhook")
    clock.advance(61)
    await Worker(parts).sweep()
    assert (await shop.get(payment))["status"] == "paid"


@one_step
async def test_money_that_comes_after_expiry_is_found_and_kept(
    shop: Shop, kind: Kind, parts: Services, clock: MovableClock
) -> None:
    payment = await shop.create(expires_in_s=120, **kind.order)
    clock.advance(121)
    await Worker(parts).sweep()
    assert (await shop.get(payment))["status"] == "expired"
    await shop.buyer_pays(payment, "lost_webhook")
    clock.advance(3600)
    await Worker(parts).sweep()
    assert (await shop.get(payment))["status"] == "paid"


@one_step
async def test_a_failure_that_turns_into_money_is_kept_while_the_order_waits(
    shop: Shop, kind: Kind, parts: Services, clock: MovableClock
) -> None:
    payment = await shop.create(expires_in_s=7200, **kind.order)
    answer = await shop.complete(payment, **await shop.buyer_pays(payment, "late_approval"))
    assert answer.json()["status"] == "open"
    assert answer.json()["attempts"][0]["status"] == "failed"
    await shop.sim("POST", "/_sim/advance", {"seconds": 60})
    clock.advance(3600)
    await Worker(parts).sweep()
    assert (await shop.get(payment))["status"] == "paid"


@one_step
async def test_looking_for_late_money_ends(shop: Shop, kind: Kind, parts: Services, clock: MovableClock) -> None:
    payment = await shop.create(expires_in_s=120, **kind.order)
    for _ in range(12):
        clock.advance(4 * 3600)
        await Worker(parts).sweep()
    assert (await shop.get(payment))["status"] == "expired"
    clock.advance(365 * 86_400)
    assert await Worker(parts).sweep() == 0
