"""`kill -9` of the worker at every message that it exchanges while it works on what is due; a second one takes over.

Each place has a copy of the same database, so that every victim finds the same work and nobody else's. And SIGTERM, which
lets what is under way finish.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from app.db.embedded import END_WITH_PARENT
from app.demo.run import accounts
from app.domain import ids
from app.paths import ROOT
from app.settings import Settings
from simulator.server import Simulator, SimulatorSettings
from tests.concurrency.copies import Copy, copied, selling
from tests.concurrency.victims import WAIT_S, Place, Victim, each, sample, until, victim
from tests.flows.gateways.orders import BY_NAME
from tests.flows.webhooks.test_inbox import told
from tests.support import MovableClock, Shop
from tests.support.databases import Urls
from tests.support.settings import SECRET_KEY, settings_for

pytestmark = pytest.mark.long

HOUR_S = 3600
SLOW_S = 1.0
NEVER_S = 600.0

FAST = {"TIME_SCALE": "100", "CONFIRM_WAIT_S": "0.1"}
"""Leases, sweeps and schedules."""

QUICK_S = "0.7"
"""A gateway's deadline: a claim on due work holds for four of them."""

MOST = 30
"""Places of one way, unless it has more different messages."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a worker finds to do, and by which way it finds it."""

    gateway: str
    due: str
    """Makes it due in a copy, $1 being the payment: everything else waits for an hour."""
    trigger: str
    has_webhook: bool = False


WAYS = {
    "a webhook": Work(
        "portone_v2", "UPDATE webhook_inbox SET next_try_at = now() WHERE payment_id = $1", "webhook", True
    ),
    "an attempt that is due": Work(
        "portone_v2", "UPDATE attempts SET next_check_at = now() WHERE payment_id = $1", "sweep"
    ),
    "an attempt whose money must be asked for": Work(
        "point3", "UPDATE attempts SET next_check_at = now() WHERE payment_id = $1", "sweep"
    ),
}


@pytest.fixture
async def simulator(request: pytest.FixtureRequest) -> AsyncIterator[Simulator]:
    """Slow answers take as long as the test says."""
    simulator = Simulator(SimulatorSettings(slow_s=getattr(request, "param", SLOW_S)))
    await simulator.start()
    yield simulator
    await simulator.stop()


@pytest.fixture
def settings(urls: Urls, simulator: Simulator) -> Settings:
    return settings_for(urls, simulator)


async def _bought(shop: Shop, clock: MovableClock, work: Work, number: int) -> list[dict[str, Any]]:
    """So many payments that their buyers have paid, as if in an hour: no attempt is due before a copy makes it due."""
    clock.advance(HOUR_S)
    payments = [await shop.create(**BY_NAME[work.gateway].order) for _ in range(number)]
    for payment in payments:
        await shop.buyer_pays(payment, "paid" if work.gateway == "point3" else "lost_webhook")
    clock.advance(-HOUR_S)
    for payment in payments if work.has_webhook else ():
        post = told(shop, clock, payment)
        answer = await shop.client.post(post.path, content=post.content, headers=post.headers)
        assert answer.status_code == 200, answer.text
    return payments


def _id(payment: dict[str, Any]) -> Any:
    return ids.read(ids.Prefix.PAYMENT, payment["id"])


async def _until_settled(copy: Copy, payment: dict[str, Any], where: str) -> None:
    """Wait until nothing is left to do for the payment."""
    sql = """SELECT (SELECT status FROM payments WHERE id = $1) = 'paid'
        AND NOT EXISTS (SELECT FROM webhook_inbox WHERE applied_at IS NULL)"""
    await copy.until_so(sql, _id(payment), where=where)


@asynccontextmanager
async def _copy(urls: Urls, payment: dict[str, Any], work: Work) -> AsyncIterator[Copy]:
    """A copy in which the payment's work is due."""
    async with copied(urls) as copy:
        await copy.owner.fetch(work.due, _id(payment))
        yield copy


async def _assert_paid_once(copy: Copy, simulator: Simulator, payment: dict[str, Any], work: Work, where: str) -> None:
    captured = await copy.owner.fetchval("SELECT captured_minor FROM payments WHERE id = $1", _id(payment))
    assert captured == payment["amount"], where
    trail = await copy.owner.fetch("SELECT * FROM payment_events WHERE payment_id = $1 ORDER BY seq", _id(payment))
    assert [event["seq"] for event in trail] == list(range(1, len(trail) + 1)), where
    paid = [event for event in trail if event["payment_to"] == "paid"]
    assert [event["trigger"] for event in paid] == [work.trigger], where
    assert [event["attempt_to"] for event in trail].count("captured") == 1, where
    inbox = await copy.owner.fetch("SELECT * FROM webhook_inbox WHERE payment_id = $1", _id(payment))
    assert len(inbox) == work.has_webhook, where
    assert all(row["applied_at"] and row["parked_at"] is None for row in inbox), where
    rows = simulator.twins[work.gateway].journal()
    (truth,) = [row for row in rows if row["reference"] == payment["attempts"][-1]["reference"] and row["gateway_ref"]]
    assert (truth["captures"], truth["cancels"], truth["refunded"]) == (1, 0, 0), where


@pytest.mark.parametrize("work", WAYS.values(), ids=WAYS)
async def test_a_second_worker_takes_over_wherever_the_first_is_killed(
    urls: Urls, settings: Settings, simulator: Simulator, clock: MovableClock, work: Work, size: int
) -> None:
    async def bought(number: int) -> list[dict[str, Any]]:
        async with selling(settings, simulator, clock) as shop:
            return await _bought(shop, clock, work, number)

    def fresh(copy: Copy) -> AbstractAsyncContextManager[Victim]:
        quick = {f"{work.gateway.upper()}__TIMEOUT_S": QUICK_S}
        return victim("worker", copy.url, simulator, work.gateway, **FAST, **quick)

    (undisturbed,) = await bought(1)
    async with _copy(urls, undisturbed, work) as copy, fresh(copy) as watched:
        watched.record()
        await _until_settled(copy, undisturbed, "not killed")
        places = sample(watched.places(), most=MOST, size=size)
        await _assert_paid_once(copy, simulator, undisturbed, work, "not killed")
    assert {place.wire for place in places} == {"Postgres", "gateway"}
    # A look-up changes nothing at the gateway, so all copies may tell of one payment. Money can be taken only once.
    takes_money = work.gateway == "point3"
    payments = await bought(len(places)) if takes_money else [undisturbed] * len(places)

    async def killed(number: int, place: Place) -> bool:
        payment, where = payments[number], str(place)
        async with _copy(urls, payment, work) as copy:
            async with fresh(copy) as doomed:
                doomed.doom(place)
                came = await doomed.died()
            async with fresh(copy):
                await _until_settled(copy, payment, where)
            await _assert_paid_once(copy, simulator, payment, work, where)
        return came

    await each(places, killed)


@pytest.mark.parametrize("simulator", [SLOW_S, NEVER_S], ids=["answered", "not answered"], indirect=True)
@pytest.mark.parametrize("way", ["a webhook", "an attempt that is due"])
async def test_a_worker_that_is_told_to_stop_finishes_the_look_up_under_way(
    urls: Urls, settings: Settings, simulator: Simulator, clock: MovableClock, way: str
) -> None:
    """A look-up that is answered is recorded; one that never is, is given up at the gateway's deadline and comes again."""
    work = WAYS[way]
    async with selling(settings, simulator, clock) as shop:
        (payment,) = await _bought(shop, clock, work, 1)
        await shop.scenario("slow", work.gateway, call="lookup", times=-1)

    async def look_up_has_come() -> bool:
        return any(row["call"] == "lookup" for row in simulator.twins[work.gateway].log.rows())

    async with _copy(urls, payment, work) as copy:
        worker = await _installed_worker(copy, simulator)
        try:
            await until(look_up_has_come, 0.01)
            told_at = time.monotonic()
            worker.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(worker.wait(), WAIT_S) == 0
            took_s = time.monotonic() - told_at
        finally:
            if worker.returncode is None:
                worker.kill()
                await worker.wait()
        status = await copy.owner.fetchval("SELECT status FROM payments WHERE id = $1", _id(payment))
        inbox = await copy.owner.fetch("SELECT * FROM webhook_inbox")
        claimed = "SELECT count(*) FROM {} WHERE claimed_until IS NOT NULL"
        for table in ("attempts", "webhook_inbox"):
            assert await copy.owner.fetchval(claimed.format(table)) == 0, "nothing is left as if it worked"
        if simulator.settings.slow_s == SLOW_S:
            assert status == "paid"
            assert all(row["applied_at"] for row in inbox)
        else:
            assert took_s < NEVER_S / 10, "it does not wait for an answer that never comes"
            assert status == "open"
            assert all(row["next_try_at"] and row["apply_attempts"] for row in inbox)
            # The schedule is a hundred times as fast: the next look may be due again by the time that this is asked.
            looked = "SELECT EXISTS (SELECT FROM attempts WHERE lookup_attempts > 0 AND next_check_at IS NOT NULL)"
            assert inbox or await copy.owner.fetchval(looked)


async def _installed_worker(copy: Copy, simulator: Simulator) -> asyncio.subprocess.Process:
    """`onetill worker` as an operator starts it: a program of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ONETILL_")}
    environment |= accounts(simulator) | {f"ONETILL_{name}": value for name, value in FAST.items()}
    environment |= {"PYTHONPATH": str(ROOT), "ONETILL_DATABASE_URL": copy.url, "ONETILL_LOG_LEVEL": "error"}
    environment["ONETILL_SECRET_KEY"] = SECRET_KEY  # seals the audit trails as the tests read them
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app.cli", "worker", env=environment, cwd=ROOT, preexec_fn=END_WITH_PARENT
    )
