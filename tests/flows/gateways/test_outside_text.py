"""A stranger's text: whatever a callback, a redirect, a body or a webhook names, no gateway path and no statement breaks."""

import json
import unicodedata
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx
import pytest
from fastapi import FastAPI

from app.gateways.http import GatewayHttp
from app.jobs.worker import Worker
from app.services import Services
from tests.api.checks import problem
from tests.flows.gateways.orders import BY_NAME
from tests.support import MovableClock, Shop, key, order

ODD = ["\0", "a\0b", ".", "..", "date", "../../elsewhere", "\x01", "\x7f", "e\u0301", "\u202eabc", "\u200b", "x" * 3000]
FIELDS = {
    "point3": ("signature",),
    "portone_v1": ("imp_uid", "merchant_uid"),
    "portone_v2": ("paymentId", "txId", "paymentToken"),
    "unifi_pay": ("transactionId",),
}
PLACES = [(gateway, field) for gateway, fields in FIELDS.items() for field in fields]


NEVER = {*ODD, "elsewhere", "x"} - {"../../elsewhere"}
"""What goes out to no gateway. With its slashes percent-encoded, a name is one word; `elsewhere` were what is left without."""
REFERENCE = {"portone_v1": "merchant_uid", "portone_v2": "paymentId"}
"""Where a callback says whose it is, beside what it names at the gateway."""


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Every word that calls to gateways go out with: segments of paths, values of queries and of bodies."""
    words, send = set[str](), GatewayHttp._send

    async def heard(self: GatewayHttp, method: str, url: str, headers: Any, body: bytes | None, *rest: Any) -> Any:
        parts = urlsplit(url)
        words.update(unquote(each) for each in parts.path.split("/"))
        words.update(value for _, value in parse_qsl(parts.query))
        if body and body.startswith(b"{"):
            words.update(str(each) for each in json.loads(body).values())
        elif body:
            words.update(value for _, value in parse_qsl(body.decode()))
        return await send(self, method, url, headers, body, *rest)

    monkeypatch.setattr(GatewayHttp, "_send", heard)
    return words


@pytest.mark.parametrize(("gateway", "field"), PLACES)
async def test_a_redirect_may_name_anything(
    shop: Shop, product: FastAPI, gateway: str, field: str, sent: set[str]
) -> None:
    """In the buyer's own browser, whose redirect has his payment looked at; in any other, nothing is asked."""
    payment = await shop.create(**BY_NAME[gateway].order)
    own = {REFERENCE[gateway]: payment["attempts"][0]["reference"]} if gateway in REFERENCE else {}
    path = f"/checkout/return/{gateway.replace('_', '-')}"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=product), base_url="http://testserver") as browser:
        for _ in range(2):
            for text in ODD:
                answer = await browser.get(path, params=own | {field: text})
                assert answer.status_code < 500, (ascii(text), answer.text)
            await browser.get(f"/checkout/{payment['client_token']}")
    assert not NEVER & sent


@pytest.mark.parametrize(("gateway", "field"), PLACES)
async def test_a_completion_may_name_anything(shop: Shop, gateway: str, field: str, sent: set[str]) -> None:
    payment = await shop.create(**BY_NAME[gateway].order)
    for text in ODD:
        answer = await shop.complete(payment, **{field: text})
        assert answer.status_code < 500, (ascii(text), answer.text)
    assert sent, "it is looked up, without what was brought"
    assert not NEVER & sent


@pytest.mark.parametrize(
    ("gateway", "fields"),
    [("portone_v1", ("imp_uid", "merchant_uid")), ("unifi_pay", ("transactionId", "orderId"))],
)
async def test_a_webhook_may_name_anything(
    shop: Shop, parts: Services, clock: MovableClock, gateway: str, fields: tuple[str, str], sent: set[str]
) -> None:
    """By the gateway's name for it, beside a reference of ours, and in the place of that."""
    payment = await shop.create(**BY_NAME[gateway].order)
    reference = payment["attempts"][0]["reference"]
    for text in (*ODD, "imp/../..", "imp?x"):
        for body in ({fields[0]: text, fields[1]: reference}, {fields[0]: "imp_1", fields[1]: text}):
            told = body | {"status": "paid"}
            answer = await shop.client.post(f"/webhooks/{gateway}", json=told, headers={"Authorization": ""})
            assert answer.status_code < 500, (ascii(text), answer.text)
    clock.advance(60)
    await Worker(parts).sweep()
    assert reference in sent, "it is looked up by the name that is ours"
    assert not NEVER & sent


class TestOneSpelling:
    async def test_an_order_exists_once_however_it_is_written(self, shop: Shop) -> None:
        composed, parts = (unicodedata.normalize(form, "주문-é") for form in ("NFC", "NFD"))
        assert composed != parts
        made = await shop.create(order_id=parts)
        assert made["order_id"] == composed
        again = await shop.client.post("/payments", json=order(order_id=composed), headers=key())
        problem(again, "order_taken")
        for spelled in (composed, parts):
            found = (await shop.client.get("/payments", params={"order_id": spelled})).json()["data"]
            assert [each["id"] for each in found] == [made["id"]]

    @pytest.mark.parametrize("hidden", ["\u200b", "\u202e", "\ufeff", "\u2066"], ids=ascii)
    async def test_what_nobody_sees_is_named(self, shop: Shop, hidden: str) -> None:
        body = order(order_id=f"order{hidden}1", order_name=f"Coffee{hidden}", customer={"id": f"buyer{hidden}"})
        told = problem(await shop.client.post("/payments", json=body, headers=key()), "invalid_request")
        wrong = {each["field"]: each["message"] for each in told["errors"]}
        assert {"order_id", "customer.id"} <= wrong.keys()
        assert f"U+{ord(hidden):04X}" in wrong["order_id"]
        assert ("order_name" in wrong) is (hidden in "\u202e\u2066\ufeff")


@pytest.mark.parametrize("url", ["https://shop.example@evil.example/", "https://evil.example\\@shop.example"])
async def test_no_buyer_is_sent_elsewhere_than_it_looks(shop: Shop, url: str) -> None:
    answer = await shop.client.post("/payments", json=order(return_url=url), headers=key())
    assert problem(answer, "invalid_request")["errors"][0]["field"] == "return_url"
