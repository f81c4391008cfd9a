"""No money yet: the buyer left, or was declined. The page says how to go on, and going on works."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Route, expect

from tests.browser.driver import Buyer


async def press_the_cross(buyer: Buyer) -> None:
    await buyer.page.get_by_role("button", name="Close the payment window").click()


async def press_escape(buyer: Buyer) -> None:
    await buyer.page.keyboard.press("Escape")


WAYS_OUT = [Buyer.leaves, press_the_cross, press_escape]


@pytest.mark.parametrize("way_out", WAYS_OUT)
async def test_who_closes_the_window_is_told_how_to_go_on(
    buyer: Buyer, way_out: Callable[[Buyer], Awaitable[None]]
) -> None:
    world, page = buyer.world, buyer.page
    payment = await buyer.buys()
    async with page.expect_response("**/payments/complete") as found_out:
        await way_out(buyer)
        await buyer.sees("closed")
    assert (await found_out.value).status == 202
    await expect(page.locator(".point3-widget")).to_have_count(0)
    text = await buyer.text()
    assert "The payment window is closed" in text
    assert "Your order is still waiting for payment" in text
    assert "Pay by " in text
    assert not any(word in text.lower() for word in ("fail", "declined", "error", "problem"))
    await expect(page.get_by_role("link", name="Back to the shop")).to_be_visible()
    assert await world.stored(payment) == "open"
    await buyer.tries_again()
    await buyer.pays()
    await buyer.sees("paid")
    assert await world.stored(payment) == "paid"
    assert sum(await world.captures()) == 1


async def test_closing_twice_needs_no_second_attempt(buyer: Buyer) -> None:
    payment = await buyer.buys()
    for _ in range(2):
        await press_the_cross(buyer)
        await buyer.sees("closed")
        await buyer.tries_again()
    await buyer.pays()
    await buyer.sees("paid")
    assert await buyer.world.attempts(payment) == ["captured"]


async def test_an_order_that_was_left_can_be_paid_from_the_shop(buyer: Buyer) -> None:
    world, page = buyer.world, buyer.page
    payment = await buyer.buys()
    await buyer.leaves()
    await buyer.sees("closed")
    await page.get_by_role("link", name="Back to the shop").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Not paid yet")
    await page.get_by_role("link", name="Go on to payment").click()
    await buyer.widget_is_open()
    await buyer.pays()
    await buyer.sees("paid")
    assert await world.stored(payment) == "paid"


async def test_who_left_is_not_told_of_a_decline_after_the_sweeper_looked(buyer: Buyer) -> None:
    world = buyer.world
    payment = await buyer.buys()
    await buyer.leaves()
    await buyer.sees("closed")
    await world.shop.sync(payment)
    await buyer.page.reload()
    await buyer.widget_is_open()
    await buyer.pays()
    await buyer.sees("paid")
    assert await world.attempts(payment) == ["captured"]


async def test_a_window_that_was_closed_too_early_still_ends_paid(buyer: Buyer) -> None:
    """The buyer was through, but the window's message never came: the look-up finds it."""
    world = buyer.world
    payment = await buyer.buys()
    await world.shop.buyer_pays(payment)
    await press_escape(buyer)
    await buyer.sees("paid")
    assert await world.stored(payment) == "paid"
    assert (await world.shop.journal(payment))["confirms"] == 1


async def test_who_tries_again_at_once_waits_for_the_look_up(buyer: Buyer) -> None:
    world, page = buyer.world, buyer.page
    payment = await buyer.buys()
    held: asyncio.Event = asyncio.Event()

    async def hold(route: Route) -> None:
        await held.wait()
        await route.continue_()

    await page.route("**/payments/complete", hold, times=1)
    await buyer.is_declined()
    await buyer.sees("closed")
    await buyer.retry.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Opening the payment window")
    held.set()
    await buyer.widget_is_open()
    await buyer.pays()
    await buyer.sees("paid")
    assert await world.attempts(payment) == ["failed", "captured"]


async def test_declined_in_the_window_the_page_says_so_and_a_second_attempt_pays(buyer: Buyer) -> None:
    world = buyer.world
    payment = await buyer.buys()
    await buyer.is_declined()
    await buyer.sees("declined")
    await expect(buyer.detail).to_have_text("The payment company did not approve the payment.")
    assert await world.stored(payment) == "open"
    await buyer.tries_again()
    await buyer.pays()
    await buyer.sees("paid")
    assert await world.attempts(payment) == ["failed", "captured"]
    assert await world.captures() == [0, 1]


async def test_declined_at_confirm_the_page_says_why_and_a_second_attempt_pays(buyer: Buyer) -> None:
    world = buyer.world
    payment = await buyer.buys()
    await buyer.pays("declined")
    await buyer.sees("declined")
    await expect(buyer.detail).to_have_text(
        "The payment company did not approve the payment. (the payment was declined)"
    )
    assert await world.stored(payment) == "open"
    assert await world.attempts(payment) == ["failed"]
    await buyer.tries_again()
    await buyer.pays()
    await buyer.sees("paid")
    assert await world.attempts(payment) == ["failed", "captured"]
    assert await world.captures() == [0, 1]


async def test_a_decline_is_still_told_after_a_reload(buyer: Buyer) -> None:
    await buyer.buys()
    await buyer.pays("declined")
    await buyer.sees("declined")
    await buyer.page.reload()
    await buyer.sees("declined")
    await expect(buyer.detail).to_contain_text("did not approve the payment")
    await buyer.tries_again()


async def test_a_gateway_that_is_down_leaves_a_way_to_try_again(buyer: Buyer) -> None:
    world = buyer.world
    payment = await buyer.buys()
    await buyer.pays("declined")
    await buyer.sees("declined")
    await world.shop.scenario("error_500", call="token", reference=f"{payment['attempts'][0]['reference'][:-1]}2")
    buyer.witness.expect("503 (Service Unavailable)")
    await buyer.retry.click()
    await buyer.sees("unopened")
    await buyer.tries_again()
    await buyer.pays()
    await buyer.sees("paid")
    assert (await world.attempts(payment))[-1] == "captured"
