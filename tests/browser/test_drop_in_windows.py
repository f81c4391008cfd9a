"""Where a frame leads out: every link goes to the whole window, and no window stays payable beside another way unseen."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import NewCustomer
from tests.browser.driver import DESK, PHONE, expect_soon
from tests.browser.storefront import Customer
from tests.browser.test_drop_in_answers import calls_a_person, is_canceled, runs_out

LINE = {
    **PHONE,
    "user_agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0) AppleWebKit/605.1.15 Mobile/15E148 Safari Line/13.1.0",
}
KAKAOTALK = {
    **PHONE,
    "user_agent": "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Mobile Safari/537.36 KAKAOTALK/10",
}
NAVER = {
    **PHONE,
    "user_agent": "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Mobile Safari/537.36 NAVER(inapp; search)",
}
IN_APPS = {"desk": DESK, "line": LINE, "kakaotalk": KAKAOTALK, "android": NAVER}
LINKS = """() => [...document.querySelectorAll("a, area, form")].map(({ id, className, target }) => [id || className, target])"""
NOT_HANDED_OVER = """() => { const open = window.open;
  window.open = (...how) => { const popup = open(...how); popup.name = "other"; return popup; }; }"""


async def chooses_another(buyer: Customer, gateway: str = "portone_v1") -> None:
    title = {"portone_v1": "Paymentwall", "portone_v2": "Card", "point3": "Point3"}[gateway]
    await buyer.checkout.get_by_role("button", name=title).click()


async def has_gone(page: Page) -> None:
    if not page.is_closed():
        await page.wait_for_event("close")


@pytest.mark.parametrize("device", IN_APPS.values(), ids=IN_APPS)
@pytest.mark.parametrize("mode", ["overlay", "inline"])
async def test_every_link_leads_the_whole_window(customer: NewCustomer, mode: str, device: dict[str, Any]) -> None:
    buyer = await customer(device=device)
    await buyer.presses_buy(mode)
    await buyer.presses("point3", "#leave")
    await buyer.sees("closed")
    frame = next(frame for frame in buyer.page.frames if "/checkout/" in frame.url)
    links = dict(await frame.evaluate(LINKS))
    assert {"open-outside", "button", "button fallback-return"} <= links.keys()
    assert ("return-link" in links) is (mode == "inline")
    assert set(links.values()) == {"_top"}
    if device is not DESK:
        assert await buyer.checkout.locator("#open-outside").get_attribute("href")


@pytest.mark.parametrize("mode", ["overlay", "inline"])
async def test_who_goes_on_outside_of_line_is_led_back_to_the_shop(customer: NewCustomer, mode: str) -> None:
    """Where LINE does not take the address for itself, as here, it opens in place of the shop's page."""
    buyer = await customer(device=LINE)
    await buyer.presses_buy(mode)
    await buyer.presses("point3", "#leave")
    await buyer.sees("closed")
    await buyer.checkout.locator("#open-outside").click()
    await buyer.page.wait_for_url(f"{buyer.embedding.world.api}/checkout/**")
    await buyer.presses("point3", "#pay")
    await buyer.page.wait_for_url(f"{buyer.embedding.shop}/paid")
    assert await buyer.status() == "paid"


async def test_without_its_script_the_frame_leads_out_as_well(customer: NewCustomer) -> None:
    buyer = await customer()
    buyer.witness.expect("net::ERR")
    await buyer.presses_buy("inline")
    await buyer.window("point3")
    await buyer.context.route("**/static/checkout/checkout.js", lambda route: route.abort())
    frame = next(frame for frame in buyer.page.frames if "/checkout/" in frame.url)
    await frame.evaluate("location.reload()")
    await buyer.checkout.locator(".fallback-return").click()
    await buyer.page.wait_for_url(f"{buyer.embedding.shop}/paid")


@pytest.mark.parametrize("mode", ["overlay", "inline"])
async def test_another_gateway_closes_the_window_of_the_first(customer: NewCustomer, mode: str) -> None:
    buyer = await customer("unifi_pay")
    await buyer.presses_buy(mode)
    first = (await buyer.window("unifi_pay")).page
    await chooses_another(buyer)
    await has_gone(first)
    await buyer.presses("portone_v1", "#pay")
    assert (await buyer.ended())["status"] == "success"
    attempts = (await buyer.embedding.world.shop.get(buyer.payment))["attempts"]
    assert [attempt["status"] for attempt in attempts].count("captured") == 1


async def test_what_was_just_paid_in_the_first_is_found_before_another_opens(customer: NewCustomer) -> None:
    buyer = await customer("unifi_pay")
    buyer.witness.expect("409 (Conflict)")
    await buyer.presses_buy("overlay")
    await buyer.window("unifi_pay")
    await buyer.sees("elsewhere")
    await buyer.embedding.world.shop.buyer_pays(buyer.payment)
    await chooses_another(buyer)
    assert (await buyer.ended())["status"] == "success"
    assert len((await buyer.embedding.world.shop.get(buyer.payment))["attempts"]) == 1


@pytest.mark.parametrize("mode", ["overlay", "inline"])
async def test_a_first_window_that_cannot_be_closed_and_is_paid_ends_the_second(
    customer: NewCustomer, mode: str
) -> None:
    """Some browsers hand no window over: then it stays, and what becomes of it is looked at while the buyer pays elsewhere."""
    buyer = await customer("unifi_pay")
    await buyer.page.evaluate(NOT_HANDED_OVER)
    await buyer.presses_buy(mode)
    first = await buyer.window("unifi_pay")
    assert await first.evaluate("window.opener") is None
    await chooses_another(buyer)
    await buyer.window("portone_v1")
    assert [page.is_closed() for page in (buyer.page, first.page)] == [False, False]
    await first.locator("#pay").click()
    result = await buyer.ended()
    assert (result["status"], result["payment_status"]) == ("success", "paid")
    assert await buyer.status() == "paid"


async def test_closing_the_overlay_closes_the_window_beside_it(customer: NewCustomer) -> None:
    buyer = await customer("unifi_pay")
    await buyer.presses_buy("overlay")
    first = (await buyer.window("unifi_pay")).page
    await buyer.checkout.locator("#close-frame").click()
    assert (await buyer.ended())["payment_status"] == "open"
    await has_gone(first)
    await buyer.page.locator("#buy").click()
    await buyer.checkout.locator("#retry").click()
    await buyer.presses("unifi_pay", "#pay")
    assert (await buyer.ended())["status"] == "success"


@pytest.mark.parametrize(
    ("end", "status"),
    [(is_canceled, "canceled"), (runs_out, "expired"), (calls_a_person, "review")],
)
async def test_what_ends_the_payment_closes_the_window_beside_it(
    customer: NewCustomer, end: Callable[[Customer], Awaitable[None]], status: str
) -> None:
    """Who paid in there now would have paid for nothing."""
    buyer = await customer("unifi_pay")
    await buyer.presses_buy("overlay")
    first = (await buyer.window("unifi_pay")).page
    await end(buyer)
    await buyer.sees(status)
    await has_gone(first)


async def test_where_its_module_does_not_come_the_page_leaves(customer: NewCustomer) -> None:
    buyer = await customer("unifi_pay")
    buyer.witness.expect("net::ERR")
    await buyer.context.route("**/static/onetill_window.js", lambda route: route.abort())
    await buyer.presses_buy("overlay")
    await buyer.presses("unifi_pay", "#pay")
    await buyer.page.wait_for_url(f"{buyer.embedding.shop}/paid")
    assert await buyer.status() == "paid"


async def test_the_shops_page_sees_nothing_of_the_frame_that_opens_windows(customer: NewCustomer) -> None:
    buyer = await customer("unifi_pay")
    await buyer.presses_buy("overlay")
    await buyer.presses("unifi_pay", "#pay")
    await buyer.ended()
    await expect(buyer.page.locator("iframe, dialog")).to_have_count(0)
    await expect_soon(buyer.page, "document.body.scrollHeight <= innerHeight")
