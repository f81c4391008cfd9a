"""The page's fence: its headers, its frame, where its requests go, and that no text of anybody becomes code."""

import json
import re
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from playwright.async_api import Response, Route, expect

from app.domain import ids
from app.domain.client_tokens import ClientTokens
from tests.browser.driver import Buyer, World, origin_of
from tests.support import key, order

SANDBOX = (
    "allow-forms allow-scripts allow-same-origin allow-popups allow-top-navigation allow-modals "
    "allow-popups-to-escape-sandbox allow-presentation allow-storage-access-by-user-activation "
    "allow-top-navigation-by-user-activation"
)
HOSTILE = "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=1>\"'{{7*7}}&lt;"


async def test_the_headers_fence_the_page(buyer: Buyer) -> None:
    payment = await buyer.world.shop.create()
    nonces = set()
    for _ in range(2):
        response = await buyer.page.goto(payment["checkout_url"])
        assert response is not None
        headers = {each["name"].lower(): each["value"] for each in await response.headers_array()}
        assert len(headers) == len(await response.headers_array()), "a header is sent twice"
        found = re.search(r"'nonce-([0-9A-Za-z_-]{24,})'", headers["content-security-policy"])
        assert found is not None
        nonces.add(found[1])
        assert headers["content-security-policy"] == (
            f"default-src 'none'; script-src 'self' 'nonce-{found[1]}'; style-src 'self'; img-src 'self' data:; "
            f"connect-src 'self'; frame-src {buyer.world.widget}; frame-ancestors 'none'; base-uri 'none'; "
            "form-action 'none'"
        )
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-type"] == "text/html; charset=utf-8"
        assert headers["content-language"] == "en"
        html = await response.text()
        assert html.count(f'nonce="{found[1]}"') == html.count("<script") == 4
        assert not re.search(r"<style|\son\w+=|\sstyle=", html)
    assert len(nonces) == 2, "a nonce is used once"


async def test_the_frame_is_the_contracts(buyer: Buyer) -> None:
    payment = await buyer.buys()
    frame = buyer.page.locator("iframe")
    await expect(frame).to_have_count(1)
    assert await frame.get_attribute("id") == "point3-widget-iframe"
    assert await frame.get_attribute("sandbox") == SANDBOX
    url = await frame.get_attribute("src")
    assert url == payment["next_action"]["url"]
    assert url is not None
    ((name, token),) = parse_qsl(urlsplit(url).query, strict_parsing=True)
    assert name == "d"
    assert url == f"{buyer.world.widget}/?d={quote(token, safe='')}"
    assert set(token) & set("+/="), "the simulator's tokens need the encoding, else this proves little"
    await expect(buyer.page.locator(".point3-widget > .point3-widget-inner > iframe")).to_have_count(1)


async def test_nothing_leaves_to_anybody_else_and_the_token_stays_with_us(buyer: Buyer) -> None:
    world = buyer.world
    payment = await buyer.buys()
    await buyer.pays("declined")
    await buyer.sees("declined")
    await buyer.tries_again()
    await buyer.pays()
    await buyer.sees("paid")
    await buyer.page.get_by_role("link", name="Back to the shop").click()
    await expect(buyer.page.get_by_role("heading", level=1)).to_have_text("Paid ✓")
    token = payment["client_token"]
    requests = buyer.witness.requests
    assert {origin_of(request.url) for request in requests} == {world.api, world.widget, world.storefront}
    for request in requests:
        headers = await request.all_headers()
        assert token not in headers.get("referer", "")
        if origin_of(request.url) != world.api:
            assert token not in request.url + json.dumps(headers) + (request.post_data or "")
        elif not urlsplit(request.url).path.startswith("/checkout/"):
            assert token not in request.url
        is_checkout = origin_of(request.url) == world.api and urlsplit(request.url).path.startswith("/checkout/")
        assert is_checkout or "cookie" not in headers


async def test_a_hostile_order_name_stays_text(buyer: Buyer) -> None:
    world = buyer.world
    payment = await world.shop.create(order_name=HOSTILE, return_url=f"{world.storefront}/orders/x")
    await buyer.opens(payment)
    await expect(buyer.page.locator(".order-name dd")).to_have_text(HOSTILE)
    assert HOSTILE in (await buyer.page.locator(".point3-widget").get_attribute("aria-label") or "")
    await expect(buyer.widget.locator("main")).to_contain_text("window.hacked=1")
    await buyer.pays()
    await buyer.sees("paid")
    assert HOSTILE in await buyer.page.title()
    await buyer.page.goto(f"{world.storefront}/orders/{payment['order_id']}")
    await expect(buyer.page.locator("dd").first).to_have_text(HOSTILE)
    assert await was_hacked(buyer) is False


async def test_a_return_url_that_could_run_is_refused_at_the_api(world: World) -> None:
    for url in (
        "javascript:window.hacked=1",
        "JaVaScRiPt://shop.example/%0awindow.hacked=1",
        "java\tscript:window.hacked=1",
        " javascript:window.hacked=1",
        "data:text/html,<script>window.hacked=1</script>",
        "vbscript:x",
        "blob:https://shop.example/x",
        "//evil.example",
        "/orders/1",
        "https://",
    ):
        answer = await world.shop.client.post("/payments", json=order(return_url=url), headers=key())
        assert answer.status_code == 422, url
        assert [error["field"] for error in answer.json()["errors"]] == ["return_url"]


async def test_a_hostile_return_url_stays_an_address(buyer: Buyer) -> None:
    url = f"{buyer.world.storefront}/?back=\"'></a></script><script>window.hacked=1</script>"
    payment = await buyer.world.shop.create(return_url=url)
    await buyer.opens(payment)
    await buyer.pays()
    await buyer.sees("paid")
    link = buyer.page.get_by_role("link", name="Back to the shop")
    assert await link.get_attribute("href") == url
    await link.click()
    await expect(buyer.page.locator(".products")).to_be_visible()
    assert await was_hacked(buyer) is False


async def test_a_hostile_failure_message_stays_text(buyer: Buyer) -> None:
    world = buyer.world
    payment = await world.shop.create()

    async def make_hostile(route: Route) -> None:
        answer = await route.fetch()
        body: dict[str, Any] = await answer.json()
        body["last_failure"]["message"] = HOSTILE
        await route.fulfill(response=answer, json=body)

    await buyer.page.route("**/payments/complete", make_hostile)
    await buyer.opens(payment)
    await buyer.pays("declined")
    await buyer.sees("declined")
    await expect(buyer.detail).to_contain_text(HOSTILE)
    await world.database.row(
        "UPDATE attempts SET failure = $2 WHERE payment_id = $1",
        ids.read(ids.Prefix.PAYMENT, payment["id"]),
        json.dumps({"code": HOSTILE, "message": HOSTILE}),
    )
    await buyer.page.reload()
    await buyer.sees("declined")
    await expect(buyer.detail).to_contain_text(HOSTILE)
    assert await was_hacked(buyer) is False


async def test_a_token_that_we_did_not_make_opens_nothing(buyer: Buyer) -> None:
    payment = await buyer.world.shop.create(order_name="Secret gift")
    token = payment["client_token"]
    expires_at = datetime.fromisoformat(payment["expires_at"])
    foreign = ClientTokens("another secret key").token(ids.read(ids.Prefix.PAYMENT, payment["id"]), expires_at)
    flipped = token[:-1] + ("A" if token[-1] != "A" else "B")
    buyer.witness.expect("404 (Not Found)")
    for forged in (foreign, flipped, token[:-1], token.upper(), "ct_", payment["id"], "%00", f"{token}%20"):
        response: Response | None = await buyer.page.goto(f"{buyer.world.api}/checkout/{forged}")
        assert response is not None
        assert response.status == 404, forged
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert "frame-src 'none'; frame-ancestors 'none'" in response.headers["content-security-policy"]
        await expect(buyer.page.get_by_role("heading", level=1)).to_have_text("This payment link does not work")
        to_a_program = await buyer.world.shop.client.get(f"/checkout/{forged}")
        assert (to_a_program.status_code, to_a_program.json()["code"]) == (404, "not_found")
        for text in (await response.text(), to_a_program.text):
            assert not any(secret in text for secret in ("Secret gift", "24000", "24,000"))


async def was_hacked(buyer: Buyer) -> bool:
    """Whether a script of somebody else ran in any frame of the page."""
    return any([await frame.evaluate("'hacked' in window") for frame in buyer.page.frames])
