"""An endpoint that the shop changes begins anew: what was learned of what it was sets no pace, no failures and no alarm of it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.db.session import DIRECT
from app.domain.schedule import DOWN_AFTER, JITTER, PROBE_AGAIN
from app.jobs.worker import Worker
from app.notifications.spell import Spell
from app.services import Services, build_services
from app.settings import Settings
from tests.flows.notifications.house import (
    change,
    endpoint,
    id_of,
    notifications,
    paid,
    pass_time,
    somebody_waits,
    state,
)
from tests.support import MovableClock, Shop
from tests.support.databases import Urls
from tests.support.receiver import Received, Receiver

HOUR, DAY = 3600, 86_400
Mend = Callable[[Shop, dict[str, Any], Receiver], Awaitable[object]]


async def _url(shop: Shop, made: dict[str, Any], receiver: Receiver) -> None:
    await change(shop, made, url=receiver.url + "/new")


async def _resume(shop: Shop, made: dict[str, Any], receiver: Receiver) -> None:
    await change(shop, made, paused=True)
    await change(shop, made, paused=False)


async def _secret(shop: Shop, made: dict[str, Any], receiver: Receiver) -> None:
    answer = await shop.client.post(f"/notification-endpoints/{made['id']}/rotate-secret", json={})
    assert answer.status_code == 200, answer.text


async def _rate(shop: Shop, made: dict[str, Any], receiver: Receiver) -> None:
    await change(shop, made, rate_per_s=100)


MENDS: dict[str, Mend] = {"url": _url, "resume": _resume, "secret": _secret, "rate": _rate}


@pytest.mark.parametrize("name", MENDS)
@pytest.mark.parametrize("events", [1, DOWN_AFTER - 1, DOWN_AFTER + 3])
async def test_a_mend_while_it_is_probed_is_tried_at_once(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock, name: str, events: int
) -> None:
    """Also where so many different events were refused that new ones hurry nothing, and for one that was not tried before."""
    made = await endpoint(shop, receiver.url)
    receiver.status = 503
    for _ in range(events):
        await paid(shop)
    await pass_time(parts, clock, seconds=6 * HOUR, step_s=HOUR / 4)
    assert (await state(shop, made))["status"] == ("failing" if events > DOWN_AFTER else "active")
    await paid(shop)
    mended: list[Received] = []

    async def mend(got: Received) -> int:
        mended.append(got)
        if len(mended) > 1:
            return 204
        await MENDS[name](shop, made, receiver)
        return 503

    receiver.answer = mend
    clock.advance(PROBE_AGAIN[-1] * (1 + JITTER))
    await Worker(parts).sweep()
    assert len(receiver.taken) == events + 1
    assert len(mended) == events + 2, "once each, but for the one that was refused before the change"
    assert (await state(shop, made))["status"] == "active"


@pytest.mark.parametrize("name", MENDS)
async def test_a_mend_after_the_probe_and_before_its_rest_is_tried_at_once(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last moment at which what the probe learned could still be written over the change."""
    made = await endpoint(shop, receiver.url)
    receiver.status = 503
    for _ in range(DOWN_AFTER + 3):
        await paid(shop)
    await pass_time(parts, clock, seconds=6 * HOUR, step_s=HOUR / 4)
    sender = parts.notifications._sender
    let_go, rests = sender._let_go, list[datetime]()

    async def mend_first(spell: Spell) -> None:
        if not rests:
            assert spell.rest is not None
            rests.append(spell.rest.until)
            receiver.status = 204
            await MENDS[name](shop, made, receiver)
        await let_go(spell)

    monkeypatch.setattr(sender, "_let_go", mend_first)
    clock.advance(PROBE_AGAIN[-1] * (1 + JITTER))
    await Worker(parts).sweep()
    assert rests[0] > clock()
    assert len(receiver.taken) == DOWN_AFTER + 3


@pytest.mark.parametrize("name", ["url", "secret"])
async def test_what_waits_for_its_next_try_is_tried_at_once(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock, name: str
) -> None:
    """Not only what was not tried yet, nor only where the endpoint is down."""
    made = await endpoint(shop, receiver.url)
    refused = (await paid(shop))["id"]
    receiver.answer = lambda got: 400 if got.event["payment_id"] == refused else 204
    for _ in range(6):
        clock.advance(HOUR)
        await paid(shop)
        await Worker(parts).sweep()
    assert (await state(shop, made))["status"] == "active"
    tried = len(receiver.got)
    receiver.answer = None
    await MENDS[name](shop, made, receiver)
    await Worker(parts).sweep()
    assert [each.event["payment_id"] for each in receiver.got[tried:]] == [refused]
    assert not await notifications(shop, status="pending")


async def test_a_sender_that_looks_while_a_secret_is_rotated_leaves_nothing_behind(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It finds nothing due yet, and would not come back before the old time."""
    made = await endpoint(shop, receiver.url)
    await paid(shop)
    receiver.status = 401
    for _ in range(8):
        await Worker(parts).sweep()
        clock.advance(HOUR)
    clock.advance(-HOUR + 1)
    receiver.status = 204
    queue = parts.notifications._endpoints._queue
    hurry = queue.hurry

    async def looked_before(endpoint_id: UUID) -> None:
        await Worker(parts).sweep()
        await hurry(endpoint_id)

    monkeypatch.setattr(queue, "hurry", looked_before)
    await parts.notifications.rotate(id_of(made), "main", timedelta())
    await Worker(parts).sweep()
    assert len(receiver.taken) == 1


async def test_the_last_probe_of_the_old_one_alarms_nobody(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor does the first refusal of the new one: its days begin now."""
    made = await endpoint(shop, receiver.url)
    receiver.status = 503
    for _ in range(DOWN_AFTER):
        await paid(shop)
    await pass_time(parts, clock, seconds=5.4 * DAY, step_s=1.25 * HOUR)
    clock.advance(2 * HOUR)

    async def move(got: Received) -> int:
        if "new" not in got.path:
            clock.advance(HOUR)
            await _url(shop, made, receiver)
        return 503

    receiver.answer = move
    await pass_time(parts, clock, seconds=DAY, step_s=HOUR)
    assert receiver.got[-1].path.endswith("new")
    assert (await state(shop, made))["status"] == "failing"
    told = [each.msg for each in caplog.records if isinstance(each.msg, dict)]
    assert [each for each in told if each["event"] == "endpoint_failing"] == []


async def test_another_name_of_it_lengthens_nothing(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock
) -> None:
    """It takes nothing still: eleven days are not begun anew by what does not change where events go."""
    made = await endpoint(shop, receiver.url)
    receiver.status = 503
    for _ in range(DOWN_AFTER):
        await paid(shop)
    for day in range(12):
        await pass_time(parts, clock, seconds=DAY, step_s=1.25 * HOUR)
        await change(shop, made, description=f"day {day}", url=receiver.url)
    assert (await state(shop, made))["pause_reason"] == "failing"


async def test_one_event_alone_that_a_new_place_refuses_is_not_given_up(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock
) -> None:
    """The old one refused it while it took others. At the new one that is no reason: it is the endpoint that takes nothing."""
    made = await endpoint(shop, receiver.url)
    refused = (await paid(shop))["id"]
    receiver.answer = lambda got: 400 if got.event["payment_id"] == refused else 204
    await Worker(parts).sweep()
    clock.advance(1)
    await paid(shop)
    await Worker(parts).sweep()
    clock.advance(1)
    receiver.answer, receiver.status = None, 503
    await _url(shop, made, receiver)
    await pass_time(parts, clock, seconds=13 * DAY, step_s=1.25 * HOUR)
    assert (await state(shop, made))["status"] == "failing"
    assert [each["payment_id"] for each in await notifications(shop, status="pending")] == [refused]


async def test_a_resume_that_breaks_resumes_nothing(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock, urls: Urls
) -> None:
    """Else it would go on with the tries of eleven days, and its first refusal would be the last."""
    made = await endpoint(shop, receiver.url)
    receiver.status = 503
    for _ in range(DOWN_AFTER):
        await paid(shop)
    await pass_time(parts, clock, seconds=12 * DAY, step_s=1.25 * HOUR)
    assert (await state(shop, made))["pause_reason"] == "failing"
    holder = await asyncpg.connect(urls.owner)
    try:
        async with holder.transaction():
            await holder.execute("SELECT FROM notifications FOR UPDATE")
            resuming = asyncio.create_task(parts.notifications.change(id_of(made), "main", {}, paused=False))
            await somebody_waits(holder)
            resuming.cancel()
            await asyncio.wait([resuming])
    finally:
        await holder.close()
    assert (await state(shop, made))["status"] == "paused"
    await change(shop, made, paused=False)
    await Worker(parts).sweep()
    rows = await notifications(shop)
    assert [(row["status"], row["delivery_attempts"]) for row in rows] == DOWN_AFTER * [("pending", 1)]


TRIED = """
INSERT INTO notifications (payment_id, event_id, endpoint_id, id, store, type, sequence, created_at, status, next_try_at,
    delivery_attempts, tried_at, is_again)
SELECT gen_random_uuid(), gen_random_uuid(), $1, gen_random_uuid(), 'main', 'payment.paid', 6, now(), 'pending',
    now() + (n % 3 - 1) * interval '1 day', 14, now(), true FROM generate_series(1, $2) AS n
"""


@pytest.mark.parametrize("name", ["url", "resume"])
async def test_very_much_that_was_refused_begins_anew_in_small_statements(
    shop: Shop, settings: Settings, receiver: Receiver, clock: MovableClock, urls: Urls, name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """One that refused a hundred thousand must not be one that nobody can mend any more."""
    made = await endpoint(shop, receiver.url)
    await change(shop, made, paused=True)
    owner = await asyncpg.connect(urls.owner)
    await owner.execute(TRIED, id_of(made), 40_000)
    monkeypatch.setitem(DIRECT, "statement_timeout", "500ms")
    mended = {"paused": False} if name == "resume" else {"url": receiver.url + "/new"}
    house = build_services(settings, clock)
    await house.database.open()
    try:
        paused = mended.pop("paused", None)
        await house.notifications.change(id_of(made), "main", mended, paused=None if paused is None else bool(paused))
    finally:
        await house.close()
    left = "SELECT count(*) FROM notifications WHERE delivery_attempts > 0 OR next_try_at > $1"
    assert await owner.fetchval(left, clock()) == 0
    assert await owner.fetchval("SELECT count(*) FROM notifications") == 40_000
    await owner.close()
    assert (await state(shop, made))["status"] == ("active" if name == "resume" else "paused")
