"""Endpoints by the API: made, read, changed, rotated, tested, ended; whose they are, and what of them lies in the database."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from app.db.database import Database
from app.domain.errors import EncryptionKeyMissing
from app.domain.schedule import PUT_OFF_S
from app.jobs.worker import Worker
from app.notifications.endpoints import MOST_ENDPOINTS, MOST_SECRETS, OLDEST, ONE_AT_A_TIME
from app.services import Services, build_services
from app.settings import Settings
from tests.api.checks import problem, wrong_fields
from tests.flows.notifications.house import change, endpoint, id_of, paid, somebody_waits, state
from tests.support import MovableClock, Shop
from tests.support.databases import Urls, keys_of
from tests.support.receiver import Received, Receiver


async def test_the_secret_is_shown_once_and_lies_encrypted(shop: Shop, receiver: Receiver, database: Database) -> None:
    made = await endpoint(shop, receiver.url, description="orders")
    assert made["secret"].startswith("whsec_")
    shown = {name: value for name, value in made.items() if name != "secret"}
    assert await state(shop, made) == shown
    assert (await shop.client.get("/notification-endpoints")).json() == {"data": [shown], "next_cursor": None}
    assert "secret" not in await change(shop, made, description="more orders")
    row = await database.row("SELECT * FROM notification_endpoints")
    assert made["secret"].removeprefix("whsec_")[:20] not in str(dict(row or {}))


async def test_two_endpoints_have_two_secrets(shop: Shop, receiver: Receiver) -> None:
    assert len({(await endpoint(shop, receiver.url))["secret"] for _ in range(2)}) == 2


async def rotate(shop: Shop, made: dict[str, Any], days: int) -> str:
    answer = await shop.client.post(f"/notification-endpoints/{made['id']}/rotate-secret", json={"overlap_days": days})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["secret"])


@pytest.mark.parametrize("days", [0, 1, 7])
async def test_two_secrets_sign_until_the_overlap_ends(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock, days: int
) -> None:
    made = await endpoint(shop, receiver.url)
    old, new = made["secret"], await rotate(shop, made, days)
    assert old != new
    await paid(shop)
    await Worker(parts).sweep()
    assert receiver.taken[-1].is_signed_with(new)
    assert receiver.taken[-1].is_signed_with(old) is (days > 0)
    clock.advance(days * 86_400 + 1)
    await paid(shop)
    await Worker(parts).sweep()
    assert receiver.taken[-1].was_signed_with(new)
    assert not receiver.taken[-1].was_signed_with(old)


async def test_a_second_rotation_lengthens_no_overlap_and_few_secrets_sign(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock
) -> None:
    made = await endpoint(shop, receiver.url)
    await rotate(shop, made, 1)
    newest = await rotate(shop, made, 7)
    clock.advance(86_400 + 1)
    await paid(shop)
    await Worker(parts).sweep()
    assert not receiver.taken[-1].was_signed_with(made["secret"]), "its day is over"
    for _ in range(MOST_SECRETS + 2):
        newest = await rotate(shop, made, 7)
    await paid(shop)
    await Worker(parts).sweep()
    assert receiver.taken[-1].was_signed_with(newest)
    assert len(receiver.taken[-1].headers["webhook-signature"].split()) == MOST_SECRETS


async def test_a_test_event_goes_out_at_once_also_to_a_paused_endpoint(shop: Shop, receiver: Receiver) -> None:
    made = await endpoint(shop, receiver.url, events=["refund.failed"])
    await change(shop, made, paused=True)
    answer = (await shop.client.post(f"/notification-endpoints/{made['id']}/test")).json()
    assert (answer["delivered"], answer["status"], answer["error"]) == (True, 204, None)
    (got,) = receiver.got
    assert got.is_signed_with(made["secret"])
    assert (got.event["type"], got.event["payment_id"]) == ("endpoint.test", None)
    assert got.event["data"] == {"endpoint_id": made["id"]}
    receiver.status = 500
    answer = (await shop.client.post(f"/notification-endpoints/{made['id']}/test")).json()
    assert (answer["delivered"], answer["status"], answer["excerpt"]) == (False, 500, "said 500")
    assert (await shop.client.get("/events")).json()["data"] == [], "it is no fact"


async def test_a_paused_endpoint_gets_all_of_it_in_order_when_it_is_resumed(
    shop: Shop, parts: Services, receiver: Receiver
) -> None:
    made = await endpoint(shop, receiver.url)
    paused = await change(shop, made, paused=True)
    assert (paused["status"], paused["pause_reason"]) == ("paused", "asked")
    payments = [await paid(shop) for _ in range(3)]
    await Worker(parts).sweep()
    assert receiver.got == []
    resumed = await change(shop, made, paused=False)
    assert (resumed["status"], resumed["pause_reason"]) == ("active", None)
    await Worker(parts).sweep()
    assert [each.event["payment_id"] for each in receiver.taken] == [each["id"] for each in payments]


async def test_it_is_told_its_own_types_only(shop: Shop, parts: Services, receiver: Receiver) -> None:
    made = await endpoint(shop, receiver.url, events=["payment.canceled"])
    await paid(shop)
    payment = await shop.create()
    await shop.client.post(f"/payments/{payment['id']}/cancel")
    await Worker(parts).sweep()
    assert receiver.types() == ["payment.canceled"]
    await change(shop, made, events=[])
    await paid(shop)
    await Worker(parts).sweep()
    assert receiver.types() == ["payment.canceled", "payment.paid"]


async def test_one_that_ended_is_gone_and_told_nothing(
    shop: Shop, parts: Services, receiver: Receiver, database: Database
) -> None:
    made = await endpoint(shop, receiver.url)
    receiver.status = 500
    await paid(shop)
    await Worker(parts).sweep()
    receiver.status, tried = 204, len(receiver.got)
    answer = await shop.client.delete(f"/notification-endpoints/{made['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    for method in ("GET", "DELETE"):
        problem(await shop.client.request(method, f"/notification-endpoints/{made['id']}"), "not_found")
    await paid(shop)
    await Worker(parts).sweep()
    assert len(receiver.got) == tried
    row = await database.row("SELECT count(*) AS n FROM notifications WHERE next_try_at IS NOT NULL")
    assert row is not None
    assert row["n"] == 0
    row = await database.row("SELECT secrets::text AS secrets FROM notification_endpoints")
    assert row is not None
    assert row["secrets"] == "[]"


async def test_a_store_has_so_many_at_most(shop: Shop, receiver: Receiver) -> None:
    made = [await endpoint(shop, receiver.url) for _ in range(MOST_ENDPOINTS)]
    answer = await shop.client.post("/notification-endpoints", json={"url": receiver.url})
    assert problem(answer, "too_many_endpoints")["limit"] == MOST_ENDPOINTS
    pages: list[str] = []
    cursor = None
    while cursor or not pages:
        page = await shop.client.get(
            "/notification-endpoints", params={"limit": 20} | ({"cursor": cursor} if cursor else {})
        )
        pages += [each["id"] for each in page.json()["data"]]
        cursor = page.json()["next_cursor"]
    assert pages == [each["id"] for each in made]


async def test_one_that_is_made_at_the_same_moment_counts(shop: Shop, receiver: Receiver, urls: Urls) -> None:
    for _ in range(MOST_ENDPOINTS - 1):
        last = await endpoint(shop, receiver.url)
    owner = await asyncpg.connect(urls.owner)
    async with owner.transaction():
        await owner.execute(ONE_AT_A_TIME, "main")
        await owner.execute(
            """INSERT INTO notification_endpoints (id, store, url, description, events, secrets, created_at, updated_at)
            SELECT gen_random_uuid(), store, url, description, events, secrets, created_at, updated_at
            FROM notification_endpoints WHERE id = $1""",
            id_of(last),
        )
        late = asyncio.create_task(shop.client.post("/notification-endpoints", json={"url": receiver.url}))
        await somebody_waits(owner)
    problem(await late, "too_many_endpoints")
    await owner.close()


async def test_wrong_bodies_are_refused_field_by_field(shop: Shop, receiver: Receiver) -> None:
    url = receiver.url
    for body, fields in (
        ({}, ["url"]),
        ({"url": url, "events": ["payment.bought"]}, ["events[0]"]),
        ({"url": url, "rate_per_s": 0, "description": "x" * 201}, ["description", "rate_per_s"]),
        ({"url": url, "secret": "mine"}, ["secret"]),
    ):
        answer = await shop.client.post("/notification-endpoints", json=body)
        assert sorted(wrong_fields(answer)) == fields, body
    made = await endpoint(shop, url)
    at = f"/notification-endpoints/{made['id']}"
    for wrong in ({"url": None}, {"events": None}, {"paused": None}):
        assert wrong_fields(await shop.client.patch(at, json=wrong)) == list(wrong)
    for days in (-1, 8):
        answer = await shop.client.post(f"{at}/rotate-secret", json={"overlap_days": days})
        assert wrong_fields(answer) == ["overlap_days"]
    assert (await change(shop, await change(shop, made, rate_per_s=5), rate_per_s=None))["rate_per_s"] is None


async def client_of(product: FastAPI, database: Database, store: str, *scopes: str) -> httpx.AsyncClient:
    _, text = await keys_of(database).create(mode="test", scopes=list(scopes), store=store, name="x")
    headers = {"Authorization": f"Bearer {text}"}
    transport = httpx.ASGITransport(app=product)
    return httpx.AsyncClient(transport=transport, base_url="http://testserver", headers=headers)


async def test_another_stores_endpoint_is_not_there(
    shop: Shop, parts: Services, receiver: Receiver, product: FastAPI, database: Database
) -> None:
    made = await endpoint(shop, receiver.url)
    at = f"/notification-endpoints/{made['id']}"
    async with await client_of(product, database, "other", "*") as other:
        for method, path, body in (
            ("GET", at, None), ("PATCH", at, {"paused": True}), ("DELETE", at, None),
            ("POST", f"{at}/rotate-secret", {}), ("POST", f"{at}/test", None),
            ("POST", "/notifications/replay", {"endpoint_id": made["id"], "since": "2026-01-01T00:00:00Z"}),
        ):  # fmt: skip
            problem(await other.request(method, path, json=body), "not_found")
        theirs = (await other.post("/notification-endpoints", json={"url": receiver.url + "/theirs"})).json()
        await paid(shop)
        await Worker(parts).sweep()
        assert [each.path for each in receiver.got] == ["/events"], "nobody is told of another store's payments"
        for path in ("/events", "/notifications"):
            assert (await other.get(path)).json()["data"] == []
        assert (await other.get("/notification-endpoints")).json()["data"][0]["id"] == theirs["id"]


async def test_a_key_does_what_its_scopes_say(
    shop: Shop, receiver: Receiver, product: FastAPI, database: Database
) -> None:
    made = await endpoint(shop, receiver.url)
    at = f"/notification-endpoints/{made['id']}"
    reads = [("GET", at), ("GET", "/notification-endpoints"), ("GET", "/notifications")]
    writes = [
        ("POST", "/notification-endpoints"), ("PATCH", at), ("POST", f"{at}/rotate-secret"), ("POST", f"{at}/test"),
        ("POST", "/notifications/replay"), ("DELETE", at),
    ]  # fmt: skip
    calls = {"notifications:read": reads, "notifications:write": writes, "payments:read": [("GET", "/events")]}
    for scope, allowed in calls.items():
        async with await client_of(product, database, "main", scope) as client:
            for method, path in (call for each in calls.values() for call in each):
                answer = await client.request(method, path, json={} if method in {"POST", "PATCH"} else None)
                assert (answer.status_code != 403) is ((method, path) in allowed), (scope, method, path)


async def test_a_key_that_left_the_settings_stops_its_endpoint_and_says_so(
    shop: Shop,
    parts: Services,
    settings: Settings,
    receiver: Receiver,
    clock: MovableClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Others go on; it is read and changed as before; and what waits for it is sent when the key is back."""
    lost, kept = await endpoint(shop, receiver.url + "/lost"), await endpoint(shop, receiver.url + "/kept")
    await paid(shop)
    keys = [SecretStr("k2:" + "0f1e2d3c" * 8)]
    other = build_services(settings.model_copy(update={"encryption_keys": keys}), clock)
    await other.database.open()
    try:
        ids = [await _id(other, each) for each in (lost, kept)]
        await other.notifications.rotate(ids[1], "main", timedelta(0))
        with pytest.raises(EncryptionKeyMissing):
            await other.notifications.test(ids[0], "main")
        await Worker(other).sweep()
        clock.advance(PUT_OFF_S + 1)
        await Worker(other).sweep()
        gauges = await other.notifications.gauges()
    finally:
        await other.close()
    assert [each.path for each in receiver.taken] == ["/events/kept"]
    told = [each.msg for each in caplog.records if isinstance(each.msg, dict)]
    assert [each["endpoint"] for each in told if each["event"] == "endpoint_key_missing"] == [lost["id"]], "once"
    assert gauges["onetill_endpoints_key_missing"][1] == 1
    shown = await state(shop, lost)
    assert (shown["status"], shown["failing_since"]) == ("failing", None)
    assert shown["key_missing_since"] > shown["created_at"]
    assert (await state(shop, kept))["key_missing_since"] is None
    answer = await shop.client.post(f"/notification-endpoints/{kept['id']}/test")
    assert problem(answer, "encryption_key_missing")["setting"] == "ONETILL_ENCRYPTION_KEYS"
    await Worker(parts).sweep()
    assert len(receiver.taken) == 1, "it rests"
    clock.advance(PUT_OFF_S + 1)
    await Worker(parts).sweep()
    assert [each.path for each in receiver.taken] == ["/events/kept", "/events/lost"], "by itself"
    shown = await state(shop, lost)
    assert (shown["status"], shown["key_missing_since"]) == ("active", None)
    assert (await parts.notifications.gauges())["onetill_endpoints_key_missing"][1] == 0


async def _id(services: Services, made: dict[str, Any]) -> UUID:
    found = await services.notifications.page("main", OLDEST, 10)
    return next(each.id for each in found if each.public_id == made["id"])


async def test_a_pause_holds_from_the_next_request_on_also_amid_a_backlog(
    shop: Shop, parts: Services, receiver: Receiver
) -> None:
    made = await endpoint(shop, receiver.url, rate_per_s=1)
    for _ in range(3):
        await paid(shop)

    async def answer(_: Received) -> int:
        await change(shop, made, paused=True)
        return 204

    receiver.answer = answer
    await Worker(parts).sweep()
    assert len(receiver.taken) == 1


async def test_an_encryption_key_may_go_while_the_secret_that_it_sealed_still_overlaps(
    shop: Shop, settings: Settings, receiver: Receiver, clock: MovableClock
) -> None:
    """As docs/threat-model.md has the keys replaced: the newer secret signs alone."""
    old, new = SecretStr("k1:" + "aa1e2d3c" * 8), SecretStr("k2:" + "0f1e2d3c" * 8)

    async def sent_by(keys: list[SecretStr], work: Callable[[Services], Awaitable[object]]) -> None:
        house = build_services(settings.model_copy(update={"encryption_keys": keys}), clock)
        await house.database.open()
        try:
            await work(house)
        finally:
            await house.close()

    made: list[UUID] = []

    async def add(house: Services) -> None:
        added, _ = await house.notifications.add("main", url=receiver.url, description="", events=[], rate_per_s=None)
        made.append(added.id)

    await sent_by([old], add)
    await sent_by([new, old], lambda house: house.notifications.rotate(made[0], "main", timedelta(days=1)))
    await paid(shop)
    await sent_by([new], lambda house: Worker(house).sweep())
    assert receiver.types() == ["payment.paid"]
