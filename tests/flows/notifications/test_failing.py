"""Endpoints that do not take what they are sent: when it comes again, what waits, who is alarmed, and when they are paused."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from app.domain.schedule import DOWN_AFTER, FAILING_FOR, JITTER, NOTIFY_AGAIN, PROBE_AGAIN
from app.jobs.worker import Worker
from app.metrics import REGISTRY
from app.notifications.spell import AT_ONCE_FIRST
from app.services import Services
from tests.flows.notifications.house import change, endpoint, notifications, paid, pass_time, state
from tests.support import MovableClock, Shop, key
from tests.support.receiver import Received, Receiver

DAY = 86_400


def alarms() -> dict[str, float]:
    return {
        percent: REGISTRY.get_sample_value("onetill_endpoint_alarms_total", {"percent": percent}) or 0
        for percent in ("50", "70", "90", "100")
    }


def test_it_is_tried_for_ten_days_at_least() -> None:
    assert sum(NOTIFY_AGAIN) >= 10 * DAY
    assert FAILING_FOR.days >= 10


async def test_one_that_is_not_taken_comes_again_by_the_table(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock
) -> None:
    """While its endpoint takes others; then it is `failed`, and said so."""
    await endpoint(shop, receiver.url)
    poison = await paid(shop)
    receiver.answer = lambda got: 400 if got.event["payment_id"] == poison["id"] else 204
    waits = [0, *NOTIFY_AGAIN]
    before = REGISTRY.get_sample_value("onetill_notifications_failed_total") or 0
    for number, wait_s in enumerate(waits):
        clock.advance(wait_s * (1 + JITTER))
        await paid(shop)  # keeps it up
        await Worker(parts).sweep()
        tried = [each for each in receiver.got if each.event["payment_id"] == poison["id"]]
        assert len(tried) == number + 1
        (shown,) = [each for each in await notifications(shop, limit=100) if each["payment_id"] == poison["id"]]
        assert shown["delivery_attempts"] == number + 1
        assert shown["status"] == ("failed" if number == len(NOTIFY_AGAIN) else "pending")
    assert len({(each.headers["webhook-id"], each.body) for each in tried}) == 1
    assert REGISTRY.get_sample_value("onetill_notifications_failed_total") == before + 1


async def test_no_attempt_comes_before_its_time(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock
) -> None:
    await endpoint(shop, receiver.url)
    receiver.status = 500
    await paid(shop)
    for number, wait_s in enumerate(NOTIFY_AGAIN[: DOWN_AFTER - 1]):
        await Worker(parts).sweep()
        await Worker(parts).sweep()
        assert len(receiver.got) == number + 1
        clock.advance(wait_s - 1)
        await Worker(parts).sweep()
        assert len(receiver.got) == number + 1, "a second too early"
        clock.advance(1 + JITTER * wait_s)


async def test_later_events_of_its_payment_wait_and_others_do_not(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock
) -> None:
    await endpoint(shop, receiver.url)
    first = await paid(shop)
    answer = await shop.client.post(f"/payments/{first['id']}/refunds", json={"reason": "back"}, headers=key())
    assert answer.status_code == 201
    second = await paid(shop)
    receiver.answer = lambda got: 500 if got.event["payment_id"] == first["id"] else 204
    before = REGISTRY.get_sample_value("onetill_due_claimed_total", {"kind": "notifications"}) or 0
    await Worker(parts).sweep()
    after = REGISTRY.get_sample_value("onetill_due_claimed_total", {"kind": "notifications"}) or 0
    assert after - before <= 3, "one that waits behind another does not keep the worker busy"
    assert [each.event["payment_id"] for each in receiver.taken] == [second["id"]]
    assert len(receiver.got) == 2
    receiver.answer = None
    clock.advance(10)
    await Worker(parts).sweep()
    assert receiver.types()[1:] == ["payment.paid", "refund.succeeded"]


async def test_one_that_takes_nothing_is_probed_with_one_event(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock
) -> None:
    await endpoint(shop, receiver.url)
    receiver.status = 503
    for _ in range(20):
        await paid(shop)
    await Worker(parts).sweep()
    assert DOWN_AFTER <= len(receiver.got) <= 2 * AT_ONCE_FIRST, "few at once, until it is known to take them"
    (made,) = (await shop.client.get("/notification-endpoints")).json()["data"]
    assert made["status"] == "failing"
    for wait_s in PROBE_AGAIN:
        tried = len(receiver.got)
        await paid(shop)
        await Worker(parts).sweep()
        assert len(receiver.got) == tried, "a new event does not hurry it"
        clock.advance(wait_s * (1 + JITTER))
        await Worker(parts).sweep()
        assert len(receiver.got) == tried + 1
    receiver.status = 204
    clock.advance(PROBE_AGAIN[-1] * (1 + JITTER))
    await Worker(parts).sweep()
    assert len(receiver.taken) == 20 + len(PROBE_AGAIN)
    assert (await state(shop, made))["status"] == "active"


async def test_operators_are_alarmed_on_the_way_and_then_it_is_paused(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock, caplog: pytest.LogCaptureFixture
) -> None:
    made = await endpoint(shop, receiver.url)
    receiver.status = 500
    for _ in range(DOWN_AFTER):
        await paid(shop)
    before = alarms()
    seen: list[tuple[int, int]] = []
    for hour in range(int(FAILING_FOR.total_seconds() / 3600) + 8):
        clock.advance(3600)
        await Worker(parts).sweep()
        told = [each.msg for each in caplog.records if isinstance(each.msg, dict)]
        said = [each["percent"] for each in told if each["event"] == "endpoint_failing"]
        seen += [(percent, hour) for percent in said[len(seen) :]]
    assert [percent for percent, _ in seen] == [50, 70, 90, 100]
    hours = FAILING_FOR.total_seconds() / 3600
    for percent, hour in seen:
        assert hours * percent / 100 - 5 <= hour <= hours * percent / 100 + 5
    assert {name: count - before[name] for name, count in alarms().items()} == dict.fromkeys(before, 1)
    now = await state(shop, made)
    assert (now["status"], now["pause_reason"]) == ("paused", "failing")
    tried = len(receiver.got)
    await paid(shop)
    await pass_time(parts, clock, seconds=2 * DAY, step_s=DAY)
    assert len(receiver.got) == tried
    receiver.status = 204
    await change(shop, made, paused=False)
    await Worker(parts).sweep()
    assert receiver.types() == (DOWN_AFTER + 1) * ["payment.paid"], "nothing was skipped"


async def test_410_pauses_at_once_and_what_waits_comes_when_it_is_resumed(
    shop: Shop, parts: Services, receiver: Receiver
) -> None:
    made = await endpoint(shop, receiver.url)
    receiver.status = 410
    await paid(shop)
    await Worker(parts).sweep()
    now = await state(shop, made)
    assert (now["status"], now["pause_reason"]) == ("paused", "gone")
    await paid(shop)
    receiver.status = 204
    await Worker(parts).sweep()
    assert len(receiver.got) == 1
    await change(shop, made, paused=False)
    await Worker(parts).sweep()
    assert len(receiver.taken) == 2, "at once, not when the first one's wait is over"


async def test_what_an_endpoint_that_was_down_did_not_take_counts_for_nothing_once_it_is_up(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock
) -> None:
    """Probed with them for days, then well again but for one of them: that one is tried for its eleven days from now on."""
    await endpoint(shop, receiver.url)
    receiver.status = 503
    payments = [await paid(shop) for _ in range(DOWN_AFTER)]
    await pass_time(parts, clock, seconds=5 * DAY, step_s=3600)
    assert len(receiver.got) > 5 * 10, "some ten a day"
    assert {each["delivery_attempts"] for each in await notifications(shop)} == {1}, (
        "what it is probed with is not counted"
    )
    poison = payments[1]["id"]
    receiver.answer = lambda got: 500 if got.event["payment_id"] == poison else 204
    await pass_time(parts, clock, seconds=4 * 3600, step_s=3600)
    stands = {each["payment_id"]: each["status"] for each in await notifications(shop)}
    assert stands.pop(poison) == "pending"
    assert set(stands.values()) == {"delivered"}


@pytest.mark.parametrize("is_down", [False, True])
async def test_retry_after_is_followed(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock, is_down: bool
) -> None:
    await endpoint(shop, receiver.url)
    receiver.status = 500
    for _ in range(DOWN_AFTER if is_down else 0):
        await paid(shop)
    await Worker(parts).sweep()
    receiver.answer = lambda _: web.Response(status=429, headers={"Retry-After": "900"})
    await paid(shop)
    clock.advance(PROBE_AGAIN[0] * (1 + JITTER))
    await Worker(parts).sweep()
    asked = len(receiver.got)
    receiver.answer, receiver.status = None, 204
    clock.advance(890)
    await Worker(parts).sweep()
    assert len(receiver.got) == asked > 0
    clock.advance(15)
    await Worker(parts).sweep()
    assert len(receiver.taken) == 1 + (DOWN_AFTER if is_down else 0)


async def test_an_endpoint_gets_no_more_a_second_than_it_takes(shop: Shop, parts: Services, receiver: Receiver) -> None:
    await endpoint(shop, receiver.url, rate_per_s=10)
    for _ in range(12):
        await paid(shop)
    times: list[float] = []

    def at(_: Received) -> int:
        times.append(asyncio.get_running_loop().time())
        return 204

    receiver.answer = at
    await Worker(parts).sweep()
    assert len(times) == 12
    assert times[-1] - times[0] >= 1.0, "eleven pauses of a tenth of a second"


ANSWERS: dict[str, tuple[web.Response, bool, str | None]] = {
    "huge": (web.Response(status=200, body=b"x" * 5_000_000), True, "x" * 500),
    "controls": (web.Response(status=500, body=b"\x1b[31m\x00\xff\xfe ok"), False, "�[31m��� ok"),
    "a bomb": (
        web.Response(status=200, body=b"\x1f\x8b" + b"0" * 99, headers={"Content-Encoding": "gzip"}),
        True,
        None,
    ),
    "empty": (web.Response(status=204), True, ""),
    "odd retry-after": (web.Response(status=500, headers={"Retry-After": "-1"}), False, ""),
    "endless retry-after": (web.Response(status=500, headers={"Retry-After": "9" * 400}), False, ""),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_what_an_endpoint_answers_cannot_hurt(shop: Shop, receiver: Receiver, name: str) -> None:
    response, is_taken, excerpt = ANSWERS[name]

    def answer(_: Received) -> Any:
        return web.Response(status=response.status, body=response.body, headers=response.headers)

    made = await endpoint(shop, receiver.url)
    receiver.answer = answer
    told = (await shop.client.post(f"/notification-endpoints/{made['id']}/test")).json()
    assert (told["delivered"], told["status"]) == (is_taken, response.status)
    assert excerpt is None or told["excerpt"] == excerpt
    assert len(told["excerpt"]) <= 500


async def test_an_attempt_ends_at_its_deadline_and_a_status_that_came_stands(
    shop: Shop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.notifications.delivery.DELIVERY_DEADLINE_S", 0.5)
    made = await endpoint(shop, receiver.url)
    released = asyncio.Event()

    async def never(_: Received) -> int:
        await released.wait()
        return 204

    receiver.answer = never
    told = (await shop.client.post(f"/notification-endpoints/{made['id']}/test")).json()
    assert (told["delivered"], told["status"], told["error"]) == (False, None, "no answer within 0.5 s")
    receiver.answer, receiver.drips = None, True
    told = (await shop.client.post(f"/notification-endpoints/{made['id']}/test")).json()
    assert (told["delivered"], told["status"], told["error"]) == (True, 200, None)
    released.set()


ASIDE = """
UPDATE notifications SET delivery_attempts = 1, is_again = true, is_alone = $1, tried_at = $2::timestamptz - interval '1 hour',
    next_try_at = $2::timestamptz + interval '1 day'
"""


@pytest.mark.parametrize("is_alone", [False, True])
async def test_what_was_put_aside_comes_at_once_whenever_its_attempt_began(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock, is_alone: bool
) -> None:
    """Its attempt began before the first refusal that was noticed, and ended after it: it hung, and others did not."""
    made = await endpoint(shop, receiver.url)
    await change(shop, made, paused=True)
    for _ in range(3):
        await paid(shop)
    await Worker(parts).sweep()
    await parts.database.changed(ASIDE, is_alone, clock())
    await change(shop, made, description="still paused")
    down = """UPDATE notification_endpoints
        SET failures = 5, failing_since = $1, paused_at = NULL, pause_reason = NULL, due_at = $1"""
    await parts.database.changed(down, clock())
    await paid(shop)
    await Worker(parts).sweep()
    assert len(receiver.taken) == 4
