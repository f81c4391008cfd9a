"""With nothing but its folder, AcmePay takes money through the payment service: on real Postgres, over real HTTP."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from pydantic import SecretStr

from app.db.database import Database
from app.db.due_work import DueTable
from app.domain.states import AttemptStatus, PaymentStatus
from app.gateways.registry import Registry
from app.idempotency.service import Idempotency, Intent
from app.ledger.model import Payment
from app.ledger.repository import PaymentRepository
from app.payments.schemas import CreatePayment
from app.payments.service import PaymentService
from app.refunds.processor import RefundProcessor
from app.settings import Settings
from app.verification.gateway_log import GatewayLog
from app.verification.verify import Verifier
from simulator.server import Simulator
from tests.contract.hands import Hands
from tests.example_gateway.adapter import AcmePay, AcmePaySettings
from tests.support import MovableClock


class House:
    """The payment service with one gateway, AcmePay."""

    def __init__(self, database: Database, hands: Hands, clock: MovableClock) -> None:
        self.hands, self.clock = hands, clock
        account = AcmePaySettings(base_url=hands.connection["base_url"], key=SecretStr(hands.connection["key"]))
        self.registry = Registry([AcmePay(account, deadline_s=2.0)])
        idempotency = Idempotency(database, lease_s=30, now=clock)
        settings = Settings(confirm_wait_s=0.2)
        repository = PaymentRepository(database)
        gateway_log = GatewayLog(database, clock)
        verifier = Verifier(repository, self.registry, gateway_log, settings, clock)
        processor = RefundProcessor(repository, self.registry, gateway_log, settings, clock)
        self.service = PaymentService(
            repository, self.registry, idempotency, gateway_log, verifier, processor, settings, clock
        )

    async def create(self) -> Payment:
        """A payment of 12.34 EUR that waits for its buyer."""
        made: list[Payment] = []

        def render(payment: Payment) -> bytes:
            made.append(payment)
            return b"{}"

        request = CreatePayment(order_id="order-1", order_name="Mug", amount=1234, currency="EUR")
        await self.service.create("main", request, Intent("tests", "key", bytes(32)), render)
        return made[-1]

    async def buyer_comes_back(self, payment: Payment, scenario: str | None = None) -> Payment:
        """The buyer finishes, the browser returns with the redirect's query, and we ask the gateway."""
        query = await self.hands.pay(payment.last_attempt.reference, scenario)
        outcome = await self.service.verify(payment.id, trigger="browser", callback=query)
        return outcome.payment


@pytest.fixture
async def house(database: Database, running: Simulator, clock: MovableClock) -> AsyncIterator[House]:
    async with Hands(running, "acmepay") as hands:
        house = House(database, hands, clock)
        yield house
        await house.registry.close()


async def test_a_payment_is_created_paid_and_verified(house: House) -> None:
    payment = await house.create()
    attempt = payment.last_attempt
    assert (payment.status, payment.gateway, attempt.gateway_ref) == (PaymentStatus.OPEN, "acmepay", "ch-1")
    assert '"type":"redirect"' in str(attempt.next_action)
    paid = await house.buyer_comes_back(payment)
    assert (paid.status, paid.last_attempt.status) == (PaymentStatus.PAID, AttemptStatus.CAPTURED)
    assert (await house.hands.truth(attempt.reference))["captures"] == 1


async def test_a_browser_that_only_says_so_pays_nothing(house: House) -> None:
    payment = await house.create()
    outcome = await house.service.verify(payment.id, trigger="browser", callback={"charge": "ch-1", "status": "paid"})
    assert outcome.payment.status is PaymentStatus.OPEN


async def test_a_buyer_who_pays_and_never_comes_back_is_found(house: House, database: Database) -> None:
    payment = await house.create()
    await house.hands.pay(payment.last_attempt.reference)
    house.clock.advance(timedelta(hours=1).total_seconds())
    (due,) = await DueTable(database, "attempts", due_at="next_check_at").due(house.clock(), 100)
    outcome = await house.service.verify(payment.id, trigger="sweep", attempt_id=due.id)
    assert outcome.payment.status is PaymentStatus.PAID


@pytest.mark.parametrize(
    ("scenario", "status", "attempt_status"),
    [
        ("declined", PaymentStatus.OPEN, AttemptStatus.FAILED),
        ("amount_differs", PaymentStatus.REVIEW, AttemptStatus.REJECTED),
        ("unknown_status", PaymentStatus.OPEN, AttemptStatus.PENDING),
    ],
)
async def test_what_is_not_the_right_money_is_not_paid(
    house: House, scenario: str, status: PaymentStatus, attempt_status: AttemptStatus
) -> None:
    """The service compares, for every gateway alike; this one cannot refund, so a person decides about wrong money."""
    seen = await house.buyer_comes_back(await house.create(), scenario)
    assert (seen.status, seen.last_attempt.status) == (status, attempt_status)


async def test_a_payment_that_it_has_forgotten_is_for_a_person(house: House, running: Simulator) -> None:
    """It cannot confirm, so a look-up that knows nothing any more is no reason to try."""
    payment = await house.create()
    running.twins["acmepay"].reset()
    outcome = await house.service.verify(payment.id, trigger="api")
    assert outcome.payment.status is PaymentStatus.OPEN
    assert outcome.payment.attention
