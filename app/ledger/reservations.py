"""Reserves refunds: makes the row that is committed before any gateway is asked."""

from datetime import datetime

from app.domain import ids
from app.domain.money import Money
from app.domain.states import RefundStatus
from app.domain.tax import TaxBreakdown
from app.ledger.model import BY_MISMATCH, Attempt, Payment, Refund
from app.ledger.order_details import parts_of


def reserve_refund(
    payment: Payment,
    attempt: Attempt,
    amount: Money,
    parts: TaxBreakdown,
    *,
    initiator: str,
    reason: str,
    at: datetime,
    is_held: bool = False,
) -> Refund:
    """The payment's next refund, of that attempt's money. It is due at once."""
    return Refund(
        id=ids.uuid7(),
        number=len(payment.refunds) + 1,
        attempt_id=attempt.id,
        amount=amount,
        parts=parts,
        initiator=initiator,
        reason=reason,
        status=RefundStatus.CREATED,
        created_at=at,
        updated_at=at,
        next_check_at=at,
        is_held=is_held,
    )


def reserve_mismatch_refund(
    payment: Payment, attempt: Attempt, amount: Money, *, reason: str, at: datetime, is_held: bool
) -> Refund:
    """The refund of money that does not match. `is_held`: it waits for a person who releases it."""
    parts = parts_of(payment) if amount == payment.amount else TaxBreakdown(amount.minor)
    return reserve_refund(payment, attempt, amount, parts, initiator=BY_MISMATCH, reason=reason, at=at, is_held=is_held)


def parts_left(payment: Payment, before: Refund | None = None) -> TaxBreakdown:
    """The tax parts that are left beside all refunds of the payment's money that are done or reserved, or those `before` one."""
    left = parts_of(payment)
    kept = payment.captured_attempt
    for refund in payment.refunds_of(kept.id) if kept else ():
        if before is not None and refund.id == before.id:
            break
        if refund.status is not RefundStatus.FAILED:
            left = left.less(refund.returned_parts)
    return left


def parts_returned(payment: Payment, refund: Refund) -> TaxBreakdown:
    """The tax parts that a refund is counted for: never more of one than earlier ones have left."""
    kept = payment.captured_attempt
    if kept is None or refund.attempt_id != kept.id or refund.status is RefundStatus.FAILED:
        return refund.returned_parts
    left = parts_left(payment, refund)
    return left - left.less(refund.returned_parts)
