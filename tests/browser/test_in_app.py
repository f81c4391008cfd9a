"""Inside another app's browser: the same payment, no second window, and a way out to the phone's own browser."""

from typing import Any
from urllib.parse import quote

import pytest
from playwright.async_api import expect

from tests.browser.conftest import NewBuyer, NewCustomer
from tests.browser.driver import PHONE, Buyer
from tests.flows.gateways.orders import BUYER

ANDROID = (
    "Mozilla/5.0 (Linux; Android 15; SM-S928N) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/142.0 Mobile"
)
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
APPS = {
    "kakao-android": (f"{ANDROID} Safari/537.36 KAKAOTALK/25.8.0", "kakaotalk://web/openExternal?url={quoted}"),
    "kakao-iphone": (f"{IPHONE} KAKAOTALK 25.8.0", "kakaotalk://web/openExternal?url={quoted}"),
    "line-iphone": (f"{IPHONE} Safari Line/14.10.0", "{url}?openExternalBrowser=1"),
    "naver-android": (
        f"{ANDROID} Safari/537.36 NAVER(inapp; search; 2000; 12.10.0)",
        "intent://{bare}#Intent;scheme=http;end",
    ),
    "facebook-android": (
        f"{ANDROID} Safari/537.36 [FB_IAB/FB4A;FBAV/500.0;]",
        "intent://{bare}#Intent;scheme=http;end",
    ),
    "naver-iphone": (f"{IPHONE} NAVER(inapp; search; 2000; 12.10.0)", None),
    "instagram-iphone": (f"{IPHONE} Instagram 350.0.0", None),
}


@pytest.mark.parametrize("app", APPS)
async def test_an_apps_browser_has_a_way_out(new_buyer: NewBuyer, app: str) -> None:
    agent, expected = APPS[app]
    buyer = await new_buyer(**{**PHONE, "user_agent": agent})
    payment = await buyer.world.shop.create()
    await buyer.opens(payment)
    await buyer.leaves()
    await buyer.sees("closed")
    note, link = buyer.page.locator("#in-app"), buyer.page.locator("#open-outside")
    await expect(note).to_contain_text("You are inside another app")
    if expected is None:
        await expect(note).to_contain_text("in its menu")
        await expect(link).to_be_hidden()
        return
    url = payment["checkout_url"]
    href = expected.format(url=url, quoted=quote(url, safe=""), bare=url.removeprefix("http://"))
    assert await link.get_attribute("href") == href, "with the token: the other browser has no cookie"
    if "?openExternalBrowser" in href:
        other = await new_buyer()
        await other.page.goto(href)
        await other.widget_is_open()
    await buyer.tries_again()
    await buyer.pays()
    await buyer.sees("paid")
    await expect(note).to_be_hidden()
    await expect(link).to_be_hidden()


async def test_a_browser_of_its_own_needs_none(buyer: Buyer) -> None:
    await buyer.opens(await buyer.world.shop.create())
    await buyer.leaves()
    await buyer.sees("closed")
    await expect(buyer.page.locator("#in-app")).to_be_hidden()
    await expect(buyer.page.locator("#open-outside")).to_be_hidden()


TABLET = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) NAVER(inapp; search; 2000)"


@pytest.mark.parametrize(
    ("gateway", "agent"),
    [
        ("unifi_pay", TABLET),  # which says that it is a desktop
        ("portone_v2", APPS["kakao-android"][0]),
        pytest.param("unifi_pay", APPS["kakao-android"][0], marks=pytest.mark.long),
    ],
)
async def test_the_drop_in_opens_no_window_in_an_apps_browser(customer: NewCustomer, gateway: str, agent: str) -> None:
    device: dict[str, Any] = {**PHONE, "user_agent": agent}
    buyer = await customer(gateway, device, customer=BUYER)
    await buyer.page.evaluate("() => { window.open = () => { throw new Error('no window here'); }; }")
    await buyer.presses_buy("overlay")
    await buyer.presses(gateway, "#pay")
    await buyer.page.wait_for_url(f"{buyer.embedding.shop}/paid")
    assert len(buyer.context.pages) == 1
