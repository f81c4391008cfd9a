"""Sequences in which money would be kept, taken twice or forgotten, against Postgres and a gateway in memory.

The gateway shows what the simulated one never does: look-ups without a status or a signature, cancels that show late,
confirms that land late.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.db.database import Database
from app.db.due_work import DueTable
from app.domain.errors import GatewayRefused, GatewayTimeout, GatewayUnavailable, OnetillError, Refusal
from app.domain.money import Money
from app.domain.states import AttemptStatus, PaymentStatus, RefundStatus
from app.gateways.port import Capturing, Refunding
from app.gateways.registry import Registry
from app.gateways.values import (
    Capability,
    CaptureAnswer,
    CapturedPayment,
    CaptureRequest,
    ChargeRequest,
    Fact,
    Failure,
    GatewayPayment,
    GatewayStatus,
    LookupHint,
    PageSources,
    PaymentQuery,
    RefundAnswer,
    RefundPolicy,
    RefundRequest,
    Session,
)
from app.idempotency.service import Idempotency, Intent
from app.ledger.model import Attempt, Payment
from app.ledger.repository import PaymentRepository
from app.ledger.transitions import refund_step, step
from app.payments.schemas import CreatePayment
from app.payments.service import PaymentService
from app.refunds.processor import RefundProcessor
from app.settings import Settings
from app.verification.gateway_log import GatewayLog
from app.verification.verify import Verifier
from tests.support import MovableClock
from tests.support.settings import HISTORY_KEYS

A, P, H, R = AttemptStatus, PaymentStatus, GatewayStatus, RefundStatus
WRONG = Money(9_999, "KRW")
DAY_S = 86_400


class MemoryGateway(Capturing, Refunding):
    """Holds one payment, `sig`. `on_…` replace what a call does."""

    name = "memory"
    title = "Memory"
    proves = Fact.REFERENCE | Fact.AMOUNT
    deadline_s = 2.0
    page = PageSources()
    is_available = True

    def __init__(self, *, shows_unconfirmed: bool) -> None:
        before = Capability.LOOKUP_BEFORE_CAPTURE if shows_unconfirmed else Capability(0)
        self.capabilities = (
            Capability.REOPEN | Capability.CAPTURE | Capability.REFUND | Capability.ASYNC_REFUND | before
        )
        self.held = GatewayPayment(H.ABSENT)
        self.confirms = self.refunds = 0
        self.on_look: Callable[[], Awaitable[GatewayPayment]] | None = None
        self.on_confirm: Callable[[], Awaitable[CaptureAnswer]] | None = None
        self.on_refund: Callable[[], Awaitable[RefundAnswer]] | None = None

    def check(self, request: ChargeRequest) -> None:
        pass

    async def create_session(self, request: ChargeRequest) -> Session:
        return Session({"type": "redirect", "url": "https://gateway.example"})

    async def fetch_payment(self, question: PaymentQuery) -> GatewayPayment:
        if self.on_look:
            return await self.on_look()
        is_asked = question.gateway_ref == "sig" or (
            question.gateway_ref is None and self.held.reference == question.reference
        )
        is_shown = self.confirms > 0 or Capability.LOOKUP_BEFORE_CAPTURE in self.capabilities
        return self.held if is_asked and is_shown else GatewayPayment(H.ABSENT)

    async def capture(self, request: CaptureRequest) -> CaptureAnswer:
        self.confirms += 1
        if self.on_confirm:
            return await self.on_confirm()
        self.held = replace(self.held, status=H.CAPTURED)
        return CaptureAnswer(None, {})

    def refund_policy(self, captured: CapturedPayment, now: datetime) -> RefundPolicy:
        return RefundPolicy(part=Refusal.PART_REFUSED, done_after_s=300, again_after_s=600)

    def check_refund(self, request: RefundRequest) -> None:
        pass

    async def refund(self, request: RefundRequest) -> RefundAnswer:
        assert request.gateway_ref == "sig"
        self.refunds += 1
        if self.on_refund:
            return await self.on_refund()
        self.held = replace(self.held, status=H.REFUND_PENDING)
        return RefundAnswer(is_done=False, failure=None, evidence={})

    def parse_callback(self, fields: Any) -> LookupHint:
        return LookupHint(gateway_ref=fields.get("signature"))

    async def close(self) -> None:
        pass


class House:
    """The payment service on a gateway, with a clock."""

    def __init__(self, database: Database, gateway: MemoryGateway, clock: MovableClock) -> None:
        self.gateway, self.clock = gateway, clock
        self.repository = PaymentRepository(database, HISTORY_KEYS.first)
        idempotency = Idempotency(database, lease_s=30, now=clock)
        settings = Settings(confirm_wait_s=0.2)
        registry, gateway_log = Registry([gateway]), GatewayLog(database, clock, timedelta(days=30))
        self.processor = RefundProcessor(self.repository, registry, gateway_log, settings, clock)
        self.attempts = DueTable(database, "attempts", due_at="next_check_at")
        self.refunds = DueTable(database, "refunds", due_at="next_check_at")
        self.service = PaymentService(
            self.repository,
            registry,
            idempotency,
            gateway_log,
            Verifier(self.repository, registry, gateway_log, settings, clock),
            self.processor,
            settings,
            clock,
        )

    async def create(self, status: GatewayStatus, *, expires_in_s: int = 1800, **shown: Any) -> Payment:
        """A payment whose buyer has finished: the gateway holds it as told."""
        made: list[Payment] = []

        def render(payment: Payment) -> bytes:
            made.append(payment)
            return b"{}"

        request = CreatePayment(
            order_id="order-1", order_name="Mug", amount=1000, currency="KRW", expires_in_s=expires_in_s
        )
        await self.service.create("main", request, Intent("tests", "key", bytes(32)), render)
        fields = {"reference": made[-1].attempts[0].reference, "gateway_ref": "sig", "amount": Money(1000, "KRW")}
        self.gateway.held = GatewayPayment(status, **fields | shown)  # type: ignore[arg-type]
        self.payment_id = made[-1].id
        return made[-1]

    async def complete(self, signature: str = "sig") -> None:
        await self.service.verify(self.payment_id, trigger="browser", callback={"signature": signature})

    async def sweep(self, *, days: int = 0, seconds: float = 0) -> None:
        """Let time pass and the worker look."""
        pauses: list[float] = [DAY_S] * days or [seconds]
        for pause_s in pauses:
            self.clock.advance(pause_s)
            due = {row.id for row in await self.attempts.due(self.clock(), 100)}
            payment, _ = await self.now()
            owed = {row.id for row in await self.refunds.due(self.clock(), 100)}
            due |= {refund.attempt_id for refund in payment.refunds if refund.id in owed}
            for attempt_id in due:
                try:
                    await self.service.verify(self.payment_id, trigger="sweep", attempt_id=attempt_id)
                except OnetillError:
                    continue

    async def now(self) -> tuple[Payment, Attempt]:
        payment = await self.repository.load(self.payment_id)
        assert payment is not None
        return payment, payment.attempts[0]


@pytest.fixture
def before(database: Database, clock: MovableClock) -> House:
    """Look-ups answer before confirm."""
    return House(database, MemoryGateway(shows_unconfirmed=True), clock)


@pytest.fixture
def after(database: Database, clock: MovableClock) -> House:
    """Look-ups answer only after confirm."""
    return House(database, MemoryGateway(shows_unconfirmed=False), clock)


def money_back(payment: Payment) -> RefundStatus:
    """How far the refund of the money is that must not be kept."""
    (refund,) = payment.refunds
    return refund.status


async def says_yes() -> CaptureAnswer:
    return CaptureAnswer(None, {})


async def is_lost() -> CaptureAnswer:
    raise GatewayTimeout(gateway="memory")


async def test_money_taken_by_an_explicit_yes_goes_back_though_no_look_up_states_it(after: House) -> None:
    await after.create(H.STATUS_MISSING, amount=WRONG)
    after.gateway.on_confirm = says_yes
    await after.complete()
    payment, attempt = await after.now()
    assert (attempt.status, money_back(payment)) == (A.REJECTED, R.PENDING)
    assert after.gateway.refunds == 1


async def test_a_lost_confirm_of_a_wrong_amount_is_not_forgotten_before_it_lands(after: House) -> None:
    await after.create(H.AUTHORIZED, amount=WRONG)
    after.gateway.on_confirm = is_lost
    await after.complete()
    await after.sweep(seconds=6)
    payment, attempt = await after.now()
    assert attempt.status is A.UNKNOWN
    assert payment.attention
    after.gateway.held = replace(after.gateway.held, status=H.CAPTURED)
    await after.sweep(days=1)
    assert money_back((await after.now())[0]) is R.PENDING


async def test_wrong_money_goes_back_by_the_signature_that_we_know(after: House) -> None:
    await after.create(H.CAPTURED, amount=WRONG, gateway_ref=None)
    after.gateway.on_confirm = says_yes
    await after.complete()
    assert after.gateway.refunds == 1


async def test_money_that_must_go_back_and_is_not_shown_calls_a_person(after: House) -> None:
    await after.create(H.CAPTURED, amount=WRONG)

    async def is_away() -> RefundAnswer:
        raise GatewayUnavailable(gateway="memory")

    after.gateway.on_confirm, after.gateway.on_refund = says_yes, is_away
    await after.complete()
    after.gateway.on_refund = None
    after.gateway.held = replace(after.gateway.held, status=H.UNRECOGNIZED)
    await after.sweep(days=1)
    payment, _ = await after.now()
    assert (money_back(payment), after.gateway.refunds) == (R.CREATED, 1), "what does not show is not asked for"
    assert payment.attention


async def test_a_person_who_was_called_stays_called_until_the_money_is_back(after: House) -> None:
    await after.create(H.CAPTURED, amount=WRONG)

    async def refuses() -> RefundAnswer:
        return RefundAnswer(is_done=False, failure=Failure("declined"), evidence={})

    async def is_away() -> GatewayPayment:
        raise GatewayUnavailable(gateway="memory")

    after.gateway.on_confirm, after.gateway.on_refund = says_yes, refuses
    await after.complete()
    after.gateway.on_look = is_away
    await after.sweep(days=1)
    assert (await after.now())[0].attention
    after.gateway.on_look = None
    after.gateway.held = replace(after.gateway.held, status=H.CANCELED)
    await after.sweep(days=1)
    payment, _ = await after.now()
    assert (money_back(payment), payment.attention) == (R.SUCCEEDED, None)


async def test_asking_often_does_not_ask_for_the_refund_often(after: House) -> None:
    """Cancels run in batches: until then the look-up may still show the money as captured."""
    await after.create(H.CAPTURED, amount=WRONG)

    async def accepts() -> RefundAnswer:
        return RefundAnswer(is_done=False, failure=None, evidence={})

    after.gateway.on_confirm, after.gateway.on_refund = says_yes, accepts
    for _ in range(5):
        await after.complete()
    assert after.gateway.refunds == 1


async def test_a_no_to_an_earlier_asking_decides_nothing_about_a_later_one(after: House) -> None:
    """The lease of a slow process has run out, and another one has asked again, when the no to the first asking comes."""
    await after.create(H.CAPTURED, amount=WRONG)

    async def asked_again_meanwhile() -> RefundAnswer:
        payment, _ = await after.now()
        (refund,) = payment.refunds
        again = refund_step(
            payment,
            refund,
            R.UNKNOWN,
            at=after.clock(),
            trigger="sweep",
            reason="refund_asked_again",
            evidence={},
            refund_attempts=refund.refund_attempts + 1,
        )
        assert await after.repository.apply(again)
        return RefundAnswer(is_done=False, failure=Failure("refund_declined"), evidence={})

    after.gateway.on_confirm, after.gateway.on_refund = says_yes, asked_again_meanwhile
    await after.complete()
    payment, _ = await after.now()
    assert (money_back(payment), payment.refunds[0].refund_attempts) == (R.UNKNOWN, 2)


async def test_a_confirm_that_lands_after_expiry_is_found(before: House) -> None:
    await before.create(H.AUTHORIZED)
    before.gateway.on_confirm = is_lost
    before.clock.advance(1800 + 299)
    await before.complete()
    await before.sweep(seconds=6)
    assert (await before.now())[0].status is P.EXPIRED
    before.gateway.held = replace(before.gateway.held, status=H.CAPTURED)
    await before.sweep(days=1)
    assert (await before.now())[0].status is P.PAID


async def test_a_decline_that_was_an_approval_is_found_within_hours_and_not_at_expiry(before: House) -> None:
    await before.create(H.AUTHORIZED, expires_in_s=30 * DAY_S)

    async def declines() -> CaptureAnswer:
        return CaptureAnswer(Failure("declined"), {})

    before.gateway.on_confirm = declines
    await before.complete()
    assert (await before.now())[1].status is A.FAILED
    before.gateway.held = replace(before.gateway.held, status=H.CAPTURED)
    await before.sweep(seconds=3601)
    assert (await before.now())[0].status is P.PAID


async def test_a_silence_of_hours_calls_a_person(before: House) -> None:
    await before.create(H.AUTHORIZED)
    before.gateway.on_confirm = is_lost
    await before.complete()

    async def refuses() -> GatewayPayment:
        raise GatewayRefused(gateway="memory", raw_code="401")

    before.gateway.on_look = refuses
    for seconds in (6, 16, 61, 301, 901):
        await before.sweep(seconds=seconds)
    assert (await before.now())[0].attention is None
    await before.sweep(seconds=3601)
    assert (await before.now())[0].attention


async def test_a_hint_that_nobody_knows_neither_ends_nor_marks_an_attempt(before: House) -> None:
    await before.create(H.AUTHORIZED)
    before.clock.advance(1801)
    await before.complete("never-heard-of")
    payment, attempt = await before.now()
    assert payment.status is P.PAID, "the buyer had finished, whatever this browser brought"
    assert attempt.gateway_ref == "sig"


async def test_an_ended_attempt_that_cannot_be_read_does_not_keep_its_payment_open(before: House) -> None:
    await before.create(H.AUTHORIZED, amount=WRONG)
    await before.complete()
    assert (await before.now())[1].status is A.REJECTED
    before.gateway.held = replace(before.gateway.held, status=H.UNRECOGNIZED)
    await before.sweep(days=1)
    payment, _ = await before.now()
    assert payment.status is P.EXPIRED
    assert payment.attention


async def test_the_lease_of_another_process_is_not_given_back_for_it(before: House) -> None:
    """An older tab brings a second signature of an attempt that another process is confirming at this moment."""
    payment = await before.create(H.AUTHORIZED)
    await before.service.attempt(payment.id, "main", None, None, lambda _: b"{}")
    payment, attempt = await before.now()
    lease = before.clock() + timedelta(seconds=60)
    taken = step(
        payment,
        attempt,
        A.UNKNOWN,
        at=before.clock(),
        trigger="api",
        reason="confirm_requested",
        evidence={},
        gateway_ref="the-other-signature",
        busy_until=lease,
        next_check_at=lease,
    )
    assert await before.repository.apply(taken)
    await before.complete()
    _, attempt = await before.now()
    assert attempt.busy_until == lease
    assert before.gateway.confirms == 0


async def test_real_money_never_pays_a_test_payment(before: House) -> None:
    await before.create(H.AUTHORIZED, is_live=True)
    await before.complete()
    assert (await before.now())[1].status is A.REJECTED
    assert before.gateway.confirms == 0
