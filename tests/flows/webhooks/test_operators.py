"""What operators see and do: metrics, exchanges, trails that hold, and rejected money that waits for them."""

import re

import asyncpg
import httpx
import pytest

from app.gateways.gateway_log import GatewayCall
from app.jobs.history import check
from app.jobs.worker import Worker
from app.services import Services
from app.settings import Settings
from tests.flows.gateways.orders import BY_NAME
from tests.support import MovableClock, Shop
from tests.support.databases import Urls


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    return settings.model_copy(update={"rejected_money": getattr(request, "param", "auto_refund")})


async def test_the_trail_of_every_payment_holds(shop: Shop, parts: Services, urls: Urls) -> None:
    paid = await shop.create(**BY_NAME["portone_v2"].order)
    await shop.complete(paid, **await shop.buyer_pays(paid))
    ids = await parts.repository.every_id(None, 10)
    assert [await check(parts, each) for each in ids] == [[]]
    owner = await asyncpg.connect(urls.owner)
    await owner.execute("UPDATE payment_events SET reason = 'forged' WHERE seq = 2")
    await owner.close()
    assert await check(parts, ids[0]) == ["step 2 was changed after it was written"]


async def test_what_was_said_is_kept_masked(shop: Shop, parts: Services) -> None:
    payment = await shop.create(**BY_NAME["portone_v2"].order)
    await shop.complete(payment, **await shop.buyer_pays(payment))
    (payment_id,) = await parts.repository.every_id(None, 10)
    await shop.complete(payment)
    kept: list[GatewayCall] = []
    while len(kept) < 2:
        kept = await parts.gateway_log.of(payment_id)
    assert [each.operation for each in kept][:2] == ["pre_register", "fetch_payment"]
    text = str(kept)
    assert '"status":"PAID"' in text
    for secret in ("Minji", "minji@mail.example", "5555"):
        assert secret not in text


async def test_the_metrics_tell_what_waits_and_what_came(shop: Shop, client: httpx.AsyncClient, served: str) -> None:
    async with httpx.AsyncClient(base_url=served) as outside:
        refused = await outside.post("/webhooks/portone-v2", json={"type": "Transaction.Paid"})
        assert refused.status_code == 401
        kept = await outside.post(
            "/webhooks/portone-v1", json={"imp_uid": "imp_1", "merchant_uid": "x" * 30, "status": "paid"}
        )
        assert kept.status_code == 200
        text = (await outside.get("/metrics")).text
    values = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if line[0] != "#"}
    assert values['onetill_webhooks_received_total{gateway="portone_v1",proof="hint"}'] >= 1
    assert values['onetill_webhooks_rejected_total{code="webhook_refused",gateway="portone_v2"}'] >= 1
    assert values["onetill_webhooks_waiting"] == 1
    assert values["onetill_webhooks_parked_now"] == 0
    assert {"onetill_oldest_undecided_seconds", "onetill_sweep_overdue_seconds"} <= values.keys()
    assert not re.search(r"pay_|imp_1|x{30}", text)


@pytest.mark.parametrize("settings", ["hold"], indirect=True)
async def test_rejected_money_waits_for_a_person_where_the_settings_say_so(
    shop: Shop, parts: Services, clock: MovableClock
) -> None:
    payment = await shop.create(**BY_NAME["portone_v2"].order)
    answer = await shop.complete(payment, **await shop.buyer_pays(payment, "amount_differs"))
    assert answer.status_code == 409
    for _ in range(3):
        clock.advance(3600)
        await Worker(parts).sweep()
    assert (await shop.journal(payment))["refunded"] == 0
    assert (await shop.get(payment))["needs_attention"]
    (payment_id,) = await parts.repository.every_id(None, 10)
    await parts.refunds.release(payment_id)
    truth = await shop.journal(payment)
    assert truth["refunded"] == truth["amount"]


async def test_a_canceled_payment_takes_no_money(shop: Shop, parts: Services, clock: MovableClock) -> None:
    payment = await shop.create(**BY_NAME["portone_v2"].order)
    closed = await shop.client.post(f"/payments/{payment['id']}/cancel")
    assert (closed.status_code, closed.json()["status"]) == (200, "canceled")
    assert (await shop.client.post(f"/payments/{payment['id']}/cancel")).json()["status"] == "canceled"
    await shop.buyer_pays(payment, "lost_webhook")
    for _ in range(3):
        clock.advance(1800)
        await Worker(parts).sweep()
    truth = await shop.journal(payment)
    assert (truth["captures"], truth["refunded"]) == (1, truth["amount"])
    stored = await shop.get(payment)
    assert (stored["status"], stored["captured_amount"]) == ("canceled", 0)


async def test_a_paid_payment_is_not_canceled(shop: Shop) -> None:
    payment = await shop.create(**BY_NAME["portone_v2"].order)
    await shop.complete(payment, **await shop.buyer_pays(payment))
    refused = await shop.client.post(f"/payments/{payment['id']}/cancel")
    assert (refused.status_code, refused.json()["code"]) == (409, "payment_not_open")


async def test_what_the_gateway_never_says_ends_at_a_person(shop: Shop, parts: Services, clock: MovableClock) -> None:
    """Seconds, minutes, hours for a day, then days: after a week it is for a person, and it is still asked about."""
    payment = await shop.create(**BY_NAME["point3"].order)
    proof = await shop.buyer_pays(payment, "accept_then_hang")
    await shop.complete(payment, **proof)
    await shop.scenario("error_500", call="lookup", times=-1)
    statuses = [(await shop.get(payment))["status"]]
    for _ in range(45):
        clock.advance(86_400)
        await Worker(parts).sweep()
        statuses.append((await shop.get(payment))["status"])
    assert set(statuses) <= {"open", "processing", "review"}
    assert statuses[-1] == "review"
    assert 7 <= statuses.count("processing") <= 9, "a week of looks comes before"
    stored = await shop.get(payment)
    assert stored["needs_attention"]
    assert stored["captured_amount"] == 0
