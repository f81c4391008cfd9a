"""What a look leads to, written: a verdict's step, another time to look, or a person who is called.

A change is written only if the payment is still as it was read. None says that it had moved: it is to be read and matched again.
Docs: docs/decisions/0002-one-writer-by-version.md.
"""

from dataclasses import replace
from functools import partial
from uuid import UUID

from app.db.insist import insist
from app.domain.attention import Attention
from app.domain.clock import Now
from app.domain.errors import GatewayError, GatewayUnavailable
from app.domain.states import AttemptStatus
from app.gateways.values import Failure, GatewayPayment
from app.ledger.model import Attempt, Payment
from app.ledger.repository import OrderAlreadyClaimed, PaymentRepository, RefAlreadyClaimed
from app.ledger.transitions import Step
from app.logs import get_logger
from app.metrics import DECISIONS
from app.settings import Settings
from app.verification.context import Snapshot, VerificationContext, VerificationResult, result_of
from app.verification.decisions import (
    Change,
    Rules,
    at_rest,
    decided,
    expired_unanswered,
    rules_of,
    tells_account,
    unasked,
    undecided,
    unheard,
)
from app.verification.matching import Decide, NotOurs, Wait

log = get_logger("verify")


class Outcomes:
    """Writes what looks lead to. Safe to share; holds no state."""

    def __init__(self, repository: PaymentRepository, settings: Settings, now: Now) -> None:
        self._repository = repository
        self._settings = settings
        self._now = now

    async def conclude(
        self,
        snapshot: Snapshot,
        verdict: Wait | NotOurs | Decide,
        fetched: GatewayPayment,
        context: VerificationContext,
    ) -> VerificationResult | None:
        """Write a verdict. None: the payment had moved, and nothing was written."""
        attempt = snapshot.attempt
        if isinstance(verdict, NotOurs):
            return await self._not_ours(snapshot, verdict, context)
        if isinstance(verdict, Wait):
            if not attempt.is_undecided:
                return await self.rest(snapshot, context, verdict)
            is_asked = snapshot.ref is not None
            return await self.undecided(snapshot, verdict, context, is_asked=is_asked)
        if not (verdict.moves(attempt) or tells_account(attempt, verdict, fetched)):
            return await self.rest(snapshot, context)
        made = decided(snapshot, verdict, fetched, context.trigger, self._rules())
        try:
            # Where the gateway was asked for the money, this is its word, which must not be lost.
            if not await insist(partial(self._repository.apply, made), context.lease, self._now):
                return None
        except OrderAlreadyClaimed:
            elsewhere = Failure("order_paid_elsewhere")
            late = Decide(AttemptStatus.REJECTED, "order_paid_elsewhere", elsewhere, must_refund=True)
            return await self.conclude(snapshot, late, fetched, context)
        except RefAlreadyClaimed:
            log.warning("foreign_reference", payment_id=snapshot.payment.public_id)
            return await self._not_ours(snapshot, NotOurs("order_id"), context)
        DECISIONS.labels(attempt.gateway, verdict.status).inc()
        was_refunded = verdict.status is AttemptStatus.CAPTURED and (fetched.refunded_minor or fetched.refunds)
        return result_of(made.after, attempt.id, fetched if verdict.must_refund or was_refunded else None)

    async def _not_ours(
        self, snapshot: Snapshot, verdict: NotOurs, context: VerificationContext
    ) -> VerificationResult | None:
        """Change nothing for a hint to another order; call a person when our own reference leads to one."""
        log.warning("result_not_ours", payment_id=snapshot.payment.public_id, mismatch=verdict.mismatch)
        if snapshot.is_hinted:
            return VerificationResult(snapshot.payment, is_decided=False, mismatch=verdict.mismatch)
        told = Wait("not_ours", attention=Attention.FOREIGN_ORDER)
        if not snapshot.attempt.is_undecided:
            rested = await self.rest(snapshot, context, told)
            return rested and replace(rested, mismatch=verdict.mismatch)
        noted = await self.undecided(snapshot, told, context, is_asked=True)
        return noted and VerificationResult(noted.payment, is_decided=False, mismatch=verdict.mismatch)

    async def unanswered(
        self, snapshot: Snapshot, error: GatewayError, context: VerificationContext, *, is_asked: bool
    ) -> VerificationResult | None:
        """Postpone an attempt whose gateway gave no answer; a person is called once that has lasted (law 4)."""
        wait = Wait(error.code, attention=Attention.GATEWAY_SILENT)
        noted = await self._postponed(
            snapshot.payment, snapshot.attempt, wait, context, is_asked=is_asked, is_answered=False
        )
        return noted and replace(noted, is_answered=False)

    async def broke(
        self, payment_id: UUID, attempt_id: UUID, context: VerificationContext
    ) -> VerificationResult | None:
        """Postpone an attempt whose look raised what none should: it counts as one that was not answered."""
        payment = await self._repository.load(payment_id)
        wait = Wait("look_broke", attention=Attention.LOOK_BROKE)
        attempt = payment.attempt(attempt_id)
        noted = await self._postponed(payment, attempt, wait, context, is_asked=False, is_answered=False)
        return noted and replace(noted, is_answered=False)

    async def unasked(
        self, payment: Payment, attempt: Attempt, cause: Attention, context: VerificationContext
    ) -> VerificationResult | None:
        """Postpone an attempt that nobody here can ask about. Raises GatewayUnavailable to whoever waits for an answer."""
        log.error("not_asked", gateway=attempt.gateway, payment_id=payment.public_id, cause=cause)
        wait = Wait(cause, attention=cause)
        noted = await self._postponed(payment, attempt, wait, context, is_asked=False, is_answered=False)
        if noted is None or context.trigger == "sweep":
            return noted and replace(noted, is_answered=False)
        raise GatewayUnavailable(gateway=attempt.gateway, payment_id=payment.public_id)

    async def undecided(
        self, snapshot: Snapshot, wait: Wait, context: VerificationContext, *, is_asked: bool
    ) -> VerificationResult | None:
        """Postpone an attempt after an answer that decided nothing."""
        return await self._postponed(
            snapshot.payment, snapshot.attempt, wait, context, is_asked=is_asked, is_answered=True
        )

    async def _postponed(
        self,
        payment: Payment,
        attempt: Attempt,
        wait: Wait,
        context: VerificationContext,
        *,
        is_asked: bool,
        is_answered: bool,
    ) -> VerificationResult | None:
        """Postpone an attempt. An ended one whose last look could not be made is looked at later, not skipped."""
        log.info("undecided", gateway=attempt.gateway, payment_id=payment.public_id, reason=wait.reason)
        rules, stored = self._rules(), payment.attempt(attempt.id)
        if not attempt.is_undecided:
            is_wanted = context.trigger == "webhook" and not is_answered and stored.unanswered_since is None
            # A webhook's news is not forgotten with it.
            later = unasked(payment, stored, rules) if attempt.is_due(rules.now) or is_wanted else stored
            calls = context.is_news and not is_answered
            called = unheard(payment, later, wait, context.trigger, rules) if calls else None
            made = called or expired_unanswered(payment, later, context.trigger, rules)
            rested = await self._write(payment, stored, made or later)
            return None if rested is None else result_of(rested, attempt.id)
        change = undecided(payment, attempt, wait, context, rules, is_asked=is_asked, is_answered=is_answered)
        written = await self._write(payment, stored, change)
        if written is None:
            return None
        is_waiting = attempt.status is AttemptStatus.AWAITING_DEPOSIT and not isinstance(change, Step)
        return VerificationResult(written, is_decided=is_waiting, attempt_id=attempt.id)

    async def rest(
        self, snapshot: Snapshot, context: VerificationContext, wait: Wait | None = None
    ) -> VerificationResult | None:
        """The attempt moves no more, or not yet. What its payment's time and its own schedule ask for is written."""
        if snapshot.attempt.is_undecided:
            return await self.undecided(snapshot, Wait("unchanged"), context, is_asked=False)
        change = at_rest(snapshot, context.trigger, self._rules(), wait)
        written = await self._write(snapshot.payment, snapshot.stored, change)
        return None if written is None else result_of(written, snapshot.attempt.id)

    async def _write(self, payment: Payment, stored: Attempt, change: Change) -> Payment | None:
        """The payment once a change is stored; None when it had moved, and nothing was written."""
        if isinstance(change, Step):
            return change.after if await self._repository.apply(change) else None
        if change is not None and change != stored:
            await self._repository.reschedule(payment.id, stored, change)
        return payment

    def _rules(self) -> Rules:
        return rules_of(self._settings, self._now())
