"""The Idempotency-Key of `POST /payments`: its form, what counts as the same request, and what a replay is."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any

import httpx

from app.db.database import Database
from app.domain import ids
from app.domain.client_tokens import ClientTokens
from app.services import Services
from tests.api.checks import problem, row_counts
from tests.support import MovableClock, Shop, order
from tests.support.databases import keys_of

DAYS_30_S = 30 * 24 * 3600


async def _create(client: httpx.AsyncClient, name: str, body: Any) -> httpx.Response:
    content = body if isinstance(body, (str, bytes)) else json.dumps(body)
    headers = {"Idempotency-Key": name, "Content-Type": "application/json"}
    return await client.post("/payments", content=content, headers=headers)


async def test_a_create_without_a_key_is_refused(client: httpx.AsyncClient, database: Database) -> None:
    before = await row_counts(database)
    problem(await client.post("/payments", json=order()), "idempotency_key_missing")
    problem(await client.post("/payments", json=order(), headers={"Idempotency-Key": "  "}), "idempotency_key_missing")
    assert await row_counts(database) == before


async def test_a_malformed_key_is_refused(client: httpx.AsyncClient, database: Database) -> None:
    before = await row_counts(database)
    for name in [b"two words", b"x" * 256, b"tab\tbed", "키".encode(), b"\xff", b'"a b"', b'"' + b"x" * 256 + b'"']:
        answer = await client.post("/payments", json=order(), headers={b"Idempotency-Key": name})
        problem(answer, "idempotency_key_malformed")
    assert await row_counts(database) == before


async def test_more_than_one_key_is_refused(client: httpx.AsyncClient, database: Database) -> None:
    before = await row_counts(database)
    for second in ("one", "two"):
        headers = [("Idempotency-Key", "one"), ("idempotency-key", second)]
        for path in ("/payments", f"/payments/pay_{'0' * 32}/attempts", f"/payments/pay_{'0' * 32}/refunds"):
            problem(await client.post(path, json=order(), headers=headers), "idempotency_key_malformed")
    assert await row_counts(database) == before


async def test_the_longest_key_is_taken(client: httpx.AsyncClient) -> None:
    assert (await _create(client, "x" * 255, order())).status_code == 201
    assert (await _create(client, '"' + "y" * 255 + '"', order())).status_code == 201


async def test_the_same_request_again_is_the_stored_answer_again(client: httpx.AsyncClient, database: Database) -> None:
    body = order()
    first = await _create(client, "one", body)
    assert first.status_code == 201
    assert "idempotency-replayed" not in first.headers
    stored = await row_counts(database)
    again = await _create(client, "one", body)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["content-type"] == first.headers["content-type"]
    assert await row_counts(database) == stored


async def test_a_quoted_key_and_a_bare_one_are_the_same(client: httpx.AsyncClient) -> None:
    body = order()
    first = await _create(client, '"one"', body)
    again = await _create(client, "one", body)
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"


async def test_order_space_and_spelling_make_no_other_request(client: httpx.AsyncClient) -> None:
    body = order(order_id="o-1", order_name="mug", metadata={"a": "1", "b": "2"})
    first = await _create(client, "one", body)
    for spelled in (
        '{"currency": "KRW", "amount": 24000, "order_name": "mug", "order_id": "o-1", "metadata": {"b": "2", "a": "1"}}',
        '{\n\t"order_id":"o-1","order_name":"\\u006dug","amount":24000,"currency":"KRW","metadata":{"a":"1","b":"2"}\n}\n',
        '{"order_id":"o-1","order_name":"mug","amount":24000,"currency":"KRW","metadata":{"a":"1","b":"2"},"items":[]}',
    ):
        again = await _create(client, "one", spelled)
        assert again.status_code == 201, again.text
        assert again.content == first.content
        assert again.headers["idempotency-replayed"] == "true"


async def test_another_body_under_the_same_key_is_refused(client: httpx.AsyncClient, database: Database) -> None:
    body = order()
    first = await _create(client, "one", body)
    stored = await row_counts(database)
    for changes in (
        {"amount": 24001},
        {"order_id": "other"},
        {"metadata": {"a": "2"}},
        {"tax": {"vat": 100}},
        {"expires_in_s": 60},
    ):
        problem(await _create(client, "one", body | changes), "idempotency_key_reused")
    assert await row_counts(database) == stored
    assert (await _create(client, "one", body)).content == first.content


async def test_the_replay_stays_what_it_was_after_the_payment_was_paid(client: httpx.AsyncClient, shop: Shop) -> None:
    body = order()
    first = await _create(client, "one", body)
    payment = first.json()
    assert (await shop.complete(payment, **await shop.buyer_pays(payment))).json()["status"] == "paid"
    again = await _create(client, "one", body)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert (await shop.get(payment))["status"] == "paid"


async def test_a_key_belongs_to_its_store(client: httpx.AsyncClient, database: Database) -> None:
    _, other_key = await keys_of(database).create(mode="test", scopes=["*"], store="other", name="tests")
    body = order()
    first = await _create(client, "one", body)
    headers = {"Idempotency-Key": "one", "Authorization": f"Bearer {other_key}"}
    second = await client.post("/payments", json=body, headers=headers)
    assert second.status_code == 201
    assert "idempotency-replayed" not in second.headers
    assert second.json()["id"] != first.json()["id"]


async def test_a_refused_request_does_not_use_up_its_key(client: httpx.AsyncClient) -> None:
    body = order()
    assert (await _create(client, "one", body | {"amount": 0})).status_code == 422
    assert (await _create(client, "one", body)).status_code == 201


async def test_a_key_is_forgotten_after_thirty_days_and_not_before(
    client: httpx.AsyncClient, parts: Services, clock: MovableClock
) -> None:
    await _create(client, "one", order())
    clock.advance(DAYS_30_S - 60)
    assert await parts.idempotency.old.forget(100) == 0
    clock.advance(120)
    assert await parts.idempotency.old.forget(100) == 1


async def test_an_empty_quoted_key_is_malformed(client: httpx.AsyncClient) -> None:
    problem(await _create(client, '""', order()), "idempotency_key_malformed")


async def test_no_token_is_stored_and_the_replay_has_it_again(
    client: httpx.AsyncClient, database: Database, shop: Shop
) -> None:
    """Whatever else looks like one: texts of the shop's own come back as they were sent."""
    texts = {"a": "ct_" + "A" * 64, "b": "\\u0000" + "B" * 32 + "\\u0000", "c": "C" * 32}
    first = await _create(client, "one", order(metadata=texts))
    payment = first.json()
    path, headers = f"/payments/{payment['id']}/attempts", {"Idempotency-Key": "two"}
    second = await client.post(path, json={}, headers=headers)
    assert (first.status_code, second.status_code) == (201, 201)
    rows = await database.rows("SELECT answer FROM idempotency_keys")
    assert len(rows) == 2
    for row in rows:
        assert payment["order_id"].encode() in row["answer"]
        assert payment["client_token"].encode() not in row["answer"]
        assert payment["client_token"][-32:].encode() not in row["answer"], "the MAC is what opens a payment"
    again = await _create(client, "one", order(order_id=payment["order_id"], metadata=texts))
    assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")
    repeated = await client.post(path, json={}, headers=headers)
    assert (repeated.content, repeated.headers["idempotency-replayed"]) == (second.content, "true")


def test_a_stored_answer_is_made_whole_by_the_key_that_made_it() -> None:
    expires_at = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
    old, both, new = ClientTokens("old"), ClientTokens("new,old"), ClientTokens("new")
    payment_id = ids.uuid7()
    token = old.token(payment_id, expires_at).encode()
    answer = b'{"client_token":"%b","checkout_url":"https://pay.example/checkout/%b","order_name":"ct_x"}' % (
        token,
        token,
    )
    kept = old.seal(answer, "here")
    assert token[35:] not in kept
    assert old.unseal(kept, "here") == both.unseal(kept, "here") == answer
    assert both.seal(answer, "here") == kept
    emptied = answer.replace(token, b"")
    assert new.unseal(kept, "here") == emptied, "its key has left the settings"
    for plain in (b"{}", b'{"a":"ct_%b"}' % (b"A" * 64), answer.replace(token, b"ct_" + b"-" * 64)):
        assert new.seal(plain, "here") == plain
        assert new.unseal(plain, "here") == plain


def test_who_writes_the_kept_answer_makes_no_token() -> None:
    """The app's login may write there: another payment, a later end, another key's answer, an answer of an earlier release."""
    expires_at = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
    tokens, mine, theirs = ClientTokens("one"), ids.uuid7(), ids.uuid7()
    token = tokens.token(mine, expires_at).encode()
    kept = tokens.seal(token, "here")
    head, tag = urlsafe_b64decode(kept[1:33]), kept[33:49]
    forged = {
        "another payment": (theirs.bytes + head[16:], tag),
        "a later end": (head[:16] + b"\xff" * 4 + head[20:], tag),
        "a key that is not there": (head[:20] + b"\0" * 4, tag),
        "without a tag": (head, b""),
        "another tag": (head, b"A" * 16),
    }
    for what, (other, proof) in forged.items():
        assert tokens.unseal(b"\0" + urlsafe_b64encode(other) + proof + b"\0", "here") == b"", what
    assert tokens.unseal(kept, "elsewhere") == b"", "another key's answer"
    assert tokens.unseal(kept, "here") == token
