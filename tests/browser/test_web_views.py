"""Inside an app: every bridge that exists hears the result once, as strings, and only after our server has proven it."""

import json
from typing import Any

from playwright.async_api import Route, expect

from tests.browser.driver import Buyer, expect_soon

# Native objects refuse a method that was taken off them; the widget's own frame has none of these in this test.
BRIDGES = """if (window === window.top) {
  window.heard = [];
  window.Point3WidgetBridge = {
    postMessage(text) {
      if (this !== window.Point3WidgetBridge) throw new TypeError("Java bridge method can't be invoked on a non-injected object");
      heard.push(["android", text]);
    },
  };
  window.webkit = { messageHandlers: { point3WidgetHandler: { postMessage: (body) => heard.push(["ios", body]) } } };
  window.ReactNativeWebView = { postMessage: (text) => heard.push(["react_native", text]) };
}"""
THROWING = """if (window === window.top) {
  window.heard = [];
  window.Point3WidgetBridge = { postMessage() { throw new Error("the app has gone"); } };
  window.webkit = { messageHandlers: { get point3WidgetHandler() { throw new Error("not here"); } } };
  window.ReactNativeWebView = { postMessage: (text) => heard.push(["react_native", text]) };
}"""


async def heard(buyer: Buyer) -> list[tuple[str, dict[str, str]]]:
    """What the app was told, with its JSON decoded, in order."""
    told: list[list[Any]] = await buyer.page.evaluate("window.heard")
    for name, message in told:
        assert isinstance(message, dict if name == "ios" else str)
    return [(name, message if name == "ios" else json.loads(message)) for name, message in told]


def everybody(status: str, msg: str, payment: dict[str, Any], payment_status: str) -> list[tuple[str, dict[str, str]]]:
    message = {
        "version": "1",
        "status": status,
        "msg": msg,
        "payment_id": payment["id"],
        "payment_status": payment_status,
    }
    return [(name, message) for name in ("android", "ios", "react_native")]


async def test_all_three_bridges_hear_of_a_paid_payment_once(buyer: Buyer) -> None:
    world = buyer.world
    payment = await world.shop.create()
    at_the_answer: list[object] = []

    async def note_what_was_heard(route: Route) -> None:
        answer = await route.fetch()
        at_the_answer.append((await world.stored(payment), await heard(buyer)))
        await route.fulfill(response=answer)

    await buyer.page.add_init_script(BRIDGES)
    await buyer.page.route("**/payments/complete", note_what_was_heard)
    await buyer.opens(payment)
    await buyer.pays()
    await buyer.sees("paid")
    assert at_the_answer == [("paid", [])]
    signature = (await world.shop.journal(payment))["gateway_ref"]
    assert await heard(buyer) == everybody("success", signature, payment, "paid")


async def test_all_three_bridges_hear_of_a_closed_window(buyer: Buyer) -> None:
    payment = await buyer.world.shop.create()
    await buyer.page.add_init_script(BRIDGES)
    await buyer.opens(payment)
    await buyer.leaves()
    await buyer.sees("closed")
    await expect_soon(buyer.page, "window.heard.length >= 3")
    assert await heard(buyer) == everybody("error", "closed", payment, "open")
    await buyer.tries_again()
    await buyer.pays()
    await buyer.sees("paid")
    assert [message["status"] for _, message in await heard(buyer)] == ["error"] * 3 + ["success"] * 3


async def test_an_app_hears_only_of_the_decline_not_of_the_closed_window_before(buyer: Buyer) -> None:
    payment = await buyer.world.shop.create()
    await buyer.page.add_init_script(BRIDGES)
    await buyer.opens(payment)
    await buyer.is_declined()
    await buyer.sees("declined")
    assert await heard(buyer) == everybody("error", "declined", payment, "open")


async def test_while_nothing_is_known_the_app_hears_nothing(buyer: Buyer) -> None:
    payment = await buyer.world.shop.create()
    await buyer.page.add_init_script(BRIDGES)
    await buyer.opens(payment)
    await buyer.page.route("**/payments/complete", lambda route: route.abort("connectionfailed"), times=1)
    buyer.witness.expect("ERR_CONNECTION_FAILED")
    async with buyer.page.expect_event("requestfailed"):
        await buyer.pays()
    await buyer.sees("confirming")
    assert await heard(buyer) == []
    await buyer.sees("paid")
    assert [message["payment_status"] for _, message in await heard(buyer)] == ["paid"] * 3


async def test_the_app_hears_of_a_decline_and_of_a_mismatch(buyer: Buyer) -> None:
    payment = await buyer.world.shop.create()
    await buyer.page.add_init_script(BRIDGES)
    await buyer.opens(payment)
    await buyer.pays("declined")
    await buyer.sees("declined")
    assert await heard(buyer) == everybody("error", "declined", payment, "open")
    await buyer.tries_again()
    buyer.witness.expect("409 (Conflict)")
    await buyer.pays("other_orders_signature")
    await buyer.sees("mismatch")
    assert (await heard(buyer))[3:] == everybody("error", "mismatch", payment, "unknown")


async def test_a_bridge_that_throws_breaks_neither_the_page_nor_the_other_bridges(buyer: Buyer) -> None:
    payment = await buyer.world.shop.create()
    await buyer.page.add_init_script(THROWING)
    await buyer.opens(payment)
    await buyer.pays()
    await buyer.sees("paid")
    ((name, message),) = await heard(buyer)
    assert (name, message["status"], message["payment_status"]) == ("react_native", "success", "paid")
    assert await buyer.world.stored(payment) == "paid"


async def test_a_web_view_without_storage_can_pay(buyer: Buyer) -> None:
    payment = await buyer.world.shop.create()
    await buyer.page.add_init_script(
        """if (window === window.top) Object.defineProperty(window, "sessionStorage", {
          get() { throw new DOMException("denied", "SecurityError"); },
        });"""
    )
    await buyer.opens(payment)
    await buyer.pays()
    await buyer.sees("paid")
    assert await buyer.world.stored(payment) == "paid"


async def test_a_page_without_javascript_says_what_to_do(buyer: Buyer) -> None:
    payment = await buyer.world.shop.create(return_url=buyer.world.storefront)
    browser = buyer.page.context.browser
    assert browser is not None
    context = await browser.new_context(java_script_enabled=False, locale="en-US")
    page = await context.new_page()
    await page.goto(payment["checkout_url"])
    assert "This page needs JavaScript" in await page.locator("main").inner_text()
    await expect(page.get_by_role("link", name="Back to the shop")).to_be_visible()
    await context.close()
