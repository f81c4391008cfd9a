"""Makes refund requests: the balance that one names, and the tax parts of its amount."""

import msgspec

from app.domain.money import Money
from app.domain.order import Tax
from app.domain.states import AttemptStatus, RefundStatus
from app.domain.tax import TaxBreakdown
from app.gateways.values import GatewayPayment, GatewayStatus, RefundAccount, RefundRequest, RefundState
from app.ledger.model import Attempt, Payment, Refund, total
from app.ledger.order_details import parts_of
from app.ledger.reservations import parts_left

R = RefundStatus


def is_there(attempt: Attempt, fetched: GatewayPayment) -> bool:
    """Whether the gateway shows money that can be refunded."""
    said_yes = attempt.capture_accepted_at is not None or attempt.status is AttemptStatus.CAPTURED
    return fetched.status is GatewayStatus.CAPTURED or (fetched.status is GatewayStatus.STATUS_MISSING and said_yes)


def balance_of(payment: Payment, attempt: Attempt, refund: Refund, fetched: GatewayPayment) -> int:
    """The balance that we expect at the gateway before this refund, in minor units.

    A request whose answer was lost is repeated with the same balance, unless another refund was done meanwhile: so the
    gateway can carry out at most one of the two.
    """
    back = total(each for each in payment.refunds_of(attempt.id) if each.status is R.SUCCEEDED)
    if attempt.status is AttemptStatus.CAPTURED:
        return payment.captured_minor - back
    held_minor = fetched.amount.minor if fetched.amount else refund.amount.minor
    return held_minor - fetched.refunded_minor


def request_of(attempt: Attempt, refund: Refund, ref: str, balance: int) -> RefundRequest:
    """The request under the refund's own identity. A gateway that knows keys repeats its answer to it, a refusal included."""
    account = msgspec.json.decode(refund.account, type=RefundAccount) if refund.account else None
    return RefundRequest(
        key=refund.id.hex,
        reference=attempt.reference,
        gateway_ref=ref,
        amount=refund.amount,
        refundable=Money(balance, refund.amount.currency),
        reason=refund.reason,
        tax=Tax(vat=refund.parts.vat, tax_free=refund.parts.tax_free),
        account=account,
    )


def parts_to_ask(payment: Payment, refund: Refund, fetched: GatewayPayment, balance: int) -> TaxBreakdown:
    """The tax parts that a refund is asked for with: those that were reserved for it.

    Of all that is left they are those that the gateway lists in no other refund, since it takes no others. They differ
    from ours where it adjusted a refund: how that one is made up, we infer.
    """
    left, listed = parts_of(payment), [each for each in fetched.refunds if each.state is not RefundState.FAILED]
    if refund.amount.minor != balance:
        return refund.parts
    try:
        for each in listed:
            left -= _told_parts(each.amount.minor, each.tax, left)
    except ValueError:
        return refund.parts
    return left if left.amount == balance else refund.parts


def parts_as_told(payment: Payment, minor: int, told: Tax | None) -> TaxBreakdown:
    """The parts as the gateway tells them, where they fit what is left; else our own share."""
    left = parts_left(payment)
    try:
        parts = _told_parts(minor, told, left)
    except ValueError:
        return left.share(minor)
    return parts if left.covers(parts) else left.share(minor)


def _told_parts(minor: int, told: Tax | None, of: TaxBreakdown) -> TaxBreakdown:
    """The told parts of an amount, its VAT apart where that of the whole is. Raises ValueError for none, and for too much."""
    if told is None or (told.vat or 0) + told.tax_free > minor:
        raise ValueError(f"these are no parts of {minor}: {told}")
    return TaxBreakdown.of(minor, tax_free=told.tax_free, vat=told.vat if of.vat is not None else None)
