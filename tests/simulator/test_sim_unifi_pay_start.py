"""The start page without a browser: the token that opens it once, its buttons, and the way back to the shop."""

from collections.abc import AsyncIterator
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from .driver import TLS, Driver
from .unifi_pay_driver import RETURN_URL, UnifiDriver


class Page(HTMLParser):
    """What a browser would find: elements by id, and the session."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: dict[str, str] = {}
        self.tags: list[str] = []
        self.options: list[str] = []
        self.session = ""
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append(tag)
        if values.get("id"):
            self.ids[str(values["id"])] = tag
        if tag == "option":
            self.options.append(values.get("value") or "")
        self.session = values.get("data-session") or self.session

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.fixture
async def unifi(sim: Driver) -> AsyncIterator[UnifiDriver]:
    async with UnifiDriver(sim.simulator) as driver:
        yield driver


@pytest.fixture
async def browser(unifi: UnifiDriver) -> AsyncIterator[httpx.AsyncClient]:
    """A browser without scripts: it keeps cookies."""
    async with httpx.AsyncClient(base_url=unifi.account["base_url"], verify=TLS) as browser:
        yield browser


async def opened(unifi: UnifiDriver, browser: httpx.AsyncClient, **changes: Any) -> tuple[str, str]:
    """A payment whose start page is open; returns the transactionId and the page's session."""
    created = await unifi.create(**changes)
    answer = await browser.get(created["startPageUrl"])
    assert answer.status_code == 200
    return created["transactionId"], Page(answer.text).session


async def press(browser: httpx.AsyncClient, action: str, session: object, scenario: object = "") -> tuple[int, Any]:
    answer = await browser.post(f"/start/{action}", json={"session": session, "scenario": scenario})
    return answer.status_code, answer.json()


async def test_it_shows_the_order_and_three_buttons(unifi: UnifiDriver, browser: httpx.AsyncClient) -> None:
    items = [{"name": "Violet Jelly", "price": 1234.5}, {"name": "컵받침", "price": 1}]
    created = await unifi.create(items=items)
    answer = await browser.get(created["startPageUrl"])
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    page = Page(answer.text)
    for words in ("$1,235.50", "Violet Jelly", "1234.5 USD", "컵받침", "store_sim"):
        assert words in page.words
    assert [page.ids[name] for name in ("pay", "decline", "leave", "scenario")] == ["button"] * 3 + ["select"]
    assert {"", "paid", "bad_sum", "returns_confirmed_but_failed"} <= set(page.options)
    assert (await unifi.truth())["status"] == "CREATED"


async def test_what_the_merchant_sent_cannot_become_markup(unifi: UnifiDriver, browser: httpx.AsyncClient) -> None:
    evil = '"><script>alert(1)</script>'
    created = await unifi.create(storeId=evil, items=[{"name": evil, "price": 1}])
    page = Page((await browser.get(created["startPageUrl"])).text)
    assert page.tags.count("script") == 1
    assert page.words.count(evil) == 2


async def test_the_token_opens_one_browser_only(unifi: UnifiDriver, browser: httpx.AsyncClient) -> None:
    url = (await unifi.create())["startPageUrl"]
    answer = await browser.get(url)
    cookie = answer.headers["set-cookie"]
    assert all(words in cookie for words in ("HttpOnly", "SameSite=lax", "Path=/start"))
    again = await browser.get(url)
    assert (again.status_code, Page(again.text).session) == (200, Page(answer.text).session)
    async with httpx.AsyncClient(verify=TLS) as another:
        refused = await another.get(url)
        assert refused.status_code == 404
        assert Page(refused.text).session == ""
        assert "set-cookie" not in refused.headers


async def test_a_look_ahead_without_a_body_leaves_the_token_whole(unifi: UnifiDriver) -> None:
    url = (await unifi.create())["startPageUrl"]
    async with httpx.AsyncClient(verify=TLS) as preview:
        await preview.head(url)
    async with httpx.AsyncClient(verify=TLS) as buyer:
        assert (await buyer.get(url)).status_code == 200


@pytest.mark.parametrize("wrong", ["token", "transactionId", "both", "swapped"])
async def test_a_wrong_address_shows_nothing(unifi: UnifiDriver, browser: httpx.AsyncClient, wrong: str) -> None:
    one, other = await unifi.create("a"), await unifi.create("b")
    right = httpx.URL(one["startPageUrl"]).params
    url = {
        "token": right.set("token", "start_x"),
        "transactionId": right.set("transactionId", "x"),
        "both": httpx.QueryParams(),
        "swapped": right.set("transactionId", other["transactionId"]),
    }[wrong]
    answer = await browser.get("/start", params=url)
    assert answer.status_code == 404
    assert "pay" not in Page(answer.text).ids


@pytest.mark.parametrize(
    ("action", "scenario", "status", "brought"),
    [
        ("pay", "", "CONFIRMED", "status=confirmed&"),
        ("pay", "paid", "CONFIRMED", "status=confirmed&"),
        ("pay", "declined", "FAILED", "status=failed&"),
        ("pay", "canceled", "CANCELED", "status=failed&"),
        ("pay", "returns_confirmed_but_failed", "FAILED", "status=confirmed&"),
        ("pay", "returns_without_status", "CONFIRMED", ""),
        ("pay", "late_approval", "FAILED", "status=failed&"),
        ("decline", "", "FAILED", "status=failed&"),
    ],
)
async def test_the_way_back(
    unifi: UnifiDriver, browser: httpx.AsyncClient, action: str, scenario: str, status: str, brought: str
) -> None:
    transaction_id, session = await opened(unifi, browser)
    answer = await press(browser, action, session, scenario)
    assert answer == (200, {"redirect": f"{RETURN_URL}?{brought}transactionId={transaction_id}"})
    assert (await unifi.truth())["status"] == status


@pytest.mark.parametrize(
    ("return_url", "back"),
    [
        ("https://shop.example", "https://shop.example?{0}"),
        ("https://shop.example/r?order=1&x=%20", "https://shop.example/r?order=1&x=%20&{0}"),
        ("https://shop.example/r#top", "https://shop.example/r?{0}#top"),
        ("http://shop.example:8080/r?a=b#c", "http://shop.example:8080/r?a=b&{0}#c"),
        ("https://shop.example/r?status=mine", "https://shop.example/r?status=mine&{0}"),
    ],
)
async def test_the_shops_own_query_stays(
    unifi: UnifiDriver, browser: httpx.AsyncClient, return_url: str, back: str
) -> None:
    transaction_id, session = await opened(unifi, browser, returnUrl=return_url)
    _, answer = await press(browser, "pay", session)
    assert answer["redirect"] == back.format(f"status=confirmed&transactionId={transaction_id}")


async def test_leave_stays_and_pay_comes_later(unifi: UnifiDriver, browser: httpx.AsyncClient) -> None:
    _, session = await opened(unifi, browser)
    assert await press(browser, "leave", session) == (200, {"redirect": None})
    assert (await unifi.truth())["status"] == "PAYMENT_REQUESTED"
    assert (await press(browser, "pay", session, "abandoned"))[1] == {"redirect": None}
    assert (await press(browser, "pay", session))[0] == 200
    assert (await unifi.truth())["status"] == "CONFIRMED"


async def test_pressing_pay_twice_pays_once(unifi: UnifiDriver, browser: httpx.AsyncClient) -> None:
    _, session = await opened(unifi, browser)
    assert await press(browser, "pay", session) == await press(browser, "pay", session)
    assert (await unifi.truth())["captures"] == 1


async def test_a_failed_payment_cannot_be_paid(unifi: UnifiDriver, browser: httpx.AsyncClient) -> None:
    _, session = await opened(unifi, browser)
    await press(browser, "decline", session)
    status, answer = await press(browser, "pay", session)
    assert (status, "FAILED" in answer["error"]) == (409, True)


@pytest.mark.parametrize(
    ("action", "session", "scenario", "status"),
    [
        ("pay", "nobody's", "", 404),
        ("pay", "", "", 404),
        ("pay", None, "", 404),
        ("pay", ["x"], "", 404),
        ("pay", "right", "stolen", 422),
        ("pay", "right", ["paid"], 422),
        ("steal", "right", "", 404),
    ],
)
async def test_what_makes_no_sense_is_refused(
    unifi: UnifiDriver, browser: httpx.AsyncClient, action: str, session: object, scenario: object, status: int
) -> None:
    _, right = await opened(unifi, browser)
    code, answer = await press(browser, action, right if session == "right" else session, scenario)
    assert (code, list(answer)) == (status, ["error"])
    assert (await unifi.truth())["status"] == "CREATED"


async def test_the_token_alone_presses_no_button(unifi: UnifiDriver, browser: httpx.AsyncClient) -> None:
    created = await unifi.create()
    token = httpx.URL(created["startPageUrl"]).params["token"]
    for session in (token, created["transactionId"]):
        assert (await press(browser, "pay", session))[0] == 404
    assert (await browser.post("/start/pay", content=b"{")).status_code == 404


async def test_a_plan_for_pay_is_followed_here_too(unifi: UnifiDriver, browser: httpx.AsyncClient) -> None:
    _, session = await opened(unifi, browser)
    await unifi.plan("declined")
    await press(browser, "pay", session)
    assert (await unifi.truth())["status"] == "FAILED"


async def test_reset_forgets_the_page(unifi: UnifiDriver, browser: httpx.AsyncClient) -> None:
    created = await unifi.create()
    session = Page((await browser.get(created["startPageUrl"])).text).session
    await unifi.admin.post("/_sim/reset")
    assert (await browser.get(created["startPageUrl"])).status_code == 404
    assert (await press(browser, "pay", session))[0] == 404
