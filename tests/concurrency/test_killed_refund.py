"""`kill -9` while money goes back, at every message that the outside can see: it goes back once.

Of the API while a shop asks for a refund, and while it gives back wrong money by itself; of the worker while it finishes
what is left over. Both sides of every write and of every message to a gateway; reads on one.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest

from app.db.database import Database
from app.domain import ids
from app.settings import Settings
from simulator.server import Simulator
from tests.concurrency.copies import Copy, copied, selling
from tests.concurrency.refund_books import (
    BATCH_S,
    HURRY,
    PATIENCE_S,
    POINT3_BLIND,
    ROADS,
    V1_OTHER,
    V1_PAYMENTWALL,
    V1_PAYMENTWALL_WHOLE,
    V2,
    Books,
    Json,
    Road,
)
from tests.concurrency.refund_till import Till, till_at
from tests.concurrency.victims import AT_ONCE, Place, each, sample
from tests.flows.gateways.orders import BY_NAME
from tests.support import MovableClock, Shop, key
from tests.support.databases import Urls
from tests.support.settings import every_account, settings_for

pytestmark = pytest.mark.long

MOST = 0
"""Places of one way beside those that are always taken."""
MINUTE_S = 60
HANGING_AT_ONCE = 7
"""Calls that are never answered: one more, and the gateway counts as away."""


@pytest.fixture
def settings(urls: Urls, simulator: Simulator, request: pytest.FixtureRequest) -> Settings:
    """A payment keeps the rules of the PG that it was opened with: it is sold as the road's processes would sell it."""
    callspec = getattr(request.node, "callspec", None)
    if callspec is None or callspec.params.get("road") is not V1_OTHER:
        return settings_for(urls, simulator)
    return settings_for(urls, simulator, portone_v1=every_account(simulator)["portone_v1"] | {"pg": "other"})


@pytest.mark.parametrize("road", ROADS.values(), ids=ROADS)
async def test_a_refund_is_made_once_wherever_the_api_is_killed(
    shop: Shop, urls: Urls, simulator: Simulator, database: Database, api_key: str, road: Road, size: int
) -> None:
    books = Books(database, simulator, road.gateway)
    all_of_them: list[tuple[Json, dict[str, str], str]] = []
    lost: list[Json] = []
    async with road.process("serve", urls.app, simulator) as watched, till_at(watched.url, api_key, road) as till:
        undisturbed, headers = await road.sold(shop), key()
        all_of_them.append((undisturbed, headers, "not killed"))
        watched.record()
        assert await till.refund(undisturbed, headers) is not None
        await watched.quiet()
        places = watched.places()
        known = {place.name for place in places} if road is V1_OTHER else ()  # it reads what V1_PAYMENTWALL reads
        places = sample(places, most=MOST, size=size, every_effect=True, known=known)
    assert {place.wire for place in places} == {"Postgres", "gateway", "caller"}

    async with (
        road.process("serve", urls.app, simulator) as survivor,
        till_at(survivor.url, api_key, road) as next_till,
        asyncio.TaskGroup() as repeated,
    ):

        async def killed(number: int, place: Place) -> bool:
            payment, headers, where = await road.sold(shop), key(), str(place)
            async with (
                road.process("serve", urls.app, simulator) as doomed,
                till_at(doomed.url, api_key, road) as till,
            ):
                doomed.doom(place)
                await till.refund(payment, headers)
                came = await doomed.died()
            all_of_them.append((payment, headers, where))
            if road.ends_at_a_person and await books.is_lost(payment):
                lost.append(payment)
            repeated.create_task(next_till.refund_in_the_end(payment, headers, where))
            return came

        await each(places, killed)

    await _take_over(road, urls.app, books, [(payment, where) for payment, _, where in all_of_them], lost)
    async with road.process("serve", urls.app, simulator) as served, till_at(served.url, api_key, road) as till:
        for payment, headers, where in all_of_them:
            await books.has_given_once(payment, where, road.part)
            answer = await till.refund_in_the_end(payment, headers, where)
            assert answer["id"] == (await books.load(payment)).refunds[0].public_id, where
    assert bool(lost) == road.ends_at_a_person, "between the intent and the call is a place, or this proves nothing"


async def _take_over(
    road: Road, database_url: str, books: Books, payments: Sequence[tuple[Json, str]], lost: Sequence[Json]
) -> None:
    """A worker finishes what was left behind. For what is `lost` it calls a person, who does what only a person can do."""
    scale = HURRY if lost else road.time_scale
    async with road.process("worker", database_url, books.simulator, TIME_SCALE=scale):
        for payment, where in payments:
            if payment not in lost:
                await books.until_nothing_is_open(payment, where)
        await books.until_a_person_is_called(lost)
    for payment in lost:
        refund = await books.has_nothing_given(payment, "lost on its way")
        await road.ask_again(database_url, books.simulator, refund)


@pytest.mark.parametrize("road", [POINT3_BLIND, V1_PAYMENTWALL_WHOLE, V2], ids=lambda road: road.gateway)
async def test_wrong_money_goes_back_once_wherever_the_api_is_killed(
    shop: Shop,
    urls: Urls,
    simulator: Simulator,
    database: Database,
    api_key: str,
    clock: MovableClock,
    road: Road,
    size: int,
) -> None:
    """Every other time the shop says again that the buyer is done; else nobody does, and the worker finds the money."""
    clock.advance(-MINUTE_S - 1)  # payments are created a minute ago: so every attempt is due for its first look
    if road is POINT3_BLIND:
        await _shows_nothing_before_confirm(shop, road)
    books = Books(database, simulator, road.gateway)
    all_of_them: list[tuple[Json, str]] = []
    lost: list[Json] = []

    async def bought(where: str) -> tuple[Json, Json]:
        payment = await shop.create(**BY_NAME[road.gateway].order)
        all_of_them.append((payment, where))
        return payment, await shop.buyer_pays(payment, "amount_differs")

    async with road.process("serve", urls.app, simulator) as watched, till_at(watched.url, api_key, road) as till:
        undisturbed = await bought("not killed")
        watched.record()
        answer = await till.complete(*undisturbed)
        assert answer is not None
        assert (answer.status_code, answer.json()["mismatch"]) == (409, "amount_mismatch"), answer.text
        await watched.quiet()
        places = sample(watched.places(), most=MOST, size=size, every_effect=True)
    assert {place.wire for place in places} == {"Postgres", "gateway", "caller"}

    async with (
        road.process("serve", urls.app, simulator) as survivor,
        till_at(survivor.url, api_key, road) as next_till,
        asyncio.TaskGroup() as repeated,
    ):

        async def again(payment: Json, browser: Json, where: str) -> None:
            answer = await next_till.complete(payment, browser)
            assert answer is not None, where
            assert answer.status_code in {202, 409}, f"{where}: {answer.text}"

        async def killed(number: int, place: Place) -> bool:
            payment, browser = await bought(str(place))
            async with (
                road.process("serve", urls.app, simulator) as doomed,
                till_at(doomed.url, api_key, road) as till,
            ):
                doomed.doom(place)
                await till.complete(payment, browser)
                came = await doomed.died()
            if road.ends_at_a_person and await books.is_lost(payment):
                lost.append(payment)
            if number % 2:
                repeated.create_task(again(payment, browser, str(place)))
            return came

        await each(places, killed)

    await _take_over(road, urls.app, books, all_of_them, lost)
    for payment, where in all_of_them:
        if road is POINT3_BLIND and not books.truth(payment)["captures"]:
            await books.has_taken_nothing(payment, where)
        else:
            await books.has_given_once(payment, where)
    assert bool(lost) == road.ends_at_a_person


NEVER_ASKED, ANSWER_LOST, ACCEPTED, REJECTED = "never asked", "answer lost", "accepted", "rejected money"
LEFT = {
    POINT3_BLIND: (ACCEPTED, NEVER_ASKED, ANSWER_LOST, REJECTED),
    V1_PAYMENTWALL: (NEVER_ASKED, ANSWER_LOST, REJECTED),
    V2: (NEVER_ASKED, ANSWER_LOST, REJECTED),
}
"""What a worker finds of each gateway. First what Point3 does in a batch that runs before the rest is left."""

_MONEY = re.compile(r"\b(payments|attempts|refunds)\b|INSERT INTO gateway_exchanges")


def _is_about_money(place: Place) -> bool:
    """What else a worker says, while it starts and sweeps, is in `test_killed_worker`."""
    return place.wire != "Postgres" or bool(_MONEY.search(place.name))


async def _left(shop: Shop, road: Road, what: str, number: int) -> list[Json]:
    """So many payments of which this is left to be done."""
    if what == REJECTED:
        return await _with_wrong_money(shop, road, number)
    payments = [await road.sold(shop) for _ in range(number)]
    how, call, status = {
        NEVER_ASKED: ("error_500", "lookup", "created"),  # reserved while the gateway was away
        ANSWER_LOST: ("accept_then_hang", "cancel", "unknown"),  # the gateway did it, and nobody heard
        ACCEPTED: ("paid", "cancel", "pending"),
    }[what]
    till = Till(shop.client, road)
    await shop.scenario(how, road.gateway, call=call, times=-1)
    for start in range(0, number, HANGING_AT_ONCE):
        some = payments[start : start + HANGING_AT_ONCE]
        answers = await asyncio.gather(*(till.refund(payment, key()) for payment in some))
        assert {answer.json()["status"] for answer in answers if answer} == {status}
    await shop.scenario(how, road.gateway, call=call, times=0)
    return payments


async def _shows_nothing_before_confirm(shop: Shop, road: Road) -> None:
    """So the money is taken before anybody can see how much that is."""
    await shop.scenario("no_lookup_before_confirm", road.gateway, call="lookup", times=-1)


async def _with_wrong_money(shop: Shop, road: Road, number: int) -> list[Json]:
    """At Point3 it was taken, and its answer got lost."""
    if road is POINT3_BLIND:
        await _shows_nothing_before_confirm(shop, road)
    payments = []
    for _ in range(number):
        payment = await shop.create(**BY_NAME[road.gateway].order)
        browser = await shop.buyer_pays(payment, "amount_differs")
        if road is POINT3_BLIND:
            await shop.scenario("accept_then_hang", road.gateway, call="confirm")
            answer = await shop.complete(payment, **browser)
            assert answer.status_code == 202, answer.text
        payments.append(payment)
    return payments


@dataclass(slots=True)
class Lane:
    """One copy of the database. One payment after the other is due in it, each for one victim alone."""

    copy: Copy
    books: Books
    payments: list[tuple[Json, str]] = field(default_factory=list)

    async def make_due(self, payment: Json, what: str, where: str) -> None:
        """A worker finds this payment, and no other."""
        self.payments.append((payment, where))
        table = "attempts" if what == REJECTED else "refunds"
        await self._execute(f"UPDATE {table} SET next_check_at = now() WHERE payment_id = $1", payment)  # noqa: S608

    async def put_off(self, payment: Json) -> None:
        """Nobody finds it any more today."""
        for table in ("attempts", "refunds"):
            sql = f"UPDATE {table} SET next_check_at = next_check_at + interval '1 day' WHERE payment_id = $1"  # noqa: S608
            await self._execute(sql, payment)

    async def bring_back(self) -> None:
        """All of them are due as they were left."""
        for payment, _ in self.payments:
            for table in ("attempts", "refunds"):
                sql = f"UPDATE {table} SET next_check_at = next_check_at - interval '1 day' WHERE payment_id = $1"  # noqa: S608
                await self._execute(sql, payment)

    async def _execute(self, sql: str, payment: Json) -> None:
        await self.copy.owner.execute(sql, ids.read(ids.Prefix.PAYMENT, payment["id"]))


@asynccontextmanager
async def _lane(urls: Urls, simulator: Simulator, road: Road) -> AsyncIterator[Lane]:
    async with copied(urls) as copy:
        database = Database(copy.url, connections=2)
        await database.open()
        try:
            yield Lane(copy, Books(database, simulator, road.gateway))
        finally:
            await database.close()


async def _finish(lane: Lane, road: Road) -> int:
    """A second worker takes over all that is in a lane; how many a person had to end."""
    books = lane.books
    parts = [payment for payment, where in lane.payments if not where.startswith(REJECTED)]
    lost = [payment for payment in parts if road.ends_at_a_person and await books.is_lost(payment)]
    await lane.bring_back()
    await _take_over(road, lane.copy.url, books, lane.payments, lost)
    for payment, where in lane.payments:
        await books.has_given_once(payment, where, None if where.startswith(REJECTED) else road.part)
        if where.startswith((ANSWER_LOST, ACCEPTED)):
            assert books.asked(payment) == 1, f"{where}: what is shown is never asked for again"
    return len(lost)


@pytest.mark.parametrize("road", LEFT, ids=lambda road: road.gateway)
async def test_a_second_worker_finishes_it_wherever_the_first_is_killed(
    urls: Urls, settings: Settings, simulator: Simulator, clock: MovableClock, road: Road, size: int
) -> None:
    """Until the gateway has said yes to a refund, or what it has done is stored."""
    account: Any = getattr(settings, road.gateway)
    quick = {"timeout_s": PATIENCE_S} | ({"look_up": "after"} if road is POINT3_BLIND else {})
    settings = settings.model_copy(update={road.gateway: account.model_copy(update=quick)})

    async def left(wanted: Sequence[str]) -> list[Json]:
        """Payments of which this is left to be done, each due in an hour."""
        found: dict[str, list[Json]] = {}
        for what in LEFT[road]:
            async with selling(settings, simulator, clock) as shop:
                found[what] = await _left(shop, road, what, wanted.count(what))
            if what == ACCEPTED:
                simulator.clock.advance(BATCH_S)
        owner = await asyncpg.connect(urls.owner)
        for table in ("attempts", "refunds"):
            later = f"UPDATE {table} SET next_check_at = now() + '1 hour' WHERE next_check_at IS NOT NULL"  # noqa: S608
            await owner.execute(later)
        await owner.close()
        return [found[what].pop() for what in wanted]

    jobs: list[tuple[str, Place]] = []
    read: set[str] = set()
    undisturbed = await left(LEFT[road])
    async with AsyncExitStack() as stack:
        lane = await stack.enter_async_context(_lane(urls, simulator, road))
        for what, payment in zip(LEFT[road], undisturbed, strict=True):
            where = f"{what}: not killed"
            await lane.make_due(payment, what, where)
            async with road.process("worker", lane.copy.url, simulator) as watched:
                watched.record()
                if what == ACCEPTED:
                    await lane.books.until_decided(payment, where, batches=False)
                else:
                    await lane.books.until_answered(payment, where)
                print(what, end=": ")
                places = [place for place in watched.places() if _is_about_money(place)]
                jobs += [(what, place) for place in sample(places, most=MOST, size=size, every_effect=True, known=read)]
                read |= {place.name for place in places}
            await lane.put_off(payment)
        assert {place.wire for _, place in jobs} == {"Postgres", "gateway"}
        payments = await left([what for what, _ in jobs])
        lanes = [await stack.enter_async_context(_lane(urls, simulator, road)) for _ in range(AT_ONCE)]
        free: asyncio.Queue[Lane] = asyncio.Queue()
        for each_lane in lanes:
            free.put_nowait(each_lane)

        async def killed(number: int, place: Place) -> bool:
            (what, _), payment = jobs[number], payments[number]
            lane = await free.get()
            await lane.make_due(payment, what, f"{what}: {place}")
            async with road.process("worker", lane.copy.url, simulator) as doomed:
                doomed.doom(place)
                came = await doomed.died()
            await lane.put_off(payment)
            free.put_nowait(lane)
            return came

        await each([place for _, place in jobs], killed)
        lost = await asyncio.gather(*(_finish(each_lane, road) for each_lane in [lane, *lanes]))
    assert bool(sum(lost)) == road.ends_at_a_person
