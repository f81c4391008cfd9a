"""A webhook whose text comes again while its gateway does not answer: by a stranger, or because there is news."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from app.db.database import Database
from app.domain.schedule import REPEAT_AFTER_S
from app.jobs.worker import Worker
from app.services import Services
from tests.flows.gateways.orders import BY_NAME
from tests.flows.webhooks.senders import Post
from tests.flows.webhooks.test_arrival import rows
from tests.flows.webhooks.test_inbox import post, told
from tests.support import MovableClock, Shop

TRIED_IN_VAIN = 5


@pytest.fixture
async def waiting(shop: Shop, parts: Services, clock: MovableClock, database: Database) -> Post:
    """A hint that was tried in vain for a quarter of an hour, and waits for longer by now."""
    payment = await shop.create(**BY_NAME["portone_v1"].order)
    proof = await shop.buyer_pays(payment, "lost_webhook")
    await shop.scenario("error_500", "portone_v1", call="lookup", times=-1)
    given = told(shop, clock, payment, ref=proof["imp_uid"])
    await post(shop, given)
    for _ in range(TRIED_IN_VAIN):
        await tried_at(parts, clock, database)
    assert await wait_s(clock, database) >= 800
    return given


async def wait_s(clock: MovableClock, database: Database) -> float:
    (row,) = await rows(database, "portone_v1")
    assert row["next_try_at"] is not None, row["note"]
    return float((row["next_try_at"] - clock()).total_seconds())


async def tried_at(parts: Services, clock: MovableClock, database: Database) -> datetime:
    """Let it be tried when it is due, and say when that began."""
    clock.advance(max(0.0, await wait_s(clock, database)))
    began = clock()
    await Worker(parts).sweep()
    return began


async def test_a_true_one_has_all_its_tries_where_a_strangers_has_used_them_up(
    shop: Shop, parts: Services, clock: MovableClock, database: Database, waiting: Post
) -> None:
    await post(shop, waiting)
    came = clock()
    for _ in range(5):
        last = await tried_at(parts, clock, database)
    assert last - came < timedelta(minutes=30), "not hours"


async def test_whoever_repeats_it_has_it_tried_no_more_often_than_he_may_repeat_it(
    shop: Shop, parts: Services, clock: MovableClock, database: Database, waiting: Post
) -> None:
    began, tried = clock(), [clock()]
    comes = [began + timedelta(seconds=each) for each in (0, 16, 32, 48, 83, 84)]
    while comes or len(tried) < 8:
        if comes and comes[0] <= clock() + timedelta(seconds=await wait_s(clock, database)):
            clock.advance(max(0.0, (comes.pop(0) - clock()).total_seconds()))
            await post(shop, waiting)
        else:
            tried.append(await tried_at(parts, clock, database))
    gaps = [(after - before).total_seconds() for before, after in pairwise(tried)]
    assert min(gaps) >= REPEAT_AFTER_S, gaps
    assert await wait_s(clock, database) < 1200, "and its tries are not used up"
