"""One payment has one budget for unsigned webhooks, whatever they name it by; and so has a name that nobody knows yet."""

import json
from typing import Any

import pytest

from app.settings import Settings
from simulator.server import Simulator
from tests.api.house import House, house, limited
from tests.flows.gateways.orders import BY_NAME
from tests.flows.webhooks.senders import JSON, UNIFI_PATH, Post, v1
from tests.support import MovableClock
from tests.support.databases import Urls
from tests.support.settings import settings_for

SLOW = 0.3
"""One at once, and another after minutes: however busy the machine is."""


@pytest.fixture
def settings(urls: Urls, simulator: Simulator) -> Settings:
    return settings_for(urls, simulator, trusted_proxies=1)


async def bought(at: House, simulator: Simulator, gateway: str) -> dict[str, Any]:
    """The attempt of a paid payment: its gateway's reference is known to whoever bought."""
    shop = at.shop(simulator)
    payment = await shop.create(**BY_NAME[gateway].order)
    await shop.complete(payment, **await shop.buyer_pays(payment, "lost_webhook"))
    attempt: dict[str, Any] = (await shop.get(payment))["attempts"][-1]
    return attempt


def about(gateway: str, reference: str | None, ref: str | None, number: int) -> Post:
    """An unsigned webhook; another `number` is other news."""
    if gateway == "portone_v1":
        return v1(reference, ref, f"paid{number}")
    told = {"orderId": reference, "transactionId": ref, "status": f"S{number}"}
    return Post(UNIFI_PATH, JSON, json.dumps({name: value for name, value in told.items() if value}).encode())


async def kept(at: House, posts: list[Post]) -> int:
    """How many of them are let in, each from another address."""
    answers = [await at.post(post, f"203.0.{n // 250}.{n % 250}") for n, post in enumerate(posts)]
    assert {answer.status_code for answer in answers} <= {200, 429}
    for answer in (each for each in answers if each.status_code == 429):
        limited(answer)
    return sum(answer.status_code == 200 for answer in answers)


NAMES = {
    "ours": lambda reference, ref, n: (reference, None),
    "the gateway's": lambda reference, ref, n: (None, ref),
    "both": lambda reference, ref, n: (reference, ref),
    "in turn": lambda reference, ref, n: (reference, None) if n % 2 else (None, ref),
    "the gateway's, with a foreign order": lambda reference, ref, n: (f"order-{n}", ref),
    "ours, with a made-up one": lambda reference, ref, n: (reference, f"imp_{n}"),
}


@pytest.mark.parametrize("gateway", ["portone_v1", "unifi_pay"])
@pytest.mark.parametrize("named", NAMES.values(), ids=NAMES)
async def test_one_payment_has_one_budget_whatever_names_it(
    settings: Settings, clock: MovableClock, api_key: str, simulator: Simulator, gateway: str, named: Any
) -> None:
    async with house(settings, clock, api_key, payment_per_min=SLOW) as at:
        attempt = await bought(at, simulator, gateway)
        names = [named(attempt["reference"], attempt["gateway_ref"], n) for n in range(9)]
        assert await kept(at, [about(gateway, ours, its, n) for n, (ours, its) in enumerate(names)]) == 1


@pytest.mark.parametrize("gateway", ["portone_v1", "unifi_pay"])
async def test_so_has_a_name_that_nobody_knows_yet(
    settings: Settings, clock: MovableClock, api_key: str, gateway: str
) -> None:
    async with house(settings, clock, api_key, payment_per_min=SLOW) as at:
        assert await kept(at, [about(gateway, None, "imp_unknown", n) for n in range(9)]) == 1
