"""Makes the change of a verdict: a step, another time to look, or nothing. Pure; `verify` writes it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from app.domain.attention import Attention
from app.domain.money import Money
from app.domain.schedule import ASKED_IN_VAIN, LATE_CAPTURE, is_exhausted, next_look
from app.domain.states import ATTEMPT_UNDECIDED, PAYMENT_UNPAID, AttemptStatus, PaymentStatus
from app.gateways.port import Capability, Gateway, GatewayPayment
from app.ledger.model import Attempt, Payment, Refund
from app.ledger.reservations import reserve_mismatch_refund
from app.ledger.transitions import Step, Trigger, kept_look, late_look, step
from app.settings import Settings
from app.verification.context import Snapshot, VerificationContext
from app.verification.matching import Decide, Wait

Change = Step | Attempt | None
"""A step; the attempt with another time to look; or nothing to write."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The moment, and the settings that decisions depend on."""

    now: datetime
    time_scale: float
    holds_mismatches: bool


def rules_of(settings: Settings, now: datetime) -> Rules:
    """What the settings say of this moment's decisions."""
    return Rules(now, settings.time_scale, settings.rejected_money == "hold")


def decided(snapshot: Snapshot, verdict: Decide, fetched: GatewayPayment, trigger: Trigger, rules: Rules) -> Step:
    """Return the step of a verdict. A mismatch refund is reserved in the same step."""
    payment, attempt = snapshot.payment, snapshot.attempt
    payment_to = _closing(payment, attempt) if verdict.expires_payment else None
    must_review = verdict.must_refund and Capability.REFUND not in snapshot.gateway.capabilities
    return step(
        payment,
        attempt,
        verdict.status,
        at=rules.now,
        trigger=trigger,
        reason=verdict.reason,
        evidence={"gateway": fetched.evidence},
        payment_to=PaymentStatus.REVIEW if must_review else payment_to,
        attention=Attention.REFUND_BY_HAND if must_review else None,
        late_capture=_late_capture(snapshot.gateway, rules),
        refund=_mismatch_refund(snapshot, fetched, verdict.reason, rules) if verdict.must_refund else None,
        **_fields(snapshot, verdict, fetched, rules),
    )


def undecided(
    snapshot: Snapshot,
    wait: Wait,
    context: VerificationContext,
    rules: Rules,
    *,
    is_asked: bool,
) -> Change:
    """Postpone an attempt and end our lease. A step only when there is news for a person, or a capture was accepted.

    A verification before the attempt was due leaves its schedule, or brings it forward; only due ones move it on.
    """
    payment, attempt, stored = snapshot.payment, snapshot.attempt, snapshot.stored
    fields = _schedule(payment, attempt, rules, is_asked=is_asked)
    if attempt.busy_until == context.lease:
        fields["busy_until"] = None  # our own lease; that of another process stays
    attention, is_unknown = wait.attention, attempt.status is AttemptStatus.UNKNOWN
    if is_unknown and attempt.lookup_attempts >= ASKED_IN_VAIN:
        attention = attention or payment.attention or Attention.UNDECIDED
    in_vain = is_unknown and is_exhausted(attempt.lookup_attempts) and payment.status in PAYMENT_UNPAID
    is_news = in_vain or (attention is not None and attention != payment.attention)
    if is_news or stored.capture_accepted_at != attempt.capture_accepted_at:
        return step(
            payment,
            attempt,
            attempt.status,
            at=rules.now,
            trigger=context.trigger,
            reason=wait.reason,
            evidence=_told(attention, wait) if is_news else {},
            payment_to=PaymentStatus.REVIEW if in_vain else None,
            attention=attention,
            **fields,
        )
    return replace(stored, **fields)


def at_rest(snapshot: Snapshot, trigger: Trigger, rules: Rules, wait: Wait | None = None) -> Change:
    """Return the change of an ended attempt: its unpaid payment expires when its time is over, and a person is told news."""
    payment, attempt, attention = snapshot.payment, snapshot.attempt, wait.attention if wait else None
    is_over = payment.status in PAYMENT_UNPAID and rules.now >= payment.expires_at
    is_expiring = is_over and _closing(payment, attempt) is PaymentStatus.EXPIRED
    if is_expiring or (attention is not None and attention != payment.attention):
        return step(
            payment,
            attempt,
            attempt.status,
            at=rules.now,
            trigger=trigger,
            reason="expired" if is_expiring else "needs_attention",
            evidence={} if is_expiring else _told(attention, wait),
            payment_to=PaymentStatus.EXPIRED if is_expiring else None,
            attention=attention,
            late_capture=_late_capture(snapshot.gateway, rules),
        )
    if not attempt.is_due(snapshot.looked_at):
        return None
    look_at = payment.expires_at if payment.status in PAYMENT_UNPAID and not is_over else None
    if attempt.status is AttemptStatus.CAPTURED:
        look_at = kept_look(payment, rules.now, rules.time_scale)
    elif _late_capture(snapshot.gateway, rules):
        look_at = late_look(payment, rules.now, rules.time_scale)
    return replace(attempt, next_check_at=look_at)


def _told(attention: Attention | None, wait: Wait | None) -> dict[str, Any]:
    """The evidence of a call for a person: the cause, and what a look-up said that contradicts itself."""
    return {"attention": attention} | ({"doubt": wait.doubt} if wait and wait.doubt else {})


def _mismatch_refund(snapshot: Snapshot, fetched: GatewayPayment, reason: str, rules: Rules) -> Refund:
    """Of all that the gateway still holds; where it does not tell, of what was ordered."""
    amount = fetched.amount or snapshot.payment.amount
    back = fetched.refunded.minor if fetched.refunded and fetched.refunded.currency == amount.currency else 0
    left = Money(amount.minor - back, amount.currency)
    return reserve_mismatch_refund(
        snapshot.payment,
        snapshot.attempt,
        left if left.minor > 0 else amount,
        reason=reason,
        at=rules.now,
        is_held=rules.holds_mismatches,
    )


def _fields(snapshot: Snapshot, verdict: Decide, fetched: GatewayPayment, rules: Rules) -> dict[str, Any]:
    """The attempt's columns that a verdict sets."""
    is_proven = fetched.reference == snapshot.attempt.reference
    # What a callback or a webhook named is bound only where the look-up shows it: a name that is another's stays free.
    ref = snapshot.attempt.gateway_ref or (fetched.gateway_ref if is_proven else None)
    if is_proven and verdict.status is AttemptStatus.CAPTURED:
        ref = fetched.gateway_ref or ref  # one reference may have several tries there; this one brought the money
    fields: dict[str, Any] = {"gateway_ref": ref, "busy_until": None}
    if verdict.failure is not None:
        fields["failure"] = msgspec.json.encode(verdict.failure).decode()
    if fetched.is_deposit is not None or verdict.status is AttemptStatus.AWAITING_DEPOSIT:
        fields["is_deposit"] = fetched.is_deposit is not False
    if verdict.status is AttemptStatus.CAPTURED:
        fields["next_check_at"] = kept_look(snapshot.payment, rules.now, rules.time_scale)
    elif verdict.status in ATTEMPT_UNDECIDED:
        fields |= {"lookup_attempts": 0, "next_check_at": _next_look(snapshot.payment, 0, rules, is_asked=False)}
    return fields


def _schedule(payment: Payment, attempt: Attempt, rules: Rules, *, is_asked: bool) -> dict[str, Any]:
    if attempt.is_due(rules.now):
        look_at = _next_look(payment, attempt.lookup_attempts, rules, is_asked=is_asked)
        return {"lookup_attempts": attempt.lookup_attempts + 1, "next_check_at": look_at}
    sooner = _next_look(payment, 0, rules, is_asked=is_asked)
    if is_asked and attempt.next_check_at is not None and sooner < attempt.next_check_at:
        return {"lookup_attempts": 0, "next_check_at": sooner}
    return {}


def _next_look(payment: Payment, lookup_attempts: int, rules: Rules, *, is_asked: bool) -> datetime:
    """The schedule's next time; for a payment that can still expire, no later than its expiry."""
    look_at = next_look(rules.now, lookup_attempts, returned=is_asked, time_scale=rules.time_scale)
    return min(look_at, payment.expires_at) if payment.expires_at > rules.now else look_at


def _late_capture(gateway: Gateway, rules: Rules) -> timedelta | None:
    """Set where the buyer's window alone moves money, so that it can come after we stopped waiting."""
    return None if Capability.CAPTURE in gateway.capabilities else LATE_CAPTURE / rules.time_scale


def _closing(payment: Payment, attempt: Attempt) -> PaymentStatus | None:
    """Expired, unless another attempt of an unpaid payment may still bring money."""
    others = any(a.id != attempt.id and a.status in ATTEMPT_UNDECIDED for a in payment.attempts)
    return PaymentStatus.EXPIRED if payment.status in PAYMENT_UNPAID and not others else None
