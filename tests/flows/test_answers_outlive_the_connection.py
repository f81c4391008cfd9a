"""The database goes away between a gateway's answer and its record: an explicit yes or no is kept, for nobody says it twice."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import TypeVar
from urllib.parse import urlsplit

import pytest

from app.db.database import DATABASE_AWAY, Database
from app.domain.errors import GatewayRefused
from app.domain.money import Money
from app.domain.states import AttemptStatus, PaymentStatus, RefundStatus
from app.gateways.values import CaptureAnswer, ChargeRequest, Failure, GatewayStatus, RefundAnswer, Session
from app.ledger.reservations import parts_left, reserve_refund
from app.ledger.transitions import refund_step
from tests.flows.memory_gateway import House, MemoryGateway
from tests.integration.wire import Wire
from tests.support import MovableClock
from tests.support.databases import Urls

A, P, H, R = AttemptStatus, PaymentStatus, GatewayStatus, RefundStatus
T = TypeVar("T")
AWAY_S = 1.5
NO = Failure("declined")


class Outage:
    """A house whose database goes away for a while once its gateway has answered."""

    def __init__(self, house: House, database: Database, wire: Wire) -> None:
        self.house, self.database, self.wire = house, database, wire
        self.back: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        await self.wire.__aexit__()
        self.back = asyncio.create_task(self._end())

    async def _end(self) -> None:
        await asyncio.sleep(AWAY_S)
        await self.wire.__aenter__()

    def answering(self, answer: T) -> Callable[[], Awaitable[T]]:
        async def call() -> T:
            await self.begin()
            return answer

        return call

    async def opening(self, request: ChargeRequest) -> Session:
        await self.begin()
        return Session({"type": "redirect", "url": "https://gateway.example"})

    async def refusing(self, request: ChargeRequest) -> Session:
        await self.begin()
        raise GatewayRefused(gateway="memory")

    async def steps(self) -> list[str]:
        payment, _ = await self.house.now()
        _, rows = await self.house.repository.history(payment.id)
        return [event.reason for event, _ in rows]


@pytest.fixture
def shows_unconfirmed() -> bool:
    """Whether look-ups answer before a capture. Tests name the other with `parametrize`."""
    return True


@pytest.fixture
async def outage(urls: Urls, clock: MovableClock, shows_unconfirmed: bool) -> AsyncIterator[Outage]:
    port = urlsplit(urls.app).port
    assert port is not None
    async with Wire(port) as wire:
        database = Database(urls.app.replace(f":{port}/", f":{wire.port}/"), connections=4)
        await database.open()
        yield Outage(House(database, MemoryGateway(shows_unconfirmed=shows_unconfirmed), clock), database, wire)
        await database.close()


@pytest.mark.parametrize(
    ("answer", "status", "step"),
    [
        (RefundAnswer(False, NO, {}), R.FAILED, "refund_refused"),
        (RefundAnswer(False, None, {}), R.PENDING, "refund_accepted"),
        (RefundAnswer(True, None, {}), R.SUCCEEDED, "refund_done"),
    ],
    ids=lambda each: str(each) if isinstance(each, R) else "",
)
async def test_of_a_refund(outage: Outage, answer: RefundAnswer, status: RefundStatus, step: str) -> None:
    house = outage.house
    await house.create(H.AUTHORIZED)
    await house.complete()
    await reserved(house)
    house.gateway.on_refund = outage.answering(answer)
    payment, attempt = await house.now()
    processed = await house.processor.process(payment.id, attempt.id, "api", refund_id=payment.refunds[0].id)
    assert [refund.status for refund in processed.payment.refunds] == [status]
    assert (await outage.steps())[-1] == step, "and no look-up had to find it"
    assert house.gateway.refunds == 1


both = pytest.mark.parametrize("shows_unconfirmed", [True, False], ids=["shown_before", "shown_after"])


@both
async def test_of_a_capture_that_is_done(outage: Outage) -> None:
    house = outage.house
    await house.create(H.AUTHORIZED)

    async def capture() -> CaptureAnswer:
        house.gateway.held = replace(house.gateway.held, status=H.CAPTURED)
        return await outage.answering(CaptureAnswer(None, {}))()

    house.gateway.on_confirm = capture
    await house.complete()
    payment, attempt = await house.now()
    assert (payment.status, attempt.status) == (P.PAID, A.CAPTURED)
    assert (await outage.steps())[1:] in (["opened", "confirm_requested", by] for by in ("confirmed", "captured"))


@both
async def test_of_a_capture_that_is_refused(outage: Outage) -> None:
    house = outage.house
    await house.create(H.AUTHORIZED)
    house.gateway.on_confirm = outage.answering(CaptureAnswer(NO, {}))
    await house.complete()
    payment, attempt = await house.now()
    assert (payment.status, attempt.status) == (P.OPEN, A.FAILED)
    assert (await outage.steps())[-2:] == ["confirm_requested", "declined"]


@pytest.mark.parametrize("shows_unconfirmed", [False])
async def test_of_a_capture_that_no_look_up_shows_yet(outage: Outage) -> None:
    house = outage.house
    await house.create(H.AUTHORIZED)
    house.gateway.on_confirm = outage.answering(CaptureAnswer(None, {}))
    with pytest.raises(DATABASE_AWAY):  # the look after it decided nothing, which nobody needs to keep
        await house.complete()
    _, attempt = await house.now()
    assert attempt.capture_accepted_at is not None


async def test_of_an_opening(outage: Outage) -> None:
    house = outage.house
    house.gateway.create_session = outage.opening  # type: ignore[method-assign]
    payment = await house.create(H.ABSENT)
    assert payment.status is P.OPEN
    _, attempt = await house.now()
    assert attempt.status is A.PENDING
    assert await outage.steps() == ["created", "opened"]


async def test_of_a_refused_opening(outage: Outage) -> None:
    house = outage.house
    house.gateway.create_session = outage.refusing  # type: ignore[method-assign]
    with pytest.raises(GatewayRefused):
        await house.create(H.ABSENT)
    assert outage.back is not None
    await outage.back
    row = await outage.database.row("SELECT status FROM attempts")
    assert row is not None
    assert row["status"] == A.FAILED


async def test_no_longer_than_the_lease(outage: Outage, clock: MovableClock) -> None:
    """A database that stays away holds up nobody for ever: whoever looks afterwards finds out."""
    house = outage.house
    await house.create(H.AUTHORIZED)

    async def refuse() -> CaptureAnswer:
        await outage.wire.__aexit__()
        clock.advance(60)
        return CaptureAnswer(NO, {})

    house.gateway.on_confirm = refuse
    with pytest.raises(DATABASE_AWAY) as raised:
        await asyncio.wait_for(house.complete(), 5)
    assert not isinstance(raised.value, TimeoutError), "it gave up by itself"
    await outage.wire.__aenter__()


async def reserved(house: House) -> None:
    """The shop asks for a part of the money."""
    payment, attempt = await house.now()
    amount = Money(400, "KRW")
    refund = reserve_refund(
        payment, attempt, amount, parts_left(payment).share(400), initiator="api", reason="broken", at=house.clock()
    )
    asked = refund_step(
        payment, refund, R.CREATED, at=house.clock(), trigger="api", reason="refund_reserved", evidence={}
    )
    assert await house.repository.apply(asked)
