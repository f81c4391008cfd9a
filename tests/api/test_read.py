"""`GET /payments/{id}` and the JSON of a payment, in each state that the simulated gateway can bring it to."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from app.domain import ids
from tests.api.checks import problem
from tests.support import MovableClock, Shop, key

DESIGN = {
    "id",
    "status",
    "order_id",
    "amount",
    "currency",
    "refunded_amount",
    "gateway",
    "client_token",
    "checkout_url",
    "next_action",
    "attempts",
    "last_failure",
    "created_at",
    "paid_at",
    "expires_at",
    "metadata",
}
"""The members that docs/architecture.md §6 fixes for whoever drives the product from outside."""

ATTEMPT = {"id", "reference", "gateway", "gateway_ref", "status", "failure"}
WHOLE: dict[str, Any] = {
    "gateway": "point3",
    "method": "card",
    "customer": {
        "id": "user-42",
        "name": "홍길동",
        "email": "gildong@shop.example",
        "phone": "+82 10-1234-5678",
        "country": "KR",
        "address": {"street": "세종대로 1", "city": "서울", "state": "서울", "postal_code": "04524"},
    },
    "tax": {"vat": 2000, "tax_free": 2000},
    "items": [{"name": "머그컵", "quantity": 2, "unit_amount": 12000}],
    "return_url": "https://shop.example/orders/1?paid=yes#top",
    "expires_in_s": 600,
    "save_billing_key": False,
    "metadata": {"z": "last first", "a": "ünïcödé 🎁", "empty": ""},
    "gateway_options": {"point3": {"culture_expense_type": "b", "client_nickname": "다른 상점"}},
}


def _moment(text: str) -> datetime:
    assert text.endswith("Z")
    return datetime.fromisoformat(text)


async def test_a_new_payment_says_everything_that_the_design_promises(shop: Shop) -> None:
    payment = await shop.create(order_id="주문 1")
    assert payment.keys() >= DESIGN
    assert payment["attempts"][0].keys() >= ATTEMPT
    assert ids.show(ids.Prefix.PAYMENT, ids.read(ids.Prefix.PAYMENT, payment["id"])) == payment["id"]
    assert payment["attempts"][0]["id"].startswith("att_")
    assert payment["attempts"][0]["reference"].isalnum()
    assert (payment["status"], payment["order_id"], payment["mode"]) == ("open", "주문 1", "test")
    assert (payment["amount"], payment["currency"], payment["refunded_amount"]) == (24000, "KRW", 0)
    assert (payment["paid_at"], payment["last_failure"], payment["metadata"]) == (None, None, {})
    assert payment["checkout_url"] == f"http://testserver/checkout/{payment['client_token']}"
    assert _moment(payment["expires_at"]) - _moment(payment["created_at"]) == timedelta(minutes=30)
    assert await shop.get(payment) == payment


async def test_everything_that_may_be_sent_is_taken_and_what_is_ours_to_show_comes_back(shop: Shop) -> None:
    payment = await shop.create(**WHOLE)
    for name in ("gateway", "method", "return_url", "metadata"):
        assert payment[name] == WHOLE[name]
    assert list(payment["metadata"]) == ["z", "a", "empty"]
    assert _moment(payment["expires_at"]) - _moment(payment["created_at"]) == timedelta(minutes=10)
    assert "홍길동" not in str(payment)


async def test_a_paid_payment_says_when_and_by_which_gateway_reference(shop: Shop) -> None:
    payment = await shop.create()
    proof = await shop.buyer_pays(payment)
    await shop.complete(payment, **proof)
    paid = await shop.get(payment)
    assert (paid["status"], paid["captured_amount"], paid["next_action"]) == ("paid", 24000, None)
    assert _moment(paid["paid_at"]) >= _moment(paid["created_at"])
    assert [(a["status"], a["gateway_ref"]) for a in paid["attempts"]] == [("captured", proof["signature"])]


async def test_a_declined_attempt_says_why_in_our_code_and_the_gateways(shop: Shop) -> None:
    payment = await shop.create()
    await shop.complete(payment, **await shop.buyer_pays(payment, "declined"))
    failed = await shop.get(payment)
    assert (failed["status"], failed["next_action"], failed["paid_at"]) == ("open", None, None)
    assert failed["attempts"][0]["status"] == "failed"
    assert failed["last_failure"] == failed["attempts"][0]["failure"]
    assert failed["last_failure"]["code"] == "declined"
    assert failed["last_failure"].keys() == {"code", "raw_code", "message"}


async def test_an_expired_payment_offers_nothing_more(shop: Shop, clock: MovableClock) -> None:
    payment = await shop.create(expires_in_s=60)
    clock.advance(61)
    assert (await shop.sync(payment)).json()["status"] == "expired"
    expired = await shop.get(payment)
    assert (expired["status"], expired["next_action"]) == ("expired", None)
    assert expired["attempts"][0]["status"] == "expired"


async def test_what_is_no_payment_id_is_not_found(client: httpx.AsyncClient, subtests: pytest.Subtests) -> None:
    zeros = "0" * 32
    short = ["pay_1", "pay_", "x", f"pay_{zeros[1:]}", f"att_{zeros}", f"PAY_{zeros}"]
    odd = ["pay_" + "G" * 32, "pay_" + "A" * 32, "pay_%00", f"pay_{zeros}%0A", "%EF%BF%BD", "x" * 3000]
    for text in short + odd:
        for path in (f"/payments/{text}", f"/payments/{text}/events"):
            with subtests.test(path[:80]):
                assert problem(await client.get(path), "malformed_id")["prefix"] == "pay"


async def test_an_id_that_nobody_has_is_not_found(client: httpx.AsyncClient) -> None:
    nobody = ids.show(ids.Prefix.PAYMENT, ids.uuid7())
    problem(await client.get(f"/payments/{nobody}"), "not_found")
    problem(await client.get(f"/payments/{nobody}/events"), "not_found")
    problem(await client.post(f"/payments/{nobody}/sync"), "not_found")
    problem(await client.post(f"/payments/{nobody}/attempts", json={}, headers=key()), "not_found")
