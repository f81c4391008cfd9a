"""An opening that takes as long as it may is not taken for one whose process died."""

import asyncio

import asyncpg

from app.db.database import Database
from app.domain.schedule import LEASE_MARGIN_S, WRITE_S
from app.domain.states import AttemptStatus, PaymentStatus
from app.gateways.values import ChargeRequest, GatewayStatus, Session
from tests.flows.memory_gateway import House, MemoryGateway
from tests.support import MovableClock
from tests.support.databases import Urls

WAITS = "SELECT count(*) FROM pg_locks WHERE relation = 'payments'::regclass AND NOT granted"


async def test_a_slow_database_before_the_call_and_after_it(
    urls: Urls, database: Database, clock: MovableClock
) -> None:
    house = House(database, MemoryGateway(shows_unconfirmed=False), clock)
    owner = await asyncpg.connect(urls.owner)

    async def open_slowly(request: ChargeRequest) -> Session:
        clock.advance(house.gateway.deadline_s + WRITE_S)
        for row in await house.attempts.due(clock(), 10):
            assert row.payment_id is not None
            await house.service.verify(row.payment_id, trigger="sweep", attempt_id=row.id)
        return Session({"type": "redirect", "url": "https://gateway.example"})

    house.gateway.create_session = open_slowly  # type: ignore[method-assign]
    try:
        lock = owner.transaction()
        await lock.start()
        await owner.execute("LOCK TABLE payments IN EXCLUSIVE MODE")
        creating = asyncio.create_task(house.create(GatewayStatus.ABSENT))
        async with asyncio.timeout(20):
            while not await owner.fetchval(WAITS):  # noqa: ASYNC110  a row of another session says it
                await asyncio.sleep(0.02)
        clock.advance(WRITE_S)
        await lock.rollback()
        created = await creating
    finally:
        await owner.close()
    _, attempt = await house.now()
    assert (created.status, attempt.status) == (PaymentStatus.OPEN, AttemptStatus.PENDING)


async def test_one_whose_process_died_is_found_soon_after(database: Database, clock: MovableClock) -> None:
    house = House(database, MemoryGateway(shows_unconfirmed=False), clock)

    async def die(request: ChargeRequest) -> Session:
        raise SystemError

    house.gateway.create_session = die  # type: ignore[method-assign]
    try:
        await house.create(GatewayStatus.ABSENT)
    except SystemError:
        clock.advance(house.gateway.deadline_s + 2 * WRITE_S + LEASE_MARGIN_S + 1)
    for row in await house.attempts.due(clock(), 10):
        assert row.payment_id is not None
        await house.service.verify(row.payment_id, trigger="sweep", attempt_id=row.id)
    stored = await database.row("SELECT status FROM attempts")
    assert stored is not None
    assert stored["status"] == AttemptStatus.FAILED
