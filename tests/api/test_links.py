"""`checkout_url` as a link that is sent: it ends by itself, the shop closes it, and it is a picture."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.domain.clock import rfc3339
from app.links.qr import qr_svg
from tests.support import MovableClock, Shop, key, order
from tests.support.databases import keys_of

PAGE = {"Accept": "text/html", "Accept-Language": "en"}
HOUR = 3600


@pytest.fixture
async def browser(product: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=product)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver", headers=PAGE) as client:
        yield client


async def sent(shop: Shop, clock: MovableClock, ends_in_s: int = HOUR) -> dict[str, Any]:
    """A payment whose link ends sooner than itself."""
    ends_at = rfc3339(clock() + timedelta(seconds=ends_in_s))
    return await shop.create(link_expires_at=ends_at, expires_in_s=24 * HOUR)


def link(payment: dict[str, Any]) -> str:
    return str(payment["checkout_url"]).removeprefix("http://testserver")


async def test_a_link_ends_when_the_shop_said_and_the_payment_does_not(
    shop: Shop, browser: httpx.AsyncClient, clock: MovableClock
) -> None:
    payment, known = await sent(shop, clock), await sent(shop, clock)
    assert (await browser.get(link(known))).status_code == 200
    clock.advance(HOUR - 60)
    for each in (payment, known):
        assert (await browser.head(link(each))).status_code == 200
    browser.cookies.delete(f"onetill_{payment['id'][4:]}")
    clock.advance(61)
    ended = await browser.get(link(payment))
    assert ended.status_code == 410
    assert "This payment link has ended" in ended.text
    assert payment["order_name"] not in ended.text
    assert "set-cookie" not in ended.headers
    assert (await browser.get(link(known))).status_code == 200, "who has opened it goes on"
    assert (await shop.get(payment))["status"] == "open"
    answer = await browser.get(
        f"/payments/{payment['id']}", headers={"Authorization": f"Bearer {payment['client_token']}"}
    )
    assert answer.json()["link_expires_at"] == payment["link_expires_at"]


async def test_a_link_that_has_ended_still_shows_how_its_payment_ended(
    shop: Shop, browser: httpx.AsyncClient, clock: MovableClock
) -> None:
    payment = await sent(shop, clock)
    await shop.complete(payment, **await shop.buyer_pays(payment))
    clock.advance(2 * HOUR)
    shown = await browser.get(link(payment))
    assert (shown.status_code, 'data-state="paid"' in shown.text) == (200, True)


async def test_without_a_time_it_opens_as_long_as_the_payment(
    shop: Shop, browser: httpx.AsyncClient, clock: MovableClock
) -> None:
    payment = await shop.create(expires_in_s=24 * HOUR)
    assert payment["link_expires_at"] is None
    clock.advance(23 * HOUR)
    assert (await browser.get(link(payment))).status_code == 200


@pytest.mark.parametrize("wrong", ["2020-01-01T00:00:00Z", "tomorrow", "2999-01-01T00:00:00", 1, True, ""])
async def test_a_time_that_is_past_or_none_is_refused(shop: Shop, wrong: object) -> None:
    answer = await shop.client.post("/payments", json=order(link_expires_at=wrong), headers=key())
    assert answer.status_code == 422
    assert [each["field"] for each in answer.json()["errors"]] == ["link_expires_at"]


async def test_a_repeated_create_is_answered_after_the_links_end(shop: Shop, clock: MovableClock) -> None:
    body = order(link_expires_at=rfc3339(clock() + timedelta(minutes=1)))
    same = key()
    first = await shop.client.post("/payments", json=body, headers=same)
    clock.advance(120)
    again = await shop.client.post("/payments", json=body, headers=same)
    assert (again.status_code, again.content) == (201, first.content)
    other = await shop.client.post("/payments", json={**body, "link_expires_at": None}, headers=same)
    assert other.json()["code"] == "idempotency_key_reused"


async def test_the_shop_closes_a_link(shop: Shop, browser: httpx.AsyncClient, clock: MovableClock) -> None:
    payment = await sent(shop, clock)
    closed = await shop.client.post(f"/payments/{payment['id']}/close-link")
    assert closed.status_code == 200, closed.text
    assert (closed.json()["status"], closed.json()["next_action"]) == ("open", payment["next_action"])
    assert closed.json()["link_expires_at"] < payment["link_expires_at"]
    assert (await browser.get(link(payment))).status_code == 410
    clock.advance(5)
    again = await shop.client.post(f"/payments/{payment['id']}/close-link")
    assert again.json()["link_expires_at"] == closed.json()["link_expires_at"]
    assert [each["reason"] for each in await shop.events(payment)] == ["created", "opened", "link_closed"]
    done = await shop.complete(payment, **await shop.buyer_pays(payment))
    assert done.json()["status"] == "paid", "a window that was open stays so"


async def test_the_picture_ends_with_the_link(shop: Shop, browser: httpx.AsyncClient, clock: MovableClock) -> None:
    """For a browser that goes on, too: a picture is for others. Once the payment has ended, it leads to how."""
    expired, closed = await sent(shop, clock), await sent(shop, clock, 24 * HOUR - 1)
    for each in (expired, closed):
        assert (await browser.get(link(each))).status_code == 200
        assert (await browser.get(f"{link(each)}/qr.svg")).status_code == 200
    clock.advance(HOUR + 1)
    await shop.client.post(f"/payments/{closed['id']}/close-link")
    for each in (expired, closed):
        assert (await browser.get(link(each))).status_code == 200, "who has opened it goes on"
        answer = await browser.get(f"{link(each)}/qr.svg")
        assert (answer.status_code, answer.headers["cache-control"]) == (410, "no-store")
        assert "This payment link has ended" in answer.text
        assert (await browser.head(f"{link(each)}/qr.svg")).status_code == 410
        assert (await shop.client.get(f"/payments/{each['id']}/qr.svg")).status_code == 200, "the shop may"
    await shop.complete(closed, **await shop.buyer_pays(closed))
    assert (await browser.get(f"{link(closed)}/qr.svg")).status_code == 200


async def test_a_link_that_has_ended_opens_nobody_else_a_payment_that_is_being_paid(
    shop: Shop, browser: httpx.AsyncClient, clock: MovableClock
) -> None:
    payment = await sent(shop, clock)
    await shop.scenario("accept_then_hang", call="confirm")
    await shop.complete(payment, **await shop.buyer_pays(payment))
    assert (await shop.get(payment))["status"] == "processing"
    await shop.client.post(f"/payments/{payment['id']}/close-link")
    ended = await browser.get(link(payment))
    assert (ended.status_code, "set-cookie" in ended.headers) == (410, False)
    assert payment["order_name"] not in ended.text


async def test_a_closed_link_keeps_its_token_and_cancel_ends_it(
    shop: Shop, browser: httpx.AsyncClient, clock: MovableClock
) -> None:
    payment = await sent(shop, clock)
    await shop.client.post(f"/payments/{payment['id']}/close-link")
    by_token = {"Authorization": f"Bearer {payment['client_token']}"}
    attempts = f"/payments/{payment['id']}/attempts"
    assert (await browser.post(attempts, json={}, headers=by_token)).status_code == 201
    await shop.client.post(f"/payments/{payment['id']}/cancel")
    refused = await browser.post(attempts, json={}, headers=by_token)
    assert (refused.status_code, refused.json()["code"]) == (409, "payment_not_open")


async def test_what_is_not_to_be_paid_has_no_link_to_close(shop: Shop) -> None:
    payment = await shop.create()
    await shop.client.post(f"/payments/{payment['id']}/cancel")
    answer = await shop.client.post(f"/payments/{payment['id']}/close-link")
    assert (answer.status_code, answer.json()["code"]) == (409, "payment_not_open")


async def test_only_who_may_pay_may_close_or_print_it(shop: Shop, product: FastAPI) -> None:
    payment = await shop.create()
    _, reader = await keys_of(product.state.database).create(
        mode="test", scopes=["payments:read"], store="main", name="r"
    )
    _, other = await keys_of(product.state.database).create(mode="test", scopes=["*"], store="other", name="o")
    for credential, status in ((reader, 403), (payment["client_token"], 403), (other, 404), ("sk_test_none", 401)):
        headers = {"Authorization": f"Bearer {credential}"}
        for method, name in (("POST", "close-link"), ("GET", "qr.svg")):
            answer = await shop.client.request(method, f"/payments/{payment['id']}/{name}", headers=headers)
            assert answer.status_code == status, (credential, name)
            assert "<svg" not in answer.text


async def test_the_link_is_a_picture(shop: Shop, browser: httpx.AsyncClient) -> None:
    payment = await shop.create()
    picture = qr_svg(payment["checkout_url"])
    by_key = await shop.client.get(f"/payments/{payment['id']}/qr.svg")
    by_link = await browser.get(f"{link(payment)}/qr.svg")
    for answer in (by_key, by_link):
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "image/svg+xml"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.content == picture
    assert picture.startswith(b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ')
    assert b'fill="#fff"' in picture, "readable on a dark page"
    assert b"<script" not in picture
    assert qr_svg(payment["checkout_url"] + "x") != picture
    for stranger in (payment["id"], "ct_x", "return", payment["client_token"][:-1]):
        assert (await browser.get(f"/checkout/{stranger}/qr.svg")).status_code == 404
