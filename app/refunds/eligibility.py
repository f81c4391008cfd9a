"""Whether a payment can be refunded now, whole or in part, and why not: checked by `refund-options` and by every refund."""

from dataclasses import dataclass
from datetime import datetime

from app.domain.errors import AlreadyRefunded, PaymentNotRefundable, RefundNotSupported, RefundRefused, RefusedByGateway
from app.domain.states import PAYMENT_COLLECTED, PaymentStatus, RefundStatus
from app.gateways.port import Gateway, Refunding
from app.gateways.values import CapturedPayment, RefundPolicy
from app.ledger.model import Attempt, Payment
from app.ledger.order_details import details_of


@dataclass(frozen=True, slots=True)
class Options:
    """`whole` and `part` are None where it is possible. `whole` means: all that is left."""

    whole: RefundRefused | None
    part: RefundRefused | None
    policy: RefundPolicy
    notes: tuple[str, ...] = ()


def policy_of(gateway: Gateway | None, payment: Payment, attempt: Attempt, now: datetime) -> RefundPolicy | None:
    """The gateway's rules for refunds of a captured attempt now; None: it has no refunds."""
    if not isinstance(gateway, Refunding):
        return None
    captured = CapturedPayment(
        amount=payment.amount,
        captured_at=payment.paid_at or attempt.created_at,
        is_deposit=attempt.is_deposit,
        is_first_of_saved_card=details_of(payment).save_billing_key,
    )
    return gateway.refund_policy(captured, now)


def options_of(payment: Payment, gateway: Gateway | None, now: datetime) -> Options:
    """Check the payment's state and its gateway's rules. `gateway` None: it is not configured here any more. Pure."""
    about: dict[str, object] = {"payment_id": payment.public_id, "gateway": payment.gateway}
    attempt = payment.captured_attempt
    status = payment.status
    if attempt is None or status not in PAYMENT_COLLECTED | {PaymentStatus.REVIEW}:
        return _none(PaymentNotRefundable(**about, status=str(status)))
    policy = policy_of(gateway, payment, attempt, now)
    if policy is None:
        return _none(RefundNotSupported(**about))
    if payment.refundable_minor == 0:
        return _none(AlreadyRefunded(**about), policy)
    is_touched = payment.refundable_minor != payment.captured_minor
    part = RefusedByGateway(policy.part, **about) if policy.part else None
    whole = RefusedByGateway(policy.whole, **about) if policy.whole else None
    return Options(whole or (part if is_touched else None), part, policy, (*policy.notes, *_notes(payment, attempt)))


def _none(why: RefundRefused, policy: RefundPolicy | None = None) -> Options:
    return Options(why, why, policy or RefundPolicy())


def _notes(payment: Payment, attempt: Attempt) -> tuple[str, ...]:
    """Return the codes of notes that forbid nothing, for the shop to know."""
    live = [each for each in payment.refunds_of(attempt.id) if each.is_undecided]
    found = ["refund_under_way"] if live else []
    found += ["refund_unknown"] if any(each.status is RefundStatus.UNKNOWN for each in live) else []
    return tuple(found)
