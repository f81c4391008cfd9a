"""`/docs`: the reference is complete, takes nothing from another host, and needs no script."""

import html
import re
from collections.abc import AsyncIterator

import httpx
import pytest
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette

from app.api.problems import PROBLEMS
from app.api.reference import reference_page
from app.paths import STATIC, TEMPLATES


@pytest.fixture
async def page(client: httpx.AsyncClient) -> AsyncIterator[httpx.Response]:
    """The page as it is made from the product's own document."""
    document = (await client.get("/openapi.json")).json()
    templates = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    app = Starlette(routes=[reference_page(lambda: document, templates, "https://pay.shop.example")])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://testserver") as reader:
        yield await reader.get("/docs")


async def test_the_reference_shows_every_call_and_every_shape(client: httpx.AsyncClient, page: httpx.Response) -> None:
    document = (await client.get("/openapi.json")).json()
    assert page.status_code == 200
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert f'id="{operation["operationId"]}"' in page.text
            assert operation["summary"] in html.unescape(page.text)
        assert path in page.text
    for name in document["components"]["schemas"]:
        assert f'id="{name}"' in page.text


async def test_every_link_of_the_reference_leads_somewhere(client: httpx.AsyncClient, page: httpx.Response) -> None:
    links = set(re.findall(r'(?:href|src)="([^"]+)"', page.text))
    anchors = set(re.findall(r'id="([^"]+)"', page.text))
    for link in links:
        if link.startswith("#"):
            assert link[1:] in anchors
        else:
            assert (await client.get(link)).status_code == 200, link
    linked = {link.removeprefix("/problems/") for link in links if link.startswith("/problems/")}
    assert linked <= PROBLEMS.keys()
    assert "order_taken" in linked


async def test_the_reference_has_no_script_and_nothing_from_another_host(page: httpx.Response) -> None:
    assert "<script" not in page.text
    assert re.findall(r'(?:href|src)="(?:https?:)?//', page.text) == []
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
    for sheet in re.findall(r'rel="stylesheet" href="/static/([^"]+)"', page.text):
        assert "http" not in (STATIC / sheet).read_text(encoding="utf-8")


async def test_the_reference_shows_a_curl_that_can_be_pasted(page: httpx.Response) -> None:
    shown = html.unescape(page.text)
    assert "curl -X POST https://pay.shop.example/payments \\\n" in shown
    assert "-H 'Idempotency-Key: order-20261121-0001'" in shown
    assert not [line for line in re.findall(r"curl [^\n]+", shown) if "{" in line]


async def test_the_product_serves_its_own_reference_and_no_other(client: httpx.AsyncClient) -> None:
    answer = await client.get("/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "jsdelivr" not in answer.text
    assert "API reference" in answer.text
    assert (await client.get("/redoc")).status_code == 404
