"""What wakes a worker: one NOTIFY for a burst, and a listener that is replaced within seconds when it has died."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from urllib.parse import urlsplit

import asyncpg
import pytest

from app.db.database import Database
from app.db.wake_up import CHANNEL, WakeUp
from app.jobs.listener import Listener
from tests.integration.due import engine, errands, write_down
from tests.integration.wire import Wire
from tests.support import MovableClock
from tests.support.databases import Urls


@pytest.fixture
def urls(own_urls: Urls) -> Urls:
    """A table of errands is made in it, and sessions are ended."""
    return own_urls


CUT_S = 5.0
"""So long after its connection has gone, a listener hears again."""


class Ears:
    """A listener, and what it heard."""

    def __init__(self, url: str) -> None:
        self.heard: list[str] = []
        self._news = asyncio.Event()
        self.listener = Listener(url, self._hear)

    def _hear(self, kind: str) -> None:
        self.heard.append(kind)
        self._news.set()

    async def until(self, kind: str, within_s: float = 2) -> None:
        """Wait until this was heard. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while kind not in self.heard:
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[Ears]:
    ears = Ears(url)
    task = asyncio.create_task(ears.listener.run())
    try:
        await ears.until("", 10)
        ears.heard.clear()
        yield ears
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def say(owner: "asyncpg.Connection[asyncpg.Record]", kind: str) -> None:
    await owner.execute("SELECT pg_notify($1, $2)", CHANNEL, kind)


@pytest.mark.parametrize("how", ["terminated", "cut", "silent"])
async def test_a_listener_that_lost_its_connection_hears_again_within_5_s(urls: Urls, how: str) -> None:
    port = urlsplit(urls.app).port
    assert port is not None
    owner = await asyncpg.connect(urls.owner)
    async with Wire(port) as wire, listening(urls.app.replace(f":{port}/", f":{wire.port}/")) as ears:
        await say(owner, "before")
        await ears.until("before")
        connections = wire.connections
        if how == "terminated":
            others = "pid <> pg_backend_pid() AND datname = current_database()"
            await owner.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")  # noqa: S608
        elif how == "cut":
            await wire.cut()
        else:
            wire.fall_silent()
        await ears.until("", CUT_S)  # it looks for what it may have missed
        assert wire.connections > connections
        await say(owner, "after")
        await ears.until("after")
    await owner.close()


async def test_a_burst_costs_few_notifications_and_the_last_one_is_sent(urls: Urls, database: Database) -> None:
    wake_up = WakeUp(database)
    async with listening(urls.app) as ears:
        for _ in range(500):
            wake_up("webhooks")
            await asyncio.sleep(0)
        await ears.until("webhooks")
        ears.heard.clear()
        wake_up("last")
        await ears.until("last")
        await wake_up.close()
        assert len(ears.heard) < 20


async def test_it_wakes_an_engine_long_before_its_next_look(
    urls: Urls, database: Database, clock: MovableClock
) -> None:
    looks, heard = 0, list[str]()

    def now() -> datetime:  # the engine asks for the time once in each look
        nonlocal looks
        looks += 1
        return clock()

    def hear(kind: str) -> None:
        heard.append(kind)
        works.wake(kind)

    async def at_rest() -> int:
        """The looks so far, once there has been none for a second."""
        before = -1
        while looks != before or not heard:
            before = looks
            await asyncio.sleep(1)
        return looks

    async with errands(urls.owner) as table:
        works = engine(database, write_down(database, "one"), now, time_scale=0.001)
        listener = asyncio.create_task(Listener(urls.app, hear).run())
        running = asyncio.create_task(works.run())
        before = await at_rest()
        await table.add(3)
        clock.advance(1)
        wake_up = WakeUp(database)
        wake_up("another kind")
        async with asyncio.timeout(CUT_S):
            while "another kind" not in heard:  # noqa: ASYNC110  another task hears it
                await asyncio.sleep(0.02)
        assert await at_rest() == before
        wake_up("errands")
        await table.until_done(5)
        await wake_up.close()
        works.stop()
        await asyncio.wait_for(running, 5)
        listener.cancel()
        await asyncio.wait([listener])


async def test_a_notification_that_cannot_be_sent_is_only_late(urls: Urls) -> None:
    database = Database(urls.app.replace("127.0.0.1", "127.0.0.9").replace("localhost", "127.0.0.9"), connections=2)
    await database.open()
    wake_up = WakeUp(database)
    wake_up("webhooks")
    await asyncio.wait_for(wake_up.close(), 20)
    await database.close()
