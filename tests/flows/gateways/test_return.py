"""Where redirects come back: the query is a hint, the way on stands in our database, and no query sends anybody anywhere."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.flows.gateways.orders import BY_NAME, ONE_STEP, Kind
from tests.support import Shop

PAGE = {"Accept": "text/html"}
BACK = "https://shop.example/orders/7?from=onetill"

one_step = pytest.mark.parametrize("kind", ONE_STEP, ids=lambda kind: kind.name)


@pytest.fixture
async def browser(product: FastAPI) -> httpx.AsyncClient:
    """A buyer's browser: it keeps cookies, and has no key."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=product), base_url="http://testserver", headers=PAGE)


async def comes_back(browser: httpx.AsyncClient, kind: Kind, query: dict[str, Any]) -> httpx.Response:
    return await browser.get(f"/checkout/return/{kind.name.replace('_', '-')}", params=query)


@one_step
async def test_a_paid_buyer_goes_on_to_the_shop(shop: Shop, kind: Kind, browser: httpx.AsyncClient) -> None:
    payment = await shop.create(return_url=BACK, **kind.order)
    answer = await comes_back(browser, kind, await shop.buyer_pays(payment))
    assert (answer.status_code, answer.headers["location"]) == (303, BACK)
    assert (await shop.get(payment))["status"] == "paid"


@one_step
async def test_the_gateways_name_may_be_written_either_way(shop: Shop, kind: Kind, browser: httpx.AsyncClient) -> None:
    payment = await shop.create(return_url=BACK, **kind.order)
    answer = await browser.get(f"/checkout/return/{kind.name}", params=await shop.buyer_pays(payment))
    assert answer.headers["location"] == BACK


@one_step
async def test_a_browser_that_knows_the_page_comes_back_to_it_when_nothing_is_paid(
    shop: Shop, kind: Kind, browser: httpx.AsyncClient
) -> None:
    payment = await shop.create(return_url=BACK, **kind.order)
    page = await browser.get(f"/checkout/{payment['client_token']}")
    cookie = page.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/checkout/return" in cookie
    answer = await comes_back(browser, kind, await shop.buyer_pays(payment, "declined"))
    assert answer.headers["location"] == f"/checkout/{payment['client_token']}#returned"
    assert (await shop.get(payment))["status"] == "open"


@one_step
async def test_a_strange_browser_gets_no_token_and_goes_to_the_shop(
    shop: Shop, kind: Kind, browser: httpx.AsyncClient
) -> None:
    payment = await shop.create(return_url=BACK, **kind.order)
    answer = await comes_back(browser, kind, await shop.buyer_pays(payment, "declined"))
    assert (answer.status_code, answer.headers["location"]) == (303, BACK)
    assert payment["client_token"] not in str(answer.headers)


@one_step
async def test_without_a_shop_to_go_to_it_says_how_it_ended(shop: Shop, kind: Kind, browser: httpx.AsyncClient) -> None:
    payment = await shop.create(**kind.order)
    answer = await comes_back(browser, kind, await shop.buyer_pays(payment))
    assert answer.status_code == 200
    assert 'data-state="paid"' in answer.text
    assert payment["client_token"] not in answer.text
    assert "script-src 'self'" in answer.headers["content-security-policy"]


@one_step
async def test_a_query_that_claims_success_pays_nothing(shop: Shop, kind: Kind, browser: httpx.AsyncClient) -> None:
    payment = await shop.create(return_url=BACK, **kind.order)
    reference, ref = payment["attempts"][0]["reference"], payment["attempts"][0]["gateway_ref"]
    forged = {
        "status": "confirmed", "imp_success": "true", "success": "true", "imp_uid": "imp_1", "merchant_uid": reference,
        "paymentId": reference, "txId": "tx", "transactionId": ref or "x",
    }  # fmt: skip
    answer = await comes_back(browser, kind, forged)
    assert answer.status_code in {200, 303}
    assert (await shop.get(payment))["status"] == "open"


@pytest.mark.parametrize("gateway", ["unifi-pay", "portone-v1", "portone_v2", "point3", "nobody", "..%2f..", "x" * 500])
async def test_what_names_no_payment_of_ours_is_not_found(shop: Shop, gateway: str, browser: httpx.AsyncClient) -> None:
    for query in ({}, {"transactionId": "nobody's"}, {"merchant_uid": "x" * 3000}, {"paymentId": "0" * 32 + "a1"}):
        answer = await browser.get(f"/checkout/return/{gateway}", params=query)
        assert answer.status_code == 404, query


@pytest.mark.parametrize(
    "name", ["return_url", "url", "next", "redirect", "m_redirect_url", "redirectUrl", "returnUrl"]
)
async def test_no_query_sends_a_buyer_anywhere(shop: Shop, name: str, browser: httpx.AsyncClient) -> None:
    kind = BY_NAME["unifi_pay"]
    payment = await shop.create(return_url=BACK, **kind.order)
    brought = await shop.buyer_pays(payment)
    answer = await comes_back(browser, kind, brought | {name: "https://evil.example/"})
    assert answer.headers["location"] == BACK
