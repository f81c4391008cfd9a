"""Payments with refunds, and what gateways show of them, for the tests of matching."""

from dataclasses import replace
from itertools import count
from uuid import UUID

from app.domain.money import Money
from app.domain.states import AttemptStatus, PaymentStatus, RefundStatus
from app.domain.tax import TaxBreakdown
from app.gateways.values import GatewayPayment, GatewayRefund, GatewayStatus, RefundState
from app.ledger.model import BY_GATEWAY, BY_SHOP, Payment, Refund, total
from app.ledger.transitions import refund_step
from app.refunds.matching import Difference, Doubt, Mismatch, Move, match_refunds
from tests.unit.factories import NOW, attempt, held, payment

A, H, R = AttemptStatus, GatewayStatus, RefundStatus
GOING, DONE, FAILED = RefundState.PENDING, RefundState.SUCCEEDED, RefundState.FAILED
WHOLE = 1000


def won(minor: int) -> Money:
    return Money(minor, "KRW")


def refund(number: int, amount: int, status: RefundStatus, **changes: object) -> Refund:
    """A refund as a gateway has done it, where it is done: one made by hand has no `accepted_at`."""
    done_at = NOW if status is R.SUCCEEDED else None
    fields = {
        "initiator": BY_SHOP,
        "refund_attempts": 0 if status is R.CREATED else 1,
        "accepted_at": done_at,
    } | changes
    return Refund(
        id=UUID(int=1000 + number),
        number=number,
        attempt_id=UUID(int=1),
        amount=won(amount),
        parts=TaxBreakdown(amount),
        reason="broken",
        status=status,
        created_at=NOW,
        updated_at=NOW,
        next_check_at=NOW,
        **fields,  # type: ignore[arg-type]  # columns of several types
    )


def kept(*refunds: Refund) -> Payment:
    """A paid payment with these refunds of its money."""
    back = total(each for each in refunds if each.status is R.SUCCEEDED)
    reserved = total(each for each in refunds if each.is_undecided)
    status = PaymentStatus.PAID if not back else PaymentStatus.PARTIALLY_REFUNDED
    return payment(
        attempt(A.CAPTURED, gateway_ref="sig/1+=", next_check_at=None),
        status=PaymentStatus.REFUNDED if back == WHOLE else status,
        amount=won(WHOLE),
        captured_minor=WHOLE,
        refunded_minor=back,
        refunding_minor=reserved,
        refund_count=len(refunds),
        refunds=refunds,
    )


def rejected(*refunds: Refund) -> Payment:
    """A payment with an attempt whose money must not be kept."""
    return payment(attempt(A.REJECTED, gateway_ref="sig/1+="), amount=won(WHOLE), refunds=refunds)


def shown(*refunds: GatewayRefund, status: GatewayStatus | None = None, refunded: int | None = -1) -> GatewayPayment:
    """What a gateway shows that lists its refunds. `refunded` -1: what the list adds up to."""
    done = sum(each.amount.minor for each in refunds if each.state is DONE)
    back = done if refunded == -1 else refunded
    told = None if back is None else won(back)
    return held(
        status or (H.CANCELED if done == WHOLE else H.CAPTURED), amount=won(WHOLE), refunded=told, refunds=refunds
    )


def summed(refunded: int, status: GatewayStatus = H.CAPTURED) -> GatewayPayment:
    """What a gateway shows that tells the sum only."""
    return held(status, amount=won(WHOLE), refunded=won(refunded))


def cancel(amount: int, state: RefundState = DONE, ref: str | None = "c1", **changes: object) -> GatewayRefund:
    return GatewayRefund(won(amount), state, ref, **changes)  # type: ignore[arg-type]  # fields of several types


def difference(stored: Payment, look: GatewayPayment) -> Difference | None:
    return match_refunds(stored, stored.attempts[0], look)


def applied(stored: Payment, found: Difference, numbers: "count[int]") -> Payment:
    """The payment once a difference is stored, as `RefundProcessor` stores it."""
    assert not isinstance(found, Doubt | Mismatch)
    if isinstance(found, Move):
        moved, to, ref = found.refund, found.to, found.gateway_ref or found.refund.gateway_ref
        moved = moved if found.amount is None else replace(moved, returned_minor=found.amount.minor)
    else:
        made = refund(len(stored.refunds) + 1, found.amount.minor, R.SUCCEEDED, initiator=BY_GATEWAY)
        moved, to, ref = replace(made, id=UUID(int=next(numbers))), R.SUCCEEDED, found.gateway_ref
    told_at = NOW if to in {R.PENDING, R.SUCCEEDED} else moved.accepted_at
    moved = replace(moved, accepted_at=told_at, gateway_ref=ref, next_check_at=NOW)
    return refund_step(stored, moved, to, at=NOW, trigger="sweep", reason="looked", evidence={}).after
