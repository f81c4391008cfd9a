"""The main road: create, the buyer pays, complete, paid, and the trail that tells it."""

from datetime import datetime

from app.db.database import Database
from app.domain import ids
from app.domain.client_tokens import ClientTokens
from app.ledger.repository import PaymentRepository
from tests.support import Shop
from tests.support.settings import HISTORY_KEYS


async def test_a_payment_is_proven_and_paid_once(shop: Shop) -> None:
    payment = await shop.create()
    assert payment["status"] == "open"
    assert payment["next_action"]["type"] == "point3_widget"
    proof = await shop.buyer_pays(payment)
    answer = await shop.complete(payment, **proof)
    assert answer.status_code == 200
    assert answer.json()["status"] == "paid"
    assert answer.json()["captured_amount"] == 24000
    assert await shop.get(payment) == answer.json()
    assert (await shop.journal(payment))["captures"] == 1
    again = await shop.complete(payment, **proof)
    assert again.status_code == 200
    assert (await shop.journal(payment))["confirms"] == 1


async def test_the_trail_is_whole_and_its_hashes_hold(shop: Shop, database: Database) -> None:
    payment = await shop.create()
    await shop.complete(payment, **await shop.buyer_pays(payment))
    trail = await shop.events(payment)
    assert [event["reason"] for event in trail] == ["created", "opened", "confirm_requested", "confirmed"]
    assert [event["to"] for event in trail] == ["open", "open", "processing", "paid"]
    stored = await PaymentRepository(database).events(ids.read(ids.Prefix.PAYMENT, payment["id"]), 0, 100)
    before = bytes(32)
    for event, digest in stored:
        assert event.prev_hash == before
        assert event.hash(HISTORY_KEYS.first) == digest
        before = digest


async def test_a_browser_completes_with_its_own_token_only(shop: Shop) -> None:
    payment, other = await shop.create(), await shop.create()
    tokens = ClientTokens(shop.settings.secret_key.get_secret_value())
    expires_at = datetime.fromisoformat(payment["expires_at"])
    assert tokens.token(ids.read(ids.Prefix.PAYMENT, payment["id"]), expires_at) == payment["client_token"]
    headers = {"Authorization": f"Bearer {payment['client_token']}"}
    proof = await shop.buyer_pays(payment)
    foreign = await shop.client.post("/payments/complete", json={"payment_id": other["id"], **proof}, headers=headers)
    assert foreign.status_code == 403
    answer = await shop.client.post("/payments/complete", json=proof, headers=headers)
    assert answer.json()["status"] == "paid"
    assert answer.json()["metadata"] == {}
