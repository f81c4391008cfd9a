"""Many callers at once: one confirm, one `paid`, and no error for the losers."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from app.main import create_app
from app.settings import Settings
from tests.support import MovableClock, Shop, lifespan


@pytest_asyncio.fixture
async def second_shop(shop: Shop, settings: Settings, clock: MovableClock) -> AsyncIterator[Shop]:
    """The same product in another process's place: its own app, pool and single-flight, the same database."""
    app = create_app(settings, clock)
    async with lifespan(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://testserver", headers=shop.client.headers
        ) as client:
            yield Shop(client, shop.simulator, settings)


async def test_fifty_completes_of_one_payment_give_one_confirm_and_one_paid(shop: Shop, second_shop: Shop) -> None:
    payment = await shop.create()
    proof = await shop.buyer_pays(payment)
    shops = [shop, second_shop] * 25
    answers = await asyncio.gather(*(each.complete(payment, **proof) for each in shops))
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["status"] for answer in answers} == {"paid"}
    journal = await shop.journal(payment)
    assert (journal["confirms"], journal["captures"]) == (1, 1)
    assert [event["to"] for event in await shop.events(payment)].count("paid") == 1


async def test_ten_completes_and_ten_syncs_through_a_slow_confirm(shop: Shop, second_shop: Shop) -> None:
    payment = await shop.create()
    proof = await shop.buyer_pays(payment, "slow")
    calls = [each.complete(payment, **proof) for each in [shop, second_shop] * 5]
    calls += [each.sync(payment) for each in [shop, second_shop] * 5]
    answers = await asyncio.gather(*calls)
    assert {answer.json()["status"] for answer in answers} == {"paid"}
    assert (await shop.journal(payment))["confirms"] == 1


async def test_two_tabs_that_both_finish_are_charged_once(shop: Shop, second_shop: Shop) -> None:
    payment = await shop.create()
    reopened = (await shop.client.post(f"/payments/{payment['id']}/attempts", json={})).json()
    first = await shop.buyer_pays(payment)
    second = await shop.buyer_pays(reopened)
    answers = await asyncio.gather(
        *(each.complete(payment, **proof) for proof in (first, second) for each in [shop, second_shop] * 3)
    )
    assert {answer.status_code for answer in answers} <= {200, 202}
    assert (await shop.get(payment))["status"] == "paid"
    rows = await shop.sim("GET", "/_sim/journal")
    assert sum(row["captures"] for row in rows) == 1
    statuses = sorted(attempt["status"] for attempt in (await shop.get(payment))["attempts"])
    assert statuses in (["captured", "pending"], ["canceled", "captured"])


async def test_a_canceled_caller_does_not_cancel_the_verification(shop: Shop) -> None:
    payment = await shop.create()
    proof = await shop.buyer_pays(payment, "slow")
    impatient = asyncio.create_task(shop.complete(payment, **proof))
    await asyncio.sleep(0.1)
    impatient.cancel()
    await asyncio.gather(impatient, return_exceptions=True)
    assert (await shop.complete(payment, **proof)).json()["status"] == "paid"
    assert (await shop.journal(payment))["confirms"] == 1
