"""For everybody: by keyboard alone, with a screen reader, and on a small phone."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import NewBuyer
from tests.browser.driver import Buyer, box

FOCUSED = "document.activeElement.id || document.activeElement.className"


async def focused(page: Page) -> str:
    return str(await page.evaluate(FOCUSED))


async def tab_to(buyer: Buyer, name: str) -> None:
    """Press Tab until the element of this id has the focus: in the page, or inside the gateway's window."""
    for _ in range(12):
        await buyer.page.keyboard.press("Tab")
        here = await focused(buyer.page)
        if here == "point3-widget-iframe":
            here = str(await (await buyer.frame()).evaluate(FOCUSED))
        if here == name:
            return
    raise AssertionError(f"Tab does not reach {name}")


async def roles(page: Page) -> set[str]:
    """The roles in Chromium's own accessibility tree, which leaves out what is inert."""
    session = await page.context.new_cdp_session(page)
    tree = await session.send("Accessibility.getFullAXTree")
    await session.detach()
    return {node["role"]["value"] for node in tree["nodes"] if not node["ignored"]}


async def test_the_keyboard_alone_can_pay(buyer: Buyer) -> None:
    page = buyer.page
    await page.goto(buyer.world.storefront)
    await page.get_by_role("button", name="Buy: Ceramic mug").focus()
    await page.keyboard.press("Enter")
    await buyer.widget_is_open()
    assert await focused(page) == "point3-widget"
    await tab_to(buyer, "pay")
    await page.keyboard.press("Enter")
    await buyer.sees("paid")
    assert await focused(page) == "state-heading"
    await tab_to(buyer, "return-link")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Paid ✓")


async def test_the_keyboard_alone_can_close_and_come_back(buyer: Buyer) -> None:
    page = buyer.page
    await buyer.buys()
    await page.keyboard.press("Escape")
    await buyer.sees("closed")
    assert await focused(page) == "state-heading"
    await tab_to(buyer, "retry")
    await page.keyboard.press("Enter")
    await buyer.widget_is_open()
    await tab_to(buyer, "close-widget")
    await page.keyboard.press("Enter")
    await buyer.sees("closed")
    await tab_to(buyer, "retry")


async def test_the_window_is_a_dialog_and_hides_what_lies_behind(buyer: Buyer) -> None:
    page = buyer.page
    await buyer.buys()
    dialog = page.get_by_role("dialog", name="Payment window: Ceramic mug, ₩24,000")
    await expect(dialog).to_have_attribute("aria-modal", "true")
    await expect(page.get_by_title("Payment", exact=True)).to_be_visible()
    assert {"dialog", "button", "Iframe"} <= await roles(page)
    assert "main" not in await roles(page)
    await page.keyboard.press("Escape")
    await buyer.sees("closed")
    assert {"main", "heading", "button"} <= await roles(page)
    assert "dialog" not in await roles(page)


async def test_every_change_is_announced(buyer: Buyer) -> None:
    page = buyer.page
    await page.add_init_script(
        """if (window === window.top) addEventListener("DOMContentLoaded", () => {
          window.announced = [];
          const region = document.getElementById("announcer");
          new MutationObserver(() => announced.push(region.textContent)).observe(region, { childList: true });
        });"""
    )
    await buyer.opens(await buyer.world.shop.create())
    await expect(page.locator("#announcer")).to_have_attribute("aria-live", "polite")
    await page.keyboard.press("Escape")
    await buyer.sees("closed")
    await buyer.tries_again()
    await buyer.pays("declined")
    await buyer.sees("declined")
    await buyer.tries_again()
    await buyer.pays()
    await buyer.sees("paid")
    announced: list[str] = await page.evaluate("window.announced")
    headings = [text.split(" – ")[0] for text in announced]
    for expected in ("The payment window is closed", "The payment was not completed", "Payment complete"):
        assert expected in headings
    assert "Confirming your payment" in headings
    declined = next(text for text in announced if text.startswith("The payment was not completed"))
    assert "did not approve the payment" in declined


async def test_each_state_has_one_heading_named_controls_and_readable_contrast(buyer: Buyer) -> None:
    page = buyer.page
    await buyer.buys()
    await buyer.pays("declined")
    await buyer.sees("declined")
    await expect(page.get_by_role("heading", level=1)).to_have_count(1)
    await expect(page.get_by_role("main")).to_have_count(1)
    await expect(page.get_by_role("region", name="The payment was not completed")).to_be_visible()
    for control in await page.locator("button:visible, a:visible").all():
        assert (await control.inner_text()).strip()
        found = await control.bounding_box()
        assert found is not None
        assert found["height"] >= 44, "large enough for a thumb"
    ids: list[str] = await page.evaluate("Array.from(document.querySelectorAll('[id]'), (element) => element.id)")
    assert len(ids) == len(set(ids))
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
        for selector in ("h1", ".text", ".detail", ".order-name", ".footer", "#retry", "#return-link"):
            assert await page.evaluate(CONTRAST, selector) >= 4.5, f"{selector} in {scheme}"


CONTRAST = """(selector) => {
  const channels = (color) => color.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b]
    .map((value) => value / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
    .reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0);
  const element = document.querySelector(selector);
  let ground = element;
  while (ground.parentElement && channels(getComputedStyle(ground).backgroundColor)[3] === 0) ground = ground.parentElement;
  const pair = [getComputedStyle(element).color, getComputedStyle(ground).backgroundColor].map(channels).map(luminance);
  return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
}"""


async def fits(page: Page, width: int) -> bool:
    """Nothing is wider than the screen."""
    return bool(await page.evaluate("(width) => document.documentElement.scrollWidth <= width", width))


@pytest.mark.parametrize(("width", "height", "locale"), [(360, 740, "ko-KR"), (320, 568, "en-US")])
async def test_a_small_phone_shows_all_of_it(new_buyer: NewBuyer, width: int, height: int, locale: str) -> None:
    viewport = {"width": width, "height": height}
    buyer = await new_buyer(locale=locale, viewport=viewport, is_mobile=True, has_touch=True, device_scale_factor=2)
    page = buyer.page
    await page.goto(buyer.world.storefront)
    assert await fits(page, width)
    await page.locator(".product button").first.tap()
    await buyer.widget_is_open()
    assert await fits(page, width)
    left, _, frame_width, frame_height = await box(page, ".point3-widget-inner")
    assert (frame_width, frame_height) == (312, 560)
    assert left >= 0
    assert left + frame_width <= width
    await page.locator("#close-widget").tap()
    await buyer.sees("closed")
    assert await fits(page, width)
    _, top, _, button_height = await box(page, "#retry")
    assert top + button_height <= height, "the way on is on the first screen"
    await page.locator("#retry").tap()
    await buyer.widget_is_open()
    await buyer.widget.locator("#pay").tap()
    await buyer.sees("paid")
    assert await fits(page, width)
    await page.locator("#return-link").tap()
    await expect(page.locator("[data-status=paid]")).to_be_visible()
    assert await fits(page, width)


async def test_the_window_is_as_large_as_the_vendor_says(buyer: Buyer) -> None:
    page = buyer.page
    await page.set_viewport_size({"width": 1280, "height": 800})
    await buyer.buys()
    left, _, width, height = await box(page, ".point3-widget-inner")
    assert (width, height) == (312, 560)
    assert abs(left + width / 2 - 640) <= 1, "centred"
    assert await box(page, ".point3-widget") == (0, 0, 1280, 800)
    ground = await page.locator(".point3-widget").evaluate(
        "(element) => [getComputedStyle(element).backgroundColor, getComputedStyle(element).zIndex]"
    )
    assert ground == ["rgb(13, 13, 13)", "9999"]
