"""Writes what a verification concluded, or when to look again. Every write is one step, or one change of the schedule."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from app.domain.clock import ASK_AGAIN, Now, is_exhausted, next_look
from app.domain.states import ATTEMPT_UNDECIDED, PAYMENT_UNPAID, AttemptStatus, PaymentStatus
from app.gateways.port import Capability, Failure, Gateway, GatewayPayment
from app.ledger.model import Attempt, Payment
from app.ledger.repository import OrderAlreadyClaimed, PaymentRepository, RefAlreadyClaimed
from app.ledger.transitions import LATE_MONEY, Cause, kept_look, late_look, step
from app.logs import get_logger
from app.metrics import DECISIONS
from app.payments.refunding import MoneyBack
from app.settings import Settings
from app.verification.matching import Decide, NotOurs, Wait, applies

POSTPONE_S = 300.0

ASKED_IN_VAIN = len(ASK_AGAIN)
"""Looks at an unknown attempt after which a person is called (law 4: the schedule ends at a person)."""

log = get_logger("verify")


@dataclass(frozen=True, slots=True)
class Announced:
    """What a webhook points at, in its gateway's words. A hint."""

    gateway: str
    reference: str | None = None
    gateway_ref: str | None = None


@dataclass(slots=True)
class Inquiry:
    """One verification under way: who asks, about what, what was brought or announced, and the lease that it took."""

    cause: Cause
    store: str | None = None
    attempt_id: UUID | None = None
    brought: Mapping[str, str] = field(default_factory=dict)
    announced: Announced | None = None
    lease: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reading:
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
class Outcome:
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
        self, reading: Reading, verdict: Wait | NotOurs | Decide, held: GatewayPayment, inquiry: Inquiry
    ) -> Outcome | None:
        """Write a verdict. What must go back is reserved in the same commit, and asked for at once."""
        payment, attempt = reading.payment, reading.attempt
        if isinstance(verdict, NotOurs):
            return await self._not_ours(reading, verdict, inquiry)
        if isinstance(verdict, Wait) and not attempt.is_undecided:
            return await self.rest(reading, inquiry, attention=verdict.attention)
        if isinstance(verdict, Wait):
            is_asked = reading.ref is not None
            return await self.undecided(
                reading, verdict.reason, inquiry, is_asked=is_asked, attention=verdict.attention
            )
        if not applies(attempt, verdict):
            return await self.rest(reading, inquiry)
        payment_to = _closing(payment, attempt) if verdict.expires_payment else None
        must_review = verdict.gives_back and Capability.REFUND not in reading.gateway.capabilities
        if must_review:
            payment_to = PaymentStatus.REVIEW
        decided = step(
            payment,
            attempt,
            verdict.status,
            at=self._now(),
            cause=inquiry.cause,
            reason=verdict.reason,
            evidence={"gateway": held.evidence},
            payment_to=payment_to,
            attention="money must go back by hand" if must_review else None,
            late_money=self._late_money(reading.gateway),
            refund=self._money_back.owed(payment, attempt, held, verdict.reason) if verdict.gives_back else None,
            **self._fields(reading, verdict, held),
        )
        try:
            if not await self._repository.apply(decided):
                return None
        except OrderAlreadyClaimed:
            elsewhere = Failure("order_paid_elsewhere")
            late = Decide(AttemptStatus.REJECTED, "order_paid_elsewhere", elsewhere, gives_back=True)
            return await self.conclude(reading, late, held, inquiry)
        except RefAlreadyClaimed:
            log.warning("foreign_reference", payment_id=payment.public_id)
            return await self._not_ours(reading, NotOurs("order_id"), inquiry)
        DECISIONS.labels(attempt.gateway, verdict.status).inc()
        settled = decided.after
        if verdict.gives_back or (verdict.status is AttemptStatus.CAPTURED and (held.refunded or held.refunds)):
            followed = await self._money_back.follow(reading.gateway, settled, decided.attempt, held, inquiry.cause)
            settled = followed or settled
        return outcome_of(settled, attempt.id)

    async def undecided(
        self, reading: Reading, reason: str, inquiry: Inquiry, *, is_asked: bool, attention: str | None = None
    ) -> Outcome | None:
        """Note when to look next, and give the lease back. A step only when there is news for a person, or a yes to keep.

        A look that was not due yet leaves the schedule as it is, or brings it forward; only due ones move it on.
        """
        payment, attempt, stored = reading.payment, reading.attempt, reading.stored
        log.info("undecided", gateway=attempt.gateway, payment_id=payment.public_id, reason=reason)
        if not attempt.is_undecided:
            await self._look_again_later(reading)
            return outcome_of(payment, attempt.id)
        fields = self._schedule(payment, attempt, is_asked=is_asked)
        if attempt.busy_until == inquiry.lease:
            fields["busy_until"] = None  # ours to give back; the lease of another process stays
        is_unknown = attempt.status is AttemptStatus.UNKNOWN
        if is_unknown and attempt.checks >= ASKED_IN_VAIN:
            attention = attention or payment.attention or "the gateway has not said for over an hour how it ended"
        in_vain = is_unknown and is_exhausted(attempt.checks) and payment.status in PAYMENT_UNPAID
        is_news = in_vain or (attention is not None and attention != payment.attention)
        if is_news or stored.capture_accepted_at != attempt.capture_accepted_at:
            noted = step(
                payment,
                attempt,
                attempt.status,
                at=self._now(),
                cause=inquiry.cause,
                reason=reason,
                evidence={},
                payment_to=PaymentStatus.REVIEW if in_vain else None,
                attention=attention,
                **fields,
            )
            return Outcome(noted.after, is_decided=False) if await self._repository.apply(noted) else None
        await self._reschedule(payment, stored, replace(stored, **fields))
        return Outcome(payment, is_decided=attempt.status is AttemptStatus.AWAITING_DEPOSIT)

    async def postpone(self, payment: Payment, attempt: Attempt) -> None:
        """Push a look away that cannot be made now, so that it does not stand in the way of others."""
        until = self._now() + timedelta(seconds=self._settings.seconds(POSTPONE_S))
        await self._reschedule(payment, attempt, replace(attempt, next_check_at=until))

    async def _not_ours(self, reading: Reading, verdict: NotOurs, inquiry: Inquiry) -> Outcome | None:
        """A hint that points elsewhere changes nothing of ours; our own reference pointing elsewhere needs a person."""
        payment = reading.payment
        log.warning("result_not_ours", payment_id=payment.public_id, mismatch=verdict.mismatch)
        if not reading.is_hinted:
            attention = "the gateway holds another order under our reference"
            if not reading.attempt.is_undecided:
                rested = await self.rest(reading, inquiry, attention=attention)
                return rested and replace(rested, mismatch=verdict.mismatch)
            noted = await self.undecided(reading, "not_ours", inquiry, is_asked=True, attention=attention)
            if noted is None:
                return None
            payment = noted.payment
        return Outcome(payment, is_decided=False, mismatch=verdict.mismatch)

    def _fields(self, reading: Reading, verdict: Decide, held: GatewayPayment) -> dict[str, Any]:
        """The attempt's columns that a verdict sets."""
        now = self._now()
        is_proven = held.reference == reading.attempt.reference
        ref = reading.attempt.gateway_ref or ((held.gateway_ref or reading.ref) if is_proven else None)
        if is_proven and verdict.status is AttemptStatus.CAPTURED:
            ref = held.gateway_ref or ref  # one reference may have several tries there; this one brought the money
        fields: dict[str, Any] = {"gateway_ref": ref, "busy_until": None}
        if verdict.failure is not None:
            fields["failure"] = msgspec.json.encode(verdict.failure).decode()
        if held.is_deposit is not None or verdict.status is AttemptStatus.AWAITING_DEPOSIT:
            fields["is_deposit"] = held.is_deposit is not False
        if verdict.status is AttemptStatus.CAPTURED:
            fields["next_check_at"] = kept_look(reading.payment, now, self._settings.time_scale)
        elif verdict.status in ATTEMPT_UNDECIDED:
            fields |= {"checks": 0, "next_check_at": self._next_look(reading.payment, 0, is_asked=False)}
        return fields

    def _schedule(self, payment: Payment, attempt: Attempt, *, is_asked: bool) -> dict[str, Any]:
        if attempt.is_due(self._now()):
            look_at = self._next_look(payment, attempt.checks, is_asked=is_asked)
            return {"checks": attempt.checks + 1, "next_check_at": look_at}
        sooner = self._next_look(payment, 0, is_asked=is_asked)
        if is_asked and attempt.next_check_at is not None and sooner < attempt.next_check_at:
            return {"checks": 0, "next_check_at": sooner}
        return {}

    def _next_look(self, payment: Payment, checks: int, *, is_asked: bool) -> datetime:
        """The schedule's next time; for a payment that can still expire, no later than its expiry."""
        now = self._now()
        look_at = next_look(now, checks, returned=is_asked, time_scale=self._settings.time_scale)
        return min(look_at, payment.expires_at) if payment.expires_at > now else look_at

    async def rest(self, reading: Reading, inquiry: Inquiry, *, attention: str | None = None) -> Outcome | None:
        """The attempt moves no more. An unpaid payment whose time is over expires now; news for a person is told."""
        payment, attempt = reading.payment, reading.attempt
        is_over = payment.status in PAYMENT_UNPAID and self._now() >= payment.expires_at
        if not attempt.is_undecided and is_over and _closing(payment, attempt) is PaymentStatus.EXPIRED:
            expired = step(
                payment,
                attempt,
                attempt.status,
                at=self._now(),
                cause=inquiry.cause,
                reason="expired",
                evidence={},
                payment_to=PaymentStatus.EXPIRED,
                attention=attention,
                late_money=self._late_money(reading.gateway),
            )
            return outcome_of(expired.after, attempt.id) if await self._repository.apply(expired) else None
        if attempt.is_undecided:
            return await self.undecided(reading, "unchanged", inquiry, is_asked=False)
        if attention is not None and attention != payment.attention:
            noted = step(
                payment,
                attempt,
                attempt.status,
                at=self._now(),
                cause=inquiry.cause,
                reason="needs_attention",
                evidence={"attention": attention},
                attention=attention,
                late_money=self._late_money(reading.gateway),
            )
            return outcome_of(noted.after, attempt.id) if await self._repository.apply(noted) else None
        if attempt.is_due(self._now()):
            waits = payment.status in PAYMENT_UNPAID and not is_over
            look_at = payment.expires_at if waits else None
            if attempt.status is AttemptStatus.CAPTURED:
                look_at = kept_look(payment, self._now(), self._settings.time_scale)
            elif self._late_money(reading.gateway):
                look_at = late_look(payment, self._now(), self._settings.time_scale)
            await self._reschedule(payment, attempt, replace(attempt, next_check_at=look_at))
        return outcome_of(payment, attempt.id)

    def _late_money(self, gateway: Gateway) -> timedelta | None:
        """Set where the buyer's window alone moves money, so that it can come after we stopped waiting."""
        return None if Capability.CAPTURE in gateway.capabilities else LATE_MONEY / self._settings.time_scale

    async def _look_again_later(self, reading: Reading) -> None:
        """The last look at an ended attempt could not be made: try it again, do not skip it."""
        if reading.attempt.is_due(self._now()):
            await self.postpone(reading.payment, reading.stored)

    async def _reschedule(self, payment: Payment, before: Attempt, after: Attempt) -> None:
        if before != after:
            await self._repository.reschedule(payment.id, before, after)


def outcome_of(payment: Payment, attempt_id: UUID) -> Outcome:
    """What a payment's attempt says, once it is written."""
    attempt = next(a for a in payment.attempts if a.id == attempt_id)
    mismatch = None
    if attempt.status is AttemptStatus.REJECTED and attempt.failure:
        mismatch = msgspec.json.decode(attempt.failure, type=Failure).code
    is_decided = attempt.status not in ATTEMPT_UNDECIDED or attempt.status is AttemptStatus.AWAITING_DEPOSIT
    return Outcome(payment, is_decided, mismatch)


def _closing(payment: Payment, attempt: Attempt) -> PaymentStatus | None:
    """Expired, unless another attempt of an unpaid payment may still bring money."""
    others = any(a.id != attempt.id and a.status in ATTEMPT_UNDECIDED for a in payment.attempts)
    return PaymentStatus.EXPIRED if payment.status in PAYMENT_UNPAID and not others else None
