"""A hostile page beside, around or behind a shop's page reads no token and fakes no result."""

import json

import pytest
from playwright.async_api import expect

from tests.browser.conftest import NewCustomer
from tests.browser.driver import expect_soon
from tests.browser.storefront import Customer, Embedding

FORGED = {"version": "1", "status": "success", "msg": "forged", "payment_id": "pay_1", "payment_status": "paid"}
FRAME = """(url) => new Promise((loaded) => {
  const frame = Object.assign(document.createElement("iframe"), { src: url, id: "hostile", onload: () => loaded() });
  document.body.append(frame);
})"""


async def was_fooled_by_nothing(buyer: Customer) -> None:
    """What the page heard led to nothing: then the customer pays, and that is all that it is told."""
    assert await buyer.results() == []
    assert await buyer.page.evaluate("window.ended") is None
    await buyer.presses("point3", "#pay")
    await buyer.ended()
    assert [status for status, _, _ in await buyer.results()] == ["success"]
    assert (await buyer.page.evaluate("window.ended"))["msg"] != "forged"


async def test_a_page_that_has_opened_the_shops_page_is_not_heard(customer: NewCustomer, embedding: Embedding) -> None:
    buyer = await customer()
    stranger = await buyer.context.new_page()
    await stranger.goto(f"{embedding.stranger}/?policy=none")
    async with stranger.expect_popup() as popup:
        await stranger.evaluate("(url) => { window.shop = open(url); }", f"{embedding.shop}/")
    await (await popup.value).wait_for_load_state()
    opened = Customer(await popup.value, buyer.context, buyer.witness, embedding, buyer.payment)
    await opened.presses_buy("overlay")
    await opened.window("point3")
    for target in ("shop", "shop.frames[0].parent", "shop.frames[0]"):
        for message in (FORGED, FORGED | {"status": "close"}, FORGED | {"status": "leave", "msg": "page"}):
            await stranger.evaluate(f"(message) => {target}.postMessage(message, '*')", message)
    await expect_soon(opened.page, f"posted.filter(([from]) => from === '{embedding.stranger}').length === 6")
    await was_fooled_by_nothing(opened)
    assert [told for from_, told in await stranger.evaluate("posted")] == []


async def test_a_frame_of_a_stranger_in_the_shops_page_is_not_heard(
    customer: NewCustomer, embedding: Embedding
) -> None:
    buyer = await customer(query="policy=none")
    await buyer.page.evaluate(FRAME, f"{embedding.stranger}/?policy=none&script=none")
    await buyer.presses_buy("inline")
    window = await buyer.window("point3")
    hostile = next(frame for frame in buyer.page.frames if frame.url.startswith(embedding.stranger))
    await hostile.evaluate(
        "(message) => { parent.postMessage(message, '*'); parent.frames[1].postMessage(message, '*'); }", FORGED
    )
    await expect_soon(buyer.page, "posted.some(([, told]) => told.includes('forged'))")
    assert await buyer.results() == []
    await window.locator("#pay").click()
    assert (await buyer.ended())["msg"] != "forged"


async def test_whoever_takes_the_checkouts_place_in_the_frame_is_not_heard(
    customer: NewCustomer, embedding: Embedding
) -> None:
    """The right frame with another origin in it; and our origin in another shape."""
    buyer = await customer(query="policy=none")
    await buyer.presses_buy("overlay")
    await buyer.window("point3")
    checkout = next(frame for frame in buyer.page.frames if frame.url.startswith(embedding.world.api))
    for odd in (FORGED | {"version": "2"}, FORGED | {"version": 1}, FORGED | {"status": "paid"}, "success", None):
        await checkout.evaluate("(message) => parent.postMessage(message, '*')", odd)
    await buyer.page.evaluate(
        "(url) => { document.querySelector('iframe').src = url; }", f"{embedding.stranger}/?policy=none&script=none"
    )
    await expect(buyer.checkout.locator("#buy")).to_be_visible()
    hostile = next(frame for frame in buyer.page.frames if frame.url.startswith(embedding.stranger))
    await hostile.evaluate("(message) => parent.postMessage(message, '*')", FORGED)
    await expect_soon(buyer.page, f"posted.some(([from]) => from === '{embedding.stranger}')")
    assert await buyer.results() == []
    assert await buyer.page.evaluate("window.ended") is None
    assert await buyer.status() == "open"


async def test_a_stranger_around_the_shops_page_keeps_the_checkout_out(
    customer: NewCustomer, embedding: Embedding
) -> None:
    buyer = await customer(at=embedding.stranger, query="policy=none&script=none")
    buyer.witness.expect("frame-ancestors")
    await buyer.page.evaluate(FRAME, f"{embedding.shop}/")
    shop = next(frame for frame in buyer.page.frames if frame.url.startswith(embedding.shop))
    async with buyer.page.expect_event("framenavigated", lambda frame: frame.url.startswith("chrome-error")):
        await shop.evaluate("(clientToken) => { Onetill.open({ clientToken }); }", buyer.payment["client_token"])
    assert await buyer.page.evaluate("posted") == []


async def test_who_is_not_the_page_around_it_ends_no_checkout(customer: NewCustomer) -> None:
    """The gateway's window in the checkout, whose messages it hears, is none to end it; nor is the checkout itself."""
    buyer = await customer()
    await buyer.presses_buy("overlay")
    widget = await buyer.window("point3")
    checkout = next(
        frame for frame in buyer.page.frames if frame.url.startswith(f"{buyer.embedding.world.api}/checkout")
    )
    for source, target in ((widget, "parent"), (checkout, "window")):
        for told in ({"version": "1", "status": "close"}, {"version": "1", "status": "hello"}, {"status": "toString"}):
            await source.evaluate(f"(told) => {target}.postMessage(told, '*')", told)
    await checkout.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await was_fooled_by_nothing(buyer)


async def test_a_page_that_names_another_origin_hears_nothing(customer: NewCustomer, embedding: Embedding) -> None:
    buyer = await customer(at=embedding.far_shop, query="policy=none&script=none")
    buyer.witness.expect("does not match the recipient window's origin")
    buyer.witness.expect("404 (Not Found)")
    for named in (embedding.shop, "*", "null", "", embedding.stranger):
        await buyer.page.evaluate("document.getElementById('hostile')?.remove()")
        await buyer.page.evaluate(FRAME, f"{buyer.payment['checkout_url']}#shop={named}&mode=overlay")
        await (await buyer.window("point3")).locator("#leave").click()
        await expect(buyer.checkout.locator("#checkout")).to_have_attribute("data-state", "closed")
    assert await buyer.page.evaluate("posted") == []


async def test_no_message_and_no_page_of_another_origin_holds_the_token(
    customer: NewCustomer, embedding: Embedding
) -> None:
    buyer = await customer()
    token = buyer.payment["client_token"]
    await buyer.presses_buy("overlay")
    await buyer.presses("point3", "#decline")
    await buyer.sees("declined")
    await buyer.checkout.locator("#retry").click()
    await buyer.presses("point3", "#pay")
    await buyer.ended()
    told = await buyer.page.evaluate("posted")
    assert {from_ for from_, _ in told} == {embedding.world.api}
    assert {json.loads(each)["status"] for _, each in told} == {"ready", "error", "stay", "success", "close"}
    assert token not in json.dumps(told)
    assert not [each for each in buyer.witness.requests if token in (await each.all_headers()).get("referer", "")]


@pytest.mark.parametrize("path", ["/checkout/{token}", "/payments/{id}"])
async def test_a_strangers_script_reads_no_answer_of_ours(
    customer: NewCustomer, embedding: Embedding, path: str
) -> None:
    buyer = await customer(at=embedding.stranger, query="policy=none&script=none")
    buyer.witness.expect("blocked by CORS policy")
    buyer.witness.expect("net::ERR_FAILED")
    url = embedding.world.api + path.format(token=buyer.payment["client_token"], id=buyer.payment["id"])
    read = "(url) => fetch(url, { credentials: 'include' }).then((answer) => answer.text(), () => null)"
    assert await buyer.page.evaluate(read, url) is None


async def test_two_checkouts_of_one_page_do_not_hear_each_other(customer: NewCustomer, embedding: Embedding) -> None:
    """The right origin in another frame: of the same shop here, and it might be of another payment's owner."""
    buyer = await customer()
    other = await embedding.world.shop.create()
    await buyer.page.evaluate(
        "(clientToken) => { Onetill.open({ clientToken, mode: 'inline', container: '#here' }); }", other["client_token"]
    )
    inline = buyer.page.frame_locator("#here iframe")
    await inline.frame_locator("#point3-widget-iframe").locator("#decline").click()
    await expect(inline.locator("#checkout")).to_have_attribute("data-state", "declined")
    await buyer.presses_buy("overlay")
    over = buyer.page.frame_locator("dialog iframe")
    await expect(over.frame_locator("#point3-widget-iframe").locator("#pay")).to_be_visible()
    await buyer.page.frames[1].evaluate("(told) => parent.postMessage(told, '*')", FORGED | {"payment_id": other["id"]})
    await expect_soon(buyer.page, "posted.some(([, told]) => told.includes('forged'))")
    assert await buyer.results() == []
    await over.frame_locator("#point3-widget-iframe").locator("#pay").click()
    assert (await buyer.ended())["payment_id"] == buyer.payment["id"]
