"""verify(attempt): fetch → match → transition → event. The one road to a status, whatever triggers it.

No connection or lock is held while the gateway is asked. What was decided on a snapshot is written only if the payment is
still as it was read; otherwise it is read and matched again. Docs: docs/decisions/0002-one-writer-by-version.md.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from time import monotonic
from uuid import UUID

import asyncpg

from app.db.insist import insist
from app.domain.attention import Attention
from app.domain.clock import Now
from app.domain.errors import GatewayError, IllegalTransition
from app.domain.schedule import BUSY_PAUSE_S, BUSY_POLL_S
from app.domain.states import PAYMENT_COLLECTED, AttemptStatus
from app.gateways.port import Capturing, Gateway, Voiding
from app.gateways.registry import Registry
from app.gateways.values import Capability, Failure, GatewayPayment, GatewayStatus, LookupHint
from app.ledger.model import Attempt, Payment
from app.ledger.repository import PaymentRepository, RefAlreadyClaimed
from app.ledger.transitions import Trigger, step
from app.logs import get_logger
from app.metrics import LOOK_UPS
from app.settings import Settings
from app.verification.capture import (
    can_capture,
    capture_request,
    may_capture_now,
    may_capture_unseen,
    must_void,
    shows_our_uncaptured,
    shows_uncaptured,
)
from app.verification.context import Snapshot, VerificationContext, VerificationResult, result_of
from app.verification.flights import Flights
from app.verification.gateway_log import GatewayLog
from app.verification.matching import Capture, Decide, NotOurs, Verdict, Wait, match_payment
from app.verification.outcomes import Outcomes

MAX_ROUNDS = 20
"""How often one verification reads the payment again because somebody else moved it first."""

BROKEN: tuple[type[Exception], ...] = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    IllegalTransition,
    asyncpg.CheckViolationError,
    asyncpg.DataError,
    asyncpg.ProgramLimitExceededError,
)
"""What no look should raise, and none may end with: a fault of ours, or a value of the gateway's that no column takes."""

SAYS_UNTAKEN = frozenset(
    {
        GatewayStatus.ABSENT,
        GatewayStatus.PENDING,
        GatewayStatus.AUTHORIZED,
        GatewayStatus.FAILED,
        GatewayStatus.CANCELED,
    }
)
"""Words of a look-up after a refused capture that agree with the refusal."""

log = get_logger("verify")


class Verifier:
    """Verifies attempts. Safe to call concurrently: for one attempt, one of the callers does the work."""

    def __init__(
        self,
        repository: PaymentRepository,
        registry: Registry,
        gateway_log: GatewayLog,
        settings: Settings,
        now: Now,
    ) -> None:
        self._repository = repository
        self._registry = registry
        self._gateway_log = gateway_log
        self._settings = settings
        self._now = now
        self._flights = Flights()
        self._outcomes = Outcomes(repository, settings, now)

    async def verify(self, payment_id: UUID, context: VerificationContext) -> VerificationResult:
        """Ask the gateway about an attempt and store what it says. Safe to repeat, each time with a context of its own.

        Where money of the attempt has moved, the result carries what was fetched: the caller has its refunds processed and
        then calls `rest`. Raises NotFound, or GatewayUnavailable when the attempt's gateway is not configured here.
        """
        with self._gateway_log.keeping(payment_id):
            return await self._verify(payment_id, context)

    async def rest(self, payment: Payment, attempt_id: UUID, trigger: Trigger, looked_at: datetime) -> Payment:
        """Move an attempt's time on once all that its look-up showed is stored, and return the payment.

        Not before that: whoever dies in between leaves it due. Where the payment has moved meanwhile, it stays due as well.
        """
        attempt = payment.attempt(attempt_id)
        gateway = self._registry.named(attempt.gateway)
        snapshot = Snapshot(gateway, payment, attempt, ref=attempt.gateway_ref, looked_at=looked_at)
        # The look itself may have called a person.
        is_over = payment.attention is not None and payment.attention.is_silence  # it has just answered
        called = Wait("answered", attention=None if is_over else payment.attention)
        rested = await self._outcomes.rest(snapshot, VerificationContext(trigger), called)
        return rested.payment if rested else payment

    async def _verify(self, payment_id: UUID, context: VerificationContext) -> VerificationResult:
        payment, attempt, hint = await self._read(payment_id, context)
        if attempt is None:
            return VerificationResult(payment, is_decided=True)

        async def ask(has_waited: bool) -> VerificationResult:
            return await self._looked(payment_id, context, None if has_waited else (payment, attempt, hint))

        # A webhook's look is one that began after it came (law 16).
        result = await self._flights.look(
            attempt.id,
            hint,
            ask,
            shares=context.trigger != "webhook",
            patience_s=self._settings.confirm_wait_s,
            has_returned=context.has_returned and attempt.returned_at is None,
        )
        return result or VerificationResult(payment, is_decided=False, is_answered=False)

    async def _read(self, payment_id: UUID, context: VerificationContext) -> tuple[Payment, Attempt | None, LookupHint]:
        """The payment, which of its attempts is meant, and what that one's gateway reads in the hints."""
        payment = await self._repository.load(payment_id, context.store)
        hints = self._hints(payment, context)
        attempt = _pick(payment, context.attempt_id, hints)
        return payment, attempt, hints.get(attempt.gateway, LookupHint()) if attempt else LookupHint()

    async def _looked(
        self,
        payment_id: UUID,
        context: VerificationContext,
        read: tuple[Payment, Attempt | None, LookupHint] | None,
    ) -> VerificationResult:
        """Look, and read and look again while others move the payment. `read`: what was just read of it."""
        patience = monotonic() + self._settings.confirm_wait_s
        rounds, pause_s = 0, BUSY_POLL_S
        while True:
            payment, attempt, hint = read or await self._read(payment_id, context)
            read = None
            if attempt is None:
                return VerificationResult(payment, is_decided=True)
            if attempt.is_busy(self._now()) and attempt.busy_until != context.lease:
                if monotonic() > patience:
                    return VerificationResult(payment, is_decided=False, is_answered=False)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, BUSY_PAUSE_S)
                continue
            try:
                result = await self._round(payment, attempt, hint, context)
            except BROKEN:
                log.exception("look_broke", gateway=attempt.gateway, payment_id=payment.public_id)
                result = await self._outcomes.broke(payment_id, attempt.id, context)
            rounds += 1
            if result is not None:
                return result
            if rounds == MAX_ROUNDS:
                return VerificationResult(payment, is_decided=False, is_answered=False)

    async def _round(
        self, payment: Payment, attempt: Attempt, hint: LookupHint, context: VerificationContext
    ) -> VerificationResult | None:
        """Fetch, match, and write what follows. None: the payment moved under us, read it again."""
        gateway = self._registry.holding(attempt.gateway, attempt.account)
        if gateway is None:
            # What another account knows says nothing about this attempt, least of all that there is none.
            is_missing = self._registry.get(attempt.gateway) is None
            cause = Attention.GATEWAY_MISSING if is_missing else Attention.ACCOUNT_CHANGED
            return await self._outcomes.unasked(payment, attempt, cause, context)
        attempt = _returned(attempt, context, self._now())
        ref = attempt.gateway_ref or hint.gateway_ref
        snapshot = Snapshot(gateway, payment, attempt, ref=ref, looked_at=self._now(), token=hint.token)
        may_capture = may_capture_unseen(snapshot, self._now())
        by_token = Capability.CAPTURE_BY_TOKEN in gateway.capabilities
        if may_capture and by_token and not snapshot.is_hinted:
            return await self._capture(snapshot, GatewayPayment(GatewayStatus.STATUS_MISSING), context)
        try:
            LOOK_UPS.labels(gateway.name, context.trigger).inc()
            fetched = await gateway.fetch_payment(snapshot.query)
            is_unseen = fetched.status is GatewayStatus.ABSENT and not by_token
            if may_capture and (is_unseen or shows_our_uncaptured(snapshot, fetched)):
                return await self._capture(snapshot, fetched, context)
            if fetched.status is GatewayStatus.ABSENT and snapshot.is_hinted:
                # A hint that the gateway does not know says nothing about our attempt.
                snapshot = replace(snapshot, ref=None)
                fetched = await gateway.fetch_payment(snapshot.query)
        except GatewayError as error:
            return await self._outcomes.unanswered(snapshot, error, context, is_asked=snapshot.ref is not None)
        # The reference came back with the answer: an older attempt of the same payment may be the one that was paid.
        found = next((a for a in payment.attempts if a.reference == fetched.reference), attempt)
        found = _returned(found, context, self._now())
        snapshot = replace(snapshot, attempt=found)
        if found.status in {AttemptStatus.CAPTURED, AttemptStatus.REJECTED}:
            # Its money has moved: how much of it is kept is what its refunds say. Only then does its own time move on.
            return replace(result_of(payment, found.id, fetched), looked_at=snapshot.looked_at)
        verdict = self._match(snapshot, fetched)
        if (
            isinstance(verdict, Wait | Decide)
            and isinstance(gateway, Voiding)
            and must_void(payment, found, fetched, verdict)
        ):
            return await self._void(snapshot, gateway, fetched, verdict, context)
        if isinstance(verdict, Capture) and not can_capture(snapshot):
            verdict = Wait("cannot_confirm", attention=Attention.CANNOT_CAPTURE)
        if isinstance(verdict, Capture):
            # Not by a name that only a callback knows: it would be bound here, and may be another payment's.
            ref = fetched.gateway_ref or found.gateway_ref
            if ref is None or not may_capture_now(found, self._now()):
                return await self._outcomes.undecided(
                    snapshot, Wait("not_confirmed_yet"), context, is_asked=snapshot.ref is not None
                )
            return await self._capture(replace(snapshot, ref=ref), fetched, context)
        return await self._outcomes.conclude(snapshot, verdict, fetched, context)

    async def _capture(
        self, snapshot: Snapshot, fetched: GatewayPayment, context: VerificationContext
    ) -> VerificationResult | None:
        """Commit the intent, take the money, record the answer. Only the holder of the lease calls the gateway."""
        gateway, attempt, ref = snapshot.gateway, snapshot.attempt, snapshot.ref
        assert isinstance(gateway, Capturing)
        assert ref is not None
        now = self._now()
        context.lease = now + timedelta(seconds=self._settings.lease_s(2 * snapshot.gateway.deadline_s))
        intent = step(
            snapshot.payment,
            attempt,
            AttemptStatus.UNKNOWN,
            at=now,
            trigger=context.trigger,
            reason="confirm_repeated" if attempt.status is AttemptStatus.UNKNOWN else "confirm_requested",
            evidence={"gateway": fetched.evidence},
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
        snapshot = replace(snapshot, payment=intent.after, attempt=intent.attempt)
        try:
            answer = await gateway.capture(capture_request(snapshot, ref))
        except GatewayError as error:
            return await self._outcomes.undecided(snapshot, Wait(error.code), context, is_asked=True)
        if answer.failure is None:
            snapshot = replace(snapshot, attempt=replace(intent.attempt, capture_accepted_at=self._now()))
            concluded = None
            try:
                if shows_uncaptured(snapshot.gateway):
                    proof = replace(fetched, evidence=fetched.evidence | answer.evidence)
                    verdict = Decide(AttemptStatus.CAPTURED, "confirmed")
                    concluded = await self._outcomes.conclude(snapshot, verdict, proof, context)
                else:
                    concluded = await self._after_capture(snapshot, None, context)
            finally:
                if concluded is None:  # the payment moved, or what followed the yes broke
                    await insist(lambda: self._keep_yes(snapshot, context), context.lease, self._now)
            return concluded
        return await self._after_capture(snapshot, answer.failure, context)

    async def _keep_yes(self, snapshot: Snapshot, context: VerificationContext) -> None:
        """Store that the gateway said yes, on the payment that moved at that instant, or that a person closed. Without it a later
        look could conclude that nobody was ever asked. What follows of it is matched again."""
        said_at = snapshot.attempt.capture_accepted_at
        for _ in range(MAX_ROUNDS):
            payment = await self._repository.load(snapshot.payment.id)
            attempt = payment.attempt(snapshot.attempt.id)
            has_moved = attempt.status in {AttemptStatus.CAPTURED, AttemptStatus.REJECTED}
            if has_moved or attempt.capture_accepted_at is not None:
                return
            kept = step(
                payment,
                attempt,
                attempt.status,
                at=self._now(),
                trigger=context.trigger,
                reason="confirm_accepted",
                evidence={},
                attention=payment.attention,
                capture_accepted_at=said_at,
                next_check_at=attempt.next_check_at,
            )
            if await self._repository.apply(kept):
                return
        log.error("confirm_not_kept", payment_id=snapshot.payment.public_id)

    async def _after_capture(
        self, snapshot: Snapshot, failure: Failure | None, context: VerificationContext
    ) -> VerificationResult | None:
        """Fetch after a capture: to match what was accepted unseen, or because an earlier capture may have gone through."""
        try:
            fetched = await snapshot.gateway.fetch_payment(snapshot.query)
        except GatewayError as error:
            return await self._outcomes.undecided(snapshot, Wait(error.code), context, is_asked=True)
        verdict = self._match(snapshot, fetched)
        if isinstance(verdict, NotOurs) and failure is None:
            # Another order's, which no look-up showed before: not ours to keep, and not ours to refund (law 13).
            mismatch = Failure("order_mismatch")
            foreign = Attention.FOREIGN_ORDER
            verdict = Decide(AttemptStatus.REJECTED, "order_mismatch", mismatch, must_review=True, attention=foreign)
        elif isinstance(verdict, NotOurs):
            # An explicit no took nothing. What the browser named is not ours, and is not looked at any more.
            snapshot = replace(snapshot, attempt=replace(snapshot.attempt, gateway_ref=None), ref=None)
            verdict = Decide(AttemptStatus.FAILED, "declined", failure)
        elif failure is not None and fetched.status in SAYS_UNTAKEN and fetched.doubt is None:
            # Of what the look-up says to be under way, or says in no word that we know, a no is no end (law 4).
            verdict = Decide(AttemptStatus.FAILED, "declined", failure)
        if isinstance(verdict, Capture):
            return await self._outcomes.undecided(snapshot, Wait("not_confirmed_yet"), context, is_asked=True)
        return await self._outcomes.conclude(snapshot, verdict, fetched, context)

    async def _void(
        self,
        snapshot: Snapshot,
        gateway: Voiding,
        fetched: GatewayPayment,
        verdict: Wait | Decide,
        context: VerificationContext,
    ) -> VerificationResult | None:
        """Void what stands open at the gateway. Without an answer it is tried again.

        What waits for our capture can move no money without us, so a verdict on wrong money stands whatever the gateway
        says to that. An account may have been paid into meanwhile: it is looked at once more. Safe to repeat, so its
        intent is the payment.
        """
        snapshot = replace(snapshot, ref=fetched.gateway_ref or snapshot.ref)
        try:
            said = "refused" if await gateway.void(snapshot.query) else "accepted"
            if fetched.status is not GatewayStatus.AUTHORIZED:
                fetched = await snapshot.gateway.fetch_payment(snapshot.query)
                matched = self._match(snapshot, fetched, shows=True)
                verdict = Wait("void_not_shown") if isinstance(matched, Capture | NotOurs) else matched
                if said == "refused" and isinstance(verdict, Decide) and verdict.reason == "deposit_expired":
                    verdict = replace(verdict, attention=Attention.DEPOSIT_NOT_CLOSED)
        except GatewayError as error:
            said = error.code
            if not (isinstance(verdict, Decide) and verdict.status is AttemptStatus.REJECTED):
                return await self._outcomes.unanswered(snapshot, error, context, is_asked=True)
        fetched = replace(fetched, evidence=fetched.evidence | {"void": said})
        return await self._outcomes.conclude(snapshot, verdict, fetched, context)

    def _match(self, snapshot: Snapshot, fetched: GatewayPayment, *, shows: bool | None = None) -> Verdict:
        shows = shows_uncaptured(snapshot.gateway) if shows is None else shows
        return match_payment(
            snapshot.payment,
            snapshot.attempt,
            fetched,
            now=self._now(),
            shows_unconfirmed=shows,
            proves=snapshot.gateway.proves,
        )

    def _hints(self, payment: Payment, context: VerificationContext) -> dict[str, LookupHint]:
        """What a callback or a webhook points at, as each gateway reads it that this payment was tried at."""
        if context.webhook is not None:
            return dict([context.webhook])
        gateways: list[Gateway | None] = [self._registry.get(name) for name in {a.gateway for a in payment.attempts}]
        return {each.name: each.parse_callback(context.callback) for each in gateways if each and context.callback}


def _returned(attempt: Attempt, context: VerificationContext, now: datetime) -> Attempt:
    """The attempt with the moment at which its buyer came back, where that is news."""
    is_news = context.has_returned and attempt.is_undecided and attempt.returned_at is None
    return replace(attempt, returned_at=now) if is_news else attempt


def _pick(payment: Payment, attempt_id: UUID | None, hints: Mapping[str, LookupHint]) -> Attempt | None:
    """The attempt that is asked about; None when the payment is paid and nobody asked for a certain attempt."""
    if attempt_id is not None:
        return next((a for a in payment.attempts if a.id == attempt_id), None)
    for attempt in payment.attempts:
        hint = hints.get(attempt.gateway, LookupHint())
        if hint.reference == attempt.reference or (hint.gateway_ref and hint.gateway_ref == attempt.gateway_ref):
            return attempt
    if payment.status in PAYMENT_COLLECTED:
        return None
    undecided_ones = [a for a in payment.attempts if a.is_undecided]
    # What came back is the newest one's that can read it: a signature of one gateway is nothing to another.
    meant = [a for a in undecided_ones if hints.get(a.gateway, LookupHint()) != LookupHint()] or undecided_ones
    return meant[-1] if meant else payment.last_attempt
