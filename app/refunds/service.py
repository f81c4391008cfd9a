"""What the API, the worker and the commands do with refunds. One method per intent."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

import msgspec

from app.domain.clock import Now
from app.domain.errors import (
    IdempotencyKeyReused,
    IllegalTransition,
    InvalidRequest,
    NotFound,
    OnetillError,
    PaymentNotRefundable,
    RefundableMismatch,
    RefundExceedsBalance,
    RefundRefused,
    Refusal,
    RefusedByGateway,
)
from app.domain.money import Money
from app.domain.states import RefundStatus
from app.domain.tax import TaxBreakdown
from app.gateways.port import Gateway, Refunding
from app.gateways.registry import Registry
from app.gateways.values import Failure
from app.idempotency.service import Answered, Idempotency, Intent
from app.ledger.model import BY_OPERATOR, BY_SHOP, Payment, Refund
from app.ledger.repository import PaymentRepository
from app.ledger.reservations import parts_left, reserve_refund
from app.ledger.transitions import Step, refund_step
from app.refunds.eligibility import Options, options_of
from app.refunds.processor import RefundProcessor
from app.refunds.requests import request_of
from app.refunds.schemas import CreateRefund
from app.settings import Settings

R = RefundStatus
MOST_WRITES = 200
"""How often a step is made again because another write came between."""

Make = Callable[[Payment], Step]
Render = Callable[[Payment, Refund], bytes]
"""Makes the answer's bytes; given in, because the service stores the answer under the key that asked for it."""


class RefundService:
    """Refunds of one deployment. Safe to share between tasks; holds no state."""

    def __init__(
        self,
        repository: PaymentRepository,
        processor: RefundProcessor,
        registry: Registry,
        idempotency: Idempotency,
        settings: Settings,
        now: Now,
    ) -> None:
        self._repository = repository
        self._processor = processor
        self._registry = registry
        self._idempotency = idempotency
        self._settings = settings
        self._now = now

    async def request(
        self, payment_id: UUID, store: str, wanted: CreateRefund, intent: Intent, render: Render
    ) -> Answered:
        """Reserve a refund and process it; or return the stored answer of an earlier call with this key.

        The same intent again goes on with the one refund that it stands for. Raises NotFound, InvalidRequest, the
        idempotency errors, and RefundRefused: by our own rules before anything is stored, or by the gateway, with the
        `refund_id` of the refund that failed.
        """
        await self._repository.load(payment_id, store)
        async with self._idempotency.working(intent) as leased:
            return await self._answered(payment_id, wanted, leased, render)

    async def _answered(self, payment_id: UUID, wanted: CreateRefund, intent: Intent, render: Render) -> Answered:
        known = await self._idempotency.claim(intent, payment_id)
        if isinstance(known, Answered):
            return known
        try:
            payment, refund = await self._requested(payment_id, wanted, intent)
        except OnetillError:
            if (stored := await self._idempotency.release(intent)) is not None:
                return stored
            raise
        answer = Answered(201 if refund.status is R.SUCCEEDED else 202, render(payment, refund))
        return await self._idempotency.finish(intent, answer)

    async def _requested(self, payment_id: UUID, wanted: CreateRefund, intent: Intent) -> tuple[Payment, Refund]:
        payment = await self._repository.load(payment_id)
        request_key = hashlib.sha256(f"{intent.scope}\0{intent.key}".encode()).digest()
        refund = _of_key(payment, request_key, intent.fingerprint)
        if refund is None:
            refund = await self._reserve(payment_id, wanted, request_key, intent.fingerprint)
        payment = (await self._processor.process(payment_id, refund.attempt_id, "api", refund_id=refund.id)).payment
        processed = payment.refund(refund.id)
        assert processed is not None
        if processed.status is R.FAILED:
            raise _refused(payment, processed)
        return payment, processed

    async def get(self, refund_id: UUID, store: str | None) -> tuple[Payment, Refund]:
        """One refund with its payment. `store` None: the caller is an operator. Raises NotFound."""
        payment_id = await self._repository.payment_of_refund(refund_id)
        if payment_id is None:
            raise NotFound()
        payment = await self.payment(payment_id, store)
        refund = payment.refund(refund_id)
        assert refund is not None
        return payment, refund

    async def payment(self, payment_id: UUID, store: str | None) -> Payment:
        """A payment with its refunds. `store` None: the caller is an operator. Raises NotFound."""
        return await self._repository.load(payment_id, store)

    async def options(self, payment_id: UUID, store: str) -> tuple[Payment, Options]:
        """Return what can be refunded now, and why not. Calls no gateway. Raises NotFound."""
        payment = await self.payment(payment_id, store)
        return payment, options_of(payment, self._gateway(payment), self._now())

    async def process(self, payment_id: UUID, refund_id: UUID) -> None:
        """Process a refund that is due. Safe to repeat."""
        refund = (await self.payment(payment_id, None)).refund(refund_id)
        if refund is not None:
            await self._processor.process(payment_id, refund.attempt_id, "sweep")

    async def gauges(self) -> Mapping[str, tuple[str, float]]:
        """Return how many refunds are undecided, and for how long, for `/metrics`."""
        count, age_s = await self._repository.refund_backlog(self._now())
        return {
            "onetill_refunds_undecided": ("Refunds that are reserved and not decided.", float(count)),
            "onetill_oldest_refund_seconds": ("Age of the oldest refund that is not decided.", age_s),
        }

    async def release(self, payment_id: UUID) -> Payment:
        """An operator releases rejected money; if nobody can be asked now, it is due. Raises NotFound, PaymentNotRefundable."""
        payment = await self.payment(payment_id, None)
        held = [each for each in payment.refunds if each.is_held and each.is_undecided]
        if not held:
            raise PaymentNotRefundable(payment_id=payment.public_id, status=str(payment.status))
        for refund in held:
            await self._move(
                payment_id, refund.id, R.CREATED, "refund_released", {}, is_held=False, next_check_at=self._now()
            )
        for attempt_id in dict.fromkeys(refund.attempt_id for refund in held):
            await self._processor.process(payment.id, attempt_id, "operator")
        return await self.payment(payment_id, None)

    async def mark(
        self, refund_id: UUID, *, is_done: bool, note: str, amount_minor: int | None = None
    ) -> tuple[Payment, Refund]:
        """Decide, on an operator's word, a refund that no look-up settles: it was made by hand, or never will be.

        `amount_minor`: what went back, where that is another amount than was asked. Raises NotFound, IllegalTransition for
        one that is decided, or RefundExceedsBalance.
        """
        payment, refund = await self.get(refund_id, None)
        if not refund.is_undecided:
            raise IllegalTransition(source=str(refund.status), target="marked", hint=_decided(refund))
        to, reason = (R.SUCCEEDED, "refund_marked_done") if is_done else (R.FAILED, "refund_marked_failed")
        room = refund.returned.minor + payment.refundable_minor
        if is_done and amount_minor is not None and amount_minor > room:
            raise RefundExceedsBalance(payment_id=payment.public_id, amount=amount_minor, refundable=room)
        named = {"returned_minor": amount_minor} if is_done and amount_minor not in {None, refund.amount.minor} else {}
        return await self._move(payment.id, refund_id, to, reason, {"note": note}, accepted_at=None, **named)

    async def ask_again(self, refund_id: UUID, note: str) -> tuple[Payment, Refund]:
        """Request a refund once more whose answer was lost, after an operator saw that the gateway did not carry it out.

        Where nobody can be asked now, it is due. Raises NotFound, or IllegalTransition where no answer was lost.
        """
        payment, refund = await self.get(refund_id, None)
        if refund.status is not R.UNKNOWN:
            raise IllegalTransition(source=str(refund.status), target="asked again", hint=_decided(refund))
        evidence = {"note": note}
        await self._move(payment.id, refund_id, R.CREATED, "refund_not_done", evidence, next_check_at=self._now())
        await self._processor.process(payment.id, refund.attempt_id, "operator")
        return await self.get(refund_id, None)

    async def record(self, payment_id: UUID, amount_minor: int | None, note: str) -> tuple[Payment, Refund]:
        """Record a refund that an operator made by hand, where the gateway has no refund API.

        Raises NotFound, PaymentNotRefundable, RefundExceedsBalance.
        """

        def make(payment: Payment) -> Step:
            attempt = payment.captured_attempt
            if attempt is None or not payment.refundable_minor:
                raise PaymentNotRefundable(payment_id=payment.public_id, status=str(payment.status))
            minor = self._amount(payment, amount_minor)
            now = self._now()
            parts = parts_left(payment).share(minor)
            amount = Money(minor, payment.amount.currency)
            refund = reserve_refund(payment, attempt, amount, parts, initiator=BY_OPERATOR, reason=note, at=now)
            return refund_step(
                payment,
                refund,
                R.SUCCEEDED,
                at=now,
                trigger="operator",
                reason="refund_recorded",
                evidence={"note": note},
            )

        return await self._write(payment_id, make)

    async def _reserve(
        self, payment_id: UUID, wanted: CreateRefund, request_key: bytes, request_print: bytes
    ) -> Refund:
        """Store the refund, if its amount is still refundable."""

        def make(payment: Payment) -> Step:
            refund = replace(self._checked(payment, wanted), request_key=request_key, request_print=request_print)
            evidence = {"refundable_minor": payment.refundable_minor}
            return refund_step(
                payment, refund, R.CREATED, at=self._now(), trigger="api", reason="refund_reserved", evidence=evidence
            )

        return (await self._write(payment_id, make))[1]

    def _checked(self, payment: Payment, wanted: CreateRefund) -> Refund:
        """Return the refund as it will be stored. Raises RefundRefused or InvalidRequest for what cannot be refunded."""
        gateway, attempt = self._gateway(payment), payment.captured_attempt
        options = options_of(payment, gateway, self._now())
        is_whole = wanted.amount in {None, payment.refundable_minor}
        if (why := options.whole if is_whole else options.part) is not None:
            raise why
        assert attempt is not None
        assert isinstance(gateway, Refunding)
        if wanted.expected_refundable not in {None, payment.refundable_minor}:
            raise RefundableMismatch(payment_id=payment.public_id, refundable=payment.refundable_minor)
        amount = self._amount(payment, wanted.amount)
        if options.policy.needs_account and wanted.refund_account is None:
            raise InvalidRequest(
                ("refund_account", "is required: the buyer paid by transfer, name the account to send it back to")
            )
        parts = _parts(payment, amount, wanted)
        wish = Money(amount, payment.amount.currency)
        account = wanted.refund_account
        refund = replace(
            reserve_refund(payment, attempt, wish, parts, initiator=BY_SHOP, reason=wanted.reason, at=self._now()),
            expected_minor=wanted.expected_refundable,
            account=msgspec.json.encode(account.model_dump()).decode() if account else None,
        )
        balance = payment.captured_minor - payment.refunded_minor
        gateway.check_refund(request_of(attempt, refund, attempt.gateway_ref or "", balance))
        return refund

    def _amount(self, payment: Payment, wanted: int | None) -> int:
        amount = payment.refundable_minor if wanted is None else wanted
        if amount > payment.refundable_minor:
            raise RefundExceedsBalance(payment_id=payment.public_id, amount=amount, refundable=payment.refundable_minor)
        return amount

    async def _move(
        self,
        payment_id: UUID,
        refund_id: UUID,
        to: RefundStatus,
        reason: str,
        evidence: dict[str, str],
        **fields: Any,
    ) -> tuple[Payment, Refund]:
        """Move a refund on an operator's word. Raises IllegalTransition while a process holds the lease on its attempt."""

        def make(payment: Payment) -> Step:
            refund = payment.refund(refund_id)
            assert refund is not None
            if payment.attempt(refund.attempt_id).is_busy(self._now()):
                raise IllegalTransition(source="being asked", target=str(to))
            return refund_step(
                payment, refund, to, at=self._now(), trigger="operator", reason=reason, evidence=evidence, **fields
            )

        return await self._write(payment_id, make)

    async def _write(self, payment_id: UUID, make: Make) -> tuple[Payment, Refund]:
        """Load, make the step and write it; again when another write came between. Raises what `make` raises."""
        for _ in range(MOST_WRITES):
            made = make(await self._repository.load(payment_id))
            if await self._repository.apply(made):
                assert made.refund is not None
                return made.after, made.refund
        raise IllegalTransition(source="refund", target="stored")

    def _gateway(self, payment: Payment) -> Gateway | None:
        attempt = payment.captured_attempt
        return self._registry.holding(attempt.gateway, attempt.account) if attempt else None


def _of_key(payment: Payment, request_key: bytes, request_print: bytes) -> Refund | None:
    """Find the refund that an earlier call with this key made, also when the key's row is deleted by now.

    Raises IdempotencyKeyReused when that call was another one.
    """
    found = next((each for each in payment.refunds if each.request_key == request_key), None)
    if found is not None and found.request_print != request_print:
        raise IdempotencyKeyReused()
    return found


def _parts(payment: Payment, amount: int, wanted: CreateRefund) -> TaxBreakdown:
    """Return the refund's tax parts: as the shop names them, if they fit what is left, else its exact share."""
    left, tax = parts_left(payment), wanted.tax
    if tax is None:
        return left.share(amount)
    if (tax.vat is None) != (left.vat is None):
        must_name = "the payment names its vat, so the refund must name it too"
        raise InvalidRequest(("tax.vat", must_name if tax.vat is None else "the payment names no vat, leave it out"))
    if tax.tax_free + (tax.vat or 0) <= amount:
        parts = TaxBreakdown.of(amount, tax_free=tax.tax_free, vat=tax.vat)
        if left.covers(parts):
            return parts
    vat = "" if left.vat is None else f", vat {left.vat}"
    raise InvalidRequest(
        ("tax", f"does not fit what is left of the payment: tax_free {left.tax_free}{vat}, the rest {left.taxed}")
    )


def _refused(payment: Payment, refund: Refund) -> RefundRefused:
    """The error of a refund that has failed."""
    failure = msgspec.json.decode(refund.failure, type=Failure) if refund.failure else Failure("refund_declined")
    details = {
        "payment_id": payment.public_id,
        "refund_id": refund.public_id,
        "gateway": payment.attempt(refund.attempt_id).gateway,
        "amount": refund.returned.minor,
        "refundable": payment.refundable_minor,
        "raw_code": failure.raw_code or "no code",
        "gateway_message": failure.message,
        "status": str(payment.status),
    }
    return RefusedByGateway(Refusal(failure.code), **details)


def _decided(refund: Refund) -> str:
    return f"{refund.public_id} is {refund.status}: nothing was changed. Only what is not decided is marked, or asked for again"
