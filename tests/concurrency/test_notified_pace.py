"""How soon a shop is told: at 200 events a second, alone, and beside a hundred endpoints that never answer.

It prints its numbers (`-s`); on a machine that does something else they say nothing.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from app.db.database import Database
from app.db.embedded import END_WITH_PARENT
from app.db.wake_up import WakeUp
from app.domain import ids
from app.ledger.outbox import event
from app.ledger.repository import RELAY
from app.notifications.endpoints import Endpoints
from app.notifications.queue import Queue
from app.paths import ROOT
from app.services import encryption_of
from app.settings import Settings
from tests.concurrency.processes import _end
from tests.support.databases import Urls
from tests.support.receiver import Received, receiving
from tests.support.settings import SECRET_KEY

pytestmark = pytest.mark.alone

PER_S, LASTS_S, WARM_S = 200, 8, 3
HANGING = 100
MOST_MS = 1000.0
"""What a shop is promised; twice that beside those that hang, whose attempts end at the same moments."""
INSERT = """
INSERT INTO outbox (payment_id, id, store, type, sequence, created_at, body)
SELECT each.payment_id, each.id, $6, $5, 2, each.at, each.body
FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[]) AS each (payment_id, id, at, body)
"""


@asynccontextmanager
async def working(urls: Urls, log: Path) -> AsyncIterator[None]:
    """One worker, as an operator starts it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ONETILL_")} | {
        "PYTHONPATH": str(ROOT),
        "ONETILL_DATABASE_URL": urls.app,
        "ONETILL_SECRET_KEY": SECRET_KEY,
        "ONETILL_LOG_LEVEL": "error",
        "ONETILL_NOTIFICATIONS__ALLOW_PRIVATE": "true",
    }
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "app.cli", "worker", env=environment, cwd=ROOT, stdout=output, stderr=output,
            preexec_fn=END_WITH_PARENT,
        )  # fmt: skip
        try:
            yield
        finally:
            await _end(process)


class Shops:
    """Events that happen, and when each arrived."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._wake = WakeUp(database)
        self.at: dict[str, float] = {}
        self.took_ms: dict[str, float] = {}

    async def answer(self, got: Received) -> int:
        if "hangs" in got.path:
            await asyncio.sleep(3600)
        name = got.headers["webhook-id"]
        if name in self.at:
            self.took_ms.setdefault(name, (time.perf_counter() - self.at[name]) * 1000)
        return 204

    async def happen(self, kind: str, number: int, store: str = "main") -> None:
        """So many events at once, of as many payments."""
        now = datetime.now(UTC)
        made = [
            event(ids.uuid7(), kind, 2, now, {"order_id": "x", "status": "paid", "amount": 24000})
            for _ in range(number)
        ]
        if kind == "payment.paid":
            self.at |= {ids.show(ids.Prefix.EVENT, each.id): time.perf_counter() for each in made}
        payments: list[UUID] = [
            ids.read(ids.Prefix.PAYMENT, msgspec.json.decode(each.body)["payment_id"]) for each in made
        ]
        bodies, names = [each.body for each in made], [each.id for each in made]
        await self._database.changed(INSERT, payments, names, [now] * number, bodies, kind, store)
        self._wake(RELAY)

    async def keep_hanging(self) -> None:
        """Something happens in the stores whose endpoints hang, twice a second."""
        while True:
            for store in ("slow-0", "slow-1"):
                await self.happen("refund.failed", 1, store)
            await asyncio.sleep(0.5)

    async def run(self, seconds: float) -> float:
        """Events at the pace for so long; the p99 of how long each took, in milliseconds."""
        self.at.clear()
        self.took_ms.clear()
        began = time.perf_counter()
        for tick in range(int(seconds * 50)):
            await asyncio.sleep(max(0.0, began + tick / 50 - time.perf_counter()))
            await self.happen("payment.paid", PER_S // 50)
        async with asyncio.timeout(30):
            while len(self.took_ms) < len(self.at):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        took = sorted(self.took_ms.values())
        print(f"{len(took)} events: p50 {took[len(took) // 2]:.1f} ms, p99 {took[len(took) * 99 // 100]:.1f} ms")
        return took[len(took) * 99 // 100]


async def test_a_shop_is_told_within_a_second_and_hanging_endpoints_delay_nobody(
    own_urls: Urls, tmp_path: Path, size: int
) -> None:
    database = Database(own_urls.app, connections=4)
    await database.open()
    settings = Settings(_env_file=None, secret_key=SECRET_KEY)  # type: ignore[call-arg, arg-type]  # pydantic-settings takes both
    now = partial(datetime.now, UTC)
    endpoints = Endpoints(database, Queue(database, now), encryption_of(settings), now)
    shops = Shops(database)
    async with receiving(answer=shops.answer) as receiver, working(own_urls, tmp_path / "worker.log"):
        await endpoints.add("main", url=receiver.url, description="", events=[], rate_per_s=None)
        await shops.run(WARM_S)
        quiet = await shops.run(LASTS_S * size)
        for number in range(HANGING):  # a store has fifty at most
            url = f"{receiver.url}/hangs/{number}"
            await endpoints.add(f"slow-{number % 2}", url=url, description="", events=[], rate_per_s=None)
        hanging = asyncio.create_task(shops.keep_hanging())
        await shops.run(WARM_S)
        slow = await shops.run(LASTS_S * size)
        hanging.cancel()
    await database.close()
    assert quiet <= MOST_MS
    assert slow <= 2 * MOST_MS
