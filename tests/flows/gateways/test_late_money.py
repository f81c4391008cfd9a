"""Money that shows late: after a lost capture whose attempt has ended, after the payment's expiry, after a person closed it."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from app.db.database import Database
from app.domain.errors import GatewayTimeout
from app.gateways.values import CaptureAnswer, Failure, GatewayPayment, GatewayStatus
from app.resolution.decisions import Action, Word, closed
from tests.flows.memory_gateway import House, MemoryGateway
from tests.support import MovableClock

MINUTE, HOUR, DAY = 60, 3600, 86_400

shows_uncaptured = pytest.mark.parametrize("shows_uncaptured", [True, False])


async def lost() -> CaptureAnswer:
    raise GatewayTimeout(gateway="memory")


async def asked(database: Database, clock: MovableClock, shows_uncaptured: bool, **order: Any) -> House:
    """A payment whose capture was asked for, and whose answer was lost."""
    house = House(database, MemoryGateway(shows_unconfirmed=shows_uncaptured), clock)
    await house.create(GatewayStatus.AUTHORIZED, **order)
    house.gateway.on_confirm = lost
    await house.complete()
    return house


def says(house: House, status: GatewayStatus, **changes: Any) -> None:
    house.gateway.held = replace(house.gateway.held, status=status, **changes)


@shows_uncaptured
@pytest.mark.parametrize("expires_in_s", [30 * MINUTE, DAY])
async def test_a_lost_capture_that_shows_after_the_end_and_the_expiry_is_found(
    database: Database, clock: MovableClock, shows_uncaptured: bool, expires_in_s: int
) -> None:
    house = await asked(database, clock, shows_uncaptured, expires_in_s=expires_in_s)
    says(house, GatewayStatus.FAILED)
    for pause_s in (61, 1500, 300, 301, HOUR):
        await house.sweep(seconds=pause_s)
    _, attempt = await house.now()
    assert attempt.status == "failed"
    says(house, GatewayStatus.CAPTURED)
    await house.sweep(days=10)
    payment, _ = await house.now()
    assert payment.status == "paid"


@pytest.mark.parametrize("word", [GatewayStatus.APPROVING, GatewayStatus.UNRECOGNIZED])
async def test_what_is_under_way_at_the_expiry_is_looked_at_until_it_ends(
    database: Database, clock: MovableClock, word: GatewayStatus
) -> None:
    house = await asked(database, clock, True)
    says(house, GatewayStatus.FAILED)
    await house.sweep(seconds=61)
    says(house, word)
    for pause_s in (1700, 100, HOUR):
        await house.sweep(seconds=pause_s)
    payment, _ = await house.now()
    assert payment.status == "expired"
    says(house, GatewayStatus.CAPTURED)
    await house.sweep(days=10)
    payment, _ = await house.now()
    assert payment.status == "paid"


@shows_uncaptured
@pytest.mark.parametrize(
    "nobodys",
    [
        {"status": GatewayStatus.FAILED, "reference": None},
        {"status": GatewayStatus.CANCELED, "reference": None},
        {"status": GatewayStatus.FAILED, "is_own_store": False},
    ],
    ids=str,
)
async def test_a_no_beside_an_end_that_is_not_said_to_be_ours_ends_nothing(
    database: Database, clock: MovableClock, shows_uncaptured: bool, nobodys: dict[str, Any]
) -> None:
    """The first request's answer was lost: only a look-up can say that it took nothing."""
    house = await asked(database, clock, shows_uncaptured)

    async def no() -> CaptureAnswer:
        house.gateway.held = replace(house.gateway.held, **nobodys)
        return CaptureAnswer(Failure("declined"), {})

    house.gateway.on_confirm = no
    for _ in range(3):
        await house.sweep(seconds=61)
    payment, attempt = await house.now()
    assert (house.gateway.confirms, payment.status, attempt.status) == (2, "processing", "unknown")
    assert payment.attention is not None


@pytest.mark.parametrize("word", [GatewayStatus.ABSENT, GatewayStatus.AUTHORIZED])
async def test_a_yes_after_a_person_closed_it_calls_again_and_its_money_is_found(
    database: Database, clock: MovableClock, word: GatewayStatus
) -> None:
    """The process that asked was frozen beyond its lease; another one looks meanwhile, and finds nothing."""
    house = House(database, MemoryGateway(shows_unconfirmed=True), clock)
    await house.create(GatewayStatus.AUTHORIZED)
    ours, reached, may_answer = house.gateway.held, asyncio.Event(), asyncio.Event()

    async def yes() -> CaptureAnswer:
        reached.set()
        await may_answer.wait()
        return CaptureAnswer(None, {})

    house.gateway.on_confirm = yes
    asking = asyncio.create_task(house.complete())
    await asyncio.wait_for(reached.wait(), 10)
    house.gateway.held = GatewayPayment(GatewayStatus.ABSENT)
    other = House(database, house.gateway, clock)
    other.payment_id = house.payment_id
    for _ in range(3):
        await other.sweep(seconds=61)
    payment, _ = await other.now()
    assert payment.attention == "absent_at_gateway"
    while (made := closed(payment, Word(Action.CLOSE, "nothing there", clock(), 1.0))) is not None:
        assert await other.repository.apply(made)
        payment, _ = await other.now()
    may_answer.set()
    await asking
    house.gateway.held = GatewayPayment(word) if word is GatewayStatus.ABSENT else replace(ours, status=word)
    for pause_s in (HOUR + 1, HOUR + 1, DAY):
        await other.sweep(seconds=pause_s)
        payment, _ = await other.now()
        assert (payment.status, payment.attention is not None) == ("canceled", True)
    house.gateway.held = replace(ours, status=GatewayStatus.CAPTURED)
    await other.sweep(days=1)
    payment, attempt = await other.now()
    assert (attempt.status, len(payment.refunds)) == ("rejected", 1), "closed is closed: it goes back"
