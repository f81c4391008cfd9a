"""From records to JSON. The only place that knows both."""

import msgspec

from app.api.schemas import failure_of
from app.domain import ids
from app.domain.client_tokens import ClientTokens
from app.domain.clock import rfc3339
from app.domain.states import ATTEMPT_UNDECIDED, PaymentStatus
from app.gateways.values import DepositAccount
from app.ledger.model import Attempt, Payment
from app.ledger.transitions import Event
from app.payments.schemas import AttemptView, DepositView, EventAttempt, EventView, PaymentView

_ACTIONABLE = frozenset({PaymentStatus.OPEN, PaymentStatus.AWAITING_DEPOSIT})


class Views:
    """Renders payments; holds what their URLs and tokens are made of."""

    def __init__(self, public_url: str, tokens: ClientTokens) -> None:
        self._public_url = public_url
        self._tokens = tokens

    def payment(self, payment: Payment, *, for_client: bool, shows_token: bool = True) -> PaymentView:
        """The payment's JSON. A buyer's browser gets no `metadata` and no word of ours to operators.

        `shows_token` False: for a caller who may only read, and must not pay with the payment.
        """
        attention = None if for_client else payment.attention
        token = self._tokens.token(payment.id, payment.expires_at) if shows_token else None
        attempts = [_attempt(attempt) for attempt in payment.attempts]
        last = payment.last_attempt
        action = last.next_action if payment.status in _ACTIONABLE and last.status in ATTEMPT_UNDECIDED else None
        return {
            "id": payment.public_id,
            "status": payment.status,
            "order_id": payment.order_id,
            "order_name": payment.order_name,
            "amount": payment.amount.minor,
            "currency": payment.amount.currency,
            "captured_amount": payment.captured_minor,
            "refunded_amount": payment.refunded_minor,
            "refundable_amount": payment.refundable_minor,
            "gateway": payment.gateway,
            "method": payment.method,
            "mode": "live" if payment.mode == "live" else "test",
            "client_token": token,
            "checkout_url": f"{self._public_url}/checkout/{token}" if token else None,
            "return_url": payment.return_url,
            "next_action": msgspec.Raw(action.encode() if action else b"null"),
            "attempts": attempts,
            "last_failure": next((shown["failure"] for shown in reversed(attempts) if shown["failure"]), None),
            "needs_attention": attention is not None,
            "attention_code": attention,
            "attention_reason": attention.sentence if attention else None,
            "created_at": rfc3339(payment.created_at),
            "paid_at": rfc3339(payment.paid_at) if payment.paid_at else None,
            "expires_at": rfc3339(payment.expires_at),
            "link_expires_at": rfc3339(payment.link_expires_at) if payment.link_expires_at else None,
            "metadata": msgspec.Raw(b"{}" if for_client else payment.metadata.encode()),
        }

    @staticmethod
    def event(event: Event, stored_hash: bytes) -> EventView:
        """One step's JSON."""
        return {
            "seq": event.seq,
            "at": rfc3339(event.at),
            "cause": event.trigger,
            "reason": event.reason,
            "from": event.payment_from,
            "to": event.payment_to,
            "attempt": _attempt_of(event),
            "evidence": msgspec.Raw(event.evidence.encode()),
            "hash": stored_hash.hex(),
        }


def _attempt_of(event: Event) -> EventAttempt | None:
    if event.attempt_id is None or event.attempt_to is None:
        return None
    shown = ids.show(ids.Prefix.ATTEMPT, event.attempt_id)
    return {"id": shown, "from": event.attempt_from, "to": event.attempt_to}


def _attempt(attempt: Attempt) -> AttemptView:
    return {
        "id": ids.show(ids.Prefix.ATTEMPT, attempt.id),
        "reference": attempt.reference,
        "gateway": attempt.gateway,
        "gateway_ref": attempt.gateway_ref,
        "status": attempt.status,
        "failure": failure_of(attempt.failure) if attempt.failure else None,
        "deposit": _deposit(attempt.deposit) if attempt.deposit else None,
        "created_at": rfc3339(attempt.created_at),
    }


def _deposit(stored: str) -> DepositView:
    account = msgspec.json.decode(stored, type=DepositAccount)
    return {
        "bank": account.bank,
        "number": account.number,
        "holder": account.holder,
        "expires_at": rfc3339(account.expires_at) if account.expires_at else None,
    }
