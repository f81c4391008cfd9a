"""The drop-in, asked a second time: each payment has its own window, frame, clock and answer."""

import asyncio
from typing import Any

import pytest
from playwright.async_api import Route, expect

from tests.browser.conftest import NewCustomer
from tests.browser.driver import expect_soon
from tests.browser.storefront import Customer
from tests.flows.gateways.orders import BY_NAME

SECOND = """(clientToken) => { window.second = null; window.heard = [];
  Onetill.open({ clientToken, onResult: (result) => heard.push(result) })
    .then((result) => { window.second = result; }, (error) => { window.second = String(error); }); }"""
INLINE = "(clientToken) => { Onetill.open({ clientToken, mode: 'inline', container: '#here' }); }"
SILENCE_S = 15
"""Of static/onetill.js."""


async def another(buyer: Customer, gateway: str = "point3", **order: Any) -> dict[str, Any]:
    body = {"return_url": f"{buyer.embedding.shop}/paid", **BY_NAME[gateway].order, **order}
    return await buyer.embedding.world.shop.create(**body)


async def stays_in_the_shop(buyer: Customer) -> None:
    await asyncio.sleep(SILENCE_S + 1)
    assert buyer.page.url.startswith(buyer.embedding.shop)


async def test_another_payment_is_not_shown_the_window_of_the_one_before(customer: NewCustomer) -> None:
    buyer = await customer("unifi_pay")
    await buyer.presses_buy("overlay")
    first = (await buyer.window("unifi_pay")).page
    await buyer.checkout.locator("#close-frame").click()
    assert (await buyer.ended())["payment_status"] == "open"
    second = await another(buyer, "unifi_pay", amount=99000)
    async with buyer.context.expect_page() as opened:
        await buyer.page.evaluate(SECOND, second["client_token"])
    assert await opened.value is not first
    await (await opened.value).locator("#pay").click()
    await buyer.sees("paid")
    assert (await buyer.embedding.world.shop.get(second))["status"] == "paid"
    assert await buyer.status() == "open"


async def test_inline_twice_is_one_that_stays(customer: NewCustomer) -> None:
    buyer = await customer()
    for _ in range(2):
        await buyer.page.evaluate(INLINE, buyer.payment["client_token"])
    await buyer.window("point3")
    await stays_in_the_shop(buyer)
    await expect(buyer.page.locator("iframe")).to_have_count(1)


@pytest.mark.parametrize("replaced", [True, False])
async def test_an_inline_checkout_that_was_taken_away_leads_nobody_away(
    customer: NewCustomer, *, replaced: bool
) -> None:
    buyer = await customer()
    second = await another(buyer)
    await buyer.page.evaluate(
        """([clientToken, other]) => { window.ended = null;
          Onetill.open({ clientToken, mode: "inline", container: "#here" }).then((result) => { window.ended = result; });
          if (other) Onetill.open({ clientToken: other, mode: "inline", container: "#here" });
          else document.getElementById("here").replaceChildren(); }""",
        [buyer.payment["client_token"], second["client_token"] if replaced else None],
    )
    if replaced:
        assert ((await buyer.ended())["msg"], (await buyer.ended())["payment_status"]) == ("closed", "unknown")
    await stays_in_the_shop(buyer)


@pytest.mark.parametrize("again", [True, False])
async def test_an_overlay_that_a_router_took_away_leaves_a_page_that_scrolls(
    customer: NewCustomer, *, again: bool
) -> None:
    """And its promise ends; also where the next one opens before the clock has seen it."""
    buyer = await customer()
    await buyer.presses_buy("overlay")
    await buyer.window("point3")
    await buyer.page.evaluate("document.querySelector('dialog').remove()")
    if again:
        await buyer.page.evaluate(SECOND, buyer.payment["client_token"])
        await buyer.checkout.locator("#checkout").wait_for()
    assert (await buyer.ended())["msg"] == "closed"
    if again:
        await buyer.page.evaluate("document.querySelector('dialog').remove()")
        await expect_soon(buyer.page, "window.second !== null")
    assert await buyer.page.evaluate("document.documentElement.style.overflow") == ""
    await expect(buyer.page.locator("dialog")).to_have_count(0)


async def test_another_payment_does_not_get_the_answer_of_the_one_that_is_open(customer: NewCustomer) -> None:
    buyer = await customer()
    second = await another(buyer)
    await buyer.presses_buy("overlay")
    await buyer.window("point3")
    await buyer.page.evaluate(SECOND, second["client_token"])
    await buyer.presses("point3", "#pay")
    assert (await buyer.ended())["payment_id"] == buyer.payment["id"]
    assert await buyer.page.evaluate("[second, heard]") == ["TypeError: Onetill.open: another payment is open", []]


async def test_who_opens_the_same_payment_again_hears_of_it_too(customer: NewCustomer) -> None:
    buyer = await customer()
    await buyer.presses_buy("overlay")
    await buyer.window("point3")
    await buyer.page.evaluate(SECOND, buyer.payment["client_token"])
    await buyer.presses("point3", "#pay")
    ended = await buyer.ended()
    assert await buyer.page.evaluate("[second, heard]") == [ended, [ended]]


async def test_closed_while_the_result_is_waited_for(customer: NewCustomer) -> None:
    buyer = await customer()
    buyer.witness.expect("net::ERR_FAILED")
    held = asyncio.Event()

    async def hold(route: Route) -> None:
        await held.wait()
        await route.abort()

    await buyer.context.route("**/payments/complete", hold)
    await buyer.presses_buy("overlay")
    await buyer.presses("point3", "#pay")
    await buyer.sees("confirming")
    await buyer.checkout.locator("#close-frame").click()
    result = await buyer.ended()
    held.set()
    assert (result["msg"], result["payment_status"]) == ("closed", "processing")
