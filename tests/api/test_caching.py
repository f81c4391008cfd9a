"""No cache keeps an answer, whichever route gave it; static files are kept, and asked about each time."""

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from app.settings import Settings
from simulator.server import Simulator
from tests.flows.gateways.orders import BUYER
from tests.support import Shop, key, order
from tests.support.databases import Urls
from tests.support.settings import settings_for


@pytest.fixture
def settings(urls: Urls, simulator: Simulator) -> Settings:
    """All four gateways: their webhooks have answers too."""
    return settings_for(urls, simulator)


async def test_no_cache_keeps_an_answer_of_any_route(shop: Shop, product: FastAPI) -> None:
    payment, paid = await shop.create(gateway="point3"), await shop.create(gateway="portone_v2", customer=BUYER)
    await shop.complete(paid, **await shop.buyer_pays(paid))
    refund = await shop.client.post(f"/payments/{paid['id']}/refunds", json={"reason": "Broken"}, headers=key())
    assert refund.status_code == 201, refund.text
    fits = {"client_token": payment["client_token"], "gateway": "portone-v1", "code": "not_found", "name": "states.md"}
    bodies = {"/payments": order(), "/payments/complete": {"payment_id": payment["id"]}}
    bodies |= {"/webhooks/portone-v1": {"imp_uid": "imp_1", "merchant_uid": "one", "status": "paid"}}
    good = set()
    for route in iter_route_contexts(product.routes):
        for method in (route.methods or set()) - {"HEAD"}:
            template = str(route.path_format)
            path = template.format(**fits, id=refund.json()["id"] if template == "/refunds/{id}" else payment["id"])
            answer = await shop.client.request(method, path, json=bodies.get(path, {}), headers=key())
            assert answer.headers.get_list("cache-control") == ["no-store"], (method, path)
            good |= {template} if answer.status_code < 400 else set()
    assert good >= {"/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/problems/{code}", "/payments"}
    assert good >= {"/checkout/{client_token}", "/webhooks/{gateway}", "/payments/{id}/refunds", "/refunds/{id}"}


async def test_a_browser_asks_whether_a_static_file_is_still_the_same(client: httpx.AsyncClient) -> None:
    assert (await client.get("/static/docs.css")).headers.get_list("cache-control") == ["no-cache"]
