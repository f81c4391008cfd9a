"""What the shop or another worker does while an attempt is under way: its end undoes none of it."""

import asyncio

import pytest

from app.domain.schedule import DOWN_AFTER
from app.jobs.worker import Worker
from app.services import Services
from tests.flows.notifications.house import change, endpoint, notifications, paid, pass_time, state
from tests.support import MovableClock, Shop, key
from tests.support.receiver import Received, Receiver, receiving

DAY = 86_400


async def test_a_410_of_the_old_url_does_not_pause_the_new_one(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock
) -> None:
    """A shop that moves does just this."""
    async with receiving() as new:
        made = await endpoint(shop, receiver.url)
        await paid(shop)

        async def gone(_: Received) -> int:
            await change(shop, made, url=new.url)
            return 410

        receiver.answer = gone
        await Worker(parts).sweep()
        assert (await state(shop, made))["status"] == "active"
        await pass_time(parts, clock, seconds=60, step_s=10)
        assert new.types() == ["payment.paid"]


async def test_an_answer_of_before_it_was_resumed_does_not_make_it_failing(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock
) -> None:
    """Nor does the last probe of eleven days pause what was mended meanwhile."""
    made = await endpoint(shop, receiver.url)
    receiver.status = 503
    await paid(shop)
    await pass_time(parts, clock, seconds=10.5 * DAY, step_s=5000)
    assert (await state(shop, made))["status"] == "failing"
    clock.advance(DAY)
    mended: list[Received] = []

    async def mend(got: Received) -> int:
        mended.append(got)
        if len(mended) > 1:
            return 503 if len(mended) == 2 else 204
        clock.advance(1)
        await change(shop, made, paused=True)
        await change(shop, made, paused=False)
        return 503

    receiver.answer = mend
    await Worker(parts).sweep()
    await pass_time(parts, clock, seconds=60, step_s=10)
    assert len(mended) == 3, "one more refusal while it starts neither pauses it nor makes it failing"
    assert (await state(shop, made))["status"] == "active"
    assert receiver.types() == ["payment.paid"]


@pytest.mark.parametrize("is_lease_over", [False, True])
async def test_two_workers_never_undo_what_was_delivered(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock, is_lease_over: bool
) -> None:
    """Paused and resumed while the first attempt hangs: nobody sends beside it. Or its lease is over: another one does."""
    made = await endpoint(shop, receiver.url)
    payment = await paid(shop)
    answer = await shop.client.post(f"/payments/{payment['id']}/refunds", json={"reason": "back"}, headers=key())
    assert answer.status_code == 201
    hold, arrived = asyncio.Event(), asyncio.Event()

    async def slow(_: Received) -> int:
        if len(receiver.got) > 1:
            return 204
        arrived.set()
        await hold.wait()
        return 503

    receiver.answer = slow
    first = asyncio.create_task(Worker(parts).sweep())
    await arrived.wait()
    if is_lease_over:
        clock.advance(DAY)
    else:
        await change(shop, made, paused=True)
        await change(shop, made, paused=False)
        clock.advance(1)
    await Worker(parts).sweep()
    both = ["payment.paid", "refund.succeeded"]
    assert receiver.types() == (both if is_lease_over else [])
    hold.set()
    await first
    if is_lease_over:
        assert {each["status"] for each in await notifications(shop)} == {"delivered"}
    await pass_time(parts, clock, seconds=60, step_s=10)
    assert receiver.types() == both, "once each, and in order"
    assert len(receiver.got) == 3 < DOWN_AFTER
