"""The server writes Point3's window into the page: a buyer may be through with it before the page's script listens."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Route

from tests.browser.driver import Buyer, expect_soon
from tests.browser.test_closed_and_declined import press_escape, press_the_cross

# What the buyer does, the event that the page gets of it, and what the page shows in the end.
ACTS = [
    (Buyer.pays, "message", "paid"),
    (Buyer.leaves, "message", "closed"),
    (press_the_cross, "click", "closed"),
    (press_escape, "keydown", "closed"),
]


@pytest.mark.parametrize("held_up", ["**/static/checkout/checkout.js", "**/checkout/pay_*"], ids=["script", "address"])
@pytest.mark.parametrize(("act", "event", "state"), ACTS, ids=[each[0].__name__ for each in ACTS])
async def test_nothing_that_happens_before_the_script_listens_is_lost(
    buyer: Buyer, act: Callable[[Buyer], Awaitable[None]], event: str, state: str, held_up: str
) -> None:
    happened = asyncio.Event()

    async def hold(route: Route) -> None:
        await happened.wait()
        await route.continue_()

    await buyer.page.route(held_up, hold)
    payment = await buyer.world.shop.create()
    await buyer.page.goto(payment["checkout_url"], wait_until="commit")
    await buyer.widget_is_open(by_script=False)
    await act(buyer)
    await expect_soon(buyer.page, f"window.early.events.some(({{ type }}) => type === {event!r})")
    happened.set()
    await buyer.sees(state)
    assert await buyer.world.stored(payment) == ("paid" if state == "paid" else "open")
    assert sum(await buyer.world.captures()) == (state == "paid")
