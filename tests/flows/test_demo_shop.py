"""The demo's shop where things go wrong: whoever shops reads a page of the shop, never JSON and never a bare 500."""

from collections.abc import AsyncIterator

import httpx
import pytest

from app.demo.processes import serving
from app.demo.shop import create_shop
from app.main import create_app
from app.ports import free_ports
from app.settings import Settings
from tests.support import Shop

URL = "http://shop.test"
WRONG = ["²", "9" * 5000, "-1", "1.0", "", "٣"]


@pytest.fixture
async def api(settings: Settings) -> AsyncIterator[str]:
    """The product behind a port: the shop calls it as a merchant does."""
    port = free_ports()
    async with serving(create_app(settings), port):
        yield f"http://127.0.0.1:{port}"


def _visitor(api: str, api_key: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=create_shop(api, api_key, URL)), base_url=URL)


def _is_page(answer: httpx.Response, status: int, heading: str = "That did not work") -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert f'<h1 class="status">{heading}</h1>' in answer.text


async def test_a_form_that_is_not_the_shops_is_told_so(api: str, api_key: str, shop: Shop) -> None:
    payment = await shop.create()
    async with _visitor(api, api_key) as visitor:
        for wrong in WRONG:
            for form in ({"left": wrong, "number": "1"}, {"left": "24000", "number": wrong}):
                _is_page(await visitor.post(f"/orders/{payment['order_id']}/refunds", data=form), 422)


async def test_a_refusal_of_onetill_is_told_in_the_visitors_language(api: str, api_key: str, shop: Shop) -> None:
    payment = await shop.create()
    async with _visitor(api, api_key) as visitor:
        path, form = f"/orders/{payment['order_id']}/refunds", {"left": "24000", "number": "1", "what": "half"}
        english = await visitor.post(path, data=form)
        _is_page(english, 409)
        assert "no money was captured" in english.text
        korean = await visitor.post(path, data=form, headers={"Accept-Language": "ko"})
        _is_page(korean, 409, "처리하지 못했습니다")
        assert "환불할 금액이 없습니다" in korean.text
        _is_page(await visitor.post("/buy", data={"product": "mug", "way": "unifi_pay"}), 422)


async def test_a_wrong_key_an_absent_onetill_and_an_unknown_page_are_pages_too(api: str) -> None:
    async with _visitor(api, "sk_test_unknown") as visitor:
        _is_page(await visitor.post("/buy", data={"product": "mug"}), 401)
        _is_page(await visitor.get("/orders/one"), 401)
        _is_page(await visitor.get("/nowhere"), 404)
        _is_page(await visitor.get("/buy"), 405)
    async with _visitor(f"http://127.0.0.1:{free_ports()}", "sk_test_unknown") as visitor:
        _is_page(await visitor.post("/buy", data={"product": "mug"}), 502)
        _is_page(await visitor.get("/orders/one"), 502)
