"""A gateway in memory that answers, or not, as a test says, and services around it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from app.db.database import Database
from app.db.due_work import DueTable
from app.domain.errors import OnetillError, Refusal
from app.domain.money import Money
from app.domain.states import RefundStatus
from app.gateways.port import Capturing, Refunding
from app.gateways.registry import Registry
from app.gateways.values import (
    Capability,
    CaptureAnswer,
    CapturedPayment,
    CaptureRequest,
    ChargeRequest,
    Fact,
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
from app.payments.schemas import CreatePayment
from app.payments.service import PaymentService
from app.refunds.processor import RefundProcessor
from app.settings import Settings
from app.verification.gateway_log import GatewayLog
from app.verification.verify import Verifier
from tests.support import MovableClock
from tests.support.settings import HISTORY_KEYS

H = GatewayStatus

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

    def buyers_name(self, request: ChargeRequest, language: str) -> str:
        return self.title

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


def money_back(payment: Payment) -> RefundStatus:
    """How far the refund of the money is that must not be kept."""
    (refund,) = payment.refunds
    return refund.status
