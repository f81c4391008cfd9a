"""What is lost when somebody is away, dies or hangs: nothing, and nobody else waits."""

import asyncio
import time
from collections import defaultdict
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from app.domain.schedule import DELIVERY_DEADLINE_S, PROBE_AGAIN
from app.domain.states import AttemptStatus
from app.jobs.worker import Worker
from app.ledger.transitions import step
from app.services import Services, build_services
from app.settings import Settings
from tests.flows.notifications.house import change, endpoint, feed, notifications, paid, pass_time, state
from tests.support import MovableClock, Shop, key
from tests.support.databases import Urls
from tests.support.receiver import Received, Receiver

DAY = 86_400


async def test_a_receiver_that_was_away_for_nine_days_gets_everything_once_and_in_order(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock
) -> None:
    await endpoint(shop, receiver.url)
    receiver.status = 503
    for _ in range(9):
        payment = await paid(shop)
        clock.advance(60)
        for part in (1000, 2000):
            body = {"reason": "part", "amount": part}
            answer = await shop.client.post(f"/payments/{payment['id']}/refunds", json=body, headers=key())
            assert answer.status_code == 201, answer.text
        await pass_time(parts, clock, seconds=DAY, step_s=DAY / 12)
    assert receiver.taken == []
    assert {each["status"] for each in await notifications(shop, limit=100)} == {"pending"}
    receiver.status = 204
    await pass_time(parts, clock, seconds=2 * PROBE_AGAIN[-1], step_s=PROBE_AGAIN[-1])
    told = await feed(shop)
    assert len(told) == 27
    taken = [each.event for each in receiver.taken]
    assert sorted(each["id"] for each in taken) == sorted(each["id"] for each in told), "everything, and once"
    order: dict[str, list[int]] = defaultdict(list)
    for each in taken:
        order[each["payment_id"]].append(each["sequence"])
    assert all(len(each) == 3 and each == sorted(each) for each in order.values())


async def test_a_crash_between_commit_and_delivery_loses_nothing(
    shop: Shop, settings: Settings, receiver: Receiver, clock: MovableClock
) -> None:
    """Nobody wakes, the worker dies at every place between the commit and the answer's row; the next one goes on."""
    await endpoint(shop, receiver.url)
    for waits in range(1, 40):
        before = {each["id"] for each in await feed(shop, limit=1000)}
        payment = await paid(shop)
        doomed = build_services(settings, clock)
        await doomed.database.open()
        sweep = asyncio.create_task(Worker(doomed).sweep())
        for _ in range(waits):
            await asyncio.sleep(0)
            if sweep.done():
                break
        sweep.cancel()
        await asyncio.wait([sweep])
        await doomed.close()
        clock.advance(60)  # its lease ends
        parts = build_services(settings, clock)
        await parts.database.open()
        await Worker(parts).sweep()
        await parts.close()
        (new,) = [each for each in await feed(shop, limit=1000) if each["id"] not in before]
        assert new["payment_id"] == payment["id"]
        mine = [each for each in receiver.taken if each.headers["webhook-id"] == new["id"]]
        assert 1 <= len(mine) <= 2, waits
        assert len({each.body for each in mine}) == 1


async def test_an_endpoint_that_hangs_holds_up_no_other(shop: Shop, parts: Services, receiver: Receiver) -> None:
    """Eleven endpoints, ten of which never answer: the other one is told before those are given up, again and again."""
    released = asyncio.Event()

    async def answer(got: Received) -> int:
        if "hangs" in got.path:
            await released.wait()
        return 204

    receiver.answer = answer
    for number in range(10):
        await endpoint(shop, f"{receiver.url}/hangs/{number}")
    await endpoint(shop, receiver.url)
    worker = Worker(parts)
    running = asyncio.create_task(worker._engine.run())
    for _ in range(5):
        payment = await paid(shop)
        since = time.monotonic()
        worker._engine.wake()
        while not any(each.event["payment_id"] == payment["id"] for each in receiver.taken):
            await asyncio.sleep(0.005)
            assert time.monotonic() - since < 0.8 * DELIVERY_DEADLINE_S, "it waits for those that hang"
    released.set()
    worker._engine.stop()
    await asyncio.wait_for(running, 60)
    assert urlsplit(receiver.url).path in {each.path for each in receiver.taken}


async def test_a_change_that_did_not_commit_is_told_to_nobody(shop: Shop, parts: Services) -> None:
    """One that another overtook writes nothing; one whose statement fails writes nothing either."""
    payment = await shop.create()
    (payment_id,) = await parts.repository.every_id(None, 10)
    stored = await parts.repository.load(payment_id)
    (attempt,) = stored.attempts
    told: dict[str, Any] = {"at": parts.now(), "trigger": "api", "reason": "test", "evidence": {}}
    broken = step(stored, replace(attempt, gateway_ref="x\0"), AttemptStatus.FAILED, **told)
    with pytest.raises(asyncpg.PostgresError):
        await parts.repository.apply(broken)
    await Worker(parts).sweep()
    assert await feed(shop) == []
    failed = step(stored, attempt, AttemptStatus.FAILED, **told)
    assert (await shop.client.post(f"/payments/{payment['id']}/cancel")).json()["status"] == "canceled"
    assert not await parts.repository.apply(failed)
    await Worker(parts).sweep()
    assert [each["type"] for each in await feed(shop)] == ["payment.canceled"]


async def test_workers_are_woken_once_something_is_to_be_told(shop: Shop, urls: Urls) -> None:
    """Else it would wait for the worker's next look, 5 s away."""
    heard = asyncio.Event()
    listener = await asyncpg.connect(urls.owner)
    await listener.add_listener("onetill_due", lambda *said: heard.set() if "relay" in said[-1].split() else None)
    payment = await shop.create()
    assert not heard.is_set(), "a window that opens is told to nobody"
    assert (await shop.client.post(f"/payments/{payment['id']}/cancel")).json()["status"] == "canceled"
    async with asyncio.timeout(60):
        await heard.wait()
    await listener.close()


async def test_one_that_was_paused_as_failing_gets_everything_once_and_in_order_after_one_more_refusal(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock
) -> None:
    """Away for eleven days, resumed two days later, and it refuses once more while it starts: nothing is given up for that."""
    made = await endpoint(shop, receiver.url)
    receiver.status = 503
    for number in range(12):
        payment = await paid(shop)
        answer = await shop.client.post(f"/payments/{payment['id']}/refunds", json={"reason": "back"}, headers=key())
        assert answer.status_code == 201, answer.text
        await pass_time(parts, clock, seconds=DAY if number < 11 else DAY / 2, step_s=DAY / 12)
    assert (await state(shop, made))["pause_reason"] == "failing"
    most = max(await notifications(shop, limit=100), key=lambda each: int(each["delivery_attempts"]))
    clock.advance(2 * DAY)
    refused: list[Received] = []

    def refuse_once(got: Received) -> int:
        if refused or got.headers["webhook-id"] != most["event_id"]:
            return 204
        refused.append(got)
        return 503

    receiver.answer = refuse_once
    await change(shop, made, paused=False)
    await Worker(parts).sweep()
    assert len(refused) == 1
    await pass_time(parts, clock, seconds=60, step_s=10)
    told = await feed(shop)
    taken = [each.event for each in receiver.taken]
    assert len(taken) == 24
    assert sorted(each["id"] for each in taken) == sorted(each["id"] for each in told), "everything, and once"
    order: dict[str, list[int]] = defaultdict(list)
    for each in taken:
        order[each["payment_id"]].append(each["sequence"])
    assert all(len(each) == 2 and each == sorted(each) for each in order.values())
    assert {each["status"] for each in await notifications(shop, limit=100)} == {"delivered"}
