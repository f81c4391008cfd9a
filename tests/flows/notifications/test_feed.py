"""`GET /events`: one order for a store, and whoever keeps the last position misses nothing; and what is sent again."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.db.database import Database
from app.db.pool import Connection
from app.domain import ids
from app.domain.errors import InvalidRequest
from app.jobs.worker import Worker
from app.notifications.feed import Feed, ReplayQuery, replayed
from app.services import Services
from tests.api.checks import problem, wrong_fields
from tests.flows.notifications.house import endpoint, feed, notifications, paid
from tests.support import MovableClock, Shop, key
from tests.support.databases import Urls
from tests.support.receiver import Received, Receiver


@pytest.fixture
async def owner(urls: Urls) -> AsyncIterator[Connection]:
    owner = await asyncpg.connect(urls.owner)
    yield owner
    await owner.close()


async def refunded(shop: Shop) -> dict[str, Any]:
    payment = await paid(shop)
    answer = await shop.client.post(f"/payments/{payment['id']}/refunds", json={"reason": "back"}, headers=key())
    assert answer.status_code == 201, answer.text
    return payment


def evt(event: dict[str, Any]) -> UUID:
    return ids.read(ids.Prefix.EVENT, event["id"])


async def page(shop: Shop, **query: Any) -> tuple[list[str], int]:
    answer = (await shop.client.get("/events", params=query)).json()
    return [each["id"] for each in answer["data"]], answer["next_cursor"]


async def test_who_keeps_the_last_position_reads_everything_once(shop: Shop, parts: Services) -> None:
    for _ in range(3):
        await refunded(shop)
    assert await page(shop) == ([], 0), "nothing is shown before it has its position"
    await Worker(parts).sweep()
    whole, end = await page(shop)
    assert len(whole) == 6
    read, after = list[str](), 0
    while more := await page(shop, after=after, limit=4):
        if not more[0]:
            break
        read, after = read + more[0], more[1]
    assert (read, after) == (whole, end)
    assert await page(shop, after=end) == ([], end)
    await paid(shop)
    await Worker(parts).sweep()
    (new,), later = await page(shop, after=end)
    assert new not in whole
    assert later > end


async def test_an_event_that_commits_later_is_never_placed_before_one_that_was_read(
    shop: Shop, parts: Services, owner: Connection
) -> None:
    """Its number was given first, as by a slow transaction; it becomes visible last."""
    slow = owner.transaction()
    await slow.start()
    insert = """INSERT INTO outbox (payment_id, id, store, type, sequence, created_at, body)
        VALUES (gen_random_uuid(), gen_random_uuid(), 'main', 'payment.paid', 2, now(), '{"id":"slow"}')"""
    await owner.execute(insert)
    await paid(shop)
    await Worker(parts).sweep()
    (quick,), position = await page(shop)
    await slow.commit()
    await Worker(parts).sweep()
    assert (await page(shop, after=position))[0] == ["slow"]
    assert (await page(shop))[0] == [quick, "slow"]


async def test_two_relays_take_turns(shop: Shop, parts: Services) -> None:
    pump = next(each for each in parts.pumps if each.then)
    for told in (2, 10):
        for _ in range(told // 2):
            await refunded(shop)
        done = await asyncio.gather(*(pump.run() for _ in range(8)))
        assert sum(done) == told
    events = await feed(shop)
    assert len({each["id"] for each in events}) == len(events) == 12
    for each in {event["payment_id"] for event in events}:
        assert [event["type"] for event in events if event["payment_id"] == each] == [
            "payment.paid",
            "refund.succeeded",
        ]


async def test_positions_go_on_after_a_restore(
    shop: Shop, parts: Services, owner: Connection, clock: MovableClock
) -> None:
    """A reader who kept the last position before the database went back to its backup sees what happens afterwards."""
    await paid(shop)
    await Worker(parts).sweep()
    (before,), backup = await page(shop)
    await paid(shop)
    await Worker(parts).sweep()
    _, kept = await page(shop)
    await owner.execute("DELETE FROM outbox WHERE position > $1", backup)
    await owner.execute("UPDATE outbox_head SET position = $1", backup)
    clock.advance(1)
    await paid(shop)
    await Worker(parts).sweep()
    (after,), _ = await page(shop, after=kept)
    assert after != before


async def test_the_feed_is_narrowed_by_payment_and_type(shop: Shop, parts: Services) -> None:
    first, second = await refunded(shop), await refunded(shop)
    await Worker(parts).sweep()
    assert {each["payment_id"] for each in await feed(shop, payment_id=first["id"])} == {first["id"]}
    assert [each["payment_id"] for each in await feed(shop, type="refund.succeeded")] == [first["id"], second["id"]]
    assert len(await feed(shop, type="refund.succeeded", payment_id=second["id"])) == 1
    for query in ({"after": "-1"}, {"type": "payment.bought"}, {"payment_id": "ref_1"}, {"limit": "0"}, {"since": "1"}):
        assert wrong_fields(await shop.client.get("/events", params=query)) == list(query)


async def test_what_was_told_is_listed_by_every_filter(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock
) -> None:
    one, two = await endpoint(shop, receiver.url + "/1"), await endpoint(shop, receiver.url + "/2")
    receiver.answer = lambda got: 204 if got.path.endswith("1") else 503
    await refunded(shop)
    await Worker(parts).sweep()
    middle = clock()
    clock.advance(3)
    await refunded(shop)
    await Worker(parts).sweep()
    rows = await notifications(shop)
    assert len(rows) == 8
    assert [each["created_at"] for each in rows] == sorted((each["created_at"] for each in rows), reverse=True)
    tests = {
        "status": ("delivered", "pending", "failed"),
        "endpoint": (one["id"], two["id"]),
        "event": ("payment.paid", "refund.succeeded", "refund.failed"),
    }
    names = {"status": "status", "endpoint": "endpoint_id", "event": "type"}
    for filters in ((a, b) for a in tests for b in tests if a <= b):
        for x in tests[filters[0]]:
            for y in tests[filters[1]]:
                query = {filters[0]: x} | {filters[1]: y}
                for since in ({}, {"since": middle.isoformat()}):
                    wanted = [
                        each["id"]
                        for each in rows
                        if all(each[names[name]] == value for name, value in query.items())
                        and (not since or each["created_at"] >= middle.isoformat()[:26])
                    ]
                    assert [each["id"] for each in await notifications(shop, **query, **since)] == wanted, query
    pages = list[str]()
    more: dict[str, Any] = {"limit": 3, "endpoint": one["id"]}
    while more.get("cursor", "first"):
        answer = (await shop.client.get("/notifications", params=more)).json()
        pages += [each["id"] for each in answer["data"]]
        more["cursor"] = answer["next_cursor"]
    assert pages == [each["id"] for each in rows if each["endpoint_id"] == one["id"]]


async def test_a_listed_one_shows_its_attempts(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock
) -> None:
    await endpoint(shop, receiver.url)
    receiver.status = 503
    await paid(shop)
    await Worker(parts).sweep()
    receiver.status = 200
    clock.advance(10)
    await Worker(parts).sweep()
    (row,) = await notifications(shop)
    assert (row["status"], row["delivery_attempts"], row["next_try_at"]) == ("delivered", 2, None)
    assert [(each["status"], each["excerpt"]) for each in row["deliveries"]] == [(503, "said 503"), (200, "said 200")]
    assert all(each["duration_ms"] > 0 for each in row["deliveries"])


async def replay(shop: Shop, **body: Any) -> int:
    """Counted first, then sent again."""
    preview = await shop.client.post("/notifications/replay", json=body | {"preview": True})
    assert preview.status_code == 200, preview.text
    answer = await shop.client.post("/notifications/replay", json=body)
    assert (answer.status_code, answer.json()) == (202, preview.json())
    return int(answer.json()["count"])


async def test_replays_bring_the_same_ids_and_bodies(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock
) -> None:
    made = await endpoint(shop, receiver.url)
    await refunded(shop)
    middle = clock().isoformat()
    clock.advance(1)
    await refunded(shop)
    await Worker(parts).sweep()
    by_id = {each.headers["webhook-id"]: each for each in receiver.taken}
    first = [by_id[each["id"]] for each in await feed(shop)]
    assert len(first) == 4
    one = first[2].headers["webhook-id"]
    cases: list[tuple[dict[str, Any], list[Any]]] = [
        ({"ids": [one]}, first[2:3]),
        ({"since": middle}, first[2:]),
        ({"until": middle}, first[:2]),
        ({"since": first[2].event["created_at"]}, first[2:]),
        ({"until": first[2].event["created_at"]}, first[:2]),
        ({"since": "2026-01-01T00:00:00Z", "endpoint_id": made["id"]}, first),
        ({"ids": ["evt_" + "0" * 32]}, []),
    ]
    for body, again in cases:
        receiver.taken.clear()
        assert await replay(shop, **body) == len(again), body
        await Worker(parts).sweep()
        same = [(each.headers["webhook-id"], each.body) for each in receiver.taken]
        assert sorted(same) == sorted((each.headers["webhook-id"], each.body) for each in again), body
    assert len(await notifications(shop)) == 4, "sent again, and no new ones"


async def test_an_endpoint_that_came_later_is_told_by_a_replay(shop: Shop, parts: Services, receiver: Receiver) -> None:
    await refunded(shop)
    await Worker(parts).sweep()
    await endpoint(shop, receiver.url, events=["payment.paid"])
    await Worker(parts).sweep()
    assert receiver.got == []
    assert await replay(shop, since="2026-01-01T00:00:00Z") == 1
    await Worker(parts).sweep()
    assert receiver.types() == ["payment.paid"]


async def test_a_replay_of_too_many_is_refused_whole(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock
) -> None:
    await endpoint(shop, receiver.url)
    await refunded(shop)
    await refunded(shop)
    await Worker(parts).sweep()
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for found in (ReplayQuery("main", since=at), ReplayQuery("main", tuple(evt(each) for each in await feed(shop)))):
        three, four = (Feed(parts.database, clock, most) for most in (3, 4))
        assert await three.count(found) == 4, "one more than it may"
        receiver.taken.clear()
        with pytest.raises(InvalidRequest, match="more than 3"):
            await three.replay(found)
        assert {each["status"] for each in await notifications(shop)} == {"delivered"}
        assert await four.replay(found) == 4
        await Worker(parts).sweep()
        assert len(receiver.taken) == 4


async def test_a_replay_is_in_the_feeds_order(shop: Shop, parts: Services, database: Database) -> None:
    """So a payment's events are put in their order, also where they come in two bites."""
    await endpoint(shop, "https://shop.example/1")
    for _ in range(3):
        await refunded(shop)
    await Worker(parts).sweep()
    chosen = tuple(evt(each) for each in await feed(shop))
    for query in (ReplayQuery("main", chosen), ReplayQuery("main", since=datetime(2026, 1, 1, tzinfo=UTC))):
        sql, values = replayed(query, 100)
        assert [row["id"] for row in await database.rows(sql, *values)] == list(chosen)


async def test_a_replay_without_ids_and_time_is_refused(shop: Shop) -> None:
    assert wrong_fields(await shop.client.post("/notifications/replay", json={})) == ["ids"]
    problem(
        await shop.client.post(
            "/notifications/replay", json={"endpoint_id": "nep_" + "0" * 32, "since": "2026-01-01T00:00:00Z"}
        ),
        "not_found",
    )
    answer = await shop.client.post("/notifications/replay", json={"ids": ["pay_1"], "since": "yesterday"})
    assert sorted(wrong_fields(answer)) == ["ids[0]", "since"]


@pytest.mark.parametrize("who", ["replay", "sender"])
async def test_who_waits_for_an_endpoint_holds_none_of_its_notifications(
    shop: Shop, parts: Services, receiver: Receiver, owner: Connection, who: str
) -> None:
    """Both lock the endpoint first, so that they never wait for each other."""
    await endpoint(shop, receiver.url)
    await paid(shop)
    held, locked = owner.transaction(), asyncio.Event()

    async def hold(_: Received) -> int:
        await held.start()
        await owner.execute("SELECT FROM notification_endpoints FOR UPDATE")
        locked.set()
        return 204

    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    if who == "sender":
        receiver.answer = hold
        waiting = asyncio.create_task(Worker(parts).sweep())
    else:
        await Worker(parts).sweep()
        await hold(receiver.taken[0])
        waiting = asyncio.create_task(replay(shop, since="2026-01-01T00:00:00Z"))
    async with asyncio.timeout(60):
        await locked.wait()
        while not await owner.fetchval(waits):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert len(await owner.fetch("SELECT FROM notifications FOR UPDATE NOWAIT")) == 1
    receiver.answer = None
    await held.commit()
    assert await waiting
