"""What a shop is told, by push and by pull: signed, thin, once, and in order."""

import asyncpg
import msgspec

from app.domain import ids
from app.jobs.worker import Worker
from app.services import Services
from tests.flows.gateways.orders import BUYER, BY_NAME
from tests.flows.notifications.house import endpoint, feed
from tests.support import MovableClock, Shop, key
from tests.support.databases import Urls
from tests.support.receiver import Receiver


async def test_a_paid_and_refunded_payment_is_told_signed_and_in_order(
    shop: Shop, parts: Services, receiver: Receiver
) -> None:
    made = await endpoint(shop, receiver.url)
    payment = await shop.create(**BY_NAME["portone_v2"].order)
    await shop.complete(payment, **await shop.buyer_pays(payment))
    answer = await shop.client.post(f"/payments/{payment['id']}/refunds", json={"reason": "returned"}, headers=key())
    assert answer.status_code == 201, answer.text
    await Worker(parts).sweep()
    assert receiver.types() == ["payment.paid", "refund.succeeded"]
    assert all(each.is_signed_with(made["secret"]) for each in receiver.got)
    paid, refunded = (each.event for each in receiver.taken)
    assert paid["data"] == {
        "order_id": payment["order_id"],
        "attempt_id": payment["attempts"][0]["id"],
        "status": "paid",
        "currency": "KRW",
        "amount": 24000,
        "captured_amount": 24000,
        "refunded_amount": 0,
    }
    assert refunded["data"]["refund_id"] == answer.json()["id"]
    assert (refunded["data"]["status"], refunded["data"]["refund_amount"]) == ("refunded", 24000)
    assert paid["sequence"] < refunded["sequence"]
    assert [each.headers["webhook-id"] for each in receiver.taken] == [paid["id"], refunded["id"]]
    assert await feed(shop) == [paid, refunded]
    page = (await shop.client.get("/notifications")).json()
    assert [each["status"] for each in page["data"]] == ["delivered", "delivered"]
    assert page["data"][0]["deliveries"][0]["status"] == 204


async def test_a_retry_has_the_same_id_and_body(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock
) -> None:
    made = await endpoint(shop, receiver.url)
    payment = await shop.create(**BY_NAME["portone_v2"].order)
    receiver.status = 500
    await shop.complete(payment, **await shop.buyer_pays(payment))
    await Worker(parts).sweep()
    for _ in range(3):
        clock.advance(200)
        await Worker(parts).sweep()
    receiver.status = 200
    clock.advance(4000)
    await Worker(parts).sweep()
    assert len(receiver.got) >= 4
    assert len({(each.headers["webhook-id"], each.body) for each in receiver.got}) == 1
    assert len({each.headers["webhook-signature"] for each in receiver.got}) > 1, "each try is signed at its own time"
    assert receiver.types() == ["payment.paid"]
    assert receiver.taken[0].was_signed_with(made["secret"])


async def test_no_buyer_data_is_told(shop: Shop, parts: Services, receiver: Receiver) -> None:
    await endpoint(shop, receiver.url)
    payment = await shop.create(**BY_NAME["portone_v2"].order, metadata={"cart": "c-1"}, order_name="A private thing")
    await shop.complete(payment, **await shop.buyer_pays(payment))
    await Worker(parts).sweep()
    (got,) = receiver.taken
    for word in (*BUYER.values(), "A private thing", "c-1", payment["client_token"]):
        assert len(word) < 3 or word not in got.body.decode()
    assert got.event.keys() == {"id", "type", "created_at", "payment_id", "sequence", "data"}


async def test_a_fact_that_was_told_keeps_no_money_from_moving(shop: Shop, urls: Urls) -> None:
    """Its id follows from the fact, so it may be there already: then it is not told twice, and that is all."""
    payment = await shop.create()
    payment_id = ids.read(ids.Prefix.PAYMENT, payment["id"])
    told = ids.derived(payment_id, msgspec.json.encode(["payment.paid"]))
    owner = await asyncpg.connect(urls.owner)
    await owner.execute(
        """INSERT INTO outbox (payment_id, id, store, type, sequence, created_at, body, position)
        VALUES ($1, $2, 'main', 'payment.paid', 9999, now(), '{}', 1)""",
        *(payment_id, told),
    )
    await owner.close()
    answer = await shop.complete(payment, **await shop.buyer_pays(payment))
    assert answer.json()["status"] == "paid", answer.text
