"""Window messages are believed only from the widget's origin and its very frame, in their one shape, and once."""

from typing import Any

from playwright.async_api import Page, expect

from tests.browser.driver import Buyer

SUCCESS = {"status": "success", "msg": "forged"}
ERROR = {"status": "error", "msg": "forged"}
WRONG_SHAPES: list[object] = [
    None,
    "success",
    42,
    True,
    [],
    ["success", "forged"],
    {},
    {"status": "success"},
    {"status": "success", "msg": ""},
    {"status": "success", "msg": 7},
    {"status": "success", "msg": None},
    {"status": "success", "msg": {"toString": "forged"}},
    {"status": "success", "msg": ["forged"]},
    {"status": "Success", "msg": "forged"},
    {"status": "pending", "msg": "forged"},
    {"status": ["success"], "msg": "forged"},
    {"msg": "success"},
    {"msg": "forged"},
    '{"status": "success", "msg": "forged"}',
]


async def was_fooled_by_nothing(buyer: Buyer, payment: dict[str, Any]) -> None:
    """The window is still open, and only what the real one then says is asked about."""
    await expect(buyer.widget.locator("#pay")).to_be_enabled()
    assert await buyer.world.stored(payment) == "open"
    assert await buyer.page.evaluate("sessionStorage.length") == 0
    await buyer.pays()
    await buyer.sees("paid")
    truth = await buyer.world.shop.journal(payment)
    assert buyer.witness.completes == [{"payment_id": payment["id"], "signature": truth["gateway_ref"]}]
    assert (truth["confirms"], truth["captures"]) == (1, 1)


async def opened_by(opener: Page, buyer: Buyer, payment: dict[str, Any]) -> Buyer:
    """The checkout in a window that another page has opened, and so can send messages to."""
    async with opener.expect_popup() as popup:
        await opener.evaluate("(url) => { window.checkout = window.open(url); }", payment["checkout_url"])
    opened = Buyer(await popup.value, buyer.witness, buyer.world)
    await opened.widget_is_open()
    return opened


async def test_another_origin_is_not_heard(buyer: Buyer) -> None:
    payment = await buyer.world.shop.create()
    await buyer.page.goto(buyer.world.storefront)
    opened = await opened_by(buyer.page, buyer, payment)
    await opened.posts(buyer.page, "window.checkout", SUCCESS, ERROR)
    await opened.posts(buyer.page, "window.checkout.frames[0].parent", SUCCESS, ERROR)
    await was_fooled_by_nothing(opened, payment)


async def test_another_window_of_the_widgets_origin_is_not_heard(buyer: Buyer) -> None:
    payment, other = await buyer.world.shop.create(), await buyer.world.shop.create()
    await buyer.page.goto(other["next_action"]["url"])
    opened = await opened_by(buyer.page, buyer, payment)
    await opened.posts(buyer.page, "window.checkout", SUCCESS, ERROR)
    await was_fooled_by_nothing(opened, payment)


async def test_another_frame_of_the_widgets_origin_is_not_heard(buyer: Buyer) -> None:
    payment, other = await buyer.world.shop.create(), await buyer.world.shop.create()
    await buyer.opens(payment)
    await buyer.page.evaluate(
        """(url) => new Promise((loaded) => {
          const frame = Object.assign(document.createElement("iframe"), { src: url, id: "second", onload: loaded });
          document.body.append(frame);
        })""",
        other["next_action"]["url"],
    )
    second = await buyer.frame("#second")
    assert second.url.startswith(buyer.world.widget)
    await buyer.posts(second, "parent", SUCCESS, ERROR)
    await buyer.page.evaluate("document.getElementById('second').remove()")
    await was_fooled_by_nothing(buyer, payment)


async def test_the_page_itself_is_not_heard(buyer: Buyer) -> None:
    payment = await buyer.world.shop.create()
    await buyer.opens(payment)
    await buyer.posts(buyer.page, "window", SUCCESS, ERROR)
    await buyer.page.evaluate(
        """([origin, stranger, messages]) => {
          const frame = document.getElementById("point3-widget-iframe").contentWindow;
          for (const data of messages) {
            for (const [from, source] of [[origin, window], [origin, null], [stranger, frame], ["null", frame]]) {
              window.dispatchEvent(new MessageEvent("message", { data, origin: from, source }));
            }
          }
        }""",
        [buyer.world.widget, "https://widget.point3.io.example", [SUCCESS, ERROR]],
    )
    await was_fooled_by_nothing(buyer, payment)


async def test_the_real_window_is_not_believed_in_any_other_shape(buyer: Buyer) -> None:
    payment = await buyer.world.shop.create()
    await buyer.opens(payment)
    await buyer.posts(await buyer.frame(), "parent", *WRONG_SHAPES)
    await was_fooled_by_nothing(buyer, payment)


async def test_a_success_that_is_told_three_times_is_asked_about_once(buyer: Buyer) -> None:
    world = buyer.world
    payment = await world.shop.create()
    await buyer.opens(payment)
    proof = await world.shop.buyer_pays(payment)
    success = {"status": "success", "msg": proof["signature"]}
    await buyer.posts(await buyer.frame(), "parent", success, success, ERROR, success)
    await buyer.sees("paid")
    assert buyer.witness.completes == [{"payment_id": payment["id"], **proof}]
    assert await world.confirms() == 1


async def test_a_made_up_signature_from_the_real_window_pays_nothing(buyer: Buyer) -> None:
    world = buyer.world
    payment = await world.shop.create()
    await buyer.opens(payment)
    async with buyer.page.expect_response("**/payments/complete") as answer:
        await buyer.posts(await buyer.frame(), "parent", SUCCESS)
    assert (await answer.value).status == 202
    await buyer.sees("confirming")
    assert await world.stored(payment) == "open"
    assert await world.confirms() == 0
