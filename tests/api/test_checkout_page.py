"""The page that the server writes: what its cookie opens, what it says where no script runs, and what it shows of the payment."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI, Request

from app.checkout.response_security import COMING_BACK_S, MOST_ENDED, payment_cookie, payment_cookies
from app.settings import Settings
from simulator.server import Simulator
from tests.flows.gateways.orders import BUYER, BY_NAME
from tests.support import MovableClock, Shop
from tests.support.databases import Urls
from tests.support.settings import settings_for
from tests.unit.factories import payment as a_payment


@pytest.fixture
def settings(urls: Urls, simulator: Simulator) -> Settings:
    return settings_for(urls, simulator)


@pytest.fixture
async def browser(product: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A buyer's browser: it keeps cookies, and has no key."""
    transport = httpx.ASGITransport(app=product)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver", headers=PAGE) as client:
        yield client


PAGE = {"Accept": "text/html"}


async def test_the_token_opens_the_page_and_its_cookie_goes_on_opening_it(
    shop: Shop, browser: httpx.AsyncClient, clock: MovableClock
) -> None:
    payment, other = await shop.create(), await shop.create()
    first = await browser.get(f"/checkout/{payment['client_token']}")
    cookie = first.headers["set-cookie"]
    assert cookie.startswith(f"onetill_{payment['id'][4:]}={payment['client_token']}; Path=/checkout; Max-Age=")
    for method in ("GET", "HEAD"):
        again = await browser.request(method, f"/checkout/{payment['id']}")
        assert (again.status_code, again.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert payment["order_name"] in (await browser.get(f"/checkout/{payment['id']}")).text
    assert (await browser.get(f"/checkout/{other['id']}")).status_code == 404
    await shop.complete(payment, **await shop.buyer_pays(payment))
    assert 'data-state="paid"' in (await browser.get(f"/checkout/{payment['id']}")).text
    clock.advance(1800 + 31 * 86_400)
    assert (await browser.get(f"/checkout/{payment['id']}")).status_code == 404


@pytest.mark.parametrize("address", ["pay_", "pay_{hex}x", "PAY_{hex}", "pay_{none}", "pay_{hex}", "{hex}"])
async def test_without_the_cookie_the_payments_id_opens_nothing(
    shop: Shop, browser: httpx.AsyncClient, address: str
) -> None:
    payment, other = await shop.create(), await shop.create()
    await browser.get(f"/checkout/{other['client_token']}")
    path = "/checkout/" + address.format(hex=payment["id"][4:], none="0" * 32)
    foreign = {f"onetill_{payment['id'][4:]}": other["client_token"]}
    for cookies in ({}, foreign):
        answer = await browser.get(path, headers={"Cookie": "; ".join(f"{n}={v}" for n, v in cookies.items())})
        assert answer.status_code == 404
        assert "set-cookie" not in answer.headers
        assert payment["order_name"] not in answer.text


@pytest.mark.parametrize(
    ("url", "framers", "ends"),
    [
        ("http://127.0.0.1:8000", [], "HttpOnly; SameSite=Lax"),
        ("http://127.0.0.1:8000", ["https://shop.example"], "HttpOnly; SameSite=Lax"),
        ("https://pay.example", [], "HttpOnly; SameSite=None; Secure"),
        ("https://pay.example", ["https://shop.example"], "HttpOnly; SameSite=None; Secure; Partitioned"),
    ],
)
def test_the_cookie_is_as_strict_as_the_address_allows(
    settings: Settings, url: str, framers: list[str], ends: str
) -> None:
    changed = settings.model_copy(update={"public_url": url, "frame_ancestors": framers})
    payment = a_payment()
    cookie = payment_cookie(payment, "ct_x", changed, payment.expires_at)
    assert cookie == f"onetill_{payment.id.hex}=ct_x; Path=/checkout; Max-Age={COMING_BACK_S}; {ends}"


def test_an_answer_ends_only_so_many_cookies_at_once(settings: Settings) -> None:
    """The oldest first, in the same words, with which a browser finds them; and none of anybody else's."""
    payment = a_payment()
    ours = [f"onetill_{payment.id.hex[:30]}{place:02d}" for place in range(40)]
    kept = "; ".join(f"{name}=ct_x" for name in ["onetill_theme", *reversed(ours), f"onetill_{payment.id.hex}"])
    request = Request({"type": "http", "headers": [(b"cookie", kept.encode())]})
    first, *ended = payment_cookies(payment, "ct_x", request, settings, payment.expires_at)
    assert first == payment_cookie(payment, "ct_x", settings, payment.expires_at)
    assert ended == [f"{name}=; Path=/checkout; Max-Age=0; HttpOnly; SameSite=Lax" for name in ours[:MOST_ENDED]]


async def test_point3s_window_stands_in_the_html(shop: Shop, browser: httpx.AsyncClient) -> None:
    """What docs/gateways/point3.md §7 lists, before any script has run."""
    payment = await shop.create(gateway="point3", order_name='"><script>x</script>')
    html = (await browser.get(f"/checkout/{payment['client_token']}")).text
    shown, template = html.split('<template id="widget">')
    (iframe,) = re.findall(r"<iframe[^>]*>", shown)
    assert 'id="point3-widget-iframe"' in iframe
    assert f'src="{payment["next_action"]["url"]}"' in iframe
    assert iframe.index("sandbox=") < iframe.index("src=")
    assert re.search(r'class="point3-widget"[^<]*<.*class="point3-widget-inner"', shown, re.DOTALL)
    assert " src=" not in re.findall(r"<iframe[^>]*>", template)[0]
    assert '<link rel="stylesheet" href="/static/checkout/widget.css">' in html
    assert (await browser.get("/static/checkout/widget.css")).status_code == 200
    assert "<script>x" not in html
    await shop.complete(payment, **await shop.buyer_pays(payment))
    paid = (await browser.get(f"/checkout/{payment['id']}")).text
    assert "<iframe" not in paid.split('<template id="widget">')[0]


@pytest.mark.parametrize("name", sorted(BY_NAME))
async def test_the_page_says_by_itself_what_to_do_where_no_script_runs(
    shop: Shop, browser: httpx.AsyncClient, name: str
) -> None:
    payment = await shop.create(return_url="https://shop.example/done?a=1&b=2", **BY_NAME[name].order)
    html = (await browser.get(f"/checkout/{payment['client_token']}")).text
    fallback = html[html.index('<aside class="fallback"') : html.index("</aside>")]
    assert "Please open this page again" in fallback
    assert 'href="https://shop.example/done?a=1&amp;b=2"' in fallback
    assert f'href="/checkout/{payment["client_token"]}"' in fallback
    is_redirect = payment["next_action"]["type"] == "redirect"
    assert ("Go on to payment" in fallback) is is_redirect
    await shop.client.post(f"/payments/{payment['id']}/cancel")
    assert "<aside" not in (await browser.get(f"/checkout/{payment['id']}")).text


async def test_of_money_that_did_not_match_each_attempt_is_told_its_own(shop: Shop, browser: httpx.AsyncClient) -> None:
    """What came with the first one is given back; of the second one nothing was taken."""
    payment = await shop.create(gateway="portone_v2", customer=BUYER)
    answer = await shop.complete(payment, **await shop.buyer_pays(payment, "amount_differs"))
    assert answer.json()["given_back"] == "done", answer.text
    assert "The money was given back." in (await browser.get(f"/checkout/{payment['client_token']}")).text
    token = {"authorization": f"Bearer {payment['client_token']}"}
    again = await shop.client.post(f"/payments/{payment['id']}/attempts", json={"gateway": "point3"}, headers=token)
    answer = await shop.complete(again.json(), **await shop.buyer_pays(again.json(), "amount_differs"))
    assert (answer.status_code, answer.json()["given_back"]) == (409, None)
    assert "Nothing was charged for it." in answer.json()["detail"]
    assert "Nothing was charged for it." in (await browser.get(f"/checkout/{payment['client_token']}")).text


async def test_no_file_but_sheets_of_the_page_holds_up_its_first_paint(shop: Shop, browser: httpx.AsyncClient) -> None:
    payment = await shop.create()
    html = (await browser.get(f"/checkout/{payment['client_token']}")).text
    head = html[: html.index("<body>")]
    assert re.findall(r'<script(?! type="module")[^>]* src=', head) == []
    sheets = re.findall(r'<link rel="stylesheet" href="/static/checkout/(\w+).css">', head)
    assert sheets == ["checkout", "order", "widget", "frame"]
    assert html.index("<aside") < html.index(" src=", html.index("<body>")), "the fallback comes before what may hang"
