"""The browser SDK's stand-in in a real browser: iframe, popup, redirect, and what is thrown before a window opens."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Browser, FrameLocator, Page

from .driver import Driver
from .portone_v2_driver import MOBILE, Shop, V2Driver

HTML = """<!doctype html><title>Shop</title><script src="{script}"></script><script>
  window.result = null; window.thrown = null;
  window.buy = async (request) => {{
    try {{ window.result = {{ value: await PortOne.requestPayment(request) }}; }}
    catch (error) {{ window.thrown = {{ ...error, message: error.message, isError: error instanceof Error,
                                       isOurs: error instanceof PortOne.PaymentError }}; }}
  }};
</script><button id="buy" onclick="buy(window.wanted)">Buy</button>"""


@pytest.fixture
async def v2(sim: Driver) -> AsyncIterator[V2Driver]:
    async with V2Driver(sim.simulator) as driver:
        yield driver


@pytest.fixture
async def origin(v2: V2Driver) -> AsyncIterator[str]:
    """Where the shop is: every address there answers its page."""
    async with Shop(HTML.format(script=v2.account["script_url"])) as shop:
        yield shop.origin


@pytest.fixture
async def page(chromium: Browser, origin: str) -> AsyncIterator[Page]:
    page = await chromium.new_page()
    page.set_default_timeout(5_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    await page.goto(f"{origin}/cart")
    yield page
    await page.close()
    assert errors == []


@pytest.fixture
async def phone(chromium: Browser, origin: str) -> AsyncIterator[Page]:
    page = await chromium.new_page(user_agent=MOBILE)
    page.set_default_timeout(5_000)
    await page.goto(f"{origin}/cart")
    yield page
    await page.close()


async def begin(page: Page, request: dict[str, Any]) -> None:
    await page.evaluate("(request) => { window.wanted = request; void buy(request); }", request)


async def framed(page: Page, request: dict[str, Any]) -> FrameLocator:
    await begin(page, request)
    return page.frame_locator("#portone-simulator iframe")


async def result(page: Page) -> dict[str, Any]:
    await page.wait_for_function("result !== null")
    return dict(await page.evaluate("result.value"))


async def thrown(page: Page, request: dict[str, Any]) -> dict[str, Any]:
    await begin(page, request)
    await page.wait_for_function("thrown !== null")
    assert await page.locator("#portone-simulator").count() == 0
    return dict(await page.evaluate("thrown"))


async def returned(page: Page) -> dict[str, str]:
    await page.wait_for_url("**/return?**")
    query = parse_qs(urlsplit(page.url).query)
    return {name: values[0] for name, values in query.items()}


async def test_paid_in_the_iframe_resolves_and_removes_it(v2: V2Driver, page: Page) -> None:
    window = await framed(page, v2.request())
    assert "12,000 KRW" in await window.locator(".amount").inner_text()
    await window.locator("#pay").click()
    truth = await v2.truth()
    assert await result(page) == {"transactionType": "PAYMENT", "paymentId": "order1", "txId": truth["gateway_ref"]}
    assert truth["status"] == "PAID"
    assert await page.locator("#portone-simulator").count() == 0


@pytest.mark.parametrize(
    ("button", "pg_code", "status"),
    [("decline", "REJECT_CARD_PAYMENT", "FAILED"), ("leave", "PAY_PROCESS_CANCELED", "READY")],
)
async def test_declined_and_closed_resolve_with_a_code(
    v2: V2Driver, page: Page, button: str, pg_code: str, status: str
) -> None:
    window = await framed(page, v2.request())
    await window.locator(f"#{button}").click()
    answer = await result(page)
    assert (answer["code"], answer["pgCode"]) == ("FAILURE_TYPE_PG", pg_code)
    assert answer["message"]
    assert (await v2.shown())["status"] == status


async def test_manual_approval_resolves_with_a_token(v2: V2Driver, page: Page) -> None:
    window = await framed(page, v2.request())
    await window.locator("summary").click()
    await window.locator("#scenario").select_option("manual_approval")
    assert "confirm" in str(await window.locator("#about").text_content())
    await window.locator("#pay").click()
    answer = await result(page)
    assert (await v2.confirm(answer["paymentToken"])).status_code == 200


async def test_the_popup_resolves_too(v2: V2Driver, page: Page) -> None:
    request = v2.request(windowType={"pc": "POPUP"})
    await page.evaluate("(request) => { window.wanted = request; }", request)
    async with page.expect_popup() as opening:
        await page.locator("#buy").click()
    popup = await opening.value
    await popup.locator("#pay").click()
    assert "code" not in await result(page)
    assert (await v2.truth())["status"] == "PAID"


async def test_a_closed_popup_is_a_closed_window(v2: V2Driver, page: Page) -> None:
    await page.evaluate("(request) => { window.wanted = request; }", v2.request(windowType={"pc": "POPUP"}))
    async with page.expect_popup() as opening:
        await page.locator("#buy").click()
    popup = await opening.value
    await popup.locator("#pay").wait_for()
    await popup.close()
    assert (await result(page))["pgCode"] == "PAY_PROCESS_CANCELED"


async def test_a_phone_goes_to_the_window_and_back(v2: V2Driver, origin: str, phone: Page) -> None:
    await begin(phone, v2.request(redirectUrl=f"{origin}/return?order=7&note="))
    await phone.locator("#pay").click()
    query = await returned(phone)
    truth = await v2.truth()
    expected = {"order": "7", "transactionType": "PAYMENT", "paymentId": "order1", "txId": truth["gateway_ref"]}
    assert query == expected
    assert "note=" in phone.url
    assert truth["status"] == "PAID"
    assert (await v2.shown())["origin"]["platformType"] == "MOBILE"


@pytest.mark.parametrize("button", ["decline", "leave"])
async def test_a_failure_travels_in_the_redirects_query(v2: V2Driver, origin: str, phone: Page, button: str) -> None:
    await begin(phone, v2.request(redirectUrl=f"{origin}/return"))
    await phone.locator(f"#{button}").click()
    query = await returned(phone)
    assert query["code"] == "FAILURE_TYPE_PG"
    assert query["message"] == query["pgMessage"]
    assert (query["paymentId"], bool(query["pgCode"])) == ("order1", True)


async def test_a_phone_may_ask_for_an_iframe(v2: V2Driver, phone: Page) -> None:
    window = await framed(phone, v2.request(windowType={"mobile": "IFRAME"}))
    await window.locator("#pay").click()
    assert "code" not in await result(phone)


async def test_force_redirect_redirects_a_desktop_too(v2: V2Driver, origin: str, page: Page) -> None:
    await begin(page, v2.request(forceRedirect=True, redirectUrl=f"{origin}/return"))
    await page.locator("#pay").click()
    assert (await returned(page))["paymentId"] == "order1"


async def test_force_redirect_without_an_address_resolves_as_ever(v2: V2Driver, page: Page) -> None:
    window = await framed(page, v2.request(forceRedirect=True))
    await window.locator("#pay").click()
    assert "code" not in await result(page)


async def test_official_guides_spelling_of_the_currency_is_taken(v2: V2Driver, page: Page) -> None:
    window = await framed(page, v2.request(currency="CURRENCY_KRW"))
    await window.locator("#pay").click()
    await result(page)
    assert (await v2.shown())["currency"] == "KRW"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        *[({name: None}, "BadRequest") for name in ("storeId", "paymentId", "orderName", "totalAmount", "payMethod")],
        ({"paymentId": ""}, "BadRequest"),
        ({"totalAmount": 0}, "BadRequest"),
        ({"totalAmount": "12000"}, "BadRequest"),
        ({"totalAmount": 12000.5}, "BadRequest"),
        ({"currency": "WON"}, "BadRequest"),
        ({"payMethod": "CASH"}, "BadRequest"),
        ({"taxFreeAmount": 12_001}, "BadRequest"),
        ({"noticeUrls": ["ftp://shop.example"]}, "BadRequest"),
        ({"redirectUrl": "app://shop"}, "BadRequest"),
        ({"windowType": {"pc": "REDIRECTION"}}, "BadRequest"),
        ({"products": [{"id": "1"}]}, "BadRequest"),
        ({"storeId": "store-other"}, "StoreNotFound"),
        ({"channelKey": "channel-key-other"}, "ChannelNotFound"),
    ],
)
async def test_a_request_that_cannot_be_throws_before_a_window_opens(
    v2: V2Driver, page: Page, changes: dict[str, Any], code: str
) -> None:
    request = {name: value for name, value in v2.request(**changes).items() if value is not None}
    error = await thrown(page, request)
    assert (error["code"], error["transactionType"]) == (code, "PAYMENT")
    assert error["__portOneErrorType"] == "PaymentError"
    assert error["message"]
    assert error["isError"]
    assert error["isOurs"]
    assert await v2.journal() == []


async def test_a_missing_channel_throws(v2: V2Driver, page: Page) -> None:
    request = v2.request()
    del request["channelKey"]
    assert (await thrown(page, request))["code"] == "BadRequest"


async def test_a_paid_payment_throws(v2: V2Driver, page: Page) -> None:
    await v2.paid()
    error = await thrown(page, v2.request())
    assert (error["code"], error["paymentId"]) == ("PaymentAlreadyPaid", "order1")


@pytest.mark.parametrize(
    "changes", [{"totalAmount": 11_000}, {"taxFreeAmount": 1}, {"currency": "USD"}, {"totalAmount": 12_001}]
)
async def test_another_amount_than_the_registered_one_throws(v2: V2Driver, page: Page, changes: dict[str, Any]) -> None:
    await v2.register(taxFreeAmount=0)
    assert (await thrown(page, v2.request(**changes)))["code"] == "AmountNotEqualToPredefined"


async def test_a_simulator_that_is_gone_throws(v2: V2Driver, page: Page) -> None:
    await page.route("**/v2/browser/payments", lambda route: route.abort())
    assert (await thrown(page, v2.request()))["code"] == "Unavailable"


async def test_messages_of_strangers_are_not_heard(v2: V2Driver, page: Page) -> None:
    window = await framed(page, v2.request())
    await window.locator("#pay").wait_for()
    tx_id = (await v2.truth())["gateway_ref"]
    forged = {"portone": tx_id, "result": {"transactionType": "PAYMENT", "paymentId": "order1", "txId": tx_id}}
    await page.evaluate("(message) => window.postMessage(message, '*')", forged)
    await page.wait_for_timeout(100)
    assert await page.evaluate("result") is None
    await window.locator("#leave").click()
    assert (await result(page))["code"]


async def test_a_refused_action_says_so_and_the_buyer_can_leave(v2: V2Driver, page: Page) -> None:
    window = await framed(page, v2.request())
    await window.locator("#pay").wait_for()
    await v2.pay()
    await window.locator("#pay").click()
    await window.get_by_text("already PAID").wait_for()
    await window.locator("#leave").click()
    assert (await result(page))["code"]
    assert (await v2.truth())["captures"] == 1


async def test_an_unknown_window_is_a_page_of_its_own(v2: V2Driver, page: Page) -> None:
    response = await page.goto(f"{v2.account['base_url']}/v2/window?txId=nobody's")
    assert response is not None
    assert response.status == 404
    await page.get_by_text("missing or unknown").wait_for()


async def test_the_orders_name_is_text_not_markup(v2: V2Driver, page: Page) -> None:
    window = await framed(page, v2.request(orderName="<img src=x onerror=alert(1)>"))
    assert "<img" in await window.locator("h1").inner_text()
    assert await window.locator("img").count() == 0
