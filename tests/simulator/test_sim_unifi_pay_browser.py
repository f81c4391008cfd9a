"""The start page in a real browser, on a desktop and on a phone: shop, start page, shop."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Browser, Page, ViewportSize

from .driver import Driver
from .unifi_pay_driver import UnifiDriver

DESKTOP = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=320, height=568)
SHOP = "https://shop.example/"


@pytest.fixture
async def unifi(sim: Driver) -> AsyncIterator[UnifiDriver]:
    async with UnifiDriver(sim.simulator) as driver:
        yield driver


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
async def page(chromium: Browser, request: pytest.FixtureRequest) -> AsyncIterator[Page]:
    """A browser of its own, in which the shop's pages exist."""
    is_phone = request.param is PHONE
    context = await chromium.new_context(viewport=request.param, has_touch=is_phone, is_mobile=is_phone)
    await context.route(f"{SHOP}**", lambda route: route.fulfill(content_type="text/html", body="<h1>shop</h1>"))
    page = await context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    await context.close()
    assert errors == []


async def start(unifi: UnifiDriver, page: Page, **changes: Any) -> str:
    """The buyer comes from the shop to the start page; returns the transactionId."""
    created = await unifi.create(**changes)
    await page.goto(SHOP)
    await page.evaluate("url => { window.location.href = url }", created["startPageUrl"])
    await page.locator("#pay").wait_for()
    return str(created["transactionId"])


async def brought_back(page: Page) -> dict[str, list[str]]:
    await page.wait_for_url(f"{SHOP}return**")
    return parse_qs(urlsplit(page.url).query)


@pytest.mark.parametrize(
    ("button", "brought", "status"), [("pay", "confirmed", "CONFIRMED"), ("decline", "failed", "FAILED")]
)
async def test_a_button_brings_the_buyer_back(
    unifi: UnifiDriver, page: Page, button: str, brought: str, status: str
) -> None:
    transaction_id = await start(unifi, page, returnUrl=f"{SHOP}return?order=7")
    await page.locator(f"#{button}").click()
    assert await brought_back(page) == {"order": ["7"], "status": [brought], "transactionId": [transaction_id]}
    assert (await unifi.truth())["status"] == status


async def test_leave_stays_and_pay_after_all(unifi: UnifiDriver, page: Page) -> None:
    await start(unifi, page)
    await page.locator("#leave").click()
    await page.get_by_text("Not paid").wait_for()
    assert (await unifi.truth())["status"] == "PAYMENT_REQUESTED"
    await page.locator("#pay").click()
    await brought_back(page)
    assert (await unifi.truth())["status"] == "CONFIRMED"


async def test_a_reload_shows_the_page_again_and_another_browser_sees_nothing(
    unifi: UnifiDriver, page: Page, chromium: Browser
) -> None:
    await start(unifi, page)
    await page.reload()
    await page.locator("#pay").wait_for()
    stranger = await chromium.new_page()
    answer = await stranger.goto(page.url)
    assert answer is not None
    assert answer.status == 404
    await stranger.close()


async def test_nothing_is_cut_off_at_the_side_and_buttons_are_big_enough(unifi: UnifiDriver, page: Page) -> None:
    await start(unifi, page, storeId="s" * 200, items=[{"name": "나" * 300, "price": 999_999}] * 1)
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    for name in ("pay", "decline", "leave"):
        box = await page.locator(f"#{name}").bounding_box()
        assert box is not None
        assert box["height"] >= 44
    assert await page.locator(".amount").inner_text() == "$999,999.00"


async def test_a_payment_that_is_over_says_so(unifi: UnifiDriver, page: Page) -> None:
    await start(unifi, page)
    await unifi.pay(scenario="canceled")
    await page.locator("#pay").click()
    await page.locator("#status", has_text="CANCELED").wait_for()
    assert await page.locator("button:enabled").count() == 0


async def test_the_history_button_leads_back_to_a_page_that_works(unifi: UnifiDriver, page: Page) -> None:
    await start(unifi, page)
    start_page = page.url
    await page.goto(SHOP)
    await page.go_back()
    assert page.url == start_page
    await page.locator("#pay").click()
    assert (await brought_back(page))["status"] == ["confirmed"]
