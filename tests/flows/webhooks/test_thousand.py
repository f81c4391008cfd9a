"""Every webhook lost, and no browser came back: a thousand paid payments are found by two workers that share the sweep."""

import asyncio
from collections import Counter

import pytest

from app.db.database import Database
from app.idempotency.service import Intent
from app.jobs.worker import Worker
from app.ledger.model import Payment
from app.payments.schemas import CreatePayment
from app.services import Services, build_services
from app.settings import Settings
from simulator.server import Simulator
from tests.flows.gateways.orders import FOUR, Kind
from tests.support import MovableClock, order

PAYMENTS = 1000
AT_ONCE = 16
FIRST_LOOK_S = 61
"""When a payment whose buyer has not come back is first looked at, and a little."""


async def created(parts: Services, kind: Kind, number: int) -> Payment:
    """One payment, as the API's handler creates it."""
    made: list[Payment] = []

    def render(payment: Payment) -> bytes:
        made.append(payment)
        return b"{}"

    request = CreatePayment.model_validate(order(**kind.order))
    intent = Intent(f"test_{kind.name}", f"key-{number}", bytes(32))
    answer = await parts.payments.create("main", request, intent, render)
    assert answer.status == 201
    return made[-1]


def look_ups(simulator: Simulator) -> Counter[str]:
    """How often gateways were asked what they hold, by our reference."""
    calls = [row for twin in simulator.twins.values() for row in twin.log.rows() if row["call"] == "lookup"]
    return Counter(row["reference"] for row in calls)


@pytest.mark.long
async def test_a_thousand_payments_without_a_webhook_are_all_found(
    simulator: Simulator, parts: Services, settings: Settings, database: Database, clock: MovableClock
) -> None:
    slots = asyncio.Semaphore(AT_ONCE)

    async def bought(number: int) -> tuple[str, str]:
        kind = FOUR[number % len(FOUR)]
        async with slots:
            payment = await created(parts, kind, number)
        reference = payment.last_attempt.reference
        scenario = "lost_webhook" if "lost_webhook" in simulator.twins[kind.name].rules else "paid"
        simulator.twins[kind.name].pay(reference, scenario)
        return kind.name, reference

    bought_ones = await asyncio.gather(*(bought(number) for number in range(PAYMENTS)))
    assert not look_ups(simulator)
    statuses = "SELECT status, count(*) AS n FROM payments GROUP BY status"
    assert {row["status"]: row["n"] for row in await database.rows(statuses)} == {"open": PAYMENTS}

    clock.advance(FIRST_LOOK_S)
    other = build_services(settings, clock)
    await other.database.open()
    found = await asyncio.gather(Worker(parts).sweep(), Worker(other).sweep())
    await other.close()
    assert sum(found) == PAYMENTS, "each was due once"
    assert {row["status"]: row["n"] for row in await database.rows(statuses)} == {"paid": PAYMENTS}
    assert await database.rows("SELECT 1 FROM webhook_inbox") == []

    asked = look_ups(simulator)
    assert asked.keys() == {reference for _, reference in bought_ones}
    assert set(asked.values()) == {1}, "each gateway was asked exactly once per row"

    truth = [row for twin in simulator.twins.values() for row in twin.journal() if row["captures"]]
    assert sorted((row["gateway"], row["reference"]) for row in truth) == sorted(bought_ones)
    assert {(row["captures"], row["refunded"]) for row in truth} == {(1, 0)}
    trails = "SELECT count(*) AS n FROM payment_events WHERE payment_to = 'paid' AND payment_from <> 'paid'"
    row = await database.row(trails)
    assert row is not None
    assert row["n"] == PAYMENTS
