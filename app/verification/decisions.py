"""Makes the change of a verdict: a step, another time to look, or nothing. Pure; `verify` writes it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from app.domain.attention import Attention
from app.domain.clock import rfc3339
from app.domain.money import Money
from app.domain.schedule import (
    APPROVING_FOR,
    ASK_AGAIN,
    DEPOSIT_GRACE,
    GIVEN_UP,
    LATE_CAPTURE,
    SILENT_FOR,
    UNDECIDED_FOR,
    UNKNOWN_FOR,
    next_look,
)
from app.domain.states import ATTEMPT_UNDECIDED, PAYMENT_UNPAID, AttemptStatus, PaymentStatus
from app.gateways.port import Gateway
from app.gateways.values import CLOSED, Capability, DepositAccount, Failure, GatewayPayment
from app.ledger.model import Attempt, Payment, Refund
from app.ledger.reservations import reserve_mismatch_refund
from app.ledger.transitions import Step, Trigger, kept_look, late_look, mismatched, step
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

    def is_over(self, since: datetime, wait: timedelta) -> bool:
        """Whether so much time has passed since then."""
        return self.now >= since + wait / self.time_scale


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
        payment_to=PaymentStatus.REVIEW if must_review or verdict.must_review else payment_to,
        attention=Attention.REFUND_BY_HAND if must_review else verdict.attention,
        late_capture=_late_capture(snapshot.gateway, rules),
        refund=_mismatch_refund(snapshot, fetched, verdict.reason, rules) if verdict.must_refund else None,
        **_fields(snapshot, verdict, fetched, rules),
    )


def undecided(
    payment: Payment,
    attempt: Attempt,
    wait: Wait,
    context: VerificationContext,
    rules: Rules,
    *,
    is_asked: bool,
    is_answered: bool = True,
) -> Change:
    """Postpone an attempt and end our lease. A step only when there is news for a person, a capture was accepted, or money is
    found to be under way: that makes the attempt `unknown`, so that nobody pays again and nothing expires.

    A verification before the attempt was due leaves its schedule, or brings it forward; only due ones move it on. Without
    an answer, `wait.attention` calls a person once that has lasted (law 4), and ends with the next answer.
    """
    stored = payment.attempt(attempt.id)
    if wait.is_under_way and attempt.returned_at is None:
        attempt = replace(attempt, returned_at=rules.now)  # the buyer must have acted there
    since = None if is_answered else attempt.unanswered_since or rules.now
    fields = _schedule(payment, attempt, rules, is_asked=is_asked or context.has_returned)
    fields |= {"unanswered_since": since, "returned_at": attempt.returned_at}
    if attempt.busy_until == context.lease:
        fields["busy_until"] = None  # our own lease; that of another process stays
    to = AttemptStatus.UNKNOWN if wait.is_under_way else attempt.status
    attention = _after_answer(payment, attempt, wait) if since is None else _silence(payment, wait, since, rules)
    is_unknown, unknown_since = attempt.status is AttemptStatus.UNKNOWN, attempt.unknown_since or attempt.created_at
    allowed, cause = (
        (APPROVING_FOR, Attention.STILL_APPROVING) if wait.is_approving else (UNKNOWN_FOR, Attention.UNDECIDED)
    )
    if is_answered and is_unknown and attention is None and rules.is_over(unknown_since, allowed):
        attention = cause
    is_promised = (
        wait.is_approving or payment.attention is Attention.STILL_APPROVING
    )  # the gateway says that it will tell
    in_vain = is_unknown and rules.is_over(unknown_since, UNDECIDED_FOR) and payment.status in PAYMENT_UNPAID
    in_vain = in_vain and not is_promised
    is_news = in_vain or attention != payment.attention
    if is_news or to is not stored.status or stored.capture_accepted_at != attempt.capture_accepted_at:
        return step(
            payment,
            attempt,
            to,
            at=rules.now,
            trigger=context.trigger,
            reason=wait.reason,
            evidence=_told(attention, wait) if is_news else {},
            payment_to=PaymentStatus.REVIEW if in_vain else None,
            attention=attention,
            **fields,
        )
    return replace(stored, **fields)


def _silence(payment: Payment, wait: Wait, since: datetime, rules: Rules) -> Attention | None:
    """Who is called after a look without an answer: by another cause already, or by this one once it has lasted."""
    if payment.attention is not None and not payment.attention.is_silence:
        return payment.attention
    is_called = wait.attention is Attention.ACCOUNT_CHANGED or rules.is_over(since, SILENT_FOR)
    return wait.attention if is_called else payment.attention


def _after_answer(payment: Payment, attempt: Attempt, wait: Wait) -> Attention | None:
    """Who is called after an answer. It ends a call about silence, unless another attempt's gateway is silent."""
    called = payment.attention
    if wait.attention is not None or called is None or not called.is_silence:
        return wait.attention or called
    others = [a for a in payment.attempts if a.id != attempt.id and a.unanswered_since]
    is_kept = payment.status is PaymentStatus.REVIEW or mismatched(payment)  # a step keeps its cause
    return called if others or is_kept else None


def tells_account(attempt: Attempt, verdict: Decide, fetched: GatewayPayment) -> bool:
    """Whether a look-up tells another account, or another end of it, of an attempt that waits for a deposit."""
    is_waiting = attempt.status is verdict.status is AttemptStatus.AWAITING_DEPOSIT
    return is_waiting and deposit_of(fetched) not in {None, attempt.deposit}


def unasked(payment: Payment, attempt: Attempt, rules: Rules) -> Attempt:
    """Postpone an ended attempt whose gateway gave no answer. For money that moved, its own next look follows after `GIVEN_UP`.

    Nobody is called: thousands of old payments may be at an account that has left. Where money may still have come, it is
    asked about until there is an answer.
    """
    since = attempt.unanswered_since or rules.now
    has_moved = attempt.status in {AttemptStatus.CAPTURED, AttemptStatus.REJECTED}
    if has_moved and rules.is_over(since, GIVEN_UP):
        look_at = own_look(payment, attempt, rules, may_come_late=True)
        return replace(attempt, unanswered_since=None, next_check_at=look_at)
    wait_s = next((wait for wait in ASK_AGAIN[-3:] if not rules.is_over(since, timedelta(seconds=24 * wait))), 86_400)
    look_at = rules.now + timedelta(seconds=wait_s / rules.time_scale)
    if attempt.next_check_at is not None and attempt.next_check_at > rules.now:
        look_at = min(look_at, attempt.next_check_at)
    return replace(attempt, unanswered_since=since, next_check_at=look_at)


def expired_unanswered(payment: Payment, attempt: Attempt, trigger: Trigger, rules: Rules) -> Step | None:
    """The expiry of an unpaid payment whose attempts have all ended, when one of them has not been answered about for too long.

    Its order comes free, and the attempt is asked about as before: a late capture is found. None: it is not time, or a person is
    called and decides.
    """
    since = attempt.unanswered_since
    is_over = payment.status in PAYMENT_UNPAID and rules.now >= payment.expires_at
    if since is None or not rules.is_over(since, SILENT_FOR) or not is_over:
        return None
    if payment.attention is not None or _closing(payment, attempt) is None:
        return None
    return step(
        payment,
        attempt,
        attempt.status,
        at=rules.now,
        trigger=trigger,
        reason="expired",
        evidence={"unanswered_since": rfc3339(since)},
        payment_to=PaymentStatus.EXPIRED,
        unanswered_since=since,
        next_check_at=attempt.next_check_at,
    )


def unheard(payment: Payment, attempt: Attempt, wait: Wait, trigger: Trigger, rules: Rules) -> Step | None:
    """Call a person about an ended attempt of which its gateway has told news, and has not answered about since for too long.

    None: it has not lasted, or somebody is called already.
    """
    attention = _silence(payment, wait, attempt.unanswered_since or rules.now, rules)
    if attention == payment.attention:
        return None
    return step(
        payment,
        attempt,
        attempt.status,
        at=rules.now,
        trigger=trigger,
        reason=wait.reason,
        evidence=_told(attention, wait),
        attention=attention,
        unanswered_since=attempt.unanswered_since,
        next_check_at=attempt.next_check_at,
    )


def at_rest(snapshot: Snapshot, trigger: Trigger, rules: Rules, wait: Wait | None = None) -> Change:
    """Return the change of an ended attempt after an answer: its unpaid payment expires when its time is over, a person is told
    news, and is called no more about a silence that is over."""
    payment, attempt, wait = snapshot.payment, snapshot.attempt, wait or Wait("answered")
    if wait.attention is not None and _is_closed_on(attempt, wait.attention):
        wait = replace(wait, attention=None)
    is_over = payment.status in PAYMENT_UNPAID and rules.now >= payment.expires_at
    is_expiring = is_over and _closing(payment, attempt) is PaymentStatus.EXPIRED
    attention = wait.attention if is_expiring else _after_answer(payment, attempt, wait)
    is_due, look_at = attempt.is_due(snapshot.looked_at), attempt.next_check_at
    if wait.is_under_way and (is_due or look_at is None):
        # Ended here, and not there: money may come for days (law 8).
        look_at = rules.now + LATE_CAPTURE / rules.time_scale
    elif is_due:
        look_at = own_look(payment, attempt, rules, may_come_late=_late_capture(snapshot.gateway, rules) is not None)
    if is_expiring or attention != payment.attention:
        return step(
            payment,
            attempt,
            attempt.status,
            at=rules.now,
            trigger=trigger,
            reason="expired" if is_expiring else "needs_attention" if attention else "answered",
            evidence={} if is_expiring else _told(attention, wait),
            payment_to=PaymentStatus.EXPIRED if is_expiring else None,
            attention=attention,
            unanswered_since=None,
            next_check_at=look_at,
        )
    rested = replace(attempt, next_check_at=look_at, unanswered_since=None)
    return rested if rested != attempt else None


def _is_closed_on(attempt: Attempt, cause: Attention) -> bool:
    """Whether a person has closed it for this very cause: the same fact is no news."""
    failure = msgspec.json.decode(attempt.failure, type=Failure) if attempt.failure else None
    return failure is not None and failure.code == CLOSED and failure.raw_code == cause


def own_look(payment: Payment, attempt: Attempt, rules: Rules, *, may_come_late: bool) -> datetime | None:
    """When an ended attempt is looked at next by its own schedule; None when that was often enough."""
    if attempt.status is AttemptStatus.CAPTURED:
        return kept_look(payment, rules.now, rules.time_scale)
    if may_come_late:
        return late_look(payment, attempt, rules.now, rules.time_scale)
    return payment.expires_at if payment.status in PAYMENT_UNPAID and rules.now < payment.expires_at else None


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
    fields: dict[str, Any] = {"gateway_ref": ref, "busy_until": None, "unanswered_since": None}
    if verdict.failure is not None:
        fields["failure"] = msgspec.json.encode(verdict.failure).decode()
    if fetched.is_deposit is not None or verdict.status is AttemptStatus.AWAITING_DEPOSIT:
        fields["is_deposit"] = fetched.is_deposit is not False
    if verdict.status is AttemptStatus.CAPTURED:
        fields["next_check_at"] = kept_look(snapshot.payment, rules.now, rules.time_scale)
    elif verdict.status in ATTEMPT_UNDECIDED:
        fields["deposit"] = deposit_of(fetched) or snapshot.attempt.deposit
        waiting = replace(snapshot.attempt, deposit=fields["deposit"])
        look_at = _next_look(snapshot.payment, waiting, 0, rules, is_asked=False)
        fields |= {"lookup_attempts": 0, "next_check_at": look_at}
    return fields


def deposit_of(fetched: GatewayPayment) -> str | None:
    """The account that waits for a deposit, as it is stored."""
    return None if fetched.deposit is None else msgspec.json.encode(fetched.deposit).decode()


def _schedule(payment: Payment, attempt: Attempt, rules: Rules, *, is_asked: bool) -> dict[str, Any]:
    """Where it stands in the series of looks: in short steps once its buyer came back, or is known to have acted."""
    if attempt.is_due(rules.now):
        has_returned = is_asked or attempt.returned_at is not None
        look_at = _next_look(payment, attempt, attempt.lookup_attempts, rules, is_asked=has_returned)
        return {"lookup_attempts": attempt.lookup_attempts + 1, "next_check_at": look_at}
    sooner = _next_look(payment, attempt, 0, rules, is_asked=is_asked)
    if is_asked and attempt.next_check_at is not None and sooner < attempt.next_check_at:
        return {"lookup_attempts": 0, "next_check_at": sooner}
    return {}


def _next_look(payment: Payment, attempt: Attempt, lookup_attempts: int, rules: Rules, *, is_asked: bool) -> datetime:
    """The schedule's next time; no later than the payment's expiry, and than the end of an account that it waits at."""
    look_at = next_look(rules.now, lookup_attempts, returned=is_asked, time_scale=rules.time_scale)
    account = msgspec.json.decode(attempt.deposit, type=DepositAccount) if attempt.deposit else None
    closes_at = account.expires_at + DEPOSIT_GRACE if account and account.expires_at else None
    return min([look_at, *(end for end in (payment.expires_at, closes_at) if end and end > rules.now)])


def _late_capture(gateway: Gateway, rules: Rules) -> timedelta | None:
    """Set where the buyer's window alone moves money, so that it can come after we stopped waiting."""
    return None if Capability.CAPTURE in gateway.capabilities else LATE_CAPTURE / rules.time_scale


def _closing(payment: Payment, attempt: Attempt) -> PaymentStatus | None:
    """Expired, unless another attempt of an unpaid payment may still bring money."""
    others = any(a.id != attempt.id and a.status in ATTEMPT_UNDECIDED for a in payment.attempts)
    return PaymentStatus.EXPIRED if payment.status in PAYMENT_UNPAID and not others else None
