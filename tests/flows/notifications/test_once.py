"""A signing secret whose answer was lost is had again: one Idempotency-Key makes one endpoint, or one new secret."""

import asyncio
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from app.db.database import Database
from app.jobs.worker import Worker
from app.notifications.endpoints import MOST_ENDPOINTS
from app.services import Services
from app.settings import Settings
from tests.api.checks import problem
from tests.flows.notifications.house import endpoint, paid
from tests.flows.notifications.test_endpoints import client_of
from tests.support import MovableClock, Shop, app_of, key, lifespan
from tests.support.databases import Urls
from tests.support.receiver import Receiver

AT = "/notification-endpoints"


async def listed(shop: Shop) -> list[dict[str, Any]]:
    return list((await shop.client.get(AT)).json()["data"])


async def test_the_same_call_again_gets_the_same_endpoint_and_secret(
    shop: Shop, parts: Services, receiver: Receiver
) -> None:
    name, body = key(), {"url": receiver.url, "description": "orders"}
    first = await shop.client.post(AT, json=body, headers=name)
    assert first.status_code == 201
    assert "idempotency-replayed" not in first.headers
    again = await shop.client.post(AT, json=dict(reversed(body.items())), headers=name)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert len(await listed(shop)) == 1
    await paid(shop)
    await Worker(parts).sweep()
    (got,) = receiver.taken
    assert got.is_signed_with(again.json()["secret"])
    problem(await shop.client.post(AT, json={"url": receiver.url + "/x"}, headers=name), "idempotency_key_reused")
    other = await shop.client.post(AT, json=body, headers=key())
    assert other.json()["secret"] != first.json()["secret"]


async def test_a_rotation_again_gives_the_same_secret(shop: Shop, parts: Services, receiver: Receiver) -> None:
    made, other = await endpoint(shop, receiver.url), await endpoint(shop, receiver.url + "/other")
    name, body = key(), {"overlap_days": 0}
    first, again = [await shop.client.post(f"{AT}/{made['id']}/rotate-secret", json=body, headers=name) for _ in "12"]
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert first.json()["secret"] != made["secret"]
    problem(await shop.client.post(f"{AT}/{made['id']}/rotate-secret", json={}, headers=name), "idempotency_key_reused")
    theirs = await shop.client.post(f"{AT}/{other['id']}/rotate-secret", json=body, headers=name)
    assert theirs.json()["secret"] not in first.text, "another endpoint's is another call"
    await paid(shop)
    await Worker(parts).sweep()
    (got,) = [each for each in receiver.taken if not each.path.endswith("other")]
    assert got.is_signed_with(first.json()["secret"])
    assert len(got.headers["webhook-signature"].split()) == 1
    await shop.client.delete(f"{AT}/{made['id']}")
    problem(await shop.client.post(f"{AT}/{made['id']}/rotate-secret", json=body, headers=name), "not_found")


async def test_no_stored_answer_holds_a_secret_or_opens_elsewhere(
    shop: Shop, receiver: Receiver, database: Database, urls: Urls
) -> None:
    body = {"url": receiver.url}
    mine, theirs = key(), key()
    answers = [await shop.client.post(AT, json=body, headers=name) for name in (mine, theirs)]
    at = f"{AT}/{answers[0].json()['id']}/rotate-secret"
    answers.append(await shop.client.post(at, json={}, headers=key()))
    rows = await database.rows("SELECT * FROM idempotency_keys")
    assert len(rows) == 3
    for answer in answers:
        assert answer.json()["secret"].removeprefix("whsec_")[:20] not in str([dict(row) for row in rows])
    owner = await asyncpg.connect(urls.owner)
    await owner.execute(
        "UPDATE idempotency_keys SET answer = (SELECT answer FROM idempotency_keys WHERE key = $1) WHERE key = $2",
        theirs["Idempotency-Key"], mine["Idempotency-Key"],
    )  # fmt: skip
    await owner.close()
    problem(await shop.client.post(AT, json=body, headers=mine), "encryption_key_missing")


async def test_many_at_once_make_one(shop: Shop, receiver: Receiver) -> None:
    """Also where one more would be one too many."""
    for _ in range(MOST_ENDPOINTS - 1):
        await endpoint(shop, receiver.url)
    name, body = key(), {"url": receiver.url}
    answers = await asyncio.gather(*(shop.client.post(AT, json=body, headers=name) for _ in range(12)))
    assert {(each.status_code, each.content) for each in answers} == {(201, answers[0].content)}
    assert len(await listed(shop)) == MOST_ENDPOINTS
    at = f"{AT}/{answers[0].json()['id']}/rotate-secret"
    answers = await asyncio.gather(*(shop.client.post(at, json={}, headers=name) for _ in range(12)))
    assert {(each.status_code, each.content) for each in answers} == {(200, answers[0].content)}


async def test_a_refusal_is_not_stored(shop: Shop, receiver: Receiver) -> None:
    name, body = key(), {"url": receiver.url}
    problem(await shop.client.post(AT, json={"url": "ftp://shop.example/"}, headers=name), "invalid_request")
    made = [await endpoint(shop, receiver.url) for _ in range(MOST_ENDPOINTS)]
    problem(await shop.client.post(AT, json=body, headers=name), "too_many_endpoints")
    await shop.client.delete(f"{AT}/{made[0]['id']}")
    assert (await shop.client.post(AT, json=body, headers=name)).status_code == 201
    two = [("Idempotency-Key", "one"), ("idempotency-key", "one")]
    for path in (AT, f"{AT}/{made[1]['id']}/rotate-secret"):
        problem(await shop.client.post(path, json=body, headers=two), "idempotency_key_malformed")
        problem(
            await shop.client.post(path, json=body, headers={"Idempotency-Key": "a b"}), "idempotency_key_malformed"
        )


async def test_two_stores_keys_are_two_keys(
    shop: Shop, receiver: Receiver, product: FastAPI, database: Database
) -> None:
    name, body = key(), {"url": receiver.url}
    mine = await shop.client.post(AT, json=body, headers=name)
    async with await client_of(product, database, "other", "notifications:write") as other:
        theirs = await other.post(AT, json=body, headers=name)
    assert theirs.status_code == 201
    assert theirs.json()["id"] != mine.json()["id"]


async def test_a_call_that_dies_anywhere_is_done_once_in_the_end(
    shop: Shop, parts: Services, receiver: Receiver, database: Database
) -> None:
    """Nothing of it is there, or all of it: nobody waits for a lease, and the secret is the one that signs."""
    for waits in range(40):
        name, body = key(), {"url": f"{receiver.url}/{waits}"}
        dying = asyncio.create_task(shop.client.post(AT, json=body, headers=name))
        for _ in range(waits):
            await asyncio.sleep(0)
        dying.cancel()
        await asyncio.wait([dying])
        answer = await shop.client.post(AT, json=body, headers=name)
        assert answer.status_code == 201
        (made,) = [each for each in await listed(shop) if each["url"] == body["url"]]
        assert made["id"] == answer.json()["id"]
        assert (await shop.client.post(f"{AT}/{made['id']}/test")).json()["delivered"]
        assert receiver.taken[-1].is_signed_with(answer.json()["secret"])


@pytest.mark.parametrize(("keys", "is_open"), [(["k2", "k1"], True), (["k2"], False)])
async def test_it_opens_as_long_as_its_encryption_key_is_there(
    shop: Shop, settings: Settings, receiver: Receiver, clock: MovableClock, keys: list[str], is_open: bool
) -> None:
    secrets = {"k1": SecretStr("k1:" + "aa1e2d3c" * 8), "k2": SecretStr("k2:" + "0f1e2d3c" * 8)}
    answers = []
    for each in (["k1"], keys):
        product = app_of(settings.model_copy(update={"encryption_keys": [secrets[one] for one in each]}), clock)
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=product), base_url="http://testserver", headers=shop.client.headers
        )
        async with lifespan(product), client:
            answers.append(await client.post(AT, json={"url": receiver.url}, headers={"Idempotency-Key": "one"}))
    if is_open:
        assert answers[1].content == answers[0].content
    else:
        assert problem(answers[1], "encryption_key_missing")["setting"] == "ONETILL_ENCRYPTION_KEYS"
