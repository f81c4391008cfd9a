"""Makes the step of a difference, and says when a refund is due or may be requested again. Pure; the processor writes it."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from app.domain.schedule import Rules, next_look
from app.domain.states import RefundStatus
from app.gateways.port import RefundPolicy
from app.ledger.model import BY_GATEWAY, Attempt, Payment, Refund
from app.ledger.reservations import reserve_mismatch_refund, reserve_refund
from app.ledger.transitions import Step, Trigger, refund_step
from app.refunds.matching import Found, Mismatch, Move
from app.refunds.requests import parts_as_told

R = RefundStatus


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
    match difference:
        case Move(refund=refund):
            to, reason = difference.to, difference.reason
            fields["gateway_ref"] = difference.gateway_ref or refund.gateway_ref
            if difference.failure is not None:
                fields["failure"] = msgspec.json.encode(difference.failure).decode()
            if to is R.PENDING:
                at = look_at(refund, policy, rules, 0)
                fields |= {"accepted_at": now, "lookup_attempts": 0, "next_check_at": at}
        case Found(amount, told, gateway_ref, tax):
            parts = parts_as_told(payment, amount.minor, tax)
            found = reserve_refund(payment, attempt, amount, parts, initiator=BY_GATEWAY, reason=told[:200], at=now)
            refund = replace(found, gateway_ref=gateway_ref)
        case Mismatch(amount):
            to, reason = R.CREATED, "refund_reserved"
            is_held = rules.holds_mismatches
            refund = reserve_mismatch_refund(payment, attempt, amount, reason="rejected", at=now, is_held=is_held)
    told_by = {"gateway": evidence}
    return refund_step(payment, refund, to, at=now, trigger=trigger, reason=reason, evidence=told_by, **fields)


def may_ask_again(refund: Refund, policy: RefundPolicy, rules: Rules) -> bool:
    """Whether a refund whose answer was lost, and that no look-up shows, may be requested once more."""
    if policy.again_after_s is None or refund.asked_at is None:
        return False
    wait = timedelta(seconds=policy.again_after_s / rules.time_scale)
    return refund.is_due(rules.now) and rules.now >= refund.asked_at + wait


def look_at(refund: Refund, policy: RefundPolicy | None, rules: Rules, lookup_attempts: int | None = None) -> datetime:
    """Return when a refund is due next; one that was accepted for a certain time, from that time on."""
    looks = refund.lookup_attempts if lookup_attempts is None else lookup_attempts
    at = next_look(rules.now, looks, returned=True, time_scale=rules.time_scale)
    if policy is not None and policy.done_after_s:
        at = max(at, (refund.accepted_at or rules.now) + timedelta(seconds=policy.done_after_s / rules.time_scale))
    return at
