"""verify(attempt): look up → compare → lock → transition → event. There is one of it, whoever asks (design §2).

No connection or lock is held while the gateway is asked. What was decided on a reading is written only if the payment is
still as it was read; otherwise it is read and judged again. Docs: docs/decisions/0002-one-writer-by-version.md.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from time import monotonic
from uuid import UUID

from app.domain.clock import Now
from app.domain.errors import GatewayError, GatewayUnavailable, NotFound
from app.domain.schedule import BUSY_POLL_S
from app.domain.states import PAYMENT_COLLECTED, PAYMENT_UNPAID, AttemptStatus
from app.gateways.gateway_log import record_calls
from app.gateways.port import (
    Capability,
    CaptureRequest,
    Capturing,
    Failure,
    Gateway,
    GatewayPayment,
    GatewayStatus,
    LookupHint,
    PaymentQuery,
    Voiding,
)
from app.gateways.registry import Registry
from app.ledger.model import Attempt, Payment
from app.ledger.order_details import tax_of
from app.ledger.repository import PaymentRepository, RefAlreadyClaimed
from app.ledger.transitions import Trigger, step
from app.logs import get_logger
from app.metrics import LOOK_UPS
from app.payments.refunding import MoneyBack
from app.settings import Settings
from app.verification.gateway_log import GatewayLog
from app.verification.matching import UNKNOWN_STATUS, Capture, Decide, NotOurs, Wait, judge
from app.verification.recorder import Announced, Recorder, Snapshot, VerificationContext, VerificationResult

MAX_ROUNDS = 20
"""How often one verification reads the payment again because somebody else moved it first."""

log = get_logger("verify")


class Verifier:
    """Proves attempts. Safe to call from everywhere at once: for one attempt, one of the callers does the work."""

    def __init__(
        self,
        repository: PaymentRepository,
        registry: Registry,
        gateway_log: GatewayLog,
        money_back: MoneyBack,
        settings: Settings,
        now: Now,
    ) -> None:
        self._repository = repository
        self._registry = registry
        self._gateway_log = gateway_log
        self._settings = settings
        self._now = now
        self._money_back = money_back
        self._recorder = Recorder(repository, money_back, settings, now)
        self._running: dict[object, asyncio.Task[VerificationResult]] = {}

    async def verify(
        self,
        payment_id: UUID,
        *,
        trigger: Trigger,
        store: str | None = None,
        attempt_id: UUID | None = None,
        brought: Mapping[str, str] | None = None,
        announced: Announced | None = None,
    ) -> VerificationResult:
        """Ask the gateway about an attempt and store what it says. Safe to repeat.

        `brought` are the fields that a browser came back with, `announced` is what a webhook points at: hints, believed
        only when the look-up shows our order.
        `store` None: the caller's right to the payment is already proven. Callers with the same question share one
        answer; a caller that is canceled does not cancel it for the others.
        Raises NotFound, or GatewayUnavailable when the attempt's gateway is not configured here.
        """
        brought = brought or {}
        question = (payment_id, store, attempt_id, tuple(sorted(brought.items())), announced)
        task = self._running.get(question)
        if task is None:
            task = asyncio.create_task(
                self._recorded(payment_id, VerificationContext(trigger, store, attempt_id, brought, announced))
            )
            self._running[question] = task
            task.add_done_callback(lambda _: self._running.pop(question, None))
        return await asyncio.shield(task)

    async def _recorded(self, payment_id: UUID, context: VerificationContext) -> VerificationResult:
        with record_calls() as calls:
            try:
                return await self._verify(payment_id, context)
            finally:
                self._gateway_log.keep(payment_id, calls)

    async def _verify(self, payment_id: UUID, context: VerificationContext) -> VerificationResult:
        patience = monotonic() + self._settings.confirm_wait_s
        rounds = 0
        while True:
            payment = await self._repository.load(payment_id, context.store)
            if payment is None:
                raise NotFound()
            hints = self._hints(payment, context)
            attempt = _pick(payment, context.attempt_id, hints)
            if attempt is None:
                return VerificationResult(payment, is_decided=True)
            if attempt.is_busy(self._now()) and attempt.busy_until != context.lease:
                if monotonic() > patience:
                    return VerificationResult(payment, is_decided=False, is_answered=False)
                await asyncio.sleep(BUSY_POLL_S)
                continue
            result = await self._round(payment, attempt, hints.get(attempt.gateway, LookupHint()), context)
            rounds += 1
            if result is not None:
                return result
            if rounds == MAX_ROUNDS:
                return VerificationResult(payment, is_decided=False, is_answered=False)

    async def _round(
        self, payment: Payment, attempt: Attempt, hint: LookupHint, context: VerificationContext
    ) -> VerificationResult | None:
        """One look and what follows from it. None: the payment moved under us, read it again."""
        gateway = self._registry.get(attempt.gateway)
        if gateway is None:
            log.error("gateway_not_configured", gateway=attempt.gateway, payment_id=payment.public_id)
            await self._recorder.postpone(payment, attempt)
            raise GatewayUnavailable(gateway=attempt.gateway, payment_id=payment.public_id)
        snapshot = Snapshot(gateway, payment, attempt, ref=attempt.gateway_ref or hint.gateway_ref, token=hint.token)
        if snapshot.ref is not None and self._captures_blindly(snapshot):
            return await self._capture(snapshot, snapshot.ref, GatewayPayment(GatewayStatus.STATUS_MISSING), context)
        try:
            LOOK_UPS.labels(gateway.name, context.trigger).inc()
            held = await gateway.fetch_payment(PaymentQuery(attempt.reference, payment.amount, snapshot.ref))
            if held.status is GatewayStatus.ABSENT and snapshot.is_hinted:
                # A hint that the gateway does not know says nothing about our attempt.
                snapshot = replace(snapshot, ref=None)
                held = await gateway.fetch_payment(PaymentQuery(attempt.reference, payment.amount))
        except GatewayError as error:
            await self._money_back.unanswered(payment, attempt, context.trigger, error.code)
            noted = await self._recorder.undecided(snapshot, error.code, context, is_asked=snapshot.ref is not None)
            return noted and replace(noted, is_answered=False)
        # The reference came back with the answer: an older attempt of the same payment may be the one that was paid.
        found = next((a for a in payment.attempts if a.reference == held.reference), attempt)
        snapshot = replace(snapshot, attempt=found)
        if found.status in {AttemptStatus.CAPTURED, AttemptStatus.REJECTED}:
            return await self._moved(snapshot, held, context)
        verdict = judge(payment, found, held, now=self._now(), shows_unconfirmed=_shows_unconfirmed(gateway))
        if (
            isinstance(verdict, Wait | Decide)
            and isinstance(gateway, Voiding)
            and _stands_open(payment, found, held, verdict)
        ):
            return await self._void(snapshot, gateway, held, verdict, context)
        if isinstance(verdict, Capture) and not _can_capture(snapshot):
            verdict = Wait("cannot_confirm", attention="the gateway shows money that we can neither see taken nor take")
        if not isinstance(verdict, Capture):
            return await self._recorder.conclude(snapshot, verdict, held, context)
        ref = held.gateway_ref or snapshot.ref
        is_too_soon = found.status is AttemptStatus.UNKNOWN and not self._may_repeat(found)
        if ref is None or is_too_soon or found.status not in {AttemptStatus.PENDING, AttemptStatus.UNKNOWN}:
            return await self._recorder.undecided(snapshot, "not_confirmed_yet", context, is_asked=ref is not None)
        return await self._capture(snapshot, ref, held, context)

    async def _moved(
        self, snapshot: Snapshot, held: GatewayPayment, context: VerificationContext
    ) -> VerificationResult | None:
        """Money of this attempt has moved, so how much of it is kept is what is left to find out: the refunds' work."""
        attempt = snapshot.attempt
        doubt = _doubt_about(snapshot.payment, attempt, held)
        if doubt is not None:
            await self._money_back.unanswered(snapshot.payment, attempt, context.trigger, "in_doubt")
            return await self._recorder.rest(snapshot, context, attention=doubt)
        followed = await self._money_back.follow(snapshot.gateway, snapshot.payment, attempt, held, context.trigger)
        if followed is None:
            return None
        attempt = next(a for a in followed.attempts if a.id == attempt.id)
        return await self._recorder.rest(replace(snapshot, payment=followed, attempt=attempt), context)

    async def _void(
        self,
        snapshot: Snapshot,
        gateway: Voiding,
        held: GatewayPayment,
        verdict: Wait | Decide,
        context: VerificationContext,
    ) -> VerificationResult | None:
        """Nobody is to pay here any more: close what stands open at the gateway. Without its answer it is tried again.

        What waits for our confirm can move no money without us, so a verdict on wrong money stands whatever the gateway says
        to that. An account may have been paid into meanwhile: it is looked at once more. Safe to repeat, so its intent is
        the payment.
        """
        question = PaymentQuery(snapshot.attempt.reference, snapshot.payment.amount, held.gateway_ref or snapshot.ref)
        try:
            said = "refused" if await gateway.void(question) else "accepted"
            if held.status is not GatewayStatus.AUTHORIZED:
                held = await gateway.fetch_payment(question)
                judged = judge(snapshot.payment, snapshot.attempt, held, now=self._now(), shows_unconfirmed=True)
                verdict = Wait("void_not_shown") if isinstance(judged, Capture | NotOurs) else judged
        except GatewayError as error:
            said = error.code
            if not (isinstance(verdict, Decide) and verdict.status is AttemptStatus.REJECTED):
                noted = await self._recorder.undecided(snapshot, said, context, is_asked=True)
                return noted and replace(noted, is_answered=False)
        held = replace(held, evidence=held.evidence | {"void": said})
        return await self._recorder.conclude(snapshot, verdict, held, context)

    def _may_repeat(self, attempt: Attempt) -> bool:
        """Whether confirm may be sent again: at the second due look or later, at least 20 s after a lost answer.

        A gateway that is merely slow has taken the money by then, and the look-up says so. Inferred: nobody documents how
        long a call may still be carried out after its connection has gone.
        """
        return attempt.is_due(self._now()) and attempt.lookup_attempts >= 1

    def _hints(self, payment: Payment, context: VerificationContext) -> dict[str, LookupHint]:
        """What a browser brought or a webhook points at, as each gateway reads it that this payment was tried at."""
        if context.announced is not None:
            return {context.announced.gateway: LookupHint(context.announced.gateway_ref, context.announced.reference)}
        gateways = [self._registry.get(name) for name in {attempt.gateway for attempt in payment.attempts}]
        return {
            gateway.name: gateway.parse_callback(context.brought) for gateway in gateways if gateway and context.brought
        }

    def _captures_blindly(self, snapshot: Snapshot) -> bool:
        """Whether this gateway shows nothing before confirm, and this attempt may be confirmed.

        With a one-time token the gateway knows a repeated confirm for what it is; elsewhere it is sent once.
        """
        payment, attempt = snapshot.payment, snapshot.attempt
        needs_token = Capability.CAPTURE_BY_TOKEN in snapshot.gateway.capabilities
        others = [a for a in payment.attempts if a.id != attempt.id]
        return (
            Capability.CAPTURE in snapshot.gateway.capabilities
            and not _shows_unconfirmed(snapshot.gateway)
            and (not needs_token or snapshot.token is not None)
            and (attempt.status is AttemptStatus.PENDING or (needs_token and attempt.status is AttemptStatus.UNKNOWN))
            and payment.status in PAYMENT_UNPAID
            and all(a.status is not AttemptStatus.UNKNOWN for a in others)
            and self._now() < payment.expires_at
        )

    async def _capture(
        self, snapshot: Snapshot, ref: str, held: GatewayPayment, context: VerificationContext
    ) -> VerificationResult | None:
        """Commit the intent, take the money, record the answer. Only the holder of the lease calls the gateway."""
        gateway, attempt = snapshot.gateway, snapshot.attempt
        assert isinstance(gateway, Capturing)
        now = self._now()
        context.lease = now + timedelta(seconds=self._settings.lease_s(2 * snapshot.gateway.deadline_s))
        intent = step(
            snapshot.payment,
            attempt,
            AttemptStatus.UNKNOWN,
            at=now,
            trigger=context.trigger,
            reason="confirm_repeated" if attempt.status is AttemptStatus.UNKNOWN else "confirm_requested",
            evidence={"gateway": held.evidence},
            gateway_ref=ref,
            lookup_attempts=0,
            busy_until=context.lease,
            next_check_at=context.lease,
        )
        try:
            if not await self._repository.apply(intent):
                return None
        except RefAlreadyClaimed:
            log.warning("foreign_reference", payment_id=snapshot.payment.public_id)
            return VerificationResult(snapshot.payment, is_decided=False, mismatch="order_id")
        snapshot = replace(snapshot, payment=intent.after, attempt=intent.attempt, ref=ref)
        try:
            answer = await gateway.capture(_capture_request(snapshot, ref))
        except GatewayError as error:
            return await self._recorder.undecided(snapshot, error.code, context, is_asked=True)
        if answer.failure is None:
            snapshot = replace(snapshot, attempt=replace(intent.attempt, capture_accepted_at=self._now()))
            if _shows_unconfirmed(snapshot.gateway):
                proof = replace(held, evidence=held.evidence | answer.evidence)
                verdict = Decide(AttemptStatus.CAPTURED, "confirmed")
                return await self._recorder.conclude(snapshot, verdict, proof, context)
        return await self._after_capture(snapshot, answer.failure, context)

    async def _after_capture(
        self, snapshot: Snapshot, failure: Failure | None, context: VerificationContext
    ) -> VerificationResult | None:
        """Look once more: after a blind yes to compare, after a no because an earlier confirm may have gone through."""
        gateway, payment, attempt = snapshot.gateway, snapshot.payment, snapshot.attempt
        try:
            held = await gateway.fetch_payment(PaymentQuery(attempt.reference, payment.amount, snapshot.ref))
        except GatewayError as error:
            return await self._recorder.undecided(snapshot, error.code, context, is_asked=True)
        verdict = judge(payment, attempt, held, now=self._now(), shows_unconfirmed=_shows_unconfirmed(gateway))
        if isinstance(verdict, NotOurs):
            took_money = held.status is GatewayStatus.CAPTURED or attempt.capture_accepted_at is not None
            mismatch = Failure("order_mismatch")
            verdict = Decide(AttemptStatus.REJECTED, "order_mismatch", mismatch, gives_back=took_money)
        elif failure is not None and held.status is not GatewayStatus.CAPTURED:
            verdict = Decide(AttemptStatus.FAILED, "declined", failure)
        if isinstance(verdict, Capture):
            return await self._recorder.undecided(snapshot, "not_confirmed_yet", context, is_asked=True)
        return await self._recorder.conclude(snapshot, verdict, held, context)


_SHOWS_MONEY = frozenset(
    {GatewayStatus.CAPTURED, GatewayStatus.REFUND_PENDING, GatewayStatus.CANCELED, GatewayStatus.STATUS_MISSING}
)


def _doubt_about(payment: Payment, attempt: Attempt, held: GatewayPayment) -> str | None:
    """Why nothing is concluded from a look-up of money that has moved, in a person's words; None when it can be believed."""
    is_kept = attempt.status is AttemptStatus.CAPTURED
    if held.status is GatewayStatus.UNRECOGNIZED:
        return UNKNOWN_STATUS
    if held.doubt is not None:
        return held.doubt
    if held.status not in _SHOWS_MONEY and (is_kept or payment.refunds_of(attempt.id)):
        return "the gateway no longer shows money that it took"
    if is_kept and held.amount not in {None, payment.amount}:
        return "the gateway shows another amount than it took"
    return None


def _stands_open(payment: Payment, attempt: Attempt, held: GatewayPayment, verdict: Wait | Decide) -> bool:
    """Whether something at the gateway may still take the buyer's money that we would only give back."""
    was_asked = attempt.capture_accepted_at is not None or (
        attempt.status is AttemptStatus.UNKNOWN and attempt.gateway_ref is not None
    )
    if held.status is GatewayStatus.AWAITING_DEPOSIT:
        return payment.status not in PAYMENT_UNPAID or isinstance(verdict, Wait)
    is_refused = isinstance(verdict, Decide) and verdict.status in {AttemptStatus.REJECTED, AttemptStatus.CANCELED}
    return held.status is GatewayStatus.AUTHORIZED and is_refused and not was_asked


def _capture_request(snapshot: Snapshot, ref: str) -> CaptureRequest:
    payment = snapshot.payment
    return CaptureRequest(
        reference=snapshot.attempt.reference,
        gateway_ref=ref,
        amount=payment.amount,
        tax=tax_of(payment),
        is_live=payment.mode == "live",
        token=snapshot.token,
    )


def _can_capture(snapshot: Snapshot) -> bool:
    needs_token = Capability.CAPTURE_BY_TOKEN in snapshot.gateway.capabilities
    return isinstance(snapshot.gateway, Capturing) and (snapshot.token is not None or not needs_token)


def _shows_unconfirmed(gateway: Gateway) -> bool:
    """Whether "absent" means that it is gone: a look-up answers before confirm, or there is no confirm to wait for."""
    capabilities = gateway.capabilities
    return Capability.LOOKUP_BEFORE_CAPTURE in capabilities or Capability.CAPTURE not in capabilities


def _pick(payment: Payment, attempt_id: UUID | None, hints: Mapping[str, LookupHint]) -> Attempt | None:
    """The attempt that a question is about; None when the payment is paid and nobody asked for a certain attempt."""
    if attempt_id is not None:
        return next((a for a in payment.attempts if a.id == attempt_id), None)
    for attempt in payment.attempts:
        hint = hints.get(attempt.gateway, LookupHint())
        if hint.reference == attempt.reference or (hint.gateway_ref and hint.gateway_ref == attempt.gateway_ref):
            return attempt
    if payment.status in PAYMENT_COLLECTED:
        return None
    undecided = [a for a in payment.attempts if a.is_undecided]
    return undecided[-1] if undecided else payment.last_attempt
