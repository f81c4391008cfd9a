"""Events that an endpoint refuses while it takes others: they are given up in the end, and nothing else waits for them."""

import pytest

from app.domain.schedule import DOWN_AFTER, JITTER, NOTIFY_AGAIN
from app.jobs.worker import Worker
from app.services import Services
from tests.flows.notifications.house import change, endpoint, notifications, paid, pass_time, state
from tests.support import MovableClock, Shop
from tests.support.receiver import Receiver

HOUR, DAY = 3600, 86_400


@pytest.mark.parametrize("count", [1, DOWN_AFTER + 1])
async def test_those_of_a_quiet_shop_hold_up_no_other_and_end(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock, count: int
) -> None:
    """Nights are long: nothing else is taken between five tries of one, and yet the endpoint is well."""
    made = await endpoint(shop, receiver.url)
    poison: set[str] = set()
    receiver.answer = lambda got: 400 if got.event["payment_id"] in poison else 204
    for number in range(2 * 14):
        if len(poison) < count:
            poison.add((await paid(shop))["id"])
        await pass_time(parts, clock, seconds=12 * HOUR, step_s=HOUR / 2)
        good = await paid(shop)
        await Worker(parts).sweep()
        assert receiver.taken[-1].event["payment_id"] == good["id"], f"at once, also after {number} half days"
        assert len(receiver.taken) == number + 1
        assert (await state(shop, made))["status"] == "active"
    for _ in range(5):
        await pass_time(parts, clock, seconds=DAY, step_s=6 * HOUR)
        await paid(shop)
        await Worker(parts).sweep()
    assert {each["payment_id"] for each in await notifications(shop, status="failed")} == poison
    tries = [each for each in receiver.got if each.event["payment_id"] in poison]
    assert len(tries) < count * 3 * len(NOTIFY_AGAIN)


async def test_one_that_is_down_is_not_hurried_once_it_refused_several(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock
) -> None:
    """A quiet shop's new event is tried at once, until as many different ones were refused as make an endpoint down."""
    await endpoint(shop, receiver.url)
    receiver.status = 503
    await paid(shop)
    await pass_time(parts, clock, seconds=6 * HOUR, step_s=HOUR / 4)
    for number in range(1, DOWN_AFTER + 3):
        tried = len(receiver.got)
        await paid(shop)
        await Worker(parts).sweep()
        assert len(receiver.got) - tried == (1 if number < DOWN_AFTER else 0), number


async def test_tries_while_it_took_others_count_on_after_it_was_down(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock
) -> None:
    await endpoint(shop, receiver.url)
    poison = (await paid(shop))["id"]
    receiver.answer = lambda got: 400 if got.event["payment_id"] == poison else 204
    for wait_s in (0, *NOTIFY_AGAIN[:6]):
        clock.advance(wait_s * (1 + JITTER))
        await paid(shop)
        await Worker(parts).sweep()
    receiver.answer, receiver.status = None, 503
    for _ in range(DOWN_AFTER):
        await paid(shop)
    await pass_time(parts, clock, seconds=DAY, step_s=HOUR)
    receiver.answer = lambda got: 400 if got.event["payment_id"] == poison else 204
    await pass_time(parts, clock, seconds=2 * HOUR, step_s=HOUR / 4)
    (left,) = await notifications(shop, status="pending")
    assert left["payment_id"] == poison
    assert left["delivery_attempts"] in {7, 8}
    await pass_time(parts, clock, seconds=DAY, step_s=HOUR)
    (left,) = await notifications(shop, status="pending")
    assert left["payment_id"] == poison
    assert 7 < left["delivery_attempts"] <= 10


async def test_one_event_pauses_no_endpoint(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock
) -> None:
    """Refused for weeks in which nothing else happens: operators are alarmed, and the next event is sent at once."""
    made = await endpoint(shop, receiver.url)
    poison = (await paid(shop))["id"]
    receiver.answer = lambda got: 400 if got.event["payment_id"] == poison else 204
    await pass_time(parts, clock, seconds=20 * DAY, step_s=6 * HOUR)
    assert (await state(shop, made))["status"] == "failing"
    good = await paid(shop)
    await Worker(parts).sweep()
    assert [each.event["payment_id"] for each in receiver.taken] == [good["id"]]
    assert (await state(shop, made))["status"] == "active"


@pytest.mark.parametrize("is_resumed", [True, False])
async def test_what_waited_for_one_that_was_away_survives_another_refusal(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock, is_resumed: bool
) -> None:
    """Its wait has passed when the endpoint comes back, days later: its tries of before count for nothing, all the same."""
    made = await endpoint(shop, receiver.url)
    receiver.status = 503
    old = [(await paid(shop))["id"] for _ in range(DOWN_AFTER if is_resumed else 1)]
    await pass_time(parts, clock, seconds=12 * DAY, step_s=1.25 * HOUR)
    assert (await state(shop, made))["pause_reason"] == ("failing" if is_resumed else None)
    assert len(receiver.got) > 15
    clock.advance(2 * DAY)
    receiver.answer = lambda got: 503 if got.event["payment_id"] in old else 204
    if is_resumed:
        await change(shop, made, paused=False)
    await paid(shop)
    await Worker(parts).sweep()
    left = await notifications(shop, status="pending")
    assert set(old) <= {each["payment_id"] for each in left}
    assert {each["delivery_attempts"] for each in left} <= {0, 1, 2}
    receiver.answer, receiver.status = None, 204
    clock.advance(NOTIFY_AGAIN[1] * (1 + JITTER))
    await Worker(parts).sweep()
    assert not await notifications(shop, status="pending")
