"""When to capture and when to void, beside what matching says. Pure."""

from datetime import datetime

from app.domain.states import PAYMENT_UNPAID, AttemptStatus
from app.gateways.port import Capturing, Gateway
from app.gateways.values import Capability, CaptureRequest, GatewayPayment, GatewayStatus
from app.ledger.model import Attempt, Payment
from app.ledger.order_details import tax_of
from app.verification.context import Snapshot
from app.verification.matching import Decide, Wait, was_asked


def shows_uncaptured(gateway: Gateway) -> bool:
    """Whether an uncaptured payment shows in look-ups, so that `ABSENT` means that it is gone."""
    capabilities = gateway.capabilities
    return Capability.LOOKUP_BEFORE_CAPTURE in capabilities or Capability.CAPTURE not in capabilities


def can_capture(snapshot: Snapshot) -> bool:
    """Whether we can capture at this gateway, with the token that the buyer's browser brought where it needs one."""
    needs_token = Capability.CAPTURE_BY_TOKEN in snapshot.gateway.capabilities
    return isinstance(snapshot.gateway, Capturing) and (snapshot.token is not None or not needs_token)


def may_capture_unseen(snapshot: Snapshot, now: datetime) -> bool:
    """Whether this gateway shows nothing before capture, and this attempt may be captured.

    Where a capture names our reference (`CAPTURE_BY_TOKEN`), it can be of no other order, and is sent unseen once the look-up
    by that reference has shown the gateway's own: a capture binds it, and a browser could name another payment's. Elsewhere
    the look-up is by what the browser named: only when it has shown nothing, or has shown our order.

    With a one-time token the gateway knows a repeated capture for what it is; elsewhere it is sent once.
    """
    payment, attempt = snapshot.payment, snapshot.attempt
    capabilities = snapshot.gateway.capabilities
    needs_token = Capability.CAPTURE_BY_TOKEN in capabilities
    others = [a for a in payment.attempts if a.id != attempt.id]
    return (
        snapshot.ref is not None
        and Capability.CAPTURE in capabilities
        and not shows_uncaptured(snapshot.gateway)
        and (not needs_token or snapshot.token is not None)
        and (attempt.status is AttemptStatus.PENDING or (needs_token and attempt.status is AttemptStatus.UNKNOWN))
        and payment.status in PAYMENT_UNPAID
        and all(a.status is not AttemptStatus.UNKNOWN for a in others)
        and now < payment.expires_at
    )


def may_capture_now(attempt: Attempt, now: datetime) -> bool:
    """Whether a capture may be sent: the first one, or again from the second due look on, 20 s or more after a lost answer.

    A gateway that is only slow has captured by then, and the look-up shows it. Inferred: nobody documents how long a
    call may still be carried out after its connection is lost.
    """
    if attempt.status is AttemptStatus.PENDING or (attempt.status is AttemptStatus.UNKNOWN and not was_asked(attempt)):
        return True
    return attempt.status is AttemptStatus.UNKNOWN and attempt.is_due(now) and attempt.lookup_attempts >= 1


def must_void(payment: Payment, attempt: Attempt, fetched: GatewayPayment, verdict: Wait | Decide) -> bool:
    """Whether to void: the buyer could still pay what we would have to refund."""
    if fetched.status is GatewayStatus.AWAITING_DEPOSIT:
        if isinstance(verdict, Wait):
            return not verdict.is_under_way  # of an unclear answer nothing is closed
        return verdict.status is AttemptStatus.EXPIRED or payment.status not in PAYMENT_UNPAID
    may_have_captured = attempt.capture_accepted_at is not None or was_asked(attempt)
    is_refused = isinstance(verdict, Decide) and verdict.status in {AttemptStatus.REJECTED, AttemptStatus.CANCELED}
    return fetched.status is GatewayStatus.AUTHORIZED and is_refused and not may_have_captured


def shows_our_uncaptured(snapshot: Snapshot, fetched: GatewayPayment) -> bool:
    """Whether a look-up by the reference that a browser brought shows our order, and that nobody has taken its money."""
    return (
        fetched.status is GatewayStatus.PENDING
        and fetched.reference == snapshot.attempt.reference
        and fetched.gateway_ref == snapshot.ref
        and fetched.amount == snapshot.payment.amount
    )


def capture_request(snapshot: Snapshot, ref: str) -> CaptureRequest:
    """Return the capture request of a snapshot."""
    payment = snapshot.payment
    return CaptureRequest(
        reference=snapshot.attempt.reference,
        gateway_ref=ref,
        amount=payment.amount,
        tax=tax_of(payment),
        is_live=payment.mode == "live",
        token=snapshot.token,
    )
