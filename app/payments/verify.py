"""verify(attempt): look up → compare → lock → transition → event. There is one of it, whoever asks (design §2).

No connection or lock is held while the gateway is asked. What was decided on a reading is written only if the payment is
still as it was read; otherwise it is read and judged again. Docs: docs/decisions/0002-one-writer-by-version.md.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from datetime import timedelta
from time import monotonic
from typing import Any
from uuid import UUID

import msgspec

from app.domain.clock import Now, next_look
from app.domain.errors import GatewayError, GatewayUnavailable, NotFound
from app.domain.states import ATTEMPT_UNDECIDED, PAYMENT_COLLECTED, PAYMENT_UNPAID, AttemptStatus, PaymentStatus
from app.gateways.port import Capability, Confirming, Failure, Gateway, Held, Holding, Question
from app.gateways.registry import Registry
from app.logs import get_logger
from app.payments.give_back import GiveBack
from app.payments.judge import Confirm, Decide, NotOurs, Verdict, Wait, applies, judge
from app.payments.records import Attempt, Payment
from app.payments.repository import OrderAlreadyClaimed, PaymentRepository, RefAlreadyClaimed
from app.payments.steps import Cause, step
from app.settings import Settings

MAX_ROUNDS = 50
"""How often one verification reads the payment again because somebody else moved it first."""

BUSY_POLL_S = 0.1

log = get_logger("verify")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a verification found. `mismatch` names what differs when the money, or the hint, was not ours."""

    payment: Payment
    is_decided: bool
    mismatch: str | None = None


class Verifier:
    """Proves attempts. Safe to call from everywhere at once: for one attempt, one of the callers does the work."""

    def __init__(self, repository: PaymentRepository, registry: Registry, settings: Settings, now: Now) -> None:
        self._repository = repository
        self._registry = registry
        self._settings = settings
        self._now = now
        self._give_back = GiveBack(repository, settings, now)
        self._running: dict[object, asyncio.Task[Outcome]] = {}

    async def verify(
        self, payment_id: UUID, *, cause: Cause, hint: str | None = None, attempt_id: UUID | None = None
    ) -> Outcome:
        """Ask the gateway about an attempt and store what it says. Safe to repeat.

        `hint` is the gateway_ref that a browser or webhook brought; it is believed only when the look-up shows our order.
        Callers with the same question share one answer; a caller that is canceled does not cancel it for the others.
        Raises NotFound.
        """
        question = (payment_id, attempt_id, hint)
        task = self._running.get(question)
        if task is None:
            task = self._share(question, self._verify(payment_id, cause=cause, hint=hint, attempt_id=attempt_id))
        return await asyncio.shield(task)

    def _share(self, question: object, work: Coroutine[Any, Any, Outcome]) -> asyncio.Task[Outcome]:
        task = asyncio.create_task(work)
        self._running[question] = task
        task.add_done_callback(lambda _: self._running.pop(question, None))
        return task

    async def _verify(self, payment_id: UUID, *, cause: Cause, hint: str | None, attempt_id: UUID | None) -> Outcome:
        patience = monotonic() + self._settings.confirm_wait_s
        rounds = 0
        while True:
            payment = await self._repository.load(payment_id)
            if payment is None:
                raise NotFound()
            attempt = _pick(payment, hint, attempt_id)
            if attempt is None:
                return Outcome(payment, is_decided=True)
            if attempt.is_busy(self._now()):
                if monotonic() > patience:
                    return Outcome(payment, is_decided=False)
                await asyncio.sleep(BUSY_POLL_S)
                continue
            outcome = await self._look(payment, attempt, hint, cause)
            rounds += 1
            if outcome is not None:
                return outcome
            if rounds == MAX_ROUNDS:
                return Outcome(payment, is_decided=False)

    async def _look(self, payment: Payment, attempt: Attempt, hint: str | None, cause: Cause) -> Outcome | None:
        """One round. None: the payment moved under us, read it again."""
        gateway = self._registry.get(attempt.gateway)
        if gateway is None:
            log.error("gateway_not_configured", gateway=attempt.gateway)
            raise GatewayUnavailable(gateway=attempt.gateway, payment_id=payment.public_id)
        if attempt.give_back in {"owed", "asked"}:
            settled = await self._give_back.pursue(gateway, payment, attempt, cause)
            return _outcome(settled, attempt.id) if settled else None
        ref = attempt.gateway_ref or hint
        shows_unconfirmed = Capability.LOOK_UP_BEFORE_CONFIRM in gateway.capabilities
        confirms_blindly = Capability.CONFIRM in gateway.capabilities and not shows_unconfirmed
        if confirms_blindly and ref and attempt.status is AttemptStatus.PENDING and payment.status in PAYMENT_UNPAID:
            return await self._confirm(gateway, payment, attempt, ref, Held(Holding.UNSTATED), cause)
        try:
            held = await gateway.look_up(Question(attempt.reference, payment.amount, ref))
        except GatewayError as error:
            return await self._undecided(payment, attempt, error.code, cause, is_asked=ref is not None)
        # The reference came back with the answer: an older attempt of the same payment may be the one that was paid.
        attempt = next((a for a in payment.attempts if a.reference == held.reference), attempt)
        verdict = judge(payment, attempt, held, now=self._now(), shows_unconfirmed=shows_unconfirmed)
        if isinstance(verdict, Confirm):
            found = held.gateway_ref or ref
            if found is None or attempt.status not in {AttemptStatus.PENDING, AttemptStatus.UNKNOWN}:
                return await self._undecided(payment, attempt, "nothing_to_confirm", cause, is_asked=False)
            return await self._confirm(gateway, payment, attempt, found, held, cause)
        return await self._conclude(gateway, payment, attempt, verdict, held, cause, ref=ref)

    async def _confirm(
        self, gateway: Gateway, payment: Payment, attempt: Attempt, ref: str, held: Held, cause: Cause
    ) -> Outcome | None:
        """Commit the intent, take the money, record the answer. Only the holder of the lease calls the gateway."""
        assert isinstance(gateway, Confirming)
        now = self._now()
        lease = now + timedelta(seconds=self._settings.lease_s(gateway.deadline_s))
        intent = step(
            payment,
            attempt,
            AttemptStatus.UNKNOWN,
            at=now,
            cause=cause,
            reason="confirm_repeated" if attempt.status is AttemptStatus.UNKNOWN else "confirm_requested",
            evidence={"gateway": held.evidence},
            gateway_ref=ref,
            checks=0,
            busy_until=lease,
            next_check_at=lease,
        )
        try:
            if not await self._repository.apply(intent):
                return None
        except RefAlreadyClaimed:
            log.warning("foreign_reference", gateway=gateway.name, payment_id=payment.public_id)
            return Outcome(payment, is_decided=False, mismatch="order_id")
        payment, attempt = intent.after, intent.attempt
        try:
            answer = await gateway.confirm(ref)
        except GatewayError as error:
            return await self._undecided(payment, attempt, error.code, cause, is_asked=True)
        if answer.failure is None:
            attempt = replace(attempt, confirmed_at=self._now())
            if Capability.LOOK_UP_BEFORE_CONFIRM in gateway.capabilities:
                held = replace(held, evidence=held.evidence | answer.evidence)
                verdict: Verdict = Decide(AttemptStatus.CAPTURED, "confirmed")
                return await self._conclude(gateway, payment, attempt, verdict, held, cause, ref=ref)
        return await self._after_confirm(gateway, payment, attempt, ref, answer.failure, cause)

    async def _after_confirm(
        self, gateway: Gateway, payment: Payment, attempt: Attempt, ref: str, failure: Failure | None, cause: Cause
    ) -> Outcome | None:
        """Look once more: after a blind yes to compare, after a no because an earlier confirm may have gone through."""
        shows_unconfirmed = Capability.LOOK_UP_BEFORE_CONFIRM in gateway.capabilities
        try:
            held = await gateway.look_up(Question(attempt.reference, payment.amount, ref))
        except GatewayError as error:
            return await self._undecided(payment, attempt, error.code, cause, is_asked=True)
        verdict = judge(payment, attempt, held, now=self._now(), shows_unconfirmed=shows_unconfirmed)
        if isinstance(verdict, NotOurs):
            took_money = held.holding is Holding.CAPTURED
            mismatch = Failure("order_mismatch")
            verdict = Decide(AttemptStatus.REJECTED, "order_mismatch", mismatch, gives_back=took_money)
        elif failure is not None and held.holding is not Holding.CAPTURED:
            verdict = Decide(AttemptStatus.FAILED, "declined", failure)
        return await self._conclude(gateway, payment, attempt, verdict, held, cause, ref=ref)

    async def _conclude(
        self,
        gateway: Gateway,
        payment: Payment,
        attempt: Attempt,
        verdict: Verdict,
        held: Held,
        cause: Cause,
        *,
        ref: str | None,
    ) -> Outcome | None:
        """Write what was judged."""
        if isinstance(verdict, NotOurs):
            log.warning(
                "result_not_ours", gateway=gateway.name, payment_id=payment.public_id, mismatch=verdict.mismatch
            )
            return Outcome(payment, is_decided=False, mismatch=verdict.mismatch)
        if not isinstance(verdict, Decide):
            assert isinstance(verdict, Wait)
            is_asked = ref is not None or attempt.status is AttemptStatus.UNKNOWN
            return await self._undecided(
                payment, attempt, verdict.reason, cause, is_asked=is_asked, attention=verdict.attention
            )
        if not applies(attempt, verdict):
            return await self._rest(payment, attempt, cause)
        fields: dict[str, Any] = {"gateway_ref": attempt.gateway_ref or held.gateway_ref or ref, "busy_until": None}
        if verdict.failure is not None:
            fields["failure"] = msgspec.json.encode(verdict.failure).decode()
        payment_to = _closing(payment, attempt) if verdict.expires_payment else None
        if verdict.gives_back:
            fields |= {"give_back": "owed", "next_check_at": self._now()}
            if Capability.REFUND not in gateway.capabilities:
                payment_to = PaymentStatus.REVIEW
        if verdict.status is AttemptStatus.AWAITING_DEPOSIT:
            fields["next_check_at"] = next_look(self._now(), 0, returned=False, time_scale=self._settings.time_scale)
        decided = step(
            payment,
            attempt,
            verdict.status,
            at=self._now(),
            cause=cause,
            reason=verdict.reason,
            evidence={"gateway": held.evidence},
            payment_to=payment_to,
            attention="money must go back by hand" if payment_to is PaymentStatus.REVIEW else None,
            **fields,
        )
        try:
            if not await self._repository.apply(decided):
                return None
        except OrderAlreadyClaimed:
            paid_elsewhere = Failure("order_paid_elsewhere")
            verdict = Decide(AttemptStatus.REJECTED, "order_paid_elsewhere", paid_elsewhere, gives_back=True)
            return await self._conclude(gateway, payment, attempt, verdict, held, cause, ref=ref)
        except RefAlreadyClaimed:
            log.warning("foreign_reference", gateway=gateway.name, payment_id=payment.public_id)
            return Outcome(payment, is_decided=False, mismatch="order_id")
        settled = decided.after
        if decided.attempt.give_back == "owed" and payment_to is not PaymentStatus.REVIEW:
            settled = await self._give_back.pursue(gateway, decided.after, decided.attempt, cause) or decided.after
        return _outcome(settled, attempt.id)

    async def _undecided(
        self,
        payment: Payment,
        attempt: Attempt,
        reason: str,
        cause: Cause,
        *,
        is_asked: bool,
        attention: str | None = None,
    ) -> Outcome | None:
        """Note when to look next. Writes a step when there is news for a person or an explicit yes; else only the schedule."""
        if not attempt.is_undecided:
            return await self._rest(payment, attempt, cause)
        now = self._now()
        look_at = next_look(now, attempt.checks, returned=is_asked, time_scale=self._settings.time_scale)
        fields: dict[str, Any] = {"checks": attempt.checks + 1, "next_check_at": look_at, "busy_until": None}
        stored = next(a for a in payment.attempts if a.id == attempt.id)
        log.info("undecided", gateway=attempt.gateway, payment_id=payment.public_id, reason=reason)
        if (attention is not None and attention != payment.attention) or stored.confirmed_at != attempt.confirmed_at:
            noted = step(
                payment,
                attempt,
                attempt.status,
                at=now,
                cause=cause,
                reason=reason,
                evidence={},
                attention=attention,
                **fields,
            )
            return Outcome(noted.after, is_decided=False) if await self._repository.apply(noted) else None
        await self._repository.reschedule(payment.id, stored, replace(attempt, **fields))
        return Outcome(payment, is_decided=attempt.status is AttemptStatus.AWAITING_DEPOSIT)

    async def _rest(self, payment: Payment, attempt: Attempt, cause: Cause) -> Outcome | None:
        """The attempt has ended and nothing new came. An unpaid payment whose time is over expires now."""
        now = self._now()
        is_over = payment.status in PAYMENT_UNPAID and now >= payment.expires_at
        if is_over and _closing(payment, attempt) is PaymentStatus.EXPIRED:
            expired = step(
                payment,
                attempt,
                attempt.status,
                at=now,
                cause=cause,
                reason="expired",
                evidence={},
                payment_to=PaymentStatus.EXPIRED,
            )
            return _outcome(expired.after, attempt.id) if await self._repository.apply(expired) else None
        if attempt.next_check_at is not None and attempt.next_check_at <= now:
            await self._repository.reschedule(payment.id, attempt, replace(attempt, next_check_at=None))
        return _outcome(payment, attempt.id)


def _pick(payment: Payment, hint: str | None, attempt_id: UUID | None) -> Attempt | None:
    """The attempt that a question is about; None when the payment is paid and nobody asked for a certain attempt."""
    if attempt_id is not None:
        return next((a for a in payment.attempts if a.id == attempt_id), None)
    if hint is not None and (bound := next((a for a in payment.attempts if a.gateway_ref == hint), None)):
        return bound
    if payment.status in PAYMENT_COLLECTED:
        return None
    undecided = [a for a in payment.attempts if a.is_undecided]
    return undecided[-1] if undecided else payment.last_attempt


def _closing(payment: Payment, attempt: Attempt) -> PaymentStatus | None:
    """Expired, unless another attempt of an unpaid payment may still bring money."""
    others = any(a.id != attempt.id and a.status in ATTEMPT_UNDECIDED for a in payment.attempts)
    return PaymentStatus.EXPIRED if payment.status in PAYMENT_UNPAID and not others else None


def _outcome(payment: Payment, attempt_id: UUID) -> Outcome:
    attempt = next(a for a in payment.attempts if a.id == attempt_id)
    mismatch = None
    if attempt.status is AttemptStatus.REJECTED and attempt.failure:
        mismatch = msgspec.json.decode(attempt.failure, type=Failure).code
    return Outcome(payment, attempt.status not in ATTEMPT_UNDECIDED or _waits_for_deposit(attempt), mismatch)


def _waits_for_deposit(attempt: Attempt) -> bool:
    return attempt.status is AttemptStatus.AWAITING_DEPOSIT
