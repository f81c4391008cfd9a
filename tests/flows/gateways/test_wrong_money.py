"""Money that must not be kept goes back by itself, or a person is called where the gateway cannot give back."""

import pytest

from app.jobs.worker import Worker
from app.services import Services
from tests.flows.gateways.orders import BUYER, BY_NAME, ONE_STEP, Kind
from tests.support import MovableClock, Shop, key, order

one_step = pytest.mark.parametrize("kind", ONE_STEP, ids=lambda kind: kind.name)


async def _is_given_back(shop: Shop, kind: Kind, payment: dict[str, object], attempt: int = 0) -> None:
    stored = await shop.get(payment)
    rows = await shop.sim("GET", f"/_sim/journal?gateway={kind.name}")
    reference = stored["attempts"][attempt]["reference"]
    (truth,) = [row for row in rows if row["reference"] == reference and row["captures"]]
    assert stored["attempts"][attempt]["status"] == "rejected"
    if kind.can_refund:
        assert truth["refunded"] == truth["amount"]
        assert truth["cancels"] == 1
    else:
        assert truth["refunded"] == 0
        assert stored["status"] == "review"
        assert stored["needs_attention"]


@one_step
async def test_another_amount_is_not_kept(shop: Shop, kind: Kind, parts: Services, clock: MovableClock) -> None:
    payment = await shop.create(**kind.order)
    answer = await shop.complete(payment, **await shop.buyer_pays(payment, "amount_differs"))
    assert (answer.status_code, answer.json()["mismatch"]) == (409, "amount_mismatch")
    assert (await shop.get(payment))["captured_amount"] == 0
    await shop.sim("POST", "/_sim/advance", {"seconds": 600})
    clock.advance(60)
    await Worker(parts).sweep()
    await _is_given_back(shop, kind, payment)


@pytest.mark.parametrize("first", ONE_STEP, ids=lambda kind: kind.name)
async def test_the_second_money_for_one_order_goes_back_across_gateways(
    shop: Shop, first: Kind, parts: Services, clock: MovableClock
) -> None:
    """The buyer leaves one window open, pays at another gateway, and then pays in the first window too."""
    second = BY_NAME["portone_v2" if first.name != "portone_v2" else "portone_v1"]
    body = {"currency": "USD", "amount": 1750, "customer": BUYER}
    payment = await shop.create(gateway=first.name, **body)
    opened = await shop.client.post(f"/payments/{payment['id']}/attempts", json={"gateway": second.name})
    assert opened.status_code == 201, opened.text
    assert (await shop.complete(payment, **await shop.buyer_pays(opened.json()))).json()["status"] == "paid"
    await shop.buyer_pays(payment, "lost_webhook")
    for _ in range(3):
        clock.advance(3600)
        await Worker(parts).sweep()
    await _is_given_back(shop, first, payment)
    stored = await shop.get(payment)
    assert stored["attempts"][1]["status"] == "captured"
    assert stored["captured_amount"] == 1750


async def test_another_payments_reference_pays_nothing(shop: Shop) -> None:
    """What a browser brings names money; only the look-up says whose it is."""
    for name, field in (("portone_v1", "imp_uid"), ("portone_v2", "txId"), ("unifi_pay", "transactionId")):
        kind = BY_NAME[name]
        cheap, dear = await shop.create(**kind.order), await shop.create(**kind.order | {"amount": 40_000})
        brought = await shop.buyer_pays(cheap)
        answer = await shop.client.post("/payments/complete", json={"payment_id": dear["id"], field: brought[field]})
        assert answer.status_code in {202, 409}
        assert (await shop.get(dear))["captured_amount"] == 0
        assert (await shop.complete(cheap, **brought)).json()["status"] == "paid"


@pytest.mark.parametrize(
    ("gateway", "changes", "field"),
    [
        ("unifi_pay", {"currency": "KRW", "customer": BUYER}, "currency"),
        ("portone_v1", {"currency": "USD", "customer": BUYER | {"name": None}}, "customer.name"),
        ("portone_v1", {"currency": "USD", "customer": BUYER | {"name": "김민지"}}, "customer.name"),
        ("portone_v1", {"currency": "USD", "customer": BUYER | {"email": None}}, "customer.email"),
        ("point3", {"currency": "USD"}, "currency"),
    ],
)
async def test_what_a_gateway_cannot_take_is_refused_by_name_before_any_call(
    shop: Shop, gateway: str, changes: dict[str, object], field: str
) -> None:
    answer = await shop.client.post("/payments", json=order(gateway=gateway, **changes), headers=key())
    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert await shop.sim("GET", f"/_sim/calls?gateway={gateway}") == []
    assert (await shop.client.get("/payments")).json()["data"] == []
