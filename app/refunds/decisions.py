"""Makes the step of a difference, and says when a refund is due or may be requested again. Pure; the processor writes it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from app.domain.attention import Attention
from app.domain.errors import Refusal
from app.domain.schedule import ASKED_IN_VAIN, MOST_BLIND_REQUESTS, OVERDUE, next_look
from app.domain.states import RefundStatus
from app.gateways.port import Gateway
from app.gateways.values import GatewayPayment, GatewayStatus, RefundAnswer, RefundPolicy
from app.ledger.model import BY_GATEWAY, BY_MISMATCH, Attempt, Payment, Refund
from app.ledger.reservations import reserve_mismatch_refund, reserve_refund
from app.ledger.transitions import Step, Trigger, refund_step
from app.refunds.eligibility import policy_of
from app.refunds.matching import Found, Mismatch, Move
from app.refunds.requests import balance_of, is_there, parts_as_told
from app.verification.decisions import Rules

R = RefundStatus


@dataclass(frozen=True, slots=True)
class Wait:
    """A refund is not requested now. `attention` says why a person should look."""

    reason: str
    policy: RefundPolicy | None = None
    attention: Attention | None = None


def step_of(
    payment: Payment,
    attempt: Attempt,
    difference: Move | Found | Mismatch,
    evidence: dict[str, object],
    trigger: Trigger,
    policy: RefundPolicy | None,
    rules: Rules,
) -> Step:
    """Return the step that stores a difference."""
    now = rules.now
    to, reason, fields = R.SUCCEEDED, "refund_found", dict[str, Any]()
    attention: Attention | None = None
    match difference:
        case Move(refund=refund):
            to, reason = difference.to, difference.reason
            fields["gateway_ref"] = difference.gateway_ref or refund.gateway_ref
            if difference.amount is not None:
                fields["returned_minor"] = difference.amount.minor
                attention = Attention.ADJUSTED_REFUND
            if difference.failure is not None:
                fields["failure"] = msgspec.json.encode(difference.failure).decode()
            if to is R.PENDING:
                fields |= {"lookup_attempts": 0, "next_check_at": look_at(refund, policy, rules, 0)}
        case Found(amount, told, gateway_ref, tax):
            parts = parts_as_told(payment, amount.minor, tax)
            found = reserve_refund(payment, attempt, amount, parts, initiator=BY_GATEWAY, reason=told[:200], at=now)
            refund = replace(found, gateway_ref=gateway_ref)
        case Mismatch(amount):
            to, reason = R.CREATED, "refund_reserved"
            has_failed = any(has_failed_there(each) for each in payment.refunds_of(attempt.id))
            if has_failed:  # the gateway took it, and did not do it: a person says whether to ask once more
                attention = Attention.REFUND_REFUSED
            is_held = has_failed or rules.holds_mismatches
            refund = reserve_mismatch_refund(payment, attempt, amount, reason="rejected", at=now, is_held=is_held)
    if to is R.PENDING or (to is R.SUCCEEDED and refund.accepted_at is None):
        fields["accepted_at"] = now
    told_by = {"gateway": evidence}
    return refund_step(
        payment, refund, to, at=now, trigger=trigger, reason=reason, evidence=told_by, attention=attention, **fields
    )


def has_failed_there(refund: Refund) -> bool:
    """Whether the gateway did not carry a mismatch refund out, rather than we found that it no longer fits."""
    is_no = refund.status is R.FAILED and Refusal.BALANCE_CHANGED not in (refund.failure or "")
    return is_no and refund.initiator == BY_MISMATCH


def why_wait(
    payment: Payment, attempt: Attempt, refund: Refund, gateway: Gateway, fetched: GatewayPayment, rules: Rules
) -> Wait | None:
    """Why the first undecided refund of an attempt is not requested now; None: its gateway and its schedule allow it."""
    policy = policy_of(gateway, payment, attempt, rules.now)
    if policy is None:
        return Wait("refund_not_supported", attention=Attention.REFUND_BY_HAND)
    if refund.status is R.PENDING:
        is_overdue = refund.lookup_attempts >= OVERDUE
        attention = Attention.REFUND_OVERDUE if is_overdue else None
        return Wait("refund_under_way", policy, attention)
    if refund.is_held:
        return Wait("held", attention=Attention.REFUND_HELD)
    after_s = _again_after_s(payment, attempt, refund, policy, fetched)
    if refund.status is R.UNKNOWN and not _may_ask_again(refund, after_s, rules):
        is_long = refund.lookup_attempts >= ASKED_IN_VAIN
        return Wait("refund_not_shown", attention=Attention.REFUND_NOT_SHOWN if is_long else None)
    if refund.refund_attempts and not refund.is_due(rules.now):
        return Wait("not_due")  # it is asked again at its time, however often somebody looks
    if policy.needs_account and refund.account is None:
        return Wait("refund_needs_a_person", attention=Attention.REFUND_NEEDS_ACCOUNT)
    if (fetched.gateway_ref or attempt.gateway_ref) is None or not is_there(attempt, fetched):
        is_going = fetched.status is GatewayStatus.REFUND_PENDING  # somebody else's refund of it is under way
        attention = None if is_going else Attention.REFUND_BLOCKED
        return Wait("refund_blocked", attention=attention)
    return None


def _again_after_s(
    payment: Payment, attempt: Attempt, refund: Refund, policy: RefundPolicy, fetched: GatewayPayment
) -> float | None:
    """How long after the last request it may be requested once more, where no look-up shows it; None: never by itself."""
    if policy.again_after_s is not None or refund.refund_attempts >= MOST_BLIND_REQUESTS or fetched.amount is None:
        return policy.again_after_s
    is_whole = refund.amount.minor == balance_of(payment, attempt, refund, fetched)
    return policy.whole_again_after_s if is_whole else None


def _may_ask_again(refund: Refund, after_s: float | None, rules: Rules) -> bool:
    """Whether a refund whose answer was lost, and that no look-up shows, may be requested once more."""
    if after_s is None or refund.asked_at is None:
        return False
    wait = timedelta(seconds=after_s / rules.time_scale)
    return refund.is_due(rules.now) and rules.now >= refund.asked_at + wait


def fields_of(
    refund: Refund, to: RefundStatus, answer: RefundAnswer | None, policy: RefundPolicy | None, rules: Rules
) -> dict[str, Any]:
    """The columns that change with the answer to a request; `answer` None: none came."""
    looks = 0 if to is R.PENDING else refund.lookup_attempts + 1
    fields: dict[str, Any] = {"lookup_attempts": looks}
    fields["next_check_at"] = look_at(refund, policy, rules, 0 if to is R.PENDING else None)
    if to in {R.PENDING, R.SUCCEEDED}:
        fields["accepted_at"] = rules.now
    if answer is not None and answer.failure is not None:
        fields["failure"] = msgspec.json.encode(answer.failure).decode()
    if answer is not None and answer.refund_ref is not None:
        fields["gateway_ref"] = answer.refund_ref
    if answer is not None and answer.amount is not None and to in {R.PENDING, R.SUCCEEDED}:
        fields["returned_minor"] = answer.amount.minor
    return fields


def late_answer(
    payment: Payment,
    known: Refund,
    asked: Refund,
    to: RefundStatus,
    answer: RefundAnswer,
    trigger: Trigger,
    rules: Rules,
) -> Step:
    """The step that keeps the answer to a request after a person or a look-up has decided the refund (`known`).

    What was decided stands. Where the answer says otherwise (law 4: a yes is a yes, for the amount that it names) a person is
    called, and what the gateway shows is asked about at once. A no says nothing of a refund that was asked for again.
    """
    if to in {R.PENDING, R.SUCCEEDED}:
        is_other = known.status is R.FAILED or known.returned != (answer.amount or known.amount)
    else:
        is_same = known.refund_attempts == asked.refund_attempts
        is_other = to is not R.UNKNOWN and known.status is R.SUCCEEDED and is_same
    cause = Attention.REFUND_CONTRADICTED if is_other else None
    name = answer.refund_ref if all(each.gateway_ref != answer.refund_ref for each in payment.refunds) else None
    return refund_step(
        payment,
        known,
        known.status,
        at=rules.now,
        trigger=trigger,
        reason="refund_answered_late",
        evidence={"gateway": answer.evidence, "answer": to} | ({"attention": cause} if cause else {}),
        attention=cause or payment.attention,
        busy_until=payment.attempt(known.attempt_id).busy_until,
        late_look_at=rules.now if is_other else known.next_check_at,
        gateway_ref=known.gateway_ref or name,
    )


def look_at(refund: Refund, policy: RefundPolicy | None, rules: Rules, lookup_attempts: int | None = None) -> datetime:
    """Return when a refund is due next; one that was accepted for a certain time, from that time on."""
    looks = refund.lookup_attempts if lookup_attempts is None else lookup_attempts
    at = next_look(rules.now, looks, returned=True, time_scale=rules.time_scale)
    if policy is not None and policy.done_after_s:
        at = max(at, (refund.accepted_at or rules.now) + timedelta(seconds=policy.done_after_s / rules.time_scale))
    return at
