"""What the API, the worker and the commands do with refunds. One method per intent."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from time import monotonic
from typing import Any
from uuid import UUID

import msgspec

from app.domain.clock import Now
from app.domain.errors import (
    GatewayUnavailable,
    IdempotencyKeyReused,
    IllegalTransition,
    InvalidRequest,
    NotFound,
    OnetillError,
    PaymentNotRefundable,
    RefundableMismatch,
    RefundExceedsBalance,
    RefundRefused,
    refusal,
)
from app.domain.money import Money
from app.domain.order import Tax
from app.domain.states import RefundStatus
from app.domain.tax import TaxBreakdown
from app.gateways.port import Failure, Gateway, RefundAccount, Refunding, RefundRequest
from app.gateways.registry import Registry
from app.idempotency.service import Idempotency, Intent, Replay
from app.ledger.model import BY_OPERATOR, BY_SHOP, Payment, Refund
from app.ledger.repository import PaymentRepository
from app.ledger.transitions import Step, refund_step
from app.payments.service import Created, PaymentService
from app.refunds.eligibility import Options, options_of
from app.refunds.repository import RefundRepository
from app.refunds.requests import new_refund, parts_left
from app.refunds.schemas import CreateRefund
from app.settings import Settings
from app.verification.recorder import POSTPONE_S

R = RefundStatus
POLL_S = 0.05
MOST_WRITES = 200
"""How often a step is tried again because the payment moved; each time somebody else got further."""

Render = Callable[[Payment, Refund], bytes]
Make = Callable[[Payment], Step]


class RefundService:
    """Refunds of one deployment. Safe to share between tasks; holds no state."""

    def __init__(
        self,
        reads: RefundRepository,
        repository: PaymentRepository,
        payments: PaymentService,
        registry: Registry,
        idempotency: Idempotency,
        settings: Settings,
        now: Now,
    ) -> None:
        self._reads = reads
        self._repository = repository
        self._payments = payments
        self._registry = registry
        self._idempotency = idempotency
        self._settings = settings
        self._now = now

    async def request(
        self, payment_id: UUID, store: str, wanted: CreateRefund, intent: Intent, render: Render
    ) -> Created:
        """Reserve a refund and have the gateway do it: 201 done, 202 under way or its answer lost.

        The same intent again yields the same answer, or goes on with the one refund that it stands for. Raises NotFound,
        InvalidRequest, the idempotency errors, and RefundRefused: by our own rules before anything is stored, or by the
        gateway, with the `refund_id` of the refund that failed.
        """
        await self._payments.get(payment_id, store)
        known = await self._idempotency.claim(intent, payment_id)
        if isinstance(known, Replay):
            return Created(known.status, known.body, is_replay=True)
        payment = await self._payments.get(payment_id, store)
        request_key = hashlib.sha256(f"{intent.scope}\0{intent.key}".encode()).digest()
        try:
            refund = _of_key(payment, request_key, intent.fingerprint)
            if refund is None:
                refund = await self._reserve(payment_id, wanted, request_key, intent.fingerprint)
            payment, refund = await self._until_answered(payment_id, refund)
            if refund.status is R.FAILED:
                raise _refused(payment, refund)
        except OnetillError:
            await self._idempotency.release(intent)
            raise
        status, body = 201 if refund.status is R.SUCCEEDED else 202, render(payment, refund)
        await self._idempotency.finish(intent, status, body)
        return Created(status, body)

    async def get(self, refund_id: UUID, store: str | None) -> tuple[Payment, Refund]:
        """One refund with its payment. `store` None: the caller is an operator. Raises NotFound."""
        payment_id = await self._reads.payment_of(refund_id)
        if payment_id is None:
            raise NotFound()
        payment = await self._payments.get(payment_id, store)
        refund = payment.refund(refund_id)
        if refund is None:
            raise NotFound()
        return payment, refund

    async def payment(self, payment_id: UUID, store: str) -> Payment:
        """A payment with its refunds. Raises NotFound."""
        return await self._payments.get(payment_id, store)

    async def options(self, payment_id: UUID, store: str) -> tuple[Payment, Options]:
        """What can be given back now, and why not. Asks no gateway. Raises NotFound."""
        payment = await self._payments.get(payment_id, store)
        return payment, options_of(payment, self._gateway(payment), self._now())

    async def due(self, limit: int) -> list[tuple[UUID, UUID]]:
        """(payment, attempt) pairs of refunds whose time to look has come: verify the attempt."""
        return await self._reads.due(self._now(), limit)

    async def postpone(self, payment_id: UUID, attempt_id: UUID) -> None:
        """Push the looks at an attempt's refunds away after a look that broke."""
        until = self._now() + timedelta(seconds=self._settings.seconds(POSTPONE_S))
        await self._reads.postpone(payment_id, attempt_id, until)

    async def gauges(self) -> Mapping[str, tuple[str, float]]:
        """How long money has been on its way back, for `/metrics`."""
        count, age_s = await self._reads.backlog(self._now())
        return {
            "onetill_refunds_undecided": ("Refunds that are reserved and not decided.", float(count)),
            "onetill_oldest_refund_seconds": ("Age of the oldest refund that is not decided.", age_s),
        }

    async def release(self, payment_id: UUID) -> Payment:
        """An operator releases rejected money that the settings hold. Raises NotFound; PaymentNotRefundable if there is none."""
        payment = await self._payments.get(payment_id, None)
        held = [each for each in payment.refunds if each.is_held and each.is_undecided]
        if not held:
            raise PaymentNotRefundable(payment_id=payment.public_id, status=str(payment.status))
        for refund in held:
            await self._move(
                payment_id, refund.id, R.CREATED, "refund_released", {}, is_held=False, next_check_at=self._now()
            )
            await self._payments.verify(payment_id, trigger="operator", attempt_id=refund.attempt_id)
        return await self._payments.get(payment_id, None)

    async def mark(self, refund_id: UUID, *, is_done: bool, note: str) -> tuple[Payment, Refund]:
        """A person says how a refund ended that no look-up settles: it was given back by hand, or never will be.

        Raises NotFound, or IllegalTransition for one that is decided.
        """
        payment, refund = await self.get(refund_id, None)
        if not refund.is_undecided:
            raise IllegalTransition(source=str(refund.status), target="marked")
        to, reason = (R.SUCCEEDED, "refund_marked_done") if is_done else (R.FAILED, "refund_marked_failed")
        return await self._move(payment.id, refund_id, to, reason, {"note": note})

    async def ask_again(self, refund_id: UUID, note: str) -> tuple[Payment, Refund]:
        """A person has seen that the gateway did not carry a refund out whose answer was lost: ask it once more.

        Raises NotFound, or IllegalTransition for a refund whose answer was not lost.
        """
        payment, refund = await self.get(refund_id, None)
        if refund.status is not R.UNKNOWN:
            raise IllegalTransition(source=str(refund.status), target="asked again")
        evidence = {"note": note}
        await self._move(payment.id, refund_id, R.CREATED, "refund_not_done", evidence, next_check_at=self._now())
        await self._payments.verify(payment.id, trigger="operator", attempt_id=refund.attempt_id)
        return await self.get(refund_id, None)

    async def record(self, payment_id: UUID, amount_minor: int | None, note: str) -> tuple[Payment, Refund]:
        """Money that a person gave back by hand, where the gateway has no way to: kept as a refund that is done.

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
            refund = new_refund(payment, attempt, amount, parts, initiator=BY_OPERATOR, reason=note, at=now)
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
        """Store the refund, if there is room for it, on the payment as it is at that moment."""

        def make(payment: Payment) -> Step:
            refund = replace(self._checked(payment, wanted), request_key=request_key, request_print=request_print)
            evidence = {"refundable_minor": payment.refundable_minor}
            return refund_step(
                payment, refund, R.CREATED, at=self._now(), trigger="api", reason="refund_reserved", evidence=evidence
            )

        return (await self._write(payment_id, make))[1]

    def _checked(self, payment: Payment, wanted: CreateRefund) -> Refund:
        """The refund as it will be stored. Raises RefundRefused or InvalidRequest for what cannot be given back."""
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
        refund = new_refund(payment, attempt, wish, parts, initiator=BY_SHOP, reason=wanted.reason, at=self._now())
        account = wanted.refund_account
        gateway.check_refund(
            RefundRequest(
                key=refund.id.hex,
                reference=attempt.reference,
                gateway_ref=attempt.gateway_ref or "",
                amount=refund.amount,
                refundable=Money(payment.captured_minor - payment.refunded_minor, refund.amount.currency),
                reason=wanted.reason,
                tax=Tax(vat=parts.vat, tax_free=parts.tax_free),
                account=RefundAccount(account.bank, account.number, account.holder, account.phone) if account else None,
            )
        )
        return replace(
            refund,
            expected_minor=wanted.expected_refundable,
            account=msgspec.json.encode(account.model_dump()).decode() if account else None,
        )

    def _amount(self, payment: Payment, wanted: int | None) -> int:
        amount = payment.refundable_minor if wanted is None else wanted
        if amount > payment.refundable_minor:
            raise RefundExceedsBalance(payment_id=payment.public_id, amount=amount, refundable=payment.refundable_minor)
        return amount

    async def _until_answered(self, payment_id: UUID, refund: Refund) -> tuple[Payment, Refund]:
        """Have the attempt verified, which asks for its refunds in turn, until the gateway has answered for this one.

        Not for ever: what is not answered by then goes on without the caller.
        """
        patience = monotonic() + self._settings.confirm_wait_s
        stood_at, in_vain = -1, 0
        while True:
            try:
                result = await self._payments.verify(payment_id, trigger="api", attempt_id=refund.attempt_id)
                is_answered = result.is_answered
            except GatewayUnavailable:
                is_answered = False
            payment = await self._payments.get(payment_id, None)
            known = payment.refund(refund.id)
            assert known is not None
            attempt = next(a for a in payment.attempts if a.id == refund.attempt_id)
            is_asking = attempt.is_busy(self._now())
            # A look that changed nothing may have begun before the refund was there; a second one says that nothing can change.
            in_vain = in_vain + 1 if payment.last_seq == stood_at and not is_asking else 0
            stood_at = payment.last_seq
            if not _may_be_answered(payment, known, is_asking=is_asking, is_answered=is_answered) or in_vain == 2:
                return payment, known
            if monotonic() > patience:
                return payment, known
            await asyncio.sleep(POLL_S)

    async def _move(
        self,
        payment_id: UUID,
        refund_id: UUID,
        to: RefundStatus,
        reason: str,
        evidence: dict[str, str],
        **fields: Any,
    ) -> tuple[Payment, Refund]:
        """One step of a refund on a person's word. Raises IllegalTransition while the gateway is being asked for it."""

        def make(payment: Payment) -> Step:
            refund = payment.refund(refund_id)
            assert refund is not None
            if any(a.id == refund.attempt_id and a.is_busy(self._now()) for a in payment.attempts):
                raise IllegalTransition(source="being asked", target=str(to))
            return refund_step(
                payment, refund, to, at=self._now(), trigger="operator", reason=reason, evidence=evidence, **fields
            )

        return await self._write(payment_id, make)

    async def _write(self, payment_id: UUID, make: Make) -> tuple[Payment, Refund]:
        """Decide on the payment as it is and write it, again while others are quicker. Raises what `make` raises."""
        for _ in range(MOST_WRITES):
            made = make(await self._payments.get(payment_id, None))
            if await self._repository.apply(made):
                assert made.refund is not None
                return made.after, made.refund
        raise IllegalTransition(source="refund", target="stored")

    def _gateway(self, payment: Payment) -> Gateway | None:
        attempt = payment.captured_attempt
        return self._registry.get(attempt.gateway) if attempt else None


def _may_be_answered(payment: Payment, refund: Refund, *, is_asking: bool, is_answered: bool) -> bool:
    """Whether waiting a little may bring the gateway's answer to this refund."""
    if refund.status not in {R.CREATED, R.UNKNOWN}:
        return False
    if is_asking:
        return True
    if refund.refund_attempts or not is_answered or refund.is_held:
        return False
    before = [
        each for each in payment.refunds_of(refund.attempt_id) if each.number < refund.number and each.is_undecided
    ]
    return all(each.status is R.CREATED and not each.refund_attempts for each in before)


def _of_key(payment: Payment, request_key: bytes, request_print: bytes) -> Refund | None:
    """The refund that an earlier call with this key has made, also when the key itself is forgotten by now.

    Raises IdempotencyKeyReused when that call was another one.
    """
    found = next((each for each in payment.refunds if each.request_key == request_key), None)
    if found is not None and found.request_print != request_print:
        raise IdempotencyKeyReused()
    return found


def _parts(payment: Payment, amount: int, wanted: CreateRefund) -> TaxBreakdown:
    """The refund's tax parts: as the shop names them, if they fit what is left, else its exact share."""
    left, tax = parts_left(payment), wanted.tax
    if tax is None:
        return left.share(amount)
    if (tax.vat is None) != (left.vat is None):
        named = "names its vat, so the refund must name it too" if tax.vat is None else "names no vat, leave it out"
        raise InvalidRequest(("tax.vat", f"the payment {named}"))
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
    attempt = next(a for a in payment.attempts if a.id == refund.attempt_id)
    details = {
        "payment_id": payment.public_id,
        "refund_id": refund.public_id,
        "gateway": attempt.gateway,
        "amount": refund.amount.minor,
        "refundable": payment.refundable_minor,
        "raw_code": failure.raw_code or "no code",
        "gateway_message": failure.message,
        "status": str(payment.status),
    }
    return refusal(failure.code, **details)
