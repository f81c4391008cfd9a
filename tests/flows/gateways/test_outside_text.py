"""A stranger's text: whatever a callback, a redirect, a body or a webhook names, no gateway path and no statement breaks."""

import unicodedata
from urllib.parse import quote

import pytest

from tests.api.checks import problem
from tests.flows.gateways.orders import BY_NAME
from tests.support import Shop, key, order

ODD = ["\0", "a\0b", ".", "..", "date", "../../users", "\x01", "\x7f", "e\u0301", "\u202eabc", "\u200b", "x" * 3000]
FIELDS = {
    "point3": ("signature",),
    "portone_v1": ("imp_uid", "merchant_uid"),
    "portone_v2": ("paymentId", "txId", "paymentToken"),
    "unifi_pay": ("transactionId",),
}
PLACES = [(gateway, field) for gateway, fields in FIELDS.items() for field in fields]


async def named(shop: Shop, gateway: str) -> list[str]:
    """What the calls to the gateway named."""
    return [str(value) for call in await shop.sim("GET", f"/_sim/calls?gateway={gateway}") for value in call.values()]


@pytest.mark.parametrize(("gateway", "field"), PLACES)
async def test_a_redirect_may_name_anything(shop: Shop, gateway: str, field: str) -> None:
    path = f"/checkout/return/{gateway.replace('_', '-')}"
    for text in ODD:
        answer = await shop.client.get(f"{path}?{field}={quote(text, safe='')}", headers={"Authorization": ""})
        assert answer.status_code < 500, (ascii(text), answer.text)
    assert not {*ODD} & set(await named(shop, gateway))


@pytest.mark.parametrize(("gateway", "field"), PLACES)
async def test_a_completion_may_name_anything(shop: Shop, gateway: str, field: str) -> None:
    payment = await shop.create(**BY_NAME[gateway].order)
    for text in ODD:
        answer = await shop.complete(payment, **{field: text})
        assert answer.status_code < 500, (ascii(text), answer.text)
    assert not {*ODD} & set(await named(shop, gateway))


async def test_a_webhook_may_name_anything(shop: Shop) -> None:
    for text in (*ODD, "imp/../..", "imp?x"):
        body = {"imp_uid": text, "merchant_uid": "order1", "status": "paid"}
        answer = await shop.client.post("/webhooks/portone-v1", json=body, headers={"Authorization": ""})
        assert answer.status_code < 500, (ascii(text), answer.text)


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
