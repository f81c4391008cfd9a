"""The SDK's stand-in in a real browser: the iframe on a PC, the redirect on a phone, and what the callback is told."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web
from playwright.async_api import Browser, FrameLocator, Page

from simulator.server import Simulator

from .portone_v1_driver import MOBILE, V1Driver, a_driver

HTML = """<!doctype html><title>Shop</title><script src="{script}"></script><script>
  window.heard = [];
  const buy = (params) => IMP.request_pay(params, (rsp) => heard.push(rsp));
</script><button id="buy" onclick="buy(wanted)">Buy</button>"""


@pytest.fixture
async def v1(running: Simulator) -> AsyncIterator[V1Driver]:
    async with a_driver(running) as driver:
        yield driver


@pytest.fixture
async def shop(v1: V1Driver) -> AsyncIterator[str]:
    """A shop at an origin of its own, every address of which answers its page."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=HTML.format(script=v1.account["script_url"]), content_type="text/html")

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def at_the_shop(page: Page, shop: str, v1: V1Driver) -> Page:
    await page.goto(f"{shop}/cart")
    await page.evaluate("(code) => IMP.init(code)", v1.account["user_code"])
    return page


@pytest.fixture
async def page(chromium: Browser, shop: str, v1: V1Driver) -> AsyncIterator[Page]:
    page = await chromium.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield await at_the_shop(page, shop, v1)
    await page.close()
    assert errors == []


@pytest.fixture
async def phone(chromium: Browser, shop: str, v1: V1Driver) -> AsyncIterator[Page]:
    page = await chromium.new_page(user_agent=MOBILE)
    yield await at_the_shop(page, shop, v1)
    await page.close()


async def buy(page: Page, params: dict[str, Any]) -> FrameLocator:
    await page.evaluate("(params) => buy(params)", params)
    return page.frame_locator("#iamport-simulator iframe")


async def heard(page: Page) -> dict[str, Any]:
    """What the callback was told, once."""
    await page.wait_for_function("heard.length > 0")
    (rsp,) = await page.evaluate("heard")
    assert await page.locator("#iamport-simulator").count() == 0
    return dict(rsp)


def query_of(page: Page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


async def test_on_a_pc_the_callback_is_told_of_the_payment(v1: V1Driver, page: Page) -> None:
    window = await buy(page, v1.params(amount=12.34, currency="USD"))
    assert await window.locator(".amount").text_content() == "12.34 USD"
    await window.locator("#pay").click()
    rsp = await heard(page)
    truth = await v1.truth()
    assert (rsp["success"], rsp["imp_uid"], rsp["merchant_uid"]) == (True, truth["gateway_ref"], "order1")
    assert (rsp["paid_amount"], rsp["status"]) == (12.34, "paid")
    assert (truth["status"], truth["amount"]) == ("paid", 1_234)
    shown = await v1.shown(rsp["imp_uid"])
    assert (shown["channel"], "Chrome" in shown["user_agent"]) == ("pc", True)


@pytest.mark.parametrize(("button", "status"), [("decline", "failed"), ("leave", "ready")])
async def test_declining_and_leaving_tell_an_error(v1: V1Driver, page: Page, button: str, status: str) -> None:
    window = await buy(page, v1.params())
    await window.locator(f"#{button}").click()
    rsp = await heard(page)
    truth = await v1.truth()
    assert (rsp["success"], rsp["imp_uid"]) == (False, truth["gateway_ref"])
    assert rsp["error_code"]
    assert rsp["error_msg"]
    assert truth["status"] == status


async def test_after_a_refusal_the_buyer_can_try_again_with_the_same_merchant_uid(v1: V1Driver, page: Page) -> None:
    window = await buy(page, v1.params())
    await window.locator("#decline").click()
    await heard(page)
    await page.evaluate("heard.length = 0")
    window = await buy(page, v1.params())
    await window.locator("#pay").click()
    assert (await heard(page))["success"] is True
    assert [row["status"] for row in await v1.journal()] == ["failed", "paid"]


async def test_wrong_params_are_told_without_an_imp_uid_and_without_a_window(v1: V1Driver, page: Page) -> None:
    await buy(page, v1.params(buyer_name="Hong"))
    rsp = await heard(page)
    assert (rsp["success"], rsp["imp_uid"], rsp["merchant_uid"]) == (False, None, "order1")
    assert "buyer_name" in rsp["error_msg"]
    assert await v1.journal() == []


async def test_another_amount_than_was_prepared_opens_no_window(v1: V1Driver, page: Page) -> None:
    await v1.prepare(amount=9_000)
    await buy(page, v1.params())
    rsp = await heard(page)
    assert (rsp["imp_uid"], rsp["error_code"]) == (None, "F1003")


async def test_without_init_nothing_opens_and_agency_is_as_good(v1: V1Driver, page: Page) -> None:
    await page.evaluate("IMP.init(undefined)")
    await buy(page, v1.params())
    assert (await heard(page))["success"] is False
    await page.evaluate("heard.length = 0")
    await page.evaluate("(code) => IMP.agency(code, '001')", v1.account["user_code"])
    window = await buy(page, v1.params())
    await window.locator("#pay").click()
    assert (await heard(page))["success"] is True


async def test_messages_of_others_are_not_heard(v1: V1Driver, page: Page) -> None:
    window = await buy(page, v1.params())
    await window.locator("#pay").wait_for()
    imp_uid = (await v1.truth())["gateway_ref"]
    other = v1.account["base_url"] + "/window?imp_uid=imp_0"  # the right origin, the wrong frame
    forged = {"portone": imp_uid, "result": {"success": True, "imp_uid": imp_uid}}
    await page.evaluate("(message) => window.postMessage(message, '*')", forged)
    await page.evaluate(
        "(url) => document.body.append(Object.assign(document.createElement('iframe'), {src: url}))", other
    )
    stranger = await page.wait_for_selector(f"iframe[src='{other}']")
    frame = await stranger.content_frame() if stranger else None
    assert frame is not None
    await frame.evaluate("(message) => parent.postMessage(message, '*')", forged)
    await page.wait_for_timeout(100)
    assert await page.evaluate("heard") == []
    await window.locator("#leave").click()
    assert (await heard(page))["success"] is False


async def test_a_simulator_that_is_gone_is_told_as_a_failure(v1: V1Driver, page: Page) -> None:
    await page.route("**/browser/payments", lambda route: route.abort())
    await buy(page, v1.params())
    rsp = await heard(page)
    assert (rsp["success"], rsp["imp_uid"], "cannot be reached" in rsp["error_msg"]) == (False, None, True)


async def test_on_a_phone_the_page_leaves_and_comes_back_with_the_result(v1: V1Driver, shop: str, phone: Page) -> None:
    await buy(phone, v1.params(m_redirect_url=f"{shop}/return?cart=7"))
    await phone.locator("#pay").click()
    await phone.wait_for_url(f"{shop}/return**")
    truth = await v1.truth()
    expected = {"imp_uid": truth["gateway_ref"], "merchant_uid": "order1", "imp_success": "true"}
    assert query_of(phone) == {"cart": "7", **expected}
    assert truth["status"] == "paid"
    assert await phone.evaluate("heard") == []
    assert (await v1.shown(truth["gateway_ref"]))["channel"] == "mobile"


async def test_on_a_phone_a_refusal_comes_back_with_its_error(v1: V1Driver, shop: str, phone: Page) -> None:
    await buy(phone, v1.params(m_redirect_url=f"{shop}/return"))
    await phone.locator("#decline").click()
    await phone.wait_for_url(f"{shop}/return**")
    query = query_of(phone)
    assert (query["imp_success"], query["error_code"], bool(query["error_msg"])) == ("false", "F0004", True)
    assert (await v1.truth())["status"] == "failed"


async def test_on_a_phone_wrong_params_come_back_too(v1: V1Driver, shop: str, phone: Page) -> None:
    await buy(phone, v1.params(amount=0, m_redirect_url=f"{shop}/return"))
    await phone.wait_for_url(f"{shop}/return**")
    query = query_of(phone)
    assert (query["imp_success"], query["merchant_uid"], "imp_uid" in query) == ("false", "order1", False)
