"""The token leaves the address; apps hear of redirects; where the script does not run, the page says what to do."""

import asyncio
import json
import re
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.driver import DESK, PHONE, Buyer, World
from tests.browser.test_web_views import BRIDGES, everybody
from tests.flows.gateways.orders import BUYER


async def test_the_token_leaves_the_address_and_reloads_and_tabs_go_on(buyer: Buyer) -> None:
    payment = await buyer.world.shop.create()
    await buyer.opens(payment)
    address = f"{buyer.world.api}/checkout/{payment['id']}"
    assert buyer.page.url == address
    await buyer.page.reload()
    await buyer.widget_is_open()
    tab = await buyer.page.context.new_page()
    await tab.goto(address)
    await expect(tab.locator("#checkout")).to_have_attribute("data-state", "paying")
    assert await buyer.page.evaluate("document.cookie") == ""
    await buyer.pays()
    await buyer.sees("paid")
    await tab.reload()
    await expect(tab.locator("#checkout")).to_have_attribute("data-state", "paid")


async def test_a_browser_that_keeps_no_cookie_goes_on_with_the_token(buyer: Buyer) -> None:
    """As our server answers it: without the cookie, the payment's own address opens nothing."""
    buyer.witness.expect("404 (Not Found)")
    await buyer.page.route("**/checkout/pay_*", lambda route: route.fulfill(status=404))
    payment = await buyer.world.shop.create()
    await buyer.opens(payment)
    assert buyer.page.url == payment["checkout_url"]
    await buyer.page.reload()
    await buyer.widget_is_open()
    await buyer.pays()
    await buyer.sees("paid")


async def test_a_page_without_script_lives_on_at_the_payments_address(buyer: Buyer) -> None:
    payment = await buyer.world.shop.create(order_name="Mug")
    browser = buyer.page.context.browser
    assert browser is not None
    context = await browser.new_context(java_script_enabled=False, locale="en-US")
    page = await context.new_page()
    for address in (payment["checkout_url"], f"{buyer.world.api}/checkout/{payment['id']}"):
        await page.goto(address)
        await expect(page.locator(".order-name")).to_contain_text("Mug")
        await expect(page.locator(".fallback")).to_be_visible()
        await expect(page.locator(".point3-widget")).to_be_hidden()
    await context.close()


@pytest.mark.parametrize("size", [(390, 844), (360, 640), (1280, 620)], ids=str)
async def test_without_script_there_is_a_way_back_to_the_shop(buyer: Buyer, size: tuple[int, int]) -> None:
    """The sheet that says what to do lies over the page's own link."""
    payment = await buyer.world.shop.create(return_url=f"{buyer.world.api}/healthz?shop")
    browser = buyer.page.context.browser
    assert browser is not None
    viewport: Any = {"width": size[0], "height": size[1]}
    context = await browser.new_context(java_script_enabled=False, viewport=viewport)
    page = await context.new_page()
    await page.goto(payment["checkout_url"])
    await page.locator(".fallback-return").click()
    await page.wait_for_url(f"{buyer.world.api}/healthz?shop")
    await context.close()


@pytest.mark.parametrize(
    "gateway", ["portone_v2", *(pytest.param(each, marks=pytest.mark.long) for each in ("portone_v1", "unifi_pay"))]
)
async def test_an_app_hears_once_of_a_redirect_before_the_page_leaves(visit: Any, four: World, gateway: str) -> None:
    buyer = await visit(gateway, PHONE, return_url=f"{four.storefront}/?paid", customer=BUYER)
    await buyer.page.add_init_script(BRIDGES)
    await buyer.chooses(gateway, "#pay")
    await buyer.sees("paid")
    await buyer.page.locator("#stay").click()
    told = await buyer.page.evaluate("window.heard")
    ref = (await buyer.stored())["attempts"][-1]["gateway_ref"]
    assert [(name, text if name == "ios" else json.loads(text)) for name, text in told] == everybody(
        "success", ref, buyer.payment, "paid"
    )
    await buyer.page.reload()
    await buyer.sees("paid")
    await expect(buyer.page.locator("#stay")).to_be_visible()
    assert await buyer.page.evaluate("window.heard") == []
    await buyer.page.wait_for_url(f"{four.storefront}/?paid")


BLOCKED = {
    "blocked": lambda route: route.abort(),
    "too_new": lambda route: route.fulfill(
        body="import x from './api.js'; let a = @@;", content_type="text/javascript"
    ),
    "part_missing": lambda route: route.fulfill(status=404),
}


@pytest.mark.parametrize(
    ("how", "gateway"),
    [
        ("blocked", "unifi_pay"),
        ("too_new", "point3"),
        *(
            pytest.param(how, gateway, marks=pytest.mark.long)
            for how in BLOCKED
            for gateway in ("point3", "portone_v1", "portone_v2", "unifi_pay")
        ),
    ],
)
async def test_a_script_that_cannot_run_leaves_a_way_to_pay_or_to_leave(
    visit: Any, four: World, how: str, gateway: str
) -> None:
    buyer = await visit(gateway, DESK, return_url=f"{four.storefront}/?left", customer=BUYER, go=False)
    page: Page = buyer.page
    buyer.witness.expect("")
    file = "panel.js" if how == "part_missing" else "checkout.js"
    await page.route(re.compile(rf"/static/checkout/{file}"), BLOCKED[how])
    await page.goto(buyer.payment["checkout_url"])
    fallback = page.locator(".fallback")
    await expect(fallback).to_be_visible()
    await expect(fallback).to_contain_text("This browser cannot open the payment window")
    again = fallback.get_by_role("link", name="Open this page again")
    assert await again.get_attribute("href") == f"/checkout/{buyer.payment['client_token']}"
    if gateway == "unifi_pay":
        await fallback.get_by_role("link", name="Go on to payment").click()
        await buyer.chooses(gateway, "#pay")
        await page.unroute_all()
        await buyer.sees("paid")
    else:
        await fallback.get_by_role("link", name="Back to the shop").click()
        await page.wait_for_url(f"{four.storefront}/?left")


async def test_the_fallback_is_not_shown_while_the_script_is_on_its_way(buyer: Buyer) -> None:
    """On a slow line that takes longer than the fallback waits where nothing tells it."""
    arrives = asyncio.Event()

    async def slowly(route: Route) -> None:
        await arrives.wait()
        await route.continue_()

    await buyer.page.route("**/static/checkout/panel.js", slowly)
    payment = await buyer.world.shop.create()
    await buyer.page.goto(payment["checkout_url"], wait_until="commit")
    await expect(buyer.page.locator(".fallback")).to_have_css("display", "none")
    arrives.set()
    await buyer.widget_is_open()


async def test_the_script_hides_the_fallback(buyer: Buyer) -> None:
    payment = await buyer.world.shop.create()
    await buyer.opens(payment)
    await expect(buyer.page.locator(".fallback")).to_have_css("display", "none")


async def test_an_account_for_a_transfer_is_shown(visit: Any, four: World) -> None:
    buyer = await visit("portone_v2", DESK, customer=BUYER, method="VIRTUAL_ACCOUNT", go=False)
    await four.shop.complete(buyer.payment, **await four.shop.buyer_pays(buyer.payment, "virtual_account"))
    deposit = (await buyer.stored())["attempts"][0]["deposit"]
    await buyer.page.goto(buyer.payment["checkout_url"])
    await buyer.sees("awaiting_deposit")
    shown = buyer.page.locator("#deposit")
    await expect(shown).to_be_visible()
    for text in (deposit["bank"], deposit["number"]):
        await expect(shown).to_contain_text(text)
    await expect(shown.locator("#deposit-until")).not_to_contain_text("T0")
