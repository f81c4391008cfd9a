"""Pending at the gateway is `processing` here: no second attempt, no expiry, looked at until it ends or a person is called."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.domain.schedule import APPROVING_FOR
from app.gateways.portone_v2.codes import STATUSES as V2
from app.gateways.unifi_pay.codes import STATUSES as UNIFI
from app.gateways.values import GatewayStatus
from app.jobs.worker import Worker
from app.services import Services
from app.settings import Settings
from simulator.server import Simulator
from tests.flows.gateways.orders import BY_NAME
from tests.support import MovableClock, Shop, key, order
from tests.support.databases import Urls
from tests.support.front import Fronts, fronts_of
from tests.support.settings import settings_for

DAY_S = 86_400.0

APPROVING = [
    (name, word)
    for name, words in (("portone_v2", V2), ("unifi_pay", UNIFI))
    for word, status in words.items()
    if status is GatewayStatus.APPROVING
]
UNKNOWN = [(name, "SOMETHING_NEW") for name in BY_NAME]
every = pytest.mark.parametrize(("name", "word"), APPROVING + UNKNOWN)


@pytest.fixture
async def fronts(urls: Urls, simulator: Simulator) -> AsyncIterator[Fronts]:
    async with fronts_of(settings_for(urls, simulator), *BY_NAME) as fronts:
        yield fronts


@pytest.fixture
def settings(fronts: Fronts) -> Settings:
    return fronts.settings


def says(word: str) -> Any:
    """Look-ups show this status, and no time of payment."""

    def change(payment: dict[str, Any]) -> None:
        payment["status"] = word
        payment.pop("paidAt", None)

    return change


@every
async def test_nothing_expires_and_nobody_pays_again_until_it_ends(
    shop: Shop, parts: Services, clock: MovableClock, fronts: Fronts, name: str, word: str
) -> None:
    body = BY_NAME[name].order
    payment = await shop.create(**body)
    brought = await shop.buyer_pays(payment, "paid" if name == "point3" else "lost_webhook")
    fronts.change = says(word)
    answer = await shop.complete(payment, **brought)
    assert (answer.status_code, answer.json()["status"]) == (202, "processing")
    for wait_s in (0.0, 40 * 60.0, DAY_S):  # it expires after 30 minutes
        clock.advance(wait_s)
        await Worker(parts).sweep()
        stored = await shop.get(payment)
        assert stored["status"] == "processing"
        again = await shop.client.post(f"/payments/{payment['id']}/attempts", json={}, headers=key())
        assert again.status_code == 409, again.text
        anew = order(order_id=payment["order_id"], **body)
        taken = await shop.client.post("/payments", json=anew, headers=key())
        assert (taken.status_code, taken.json()["code"]) == (409, "order_taken")
        assert stored["attention_code"] == ("unknown_status" if (name, word) in UNKNOWN else None)
    fronts.change = None
    clock.advance(2 * DAY_S)
    await Worker(parts).sweep()
    stored = await shop.get(payment)
    # What waits for our confirm is not taken days later; what the gateway took by itself is ours.
    ended = ("expired", 0) if name == "point3" else ("paid", payment["amount"])
    assert (stored["status"], stored["captured_amount"]) == ended
    assert not stored["needs_attention"]


@pytest.mark.parametrize(("name", "word"), APPROVING)
async def test_after_a_week_a_person_is_called_and_the_money_is_still_taken_when_it_comes(
    shop: Shop, parts: Services, clock: MovableClock, fronts: Fronts, name: str, word: str
) -> None:
    payment = await shop.create(**BY_NAME[name].order)
    brought = await shop.buyer_pays(payment, "lost_webhook")
    fronts.change = says(word)
    for _ in range(60):  # who asks often does not call a person sooner
        await shop.complete(payment, **brought)
    for _ in range(6):
        clock.advance(DAY_S)
        await Worker(parts).sweep()
    assert not (await shop.get(payment))["needs_attention"]
    clock.advance(APPROVING_FOR.total_seconds() - 6 * DAY_S)
    await Worker(parts).sweep()
    stored = await shop.get(payment)
    assert (stored["status"], stored["attention_code"]) == ("processing", "still_approving")
    for _ in range(30):
        clock.advance(DAY_S)
        await Worker(parts).sweep()
    fronts.change = None
    clock.advance(DAY_S)
    await Worker(parts).sweep()
    stored = await shop.get(payment)
    assert (stored["status"], stored["needs_attention"]) == ("paid", False)


@pytest.mark.parametrize(("name", "word"), APPROVING)
async def test_what_ended_here_and_not_there_is_looked_at_until_it_ends_there_too(
    shop: Shop, parts: Services, clock: MovableClock, fronts: Fronts, name: str, word: str
) -> None:
    """The window was left open past the end; the late look finds an approval under way, and days later the money."""
    payment = await shop.create(**BY_NAME[name].order)
    fronts.change = says("READY" if name == "portone_v2" else "CREATED")
    clock.advance(31 * 60)
    await Worker(parts).sweep()
    assert (await shop.get(payment))["status"] == "expired"
    await shop.buyer_pays(payment, "lost_webhook")
    fronts.change = says(word)
    for _ in range(40):
        clock.advance(3 * 3600)
        await Worker(parts).sweep()
    assert (await shop.get(payment))["status"] == "expired"
    fronts.change = None
    clock.advance(3 * 3600)
    await Worker(parts).sweep()
    assert (await shop.get(payment))["status"] == "paid"


async def test_an_approval_that_is_declined_lets_the_buyer_try_again(shop: Shop, fronts: Fronts) -> None:
    payment = await shop.create(**BY_NAME["portone_v2"].order)
    brought = await shop.buyer_pays(payment, "declined")
    fronts.change = says("PAY_PENDING")
    assert (await shop.complete(payment, **brought)).json()["status"] == "processing"
    fronts.change = None
    assert (await shop.sync(payment)).json()["status"] == "open"
    again = await shop.client.post(f"/payments/{payment['id']}/attempts", json={}, headers=key())
    assert again.status_code == 201, again.text
