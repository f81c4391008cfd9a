"""Connections are lent in turn, and neither a canceled caller nor a broken connection costs another caller anything."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.db.database import DATABASE_AWAY, Database
from app.db.pool import Connection, Pool
from app.db.schema import APP_ROLE
from app.domain.errors import Overloaded
from tests.support.databases import Urls

MOST = 2


class Made:
    """Makes connections to the test's database, counts them, and fails when told."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.connections: list[Connection] = []
        self.fails = 0

    async def __call__(self) -> Connection:
        await asyncio.sleep(0)
        if self.fails:
            self.fails -= 1
            raise ConnectionRefusedError
        self.connections.append(await asyncpg.connect(self._url))
        return self.connections[-1]


@pytest.fixture
def made(urls: Urls) -> Made:
    return Made(urls.app)


@pytest.fixture
async def pool(made: Made) -> AsyncIterator[Pool]:
    pool = Pool(made, MOST)
    yield pool
    await pool.close()
    assert all(connection.is_closed() for connection in made.connections)


async def _number(pool: Pool, number: int) -> int:
    connection = await pool.take()
    row = await connection.fetchrow("SELECT $1::int AS n, pg_sleep(0.001)", number)
    pool.give(connection)
    assert row is not None
    return int(row["n"])


async def _waiting(pool: Pool) -> "asyncio.Task[Connection]":
    task = asyncio.create_task(pool.take())
    await asyncio.sleep(0)
    return task


async def test_many_callers_share_few_connections(pool: Pool, made: Made) -> None:
    assert await asyncio.gather(*(_number(pool, n) for n in range(100))) == list(range(100))
    assert len(made.connections) == MOST


async def test_they_are_served_in_turn(pool: Pool) -> None:
    held = [await pool.take(), await pool.take()]
    first, second = await _waiting(pool), await _waiting(pool)
    pool.give(held[0])
    assert await first is held[0]
    assert not second.done()
    pool.give(held[1])
    assert await second is held[1]
    for connection in held:
        pool.give(connection)


async def test_a_canceled_caller_loses_no_connection(pool: Pool) -> None:
    held = [await pool.take(), await pool.take()]
    gives_up_waiting, gives_up_when_served = await _waiting(pool), await _waiting(pool)
    gives_up_waiting.cancel()
    await asyncio.wait([gives_up_waiting])
    pool.give(held[0])  # to the second one, who is canceled before it wakes up
    gives_up_when_served.cancel()
    await asyncio.wait([gives_up_when_served])
    assert await pool.take() is held[0]
    for connection in held:
        pool.give(connection)


async def test_one_that_broke_makes_room(pool: Pool, made: Made) -> None:
    held = [await pool.take(), await pool.take()]
    next_one = await _waiting(pool)
    held[0].terminate()
    pool.give(held[0])
    fresh = await next_one
    assert fresh is made.connections[2]
    pool.give(fresh)
    pool.give(held[1])
    made.connections[2].terminate()  # while nobody uses it
    assert await asyncio.gather(*(_number(pool, n) for n in range(10))) == list(range(10))


async def test_one_that_cannot_be_made_lets_the_next_try(pool: Pool, made: Made) -> None:
    made.fails = 3
    results = await asyncio.gather(*(_number(pool, n) for n in range(6)), return_exceptions=True)
    assert sum(isinstance(result, ConnectionRefusedError) for result in results) == 3
    assert [result for result in results if not isinstance(result, BaseException)] == [
        n for n in range(6) if n in results
    ]
    assert len(made.connections) <= MOST


async def test_closing_waits_for_what_is_lent(made: Made) -> None:
    pool = Pool(made, MOST)
    held = await pool.take()
    closing = asyncio.create_task(pool.close())
    await asyncio.sleep(0.01)
    assert not closing.done()
    with pytest.raises(asyncpg.InterfaceError, match="closed"):
        await pool.take()
    pool.give(held)
    await closing
    assert held.is_closed()


async def test_closing_ends_where_one_is_dropped_meanwhile(made: Made) -> None:
    pool = Pool(made, MOST)
    free, broken = await pool.take(), await pool.take()
    pool.give(free)
    closing = asyncio.create_task(pool.close())
    await asyncio.sleep(0)  # it says goodbye to the free one
    pool.drop(broken)
    await asyncio.wait_for(closing, 5)


async def test_a_canceled_statement_stops_and_its_connection_goes(database: Database, urls: Urls) -> None:
    statement = asyncio.create_task(database.row("SELECT pg_sleep(9), 'stop me'"))
    await asyncio.sleep(0.2)
    statement.cancel()
    await asyncio.wait([statement])
    running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%stop me%' AND state = 'active' AND usename = $1"
    owner = await asyncpg.connect(urls.owner)
    try:
        async with asyncio.timeout(5):
            while await owner.fetchval(running, APP_ROLE):  # noqa: ASYNC110  nothing tells when Postgres has stopped it
                await asyncio.sleep(0.02)
    finally:
        await owner.close()
    row = await database.row("SELECT 1 AS n")
    assert row is not None
    assert row["n"] == 1


async def test_a_refused_statement_keeps_its_connection(database: Database) -> None:
    pids = set()
    for _ in range(3):
        with pytest.raises(asyncpg.UndefinedTableError):
            await database.row("SELECT * FROM nowhere")
        row = await database.row("SELECT pg_backend_pid() AS pid")
        assert row is not None
        pids.add(row["pid"])
    assert len(pids) == 1


async def test_an_error_inside_a_unit_of_work_rolls_it_back(database: Database) -> None:
    insert = "INSERT INTO order_claims (store, order_id, payment_id) VALUES ('s', 'o', gen_random_uuid())"

    async def fail_after_writing() -> None:
        async with database.transaction() as connection:
            await connection.execute(insert)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail_after_writing()
    assert await database.rows("SELECT 1 FROM order_claims") == []


async def test_a_server_that_ends_between_statements_is_told_as_a_database_that_is_away(
    database: Database, urls: Urls
) -> None:
    await asyncio.gather(*(database.row("SELECT pg_sleep(0.05)") for _ in range(3)))
    owner = await asyncpg.connect(urls.owner)
    try:
        ours = "application_name = 'onetill' AND datname = current_database()"
        await owner.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}")  # noqa: S608
    finally:
        await owner.close()
    told = await asyncio.gather(*(database.row("SELECT 1") for _ in range(9)), return_exceptions=True)
    faults = [each for each in told if isinstance(each, Exception)]
    assert all(isinstance(each, DATABASE_AWAY) for each in faults), faults
    assert await database.row("SELECT 1")


async def test_a_wait_for_a_connection_ends(monkeypatch: pytest.MonkeyPatch, urls: Urls) -> None:
    """All are lent for longer than anybody waits: 503 with Retry-After, not a request that hangs."""
    monkeypatch.setattr("app.db.pool.POOL_WAIT_S", 0.1)
    database = Database(urls.app, connections=2)
    await database.open()
    async with database.transaction(), database.transaction():
        with pytest.raises(Overloaded) as told:
            await database.row("SELECT 1")
        assert told.value.details == {"retry_after_s": 1}
    assert await database.row("SELECT 1") is not None
    await database.close()
