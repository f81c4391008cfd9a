"""The overlay never traps anybody: whatever its frame shows, there is a way out, and what it tells is the newest there is."""

import asyncio
from typing import Any

import pytest
from playwright.async_api import Route, expect

from tests.browser.conftest import NewCustomer
from tests.browser.driver import DESK, PHONE, expect_soon
from tests.browser.storefront import Customer
from tests.browser.test_every_state import faults

ANOTHER_SITES_STYLES = """
  * { box-sizing: border-box; }
  iframe { max-width: 100%; max-height: 300px; border-radius: 8px; margin: 20px; opacity: 0.5; }
  dialog { padding: 20px; max-width: 500px; margin: auto; border-radius: 16px; }
  dialog:not(.none) { display: flex; flex-direction: column; }
  button { width: 100%; background: #eee; color: #ddd; border-radius: 0; }
"""
FOCUS_THE_DIALOG = (
    """() => { const dialog = document.querySelector("dialog"); dialog.tabIndex = -1; dialog.focus(); }"""
)


async def is_lost_offline(buyer: Customer) -> None:
    await buyer.context.route("**/checkout/*_*", lambda route: route.abort())


async def is_a_closed_link(buyer: Customer) -> None:
    await buyer.context.clear_cookies()
    await buyer.embedding.world.shop.client.post(f"/payments/{buyer.payment['id']}/close-link")


async def is_too_busy(buyer: Customer) -> None:
    await buyer.context.route("**/checkout/*_*", lambda route: route.fulfill(status=503, body="busy"))


async def has_no_script(buyer: Customer) -> None:
    await buyer.context.route("**/static/checkout/checkout.js", lambda route: route.abort())


async def never_ends(buyer: Customer) -> None:
    """The page is there, and its style sheet and script are not."""
    await buyer.context.route("**/static/checkout/checkout.*", lambda route: asyncio.sleep(3600))


def way_out(buyer: Customer) -> Any:
    return buyer.page.locator("dialog button")


@pytest.mark.parametrize("device", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("what", [is_lost_offline, is_a_closed_link, is_too_busy, has_no_script, never_ends])
async def test_whatever_comes_into_the_frame_can_be_left(
    customer: NewCustomer, what: Any, device: dict[str, Any]
) -> None:
    """The checkout loads itself anew for another gateway, and something else comes."""
    buyer = await customer(device=device)
    for words in ("net::ERR", "404", "410", "503", "Failed to load"):
        buyer.witness.expect(words)
    await buyer.presses_buy("overlay")
    await buyer.presses("point3", "#leave")
    await buyer.sees("closed")
    await expect(way_out(buyer)).to_have_count(0)
    await what(buyer)
    await buyer.checkout.locator("#others button").first.click()
    await expect(way_out(buyer)).to_be_in_viewport(ratio=1)
    await expect(way_out(buyer)).to_be_focused()
    if device is DESK:
        await buyer.page.keyboard.press("Escape")
    else:
        await way_out(buyer).click()
    result = await buyer.ended()
    assert (result["msg"], result["payment_status"], result["payment_id"]) == ("closed", "unknown", buyer.payment["id"])
    await expect(buyer.page.locator("dialog")).to_have_count(0)
    assert await buyer.page.evaluate("document.documentElement.style.overflow") == ""
    assert buyer.page.url.startswith(buyer.embedding.shop)


async def test_who_comes_back_to_life_needs_no_other_way_out(customer: NewCustomer) -> None:
    buyer = await customer()
    buyer.witness.expect("net::ERR")
    await buyer.presses_buy("overlay")
    await buyer.presses("point3", "#leave")
    await buyer.sees("closed")
    frame = next(frame for frame in buyer.page.frames if "/checkout/" in frame.url)
    address = frame.url
    await is_lost_offline(buyer)
    await frame.evaluate("location.reload()")
    await expect(way_out(buyer)).to_be_visible()
    await buyer.context.unroute("**/checkout/*_*")
    await frame.goto(address)
    await buyer.window("point3")
    await expect(way_out(buyer)).to_have_count(0)


async def test_while_it_loads_it_says_so_and_can_be_left(customer: NewCustomer) -> None:
    buyer = await customer()
    held = asyncio.Event()

    async def hold(route: Route) -> None:
        await held.wait()
        await route.continue_()

    await buyer.context.route("**/static/checkout/checkout.js", hold)
    await buyer.presses_buy("overlay")
    opening = buyer.page.get_by_role("dialog", name="Checkout").get_by_role("button", name="Opening the checkout")
    await expect(opening).to_be_focused()
    assert await faults(buyer.page) == []
    await buyer.page.keyboard.press("Escape")
    assert (await buyer.ended())["payment_status"] == "unknown"
    await expect(buyer.page.locator("#buy")).to_be_focused()
    held.set()
    await buyer.page.locator("#buy").click()
    await buyer.presses("point3", "#pay")
    assert (await buyer.ended())["status"] == "success"


async def test_a_shops_style_sheet_does_not_reach_it(customer: NewCustomer) -> None:
    buyer = await customer(query="policy=none")
    buyer.witness.expect("net::ERR")
    await buyer.page.add_style_tag(content=ANOTHER_SITES_STYLES)
    await buyer.presses_buy("overlay")
    await buyer.presses("point3", "#leave")
    await buyer.sees("closed")
    whole = await buyer.page.evaluate("[0, 0, document.documentElement.clientWidth, innerHeight]")
    for element in ("dialog", "iframe"):
        assert (
            await buyer.page.evaluate(
                f"""() => {{ const {{ x, y, width, height }} = document.querySelector("{element}").getBoundingClientRect();
              return [x, y, width, height]; }}"""
            )
            == whole
        )
        looks = f"""() => {{ const style = getComputedStyle(document.querySelector("{element}"));
          return [style.borderRadius, style.opacity, style.padding, style.margin]; }}"""
        assert await buyer.page.evaluate(looks) == ["0px", "1", "0px", "0px"]
    await is_lost_offline(buyer)
    await buyer.checkout.locator("#others button").first.click()
    await expect(way_out(buyer)).to_be_in_viewport(ratio=1)
    looks = "(button) => [getComputedStyle(button).color, getComputedStyle(button).backgroundColor]"
    assert await way_out(buyer).evaluate(looks) == ["rgb(255, 255, 255)", "rgb(20, 23, 31)"]


async def is_paid_elsewhere(buyer: Customer) -> None:
    shop = buyer.embedding.world.shop
    proof = await shop.buyer_pays(buyer.payment)
    assert (await shop.complete(buyer.payment, **proof)).json()["status"] == "paid"


async def closes_by_its_own_button(buyer: Customer) -> None:
    await buyer.checkout.locator("#close-frame").click()


async def closes_by_the_other_button(buyer: Customer) -> None:
    await buyer.checkout.locator("#leave-frame").click()


async def presses_escape_in_it(buyer: Customer) -> None:
    await buyer.page.keyboard.press("Escape")


async def presses_escape_in_the_shops_page(buyer: Customer) -> None:
    await buyer.page.evaluate(FOCUS_THE_DIALOG)
    await buyer.page.keyboard.press("Escape")


WAYS = [closes_by_its_own_button, closes_by_the_other_button, presses_escape_in_it, presses_escape_in_the_shops_page]


@pytest.mark.parametrize("closes", WAYS)
async def test_before_it_closes_it_looks_once_more(customer: NewCustomer, closes: Any) -> None:
    """At rest it would look again after twenty seconds; paid meanwhile, it must not say that the payment is open."""
    buyer = await customer()
    await buyer.presses_buy("overlay")
    await buyer.presses("point3", "#leave")
    await buyer.sees("closed")
    await is_paid_elsewhere(buyer)
    await closes(buyer)
    result = await buyer.ended()
    assert (result["status"], result["payment_status"], result["payment_id"]) == (
        "success",
        "paid",
        buyer.payment["id"],
    )
    assert [(status, now) for status, _, now in await buyer.results()] == [("error", "open"), ("success", "paid")]


@pytest.mark.parametrize("closes", WAYS)
async def test_where_that_look_is_not_answered_it_closes_all_the_same(customer: NewCustomer, closes: Any) -> None:
    buyer = await customer()
    await buyer.presses_buy("overlay")
    await buyer.presses("point3", "#leave")
    await buyer.sees("closed")
    await expect_soon(buyer.page, "window.results.length === 1")
    await buyer.context.route("**/payments/pay_*", lambda route: asyncio.sleep(3600))
    began = asyncio.get_running_loop().time()
    await closes(buyer)
    result = await buyer.ended()
    assert asyncio.get_running_loop().time() - began < 10
    assert (result["msg"], result["payment_status"], result["payment_id"]) == ("closed", "open", buyer.payment["id"])
    assert await buyer.results() == [("error", "closed", "open")], "said once"


async def test_escape_twice_in_the_shops_page_is_once(customer: NewCustomer) -> None:
    """Some browsers let a page keep its dialog open by `cancel` once, and close it by themselves the next time."""
    buyer = await customer()
    await buyer.presses_buy("overlay")
    await buyer.presses("point3", "#leave")
    await buyer.sees("closed")
    await buyer.context.route("**/payments/pay_*", lambda route: asyncio.sleep(3600))
    await buyer.page.evaluate(FOCUS_THE_DIALOG)
    for _ in range(3):
        await buyer.page.keyboard.press("Escape")
    assert (await buyer.ended())["payment_id"] == buyer.payment["id"]
    await expect(buyer.page.locator("dialog")).to_have_count(0)
    assert await buyer.page.evaluate("document.documentElement.style.overflow") == ""
    await buyer.page.locator("#buy").click()
    await buyer.context.unroute("**/payments/pay_*")
    await buyer.presses("point3", "#pay")
    assert (await buyer.ended())["status"] == "success"


async def test_escape_where_nobody_has_touched_the_page_before(customer: NewCustomer) -> None:
    """Then the browser may close the dialog without asking the page."""
    buyer = await customer()
    await buyer.page.evaluate(
        """(clientToken) => { window.ended = null;
          Onetill.open({ clientToken }).then((result) => { window.ended = result; }); }""",
        buyer.payment["client_token"],
    )
    await buyer.window("point3")
    await buyer.page.evaluate(FOCUS_THE_DIALOG)
    await buyer.page.keyboard.press("Escape")
    assert (await buyer.ended())["payment_id"] == buyer.payment["id"]
    await expect(buyer.page.locator("dialog")).to_have_count(0)


async def test_inline_in_a_wide_page_is_as_wide_as_can_be_read(customer: NewCustomer) -> None:
    buyer = await customer()
    await buyer.presses_buy("inline")
    await buyer.presses("point3", "#decline")
    await buyer.sees("declined")
    card = await buyer.checkout.locator("#checkout").bounding_box()
    place = await buyer.page.locator("#here").bounding_box()
    assert card
    assert place
    assert card["width"] <= 560 < place["width"]
    assert abs(card["x"] + card["width"] / 2 - place["x"] - place["width"] / 2) < 2
