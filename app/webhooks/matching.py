"""Which attempt a webhook points at, and which webhooks a look-up answers: no more than were checked (law 16). Pure."""

from app.ledger.model import Attempt, Payment
from app.verification.context import VerificationResult
from app.webhooks.model import Webhook


def attempt_of(webhook: Webhook, payment: Payment) -> Attempt | None:
    """The attempt of this payment that a webhook points at: by our reference, else by the gateway's. None: it has none such.

    A reference of the gateway by which the payment was found, and that no attempt holds any more, speaks of the newest attempt
    there.
    """
    there = [attempt for attempt in payment.attempts if attempt.gateway == webhook.gateway]
    for attempt in there:
        if webhook.reference is not None and webhook.reference == attempt.reference:
            return attempt
    for attempt in there:
        if webhook.gateway_ref is not None and webhook.gateway_ref == attempt.gateway_ref:
            return attempt
    return there[-1] if there and webhook.reference is None else None


def is_answered_with(other: Webhook, webhook: Webhook, result: VerificationResult) -> bool:
    """Whether the look-up that `webhook` set off answers the other one too.

    It does for those that ask the same, and for all that point at the attempt that was looked at; but what anybody may have
    sent uses up no signed notice, and what pointed at somebody else's money has looked at no attempt.
    """
    if other.asks_as(webhook):
        return True
    if result.attempt_id is None or (webhook.is_hint and not other.is_hint):
        return False
    pointed_at = attempt_of(other, result.payment)
    return pointed_at is not None and pointed_at.id == result.attempt_id
