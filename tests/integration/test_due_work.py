"""Due rows: read without a lock, claimed by id, carried out once whoever works on them, put off when their work breaks."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from app import logs
from app.db.database import Database
from app.db.due_work import HANDS, Chore, DueRow, DueTable
from app.domain.errors import GatewayUnavailable
from app.domain.schedule import PUT_OFF_S
from app.paths import ROOT
from tests.concurrency.victims import until
from tests.integration.due import Errands, engine, errands, write_down
from tests.integration.wire import Wire
from tests.support import MovableClock
from tests.support.databases import Urls


@pytest.fixture
def urls(own_urls: Urls) -> Urls:
    """A table of errands is made in it, and sessions are ended."""
    return own_urls


LEASE_S = 2.0


@pytest.fixture
async def table(urls: Urls) -> AsyncIterator[Errands]:
    async with errands(urls.owner) as found:
        yield found


@pytest.fixture(autouse=True)
def quiet() -> None:
    """Broken rows are logged whole, as a process of the product does it."""
    logs.configure("error")


@asynccontextmanager
async def pool(url: str) -> AsyncIterator[Database]:
    database = Database(url, connections=4)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@pytest.mark.parametrize("number", [400, pytest.param(10_000, marks=pytest.mark.long)])
async def test_two_workers_carry_out_every_row_exactly_once(
    urls: Urls, table: Errands, clock: MovableClock, number: int
) -> None:
    await table.add(number)
    clock.advance(1)
    async with pool(urls.app) as one, pool(urls.app) as other:
        first, second = engine(one, write_down(one, "one"), clock), engine(other, write_down(other, "other"), clock)
        begun = await asyncio.gather(first.sweep(), second.sweep())
    assert sum(begun) == sum((await table.done()).values()) == number
    assert await table.done_again() == 0
    assert await table.left() == 0


async def test_a_row_goes_to_one_of_those_who_saw_it_due(
    database: Database, table: Errands, clock: MovableClock
) -> None:
    await table.add(50)
    clock.advance(1)
    rows = DueTable(database, "errands", due_at="next_at")
    seen, until = await rows.due(clock(), 100), clock() + timedelta(seconds=30)
    won = await asyncio.gather(*(rows.claim(seen, clock(), until) for _ in range(4)))
    assert sorted(row.id for each in won for row in each) == sorted(row.id for row in seen)
    assert await rows.due(clock(), 100) == []


async def test_a_row_that_moved_since_it_was_seen_is_not_claimed(
    database: Database, table: Errands, clock: MovableClock
) -> None:
    await table.add(2)
    clock.advance(1)
    rows = DueTable(database, "errands", due_at="next_at")
    moved, still = await rows.due(clock(), 10)
    await table.owner.execute("UPDATE errands SET next_at = next_at - interval '1 hour' WHERE id = $1", moved.id)
    ends = clock() + timedelta(seconds=30)
    assert await rows.claim([moved, still], clock(), ends) == [replace(still, claimed_until=ends)]


async def test_a_claim_ends_with_its_lease_by_the_clock_of_those_who_claim(
    database: Database, table: Errands, clock: MovableClock
) -> None:
    await table.add(1)
    clock.advance(1)
    rows = DueTable(database, "errands", due_at="next_at")
    (row,) = await rows.due(clock(), 10)
    ends = clock() + timedelta(seconds=30)
    assert await rows.claim([row], clock(), ends) == [replace(row, claimed_until=ends)]
    for seconds, found in ((29, []), (-3600, []), (3601, [row])):
        clock.advance(seconds)
        assert await rows.due(clock(), 10) == found, "a clock that went back does not free it, nor does a little before"
        ends = clock() + timedelta(seconds=30)
        won = await rows.claim([row], clock(), ends)
        assert won == [replace(each, claimed_until=ends) for each in found]


async def test_due_rows_are_found_by_the_index_however_many_lie_in_the_future(
    database: Database, table: Errands
) -> None:
    """Nothing was analyzed; a backlog is read no further than what is asked for."""
    await table.owner.execute("ALTER TABLE errands SET (autovacuum_enabled = off)")
    await table.add(5_000)
    await table.owner.execute("UPDATE errands SET next_at = now() + interval '1 day'")
    await table.add(5_000)
    sql = DueTable(database, "errands", due_at="next_at").due_sql.replace("$1", "now()").replace("$2", "100")
    plan = "\n".join(row[0] for row in await table.owner.fetch(f"EXPLAIN (ANALYZE, COSTS off) {sql}"))
    assert "Index Scan using errands_due_idx" in plan, plan
    assert "Sort" not in plan, plan


async def test_rows_that_break_are_put_off_and_stop_nobody(
    database: Database, table: Errands, clock: MovableClock
) -> None:
    await table.add(3 * HANDS)
    clock.advance(1)
    ids = [row["id"] for row in await table.owner.fetch("SELECT id FROM errands ORDER BY id")]
    write, tried = write_down(database, "one"), list[DueRow]()

    async def work(row: DueRow) -> None:
        tried.append(row)
        if row.id in ids[:HANDS]:
            raise ZeroDivisionError
        if row.id in ids[HANDS : HANDS + 4]:
            raise GatewayUnavailable(gateway="nobody", payment_id="none")
        if row.id in ids[HANDS + 4 : HANDS + 8]:
            await asyncio.sleep(3600)
        await write(row)

    works = engine(database, work, clock, deadline_s=0.5)
    assert await works.sweep() == 3 * HANDS
    assert await table.done() == {"one": 2 * HANDS - 8}
    assert await works.sweep() == 0, "the broken ones do not fill every batch"
    clock.advance(PUT_OFF_S + 1)
    assert await works.sweep() == HANDS + 8, "they come back"


async def test_what_wrote_nothing_stays_claimed_until_the_lease_ends(
    database: Database, table: Errands, clock: MovableClock
) -> None:
    await table.add(1)
    clock.advance(1)

    async def nothing(_: DueRow) -> None:
        return None

    works = engine(database, nothing, clock, lease_s=10)
    assert [await works.sweep(), await works.sweep()] == [1, 0]
    clock.advance(10)
    assert await works.sweep() == 1


async def test_told_to_stop_it_finishes_what_is_under_way_and_begins_nothing(
    database: Database, table: Errands, clock: MovableClock
) -> None:
    await table.add(5 * HANDS)
    clock.advance(1)
    write, begun, goes_on, is_full = write_down(database, "one"), list[DueRow](), asyncio.Event(), asyncio.Event()

    async def work(row: DueRow) -> None:
        begun.append(row)
        if len(begun) == HANDS:
            is_full.set()
        await goes_on.wait()
        await write(row)

    works = engine(database, work, clock)
    running = asyncio.create_task(works.run())
    async with asyncio.timeout(10):
        await is_full.wait()
        works.stop()
        goes_on.set()
        await running
    assert (await table.done(), len(begun)) == ({"one": HANDS}, HANDS)
    claimed = await table.owner.fetchval("SELECT count(*) FROM errands WHERE claimed_until IS NOT NULL")
    assert claimed == 0, "the others are free for the next worker"


async def test_a_database_that_goes_away_is_waited_for(urls: Urls, table: Errands, clock: MovableClock) -> None:
    """Connections are cut while rows are under way, then nothing listens for a while; no lease has to end."""
    port = urlsplit(urls.app).port
    assert port is not None
    await table.add(100)
    clock.advance(1)
    wire = Wire(port)
    async with wire:
        url = urls.app.replace(f":{port}/", f":{wire.port}/")
        async with pool(url) as database:
            write = write_down(database, "one")

            async def work(row: DueRow) -> None:
                await asyncio.sleep(0.05)
                await write(row)

            works = engine(database, work, clock, deadline_s=60, lease_s=3600, time_scale=10)
            running = asyncio.create_task(works.run())
            await until(table.done, 0.01)
            await wire.__aexit__()
            await asyncio.sleep(1)
            left = await table.left()
            async with wire:
                await table.until_done()
                assert left > 0
                works.stop()
                await running
    assert sum((await table.done()).values()) >= 100


@pytest.mark.parametrize("when", ["before it looks", "while rows are under way"])
async def test_a_pool_that_is_used_up_is_waited_for(
    urls: Urls, table: Errands, clock: MovableClock, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """The database stands still: every connection waits for it, and nobody gets one in time."""
    monkeypatch.setattr("app.db.pool.POOL_WAIT_S", 0.1)
    await table.add(10)
    clock.advance(1)
    is_held = asyncio.Event()
    async with pool(urls.app) as database, AsyncExitStack() as held:
        write = write_down(database, "one")

        async def work(row: DueRow) -> None:
            await is_held.wait()
            await write(row)

        works = engine(database, work, clock, deadline_s=60, lease_s=3600, time_scale=100)
        running = None if when == "before it looks" else asyncio.create_task(works.run())
        if running is not None:
            await asyncio.sleep(0.3)
        for _ in range(4):
            await held.enter_async_context(database.connection())
        is_held.set()
        running = running or asyncio.create_task(works.run())
        await asyncio.sleep(0.6)
        assert not running.done(), "the worker lives on"
        await held.aclose()
        await table.until_done(10)
        works.stop()
        await running
    assert await table.done() == {"one": 10}


async def test_a_chore_that_fails_does_not_stop_the_next_and_bites_are_bounded(
    database: Database, table: Errands, clock: MovableClock
) -> None:
    bites, fails, is_done = list[int](), list[int](), asyncio.Event()

    async def failing(_: int) -> int:
        fails.append(1)
        raise OSError

    async def forget(limit: int) -> int:
        bites.append(limit)
        if len(bites) == 3:
            is_done.set()
            return limit - 1
        return limit

    async def overdue_s() -> float:
        return 0.0

    chores = (Chore("failing", failing, overdue_s), Chore("forget", forget, overdue_s))
    works = engine(database, write_down(database, "one"), clock, chores=chores)
    running = asyncio.create_task(works.run())
    await asyncio.wait_for(is_done.wait(), 10)
    works.stop()
    await asyncio.wait_for(running, 10)
    assert len(set(bites)) == 1
    assert (len(bites), len(fails)) == (3, 1), (
        "as long as there is more; then an hour later, or a minute where it failed"
    )


async def has_begun(table: Errands, worker: str) -> bool:
    return worker in await table.done()


@asynccontextmanager
async def worker_process(url: str, name: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.due_worker", url, name, str(LEASE_S), cwd=ROOT
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.long
@pytest.mark.parametrize("number", [1500, 10_000])
async def test_kill_9_of_one_of_two_workers_delays_its_rows_by_a_lease_and_no_more(
    urls: Urls, table: Errands, number: int
) -> None:
    async with worker_process(urls.app, "one") as one, worker_process(urls.app, "other") as other:
        await until(lambda: table.owner.fetchval("SELECT count(*) = 2 FROM errands_workers"))
        await table.add(number)
        await until(lambda: has_begun(table, "one"))
        one.kill()
        await one.wait()
        claims = "SELECT count(*) FROM errands WHERE claimed_until IS NOT NULL AND next_at IS NOT NULL"
        assert await table.owner.fetchval(claims) <= 2 * HANDS
        await table.until_done(within_s=180)
        late = "SELECT max(extract(epoch FROM claimed_until - now())) FROM errands"
        assert await table.owner.fetchval(late) is None
        other.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(other.wait(), 10) == 0
    done = await table.done()
    assert number <= sum(done.values()) <= number + HANDS
    assert await table.done_again() <= HANDS, "at most what the killed one had written down and not moved on"


async def test_rows_of_a_killed_worker_are_free_when_its_lease_ends(urls: Urls, table: Errands) -> None:
    await table.add(HANDS)
    async with worker_process(urls.app, "one") as one:
        await until(
            lambda: table.owner.fetchval("SELECT EXISTS (SELECT FROM errands WHERE claimed_until IS NOT NULL)"), 0.002
        )
        one.kill()
        await one.wait()
    waits = "SELECT coalesce(max(extract(epoch FROM claimed_until - now())), 0) FROM errands"
    assert await table.owner.fetchval(waits) <= LEASE_S, "by a lease, and no more"
    async with worker_process(urls.app, "other"):
        await table.until_done()
