"""A further attempt looks first at the windows before it: what its buyer has just paid there is found, and not paid twice."""

import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.domain.schedule import LOOK_FIRST_S
from app.settings import Settings
from simulator.server import Simulator
from tests.flows.gateways.orders import BUYER, BY_NAME
from tests.flows.gateways.test_deposits import waits
from tests.flows.gateways.test_under_way import APPROVING, says
from tests.support import Shop, key
from tests.support.databases import Urls
from tests.support.front import Fronts, fronts_of
from tests.support.settings import settings_for

every = pytest.mark.parametrize("name", BY_NAME)
by_both = pytest.mark.parametrize("is_browser", [False, True], ids=["server", "browser"])
ELSEWHERE = {"point3": "portone_v2", "portone_v2": "point3", "portone_v1": "unifi_pay", "unifi_pay": "portone_v1"}
"""Another gateway that takes the same currency."""


@pytest.fixture
async def fronts(urls: Urls, simulator: Simulator) -> AsyncIterator[Fronts]:
    async with fronts_of(settings_for(urls, simulator), *BY_NAME) as fronts:
        yield fronts


@pytest.fixture
def settings(fronts: Fronts) -> Settings:
    return fronts.settings


async def tries_again(
    shop: Shop, payment: dict[str, Any], *, is_browser: bool = False, gateway: str | None = None
) -> httpx.Response:
    headers = key() | ({"Authorization": f"Bearer {payment['client_token']}"} if is_browser else {})
    body = {"gateway": gateway} if gateway else {}
    return await shop.client.post(f"/payments/{payment['id']}/attempts", json=body, headers=headers)


async def looks(shop: Shop, name: str) -> int:
    rows = await shop.sim("GET", f"/_sim/calls?gateway={name}")
    return sum(row["call"] == "lookup" for row in rows)


@every
@by_both
async def test_who_has_just_paid_is_told_so_and_pays_once(shop: Shop, name: str, is_browser: bool) -> None:
    payment = await shop.create(**BY_NAME[name].order)
    await shop.buyer_pays(payment, "paid" if name == "point3" else "lost_webhook")
    answer = await tries_again(shop, payment, is_browser=is_browser)
    assert (answer.status_code, answer.json()["code"]) == (409, "payment_not_open")
    stored = await shop.get(payment)
    assert (stored["status"], [each["status"] for each in stored["attempts"]]) == ("paid", ["captured"])
    assert (await shop.journal(stored))["captures"] == 1


@pytest.mark.parametrize("name", ["portone_v1", "portone_v2"])
async def test_a_deposit_that_has_just_come_is_found(shop: Shop, name: str) -> None:
    payment = await waits(shop, name)
    await shop.buyer_pays(payment, "lost_webhook")
    answer = await tries_again(shop, payment)
    assert (answer.status_code, answer.json()["payment_status"]) == (409, "paid")
    assert [each["status"] for each in (await shop.get(payment))["attempts"]] == ["captured"]


@pytest.mark.parametrize(("name", "word"), APPROVING)
@by_both
async def test_while_an_approval_is_under_way_nobody_pays_again(
    shop: Shop, fronts: Fronts, name: str, word: str, is_browser: bool
) -> None:
    """Nothing has told us of it yet."""
    payment = await shop.create(**BY_NAME[name].order)
    await shop.buyer_pays(payment, "lost_webhook")
    fronts.change = says(word)
    for gateway in (None, ELSEWHERE[name]):
        answer = await tries_again(shop, payment, is_browser=is_browser and gateway is None, gateway=gateway)
        assert (answer.status_code, answer.json()["code"]) == (409, "payment_processing")
    assert (await shop.get(payment))["status"] == "processing"


@every
@by_both
async def test_who_was_declined_or_has_not_paid_goes_on(shop: Shop, name: str, is_browser: bool) -> None:
    payment = await shop.create(**BY_NAME[name].order)
    await shop.buyer_pays(payment, "declined")
    for number in (2, 3):  # the second time nobody has touched the window
        answer = await tries_again(shop, payment, is_browser=is_browser)
        assert answer.status_code == 201, answer.text
        assert len(answer.json()["attempts"]) == number


@every
@pytest.mark.parametrize("how", ["error_500", "hang"])
async def test_a_gateway_that_does_not_answer_keeps_nobody_from_paying_elsewhere(
    shop: Shop, name: str, how: str
) -> None:
    payment = await shop.create(**BY_NAME[name].order | {"customer": BUYER})
    await shop.scenario("accept_then_hang" if how == "hang" else how, name, call="lookup", times=-1)
    began = time.monotonic()
    answer = await tries_again(shop, payment, gateway=ELSEWHERE[name])
    assert answer.status_code == 201, answer.text
    assert time.monotonic() - began < LOOK_FIRST_S + 3
    assert [each["gateway"] for each in answer.json()["attempts"]] == [name, ELSEWHERE[name]]


async def test_it_costs_one_look_at_each_gateway_however_many_windows_were_opened(shop: Shop) -> None:
    payment = await shop.create(**BY_NAME["portone_v2"].order)
    for number in range(2, 6):
        before = await looks(shop, "portone_v2"), await looks(shop, "point3")
        answer = await tries_again(shop, payment, gateway="point3" if number == 4 else "portone_v2")
        assert answer.status_code == 201, answer.text
        assert await looks(shop, "portone_v2") - before[0] <= 1
        assert await looks(shop, "point3") - before[1] <= (number > 4)
