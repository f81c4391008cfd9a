"""A pump is run again while there is something for it, also after it broke, and brings the work that it made."""

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest

from app.db.due_work import Pump
from app.domain.clock import utc_now
from app.jobs.engine import Engine


@pytest.mark.parametrize(
    "error", [asyncpg.DeadlockDetectedError("x"), ConnectionError("x"), KeyError("a mistake of ours")]
)
async def test_one_that_breaks_runs_again(error: Exception) -> None:
    ended = asyncio.Event()

    def parts() -> Iterator[int | Exception]:
        yield from (error, 500, error, 7, 0)
        ended.set()
        while True:
            yield 0

    coming = parts()

    async def run() -> int:
        part = next(coming)
        if isinstance(part, Exception):
            raise part
        return part

    engine = Engine((), (), [Pump("p", run)], now=utc_now, time_scale=10_000)
    running = asyncio.create_task(engine.run())
    await asyncio.wait_for(ended.wait(), 30)
    engine.stop()
    await asyncio.wait_for(running, 30)


async def test_all_that_there_is_is_done_in_one_sweep() -> None:
    left = [500, 500, 3, 0]

    async def run() -> int:
        return left.pop(0)

    assert await Engine((), (), [Pump("p", run)], now=utc_now, time_scale=1).sweep() == 0, "it counts rows of due work"
    assert left == []
