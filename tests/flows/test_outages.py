"""A gateway is down while payments are opened: an outage costs no order, few rows, and is no news to the shop."""

import asyncio
import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.db.database import Database
from app.domain.errors import (
    GatewayError,
    GatewayRefused,
    GatewayTimeout,
    GatewayUnavailable,
    OnetillError,
    PaymentNotOpen,
    PaymentProcessing,
)
from app.domain.schedule import UNOPENED_AGAIN
from app.domain.states import AttemptStatus, PaymentStatus
from app.gateways.registry import Registry
from app.gateways.values import Capability, ChargeRequest, Session
from app.idempotency.service import Answered, Intent
from app.ledger.model import Payment
from app.ledger.transitions import step
from app.payments.attempts import MAX_ATTEMPTS
from app.payments.schemas import CreatePayment
from tests.flows.memory_gateway import House, MemoryGateway
from tests.support import MovableClock

A, P = AttemptStatus, PaymentStatus
HOUR_S = 3600
DOWN = [GatewayUnavailable(gateway="memory"), GatewayRefused(gateway="memory", raw_code="401")]
LOST = GatewayTimeout(gateway="memory")


class Door(MemoryGateway):
    """Opens windows, or raises what it is told to; counts under which reference it was asked."""

    def __init__(self, name: str = "memory", *, reopens: bool) -> None:
        super().__init__(shows_unconfirmed=True)
        self.name = name
        self.fault: GatewayError | None = None
        self.asked = Counter[str]()
        if not reopens:
            self.capabilities &= ~Capability.REOPEN

    async def create_session(self, request: ChargeRequest) -> Session:
        self.asked[request.reference] += 1
        if self.fault is not None:
            raise self.fault
        return await super().create_session(request)


class Shop(House):
    """Asks for one order as the clients do, and for further attempts as its buyer does."""

    def __init__(self, database: Database, clock: MovableClock, gateway: Door, *others: Door) -> None:
        super().__init__(database, gateway, clock)
        self.database = database
        registry = Registry([gateway, *others])
        for part in (self.service, self.service._new_payments, self.service._verifier):
            part._registry = registry

    async def post(self) -> Payment | OnetillError:
        """The same call with the same key, once more."""
        request = CreatePayment(
            order_id="order-1",
            order_name="Mug",
            amount=1000,
            currency="KRW",
            gateway="memory",
            expires_in_s=30 * 86_400,
        )
        return await self._said(self.service.create("main", request, Intent("tests", "key", bytes(32)), self._render))

    async def again(self, gateway: str | None = None) -> Payment | OnetillError:
        """What the buyer's page asks for."""
        return await self._said(self.service.attempt(self.payment_id, None, gateway, None, self._render))

    def _render(self, payment: Payment) -> bytes:
        self.payment_id = payment.id
        return json.dumps(payment.public_id).encode()

    async def _said(self, asking: Any) -> Payment | OnetillError:
        try:
            answered: Answered = await asking
        except OnetillError as error:
            row = await self.database.row("SELECT id FROM payments")
            assert row is not None
            self.payment_id = row["id"]
            return error
        assert answered.status == 201
        return (await self.now())[0]

    async def counts(self) -> tuple[int, int]:
        """Events of the trail, and what the shop is told."""
        row = await self.database.row(
            "SELECT (SELECT count(*) FROM payment_events) AS e, (SELECT count(*) FROM outbox) AS o"
        )
        assert row is not None
        return row["e"], row["o"]


def statuses(payment: Payment) -> list[str]:
    return [str(attempt.status) for attempt in payment.attempts]


@pytest.mark.parametrize("fault", DOWN, ids=lambda fault: fault.code)
async def test_one_attempt_is_opened_under_one_reference_after_any_number_of_tries(
    database: Database, clock: MovableClock, fault: GatewayError
) -> None:
    door = Door(reopens=True)
    shop = Shop(database, clock, door)
    door.fault = fault
    assert isinstance(await shop.post(), type(fault))
    counts = await shop.counts()
    for _ in range(MAX_ATTEMPTS + 10):
        assert isinstance(await shop.post(), type(fault))
        assert isinstance(await shop.again(), type(fault))
    assert await shop.counts() == counts == (2, 0)
    door.fault = None
    opened = await shop.post()
    assert isinstance(opened, Payment)
    assert statuses(opened) == ["pending"]
    assert (opened.last_attempt.ended_at, opened.last_attempt.failure) == (None, None)
    assert list(door.asked) == [opened.last_attempt.reference]


async def test_a_buyer_alone_opens_it_after_all(database: Database, clock: MovableClock) -> None:
    door = Door(reopens=True)
    shop = Shop(database, clock, door)
    door.fault = DOWN[0]
    await shop.post()
    door.fault = None
    opened = await shop.again()
    assert isinstance(opened, Payment)
    assert statuses(opened) == ["pending"]
    assert isinstance(await shop.post(), Payment), "the shop's own key goes on with it, too"


@pytest.mark.parametrize("fault", [*DOWN, LOST], ids=lambda fault: fault.code)
async def test_a_gateway_that_takes_a_reference_once_is_given_pauses_and_the_order_lives(
    database: Database, clock: MovableClock, fault: GatewayError
) -> None:
    """Asked every 10 s for an hour: about an attempt in five minutes, and it opens at last."""
    door = Door(reopens=False)
    shop = Shop(database, clock, door)
    door.fault = fault
    for _ in range(HOUR_S // 10):
        answer = await shop.post()
        assert isinstance(answer, GatewayError), answer
        assert 0 <= answer.details.get("retry_after_s", 0) <= max(UNOPENED_AGAIN)  # type: ignore[operator]
        clock.advance(10)
    payment, _ = await shop.now()
    assert len(payment.attempts) <= len(UNOPENED_AGAIN) + HOUR_S / max(UNOPENED_AGAIN)
    assert set(door.asked.values()) == {1}
    told = await database.rows("SELECT type FROM outbox")
    assert "payment.failed" not in {row["type"] for row in told}
    door.fault = None
    clock.advance(max(UNOPENED_AGAIN))
    opened = await shop.post()
    assert isinstance(opened, Payment)
    assert statuses(opened)[-1] == "pending"


async def test_the_pause_is_told_with_what_the_gateway_said_and_its_end(
    database: Database, clock: MovableClock
) -> None:
    door = Door(reopens=False)
    shop = Shop(database, clock, door)
    for door.fault in DOWN:
        await shop.post()
    for answer in (await shop.post(), await shop.again()):
        assert isinstance(answer, GatewayRefused)
        assert answer.details["raw_code"] == "401"
        assert (answer.details["retry_after_s"], answer.details["payment_id"]) == (
            UNOPENED_AGAIN[1],
            (await shop.now())[0].public_id,
        )
    clock.advance(UNOPENED_AGAIN[1])
    await shop.post()
    assert len(door.asked) == 3


async def test_windows_count_and_those_that_never_opened_do_not(database: Database, clock: MovableClock) -> None:
    door = Door(reopens=False)
    shop = Shop(database, clock, door)
    door.fault = DOWN[0]
    for _ in range(MAX_ATTEMPTS + 5):
        await shop.post()
        clock.advance(max(UNOPENED_AGAIN))
    assert len((await shop.now())[0].attempts) == MAX_ATTEMPTS + 5
    door.fault = None
    assert isinstance(await shop.post(), Payment)
    for _ in range(MAX_ATTEMPTS - 1):
        assert isinstance(await shop.again(), Payment)
    refused = await shop.again()
    assert isinstance(refused, OnetillError)
    assert refused.code == "too_many_attempts"


async def test_a_pause_keeps_nobody_from_another_gateway_nor_a_buyer_who_goes_to_and_fro_from_pauses(
    database: Database, clock: MovableClock
) -> None:
    doors = [Door(reopens=True), Door("other", reopens=True)]
    shop = Shop(database, clock, *doors)
    doors[0].fault = doors[1].fault = DOWN[0]
    await shop.post()
    for _ in range(100):
        for door in doors:
            await shop.again(door.name)
            clock.advance(1)
    assert len((await shop.now())[0].attempts) <= 2 * len(UNOPENED_AGAIN)
    doors[1].fault = None
    clock.advance(max(UNOPENED_AGAIN))
    opened = await shop.again("other")
    assert isinstance(opened, Payment)
    assert (opened.gateway, opened.last_attempt.status) == ("other", A.PENDING)


async def test_a_lost_answer_that_stays_lost_leaves_no_rows_and_is_still_looked_up(
    database: Database, clock: MovableClock
) -> None:
    door = Door(reopens=True)
    shop = Shop(database, clock, door)
    door.fault = LOST
    for _ in range(20):
        assert isinstance(await shop.post(), GatewayTimeout)
    payment, attempt = await shop.now()
    assert (statuses(payment), await shop.counts()) == (["unknown"], (2, 1))
    assert attempt.next_check_at is not None
    await shop.sweep(seconds=60)
    payment, attempt = await shop.now()
    assert (statuses(payment), payment.status) == (["failed"], P.OPEN)
    assert [row["type"] for row in await database.rows("SELECT type FROM outbox ORDER BY sequence")] == [
        "payment.processing",
        "payment.open",
    ]
    door.fault = None
    assert isinstance(await shop.post(), Payment)
    assert len(door.asked) == 1


async def test_nobody_opens_it_where_money_may_come_or_time_is_over(database: Database, clock: MovableClock) -> None:
    other = Door("other", reopens=True)
    shop = Shop(database, clock, Door(reopens=True), other)
    other.fault = DOWN[0]
    await shop.post()
    await shop.again("other")
    payment, attempt = await shop.now()
    asked = step(
        payment,
        attempt,
        A.UNKNOWN,
        at=clock(),
        trigger="browser",
        reason="confirm_requested",
        evidence={},
        gateway_ref="sig",
    )
    assert await shop.repository.apply(asked)
    other.fault = None
    assert isinstance(await shop.again("other"), PaymentProcessing)
    asked = step(asked.after, asked.attempt, A.FAILED, at=clock(), trigger="sweep", reason="declined", evidence={})
    assert await shop.repository.apply(asked)
    clock.advance(31 * 86_400)
    assert isinstance(await shop.again("other"), PaymentNotOpen)
    assert sum(other.asked.values()) == 1


async def test_a_lost_opening_is_not_repeated_while_money_of_another_attempt_is_under_way(
    database: Database, clock: MovableClock
) -> None:
    """Both are unknown: of one nobody had the window, of the other the buyer has just paid."""
    other = Door("other", reopens=True)
    shop = Shop(database, clock, Door(reopens=True), other)
    other.fault = LOST
    await shop.post()
    await shop.again("other")
    payment, _ = await shop.now()
    assert statuses(payment) == ["pending", "unknown"]
    about: dict[str, Any] = {"at": clock(), "trigger": "browser", "reason": "confirm_requested", "evidence": {}}
    assert await shop.repository.apply(step(payment, payment.attempts[0], A.UNKNOWN, gateway_ref="sig", **about))
    other.fault = None
    assert isinstance(await shop.again("other"), PaymentProcessing)
    assert sum(other.asked.values()) == 1


async def test_two_at_once_are_two_attempts_and_never_two_windows_of_one(
    database: Database, clock: MovableClock
) -> None:
    door = Door(reopens=True)
    shop = Shop(database, clock, door)
    door.fault = DOWN[0]
    await shop.post()
    door.fault = None
    door.asked.clear()
    answers = await asyncio.gather(*(shop.again() for _ in range(3)))
    payment, _ = await shop.now()
    assert any(isinstance(answer, Payment) for answer in answers)
    assert set(door.asked.values()) == {1}
    assert {attempt.status for attempt in payment.attempts} <= {A.PENDING, A.CREATED, A.FAILED}


async def test_a_pause_of_one_gateway_is_none_of_another(database: Database, clock: MovableClock) -> None:
    door, other = Door(reopens=False), Door("other", reopens=False)
    shop = Shop(database, clock, door, other)
    door.fault = DOWN[0]
    for _ in range(3):
        await shop.post()
    assert isinstance(await shop.again(), GatewayUnavailable)
    assert isinstance(await shop.again("other"), Payment)


async def test_who_died_while_he_opened_it_again_keeps_nobody_from_another_attempt(
    database: Database, clock: MovableClock
) -> None:
    door = Door(reopens=True)
    shop = Shop(database, clock, door)
    door.fault = DOWN[0]
    await shop.post()
    payment, attempt = await shop.now()
    assert await shop.repository.reschedule(
        payment.id, attempt, replace(attempt, busy_until=clock() + timedelta(minutes=1))
    )
    door.fault = None
    opened = await shop.again()
    assert isinstance(opened, Payment)
    assert statuses(opened) == ["failed", "pending"]
