"""What of a payment is money, as each event seals it: who owes how much for which order, and what moved under which names.

The rows may say the same later, and nothing else: `audit_trail.py` holds them against the last facts about each.
"""

import hashlib
from typing import Any

import msgspec

from app.ledger.model import Attempt, Payment, Refund

Facts = dict[str, Any]


def money_facts(payment: Payment, attempt: Attempt, refund: Refund | None) -> str:
    """The facts after a step, as JSON text: the payment's, those of the step's attempt, and of its refund if it moved one."""
    facts = payment_facts(payment)
    facts["attempt"] = attempt_facts(attempt)
    facts["refund"] = refund_facts(refund) if refund else None
    return msgspec.json.encode(facts).decode()


def payment_facts(payment: Payment) -> Facts:
    """Amounts in minor units."""
    return {
        "store": payment.store,
        "mode": payment.mode,
        "order_id": payment.order_id,
        "amount_minor": payment.amount.minor,
        "currency": payment.amount.currency,
        "captured_minor": payment.captured_minor,
        "refunded_minor": payment.refunded_minor,
        "refunding_minor": payment.refunding_minor,
        "refund_count": payment.refund_count,
    }


def attempt_facts(attempt: Attempt) -> Facts:
    """The names under which a gateway holds the money, how it stands, and a hash of where the buyer is led to pay it."""
    leads_to = f"{attempt.next_action or ''}\0{attempt.deposit or ''}"
    return {
        "id": attempt.id.hex,
        "number": attempt.number,
        "gateway": attempt.gateway,
        "account": attempt.account,
        "reference": attempt.reference,
        "gateway_ref": attempt.gateway_ref,
        "status": attempt.status,
        "leads_to": hashlib.sha256(leads_to.encode()).hexdigest()[:32],
    }


def refund_facts(refund: Refund) -> Facts:
    """The money that goes back, and how it stands. Its amount in minor units."""
    return {
        "id": refund.id.hex,
        "number": refund.number,
        "attempt_id": refund.attempt_id.hex,
        "initiator": refund.initiator,
        "amount_minor": refund.amount.minor,
        "currency": refund.amount.currency,
        "returned_minor": refund.returned_minor,
        "gateway_ref": refund.gateway_ref,
        "status": refund.status,
    }
