"""Writes what a verification concluded, or when to look again. Every write is one step, or one change of the schedule."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from app.domain.clock import Now
from app.domain.schedule import ASKED_IN_VAIN, LATE_MONEY, PUT_OFF_S, is_exhausted, next_look
from app.domain.states import ATTEMPT_UNDECIDED, PAYMENT_UNPAID, AttemptStatus, PaymentStatus
from app.gateways.port import Capability, Failure, Gateway, GatewayPayment
from app.ledger.model import Attempt, Payment
from app.ledger.repository import OrderAlreadyClaimed, PaymentRepository, RefAlreadyClaimed
from app.ledger.transitions import Trigger, kept_look, late_look, step
from app.logs import get_logger
from app.metrics import DECISIONS
from app.payments.refunding import MoneyBack
from app.settings import Settings
from app.verification.matching import Decide, NotOurs, Wait, applies

log = get_logger("verify")


@dataclass(frozen=True, slots=True)
class Announced:
    """What a webhook points at, in its gateway's words. A hint."""

    gateway: str
    reference: str | None = None
    gateway_ref: str | None = None


@dataclass(slots=True)
class VerificationContext:
    """One verification under way: who asks, about what, what was brought or announced, and the lease that it took."""

    trigger: Trigger
    store: str | None = None
    attempt_id: UUID | None = None
    brought: Mapping[str, str] = field(default_factory=dict)
    announced: Announced | None = None
    lease: datetime | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a round works on: the payment as it was read, and the gateway's reference to ask by, ours or only hinted."""

    gateway: Gateway
    payment: Payment
    attempt: Attempt
    ref: str | None
    token: str | None = None

    @property
    def is_hinted(self) -> bool:
        """Whether the reference is only what a browser brought."""
        return self.ref is not None and self.attempt.gateway_ref is None

    @property
    def stored(self) -> Attempt:
        """The attempt as the database has it."""
        return next(a for a in self.payment.attempts if a.id == self.attempt.id)


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """What a verification found. `mismatch` names what differs when the money, or the hint, was not ours.

    `is_answered` False: the gateway was not asked, or gave no answer; whatever brought this up is still to be looked into.
    """

    payment: Payment
    is_decided: bool
    mismatch: str | None = None
    is_answered: bool = True


class Recorder:
    """Turns verdicts into steps. A method that returns None wrote nothing, because the payment had moved meanwhile."""

    def __init__(self, repository: PaymentRepository, money_back: MoneyBack, settings: Settings, now: Now) -> None:
        self._repository = repository
        self._money_back = money_back
        self._settings = settings
        self._now = now

    async def conclude(
        self, snapshot: Snapshot, verdict: Wait | NotOurs | Decide, held: GatewayPayment, context: VerificationContext
    ) -> VerificationResult | None:
        """Write a verdict. What must go back is reserved in the same commit, and asked for at once."""
        payment, attempt = snapshot.payment, snapshot.attempt
        if isinstance(verdict, NotOurs):
            return await self._not_ours(snapshot, verdict, context)
        if isinstance(verdict, Wait) and not attempt.is_undecided:
            return await self.rest(snapshot, context, attention=verdict.attention)
        if isinstance(verdict, Wait):
            is_asked = snapshot.ref is not None
            return await self.undecided(
                snapshot, verdict.reason, context, is_asked=is_asked, attention=verdict.attention
            )
        if not applies(attempt, verdict):
            return await self.rest(snapshot, context)
        payment_to = _closing(payment, attempt) if verdict.expires_payment else None
        must_review = verdict.gives_back and Capability.REFUND not in snapshot.gateway.capabilities
        if must_review:
            payment_to = PaymentStatus.REVIEW
        decided = step(
            payment,
            attempt,
            verdict.status,
            at=self._now(),
            trigger=context.trigger,
            reason=verdict.reason,
            evidence={"gateway": held.evidence},
            payment_to=payment_to,
            attention="money must go back by hand" if must_review else None,
            late_money=self._late_money(snapshot.gateway),
            refund=self._money_back.owed(payment, attempt, held, verdict.reason) if verdict.gives_back else None,
            **self._fields(snapshot, verdict, held),
        )
        try:
            if not await self._repository.apply(decided):
                return None
        except OrderAlreadyClaimed:
            elsewhere = Failure("order_paid_elsewhere")
            late = Decide(AttemptStatus.REJECTED, "order_paid_elsewhere", elsewhere, gives_back=True)
            return await self.conclude(snapshot, late, held, context)
        except RefAlreadyClaimed:
            log.warning("foreign_reference", payment_id=payment.public_id)
            return await self._not_ours(snapshot, NotOurs("order_id"), context)
        DECISIONS.labels(attempt.gateway, verdict.status).inc()
        settled = decided.after
        if verdict.gives_back or (verdict.status is AttemptStatus.CAPTURED and (held.refunded or held.refunds)):
            followed = await self._money_back.follow(snapshot.gateway, settled, decided.attempt, held, context.trigger)
            settled = followed or settled
        return result_of(settled, attempt.id)

    async def undecided(
        self,
        snapshot: Snapshot,
        reason: str,
        context: VerificationContext,
        *,
        is_asked: bool,
        attention: str | None = None,
    ) -> VerificationResult | None:
        """Note when to look next, and give the lease back. A step only when there is news for a person, or a yes to keep.

        A look that was not due yet leaves the schedule as it is, or brings it forward; only due ones move it on.
        """
        payment, attempt, stored = snapshot.payment, snapshot.attempt, snapshot.stored
        log.info("undecided", gateway=attempt.gateway, payment_id=payment.public_id, reason=reason)
        if not attempt.is_undecided:
            await self._look_again_later(snapshot)
            return result_of(payment, attempt.id)
        fields = self._schedule(payment, attempt, is_asked=is_asked)
        if attempt.busy_until == context.lease:
            fields["busy_until"] = None  # ours to give back; the lease of another process stays
        is_unknown = attempt.status is AttemptStatus.UNKNOWN
        if is_unknown and attempt.lookup_attempts >= ASKED_IN_VAIN:
            attention = attention or payment.attention or "the gateway has not said for over an hour how it ended"
        in_vain = is_unknown and is_exhausted(attempt.lookup_attempts) and payment.status in PAYMENT_UNPAID
        is_news = in_vain or (attention is not None and attention != payment.attention)
        if is_news or stored.capture_accepted_at != attempt.capture_accepted_at:
            noted = step(
                payment,
                attempt,
                attempt.status,
                at=self._now(),
                trigger=context.trigger,
                reason=reason,
                evidence={},
                payment_to=PaymentStatus.REVIEW if in_vain else None,
                attention=attention,
                **fields,
            )
            return VerificationResult(noted.after, is_decided=False) if await self._repository.apply(noted) else None
        await self._reschedule(payment, stored, replace(stored, **fields))
        return VerificationResult(payment, is_decided=attempt.status is AttemptStatus.AWAITING_DEPOSIT)

    async def postpone(self, payment: Payment, attempt: Attempt) -> None:
        """Push a look away that cannot be made now, so that it does not stand in the way of others."""
        until = self._now() + timedelta(seconds=self._settings.seconds(PUT_OFF_S))
        await self._reschedule(payment, attempt, replace(attempt, next_check_at=until))

    async def _not_ours(
        self, snapshot: Snapshot, verdict: NotOurs, context: VerificationContext
    ) -> VerificationResult | None:
        """A hint that points elsewhere changes nothing of ours; our own reference pointing elsewhere needs a person."""
        payment = snapshot.payment
        log.warning("result_not_ours", payment_id=payment.public_id, mismatch=verdict.mismatch)
        if not snapshot.is_hinted:
            attention = "the gateway holds another order under our reference"
            if not snapshot.attempt.is_undecided:
                rested = await self.rest(snapshot, context, attention=attention)
                return rested and replace(rested, mismatch=verdict.mismatch)
            noted = await self.undecided(snapshot, "not_ours", context, is_asked=True, attention=attention)
            if noted is None:
                return None
            payment = noted.payment
        return VerificationResult(payment, is_decided=False, mismatch=verdict.mismatch)

    def _fields(self, snapshot: Snapshot, verdict: Decide, held: GatewayPayment) -> dict[str, Any]:
        """The attempt's columns that a verdict sets."""
        now = self._now()
        is_proven = held.reference == snapshot.attempt.reference
        ref = snapshot.attempt.gateway_ref or ((held.gateway_ref or snapshot.ref) if is_proven else None)
        if is_proven and verdict.status is AttemptStatus.CAPTURED:
            ref = held.gateway_ref or ref  # one reference may have several tries there; this one brought the money
        fields: dict[str, Any] = {"gateway_ref": ref, "busy_until": None}
        if verdict.failure is not None:
            fields["failure"] = msgspec.json.encode(verdict.failure).decode()
        if held.is_deposit is not None or verdict.status is AttemptStatus.AWAITING_DEPOSIT:
            fields["is_deposit"] = held.is_deposit is not False
        if verdict.status is AttemptStatus.CAPTURED:
            fields["next_check_at"] = kept_look(snapshot.payment, now, self._settings.time_scale)
        elif verdict.status in ATTEMPT_UNDECIDED:
            fields |= {"lookup_attempts": 0, "next_check_at": self._next_look(snapshot.payment, 0, is_asked=False)}
        return fields

    def _schedule(self, payment: Payment, attempt: Attempt, *, is_asked: bool) -> dict[str, Any]:
        if attempt.is_due(self._now()):
            look_at = self._next_look(payment, attempt.lookup_attempts, is_asked=is_asked)
            return {"lookup_attempts": attempt.lookup_attempts + 1, "next_check_at": look_at}
        sooner = self._next_look(payment, 0, is_asked=is_asked)
        if is_asked and attempt.next_check_at is not None and sooner < attempt.next_check_at:
            return {"lookup_attempts": 0, "next_check_at": sooner}
        return {}

    def _next_look(self, payment: Payment, lookup_attempts: int, *, is_asked: bool) -> datetime:
        """The schedule's next time; for a payment that can still expire, no later than its expiry."""
        now = self._now()
        look_at = next_look(now, lookup_attempts, returned=is_asked, time_scale=self._settings.time_scale)
        return min(look_at, payment.expires_at) if payment.expires_at > now else look_at

    async def rest(
        self, snapshot: Snapshot, context: VerificationContext, *, attention: str | None = None
    ) -> VerificationResult | None:
        """The attempt moves no more. An unpaid payment whose time is over expires now; news for a person is told."""
        payment, attempt = snapshot.payment, snapshot.attempt
        is_over = payment.status in PAYMENT_UNPAID and self._now() >= payment.expires_at
        if not attempt.is_undecided and is_over and _closing(payment, attempt) is PaymentStatus.EXPIRED:
            expired = step(
                payment,
                attempt,
                attempt.status,
                at=self._now(),
                trigger=context.trigger,
                reason="expired",
                evidence={},
                payment_to=PaymentStatus.EXPIRED,
                attention=attention,
                late_money=self._late_money(snapshot.gateway),
            )
            return result_of(expired.after, attempt.id) if await self._repository.apply(expired) else None
        if attempt.is_undecided:
            return await self.undecided(snapshot, "unchanged", context, is_asked=False)
        if attention is not None and attention != payment.attention:
            noted = step(
                payment,
                attempt,
                attempt.status,
                at=self._now(),
                trigger=context.trigger,
                reason="needs_attention",
                evidence={"attention": attention},
                attention=attention,
                late_money=self._late_money(snapshot.gateway),
            )
            return result_of(noted.after, attempt.id) if await self._repository.apply(noted) else None
        if attempt.is_due(self._now()):
            waits = payment.status in PAYMENT_UNPAID and not is_over
            look_at = payment.expires_at if waits else None
            if attempt.status is AttemptStatus.CAPTURED:
                look_at = kept_look(payment, self._now(), self._settings.time_scale)
            elif self._late_money(snapshot.gateway):
                look_at = late_look(payment, self._now(), self._settings.time_scale)
            await self._reschedule(payment, attempt, replace(attempt, next_check_at=look_at))
        return result_of(payment, attempt.id)

    def _late_money(self, gateway: Gateway) -> timedelta | None:
        """Set where the buyer's window alone moves money, so that it can come after we stopped waiting."""
        return None if Capability.CAPTURE in gateway.capabilities else LATE_MONEY / self._settings.time_scale

    async def _look_again_later(self, snapshot: Snapshot) -> None:
        """The last look at an ended attempt could not be made: try it again, do not skip it."""
        if snapshot.attempt.is_due(self._now()):
            await self.postpone(snapshot.payment, snapshot.stored)

    async def _reschedule(self, payment: Payment, before: Attempt, after: Attempt) -> None:
        if before != after:
            await self._repository.reschedule(payment.id, before, after)


def result_of(payment: Payment, attempt_id: UUID) -> VerificationResult:
    """What a payment's attempt says, once it is written."""
    attempt = next(a for a in payment.attempts if a.id == attempt_id)
    mismatch = None
    if attempt.status is AttemptStatus.REJECTED and attempt.failure:
        mismatch = msgspec.json.decode(attempt.failure, type=Failure).code
    is_decided = attempt.status not in ATTEMPT_UNDECIDED or attempt.status is AttemptStatus.AWAITING_DEPOSIT
    return VerificationResult(payment, is_decided, mismatch)


def _closing(payment: Payment, attempt: Attempt) -> PaymentStatus | None:
    """Expired, unless another attempt of an unpaid payment may still bring money."""
    others = any(a.id != attempt.id and a.status in ATTEMPT_UNDECIDED for a in payment.attempts)
    return PaymentStatus.EXPIRED if payment.status in PAYMENT_UNPAID and not others else None
