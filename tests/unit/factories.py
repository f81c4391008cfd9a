"""Payments, attempts and look-ups as tests need them: everything right, and only what a test is about named by it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from app.domain import ids
from app.domain.money import Money
from app.domain.states import REFUND_UNDECIDED, AttemptStatus, PaymentStatus, RefundStatus
from app.domain.tax import TaxBreakdown
from app.gateways.values import GatewayPayment, GatewayStatus
from app.ledger.history_keys import HistoryKey, HistoryKeys
from app.ledger.model import BY_SHOP, Attempt, Payment, Refund

CREATED_AT = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
EXPIRES_AT = CREATED_AT + timedelta(minutes=30)
NOW = CREATED_AT + timedelta(minutes=10)
AMOUNT = Money(24_000, "KRW")
HISTORY_KEYS = HistoryKeys([HistoryKey("k1", b"one of the tests"), HistoryKey("k0", b"one from before")])
PAYMENT_ID = UUID("019aa6f1-c2d3-7e4f-8a5b-6c7d8e9f0a1b")


def attempt(
    status: AttemptStatus = AttemptStatus.PENDING, *, number: int = 1, gateway_ref: str | None = None, **changes: Any
) -> Attempt:
    fields: dict[str, Any] = {
        "id": UUID(int=number),
        "number": number,
        "gateway": "acmepay",
        "reference": ids.reference(PAYMENT_ID, number),
        "status": status,
        "created_at": CREATED_AT,
        "gateway_ref": gateway_ref,
        "next_action": '{"type":"redirect"}',
        "next_check_at": NOW,
    }
    return Attempt(**fields | changes)


def payment(*attempts: Attempt, status: PaymentStatus = PaymentStatus.OPEN, **changes: Any) -> Payment:
    fields: dict[str, Any] = {
        "id": PAYMENT_ID,
        "store": "main",
        "mode": "test",
        "order_id": "order-1",
        "order_name": "Mug",
        "amount": AMOUNT,
        "status": status,
        "gateway": "acmepay",
        "created_at": CREATED_AT,
        "expires_at": EXPIRES_AT,
        "last_seq": 2,
        "last_hash": bytes(range(32)),
        "attempts": attempts or (attempt(),),
        "history_key": HISTORY_KEYS.first,
    }
    return Payment(**fields | changes)


def refund(
    status: RefundStatus = RefundStatus.CREATED, *, number: int = 1, minor: int = AMOUNT.minor, **changes: Any
) -> Refund:
    fields: dict[str, Any] = {
        "id": UUID(int=1000 + number),
        "number": number,
        "attempt_id": UUID(int=1),
        "amount": Money(minor, AMOUNT.currency),
        "parts": TaxBreakdown(minor),
        "initiator": BY_SHOP,
        "reason": "broken",
        "status": status,
        "created_at": NOW,
        "updated_at": NOW,
        "next_check_at": NOW if status in REFUND_UNDECIDED else None,
    }
    return Refund(**fields | changes)


def held(status: GatewayStatus, *, of: int = 1, **changes: Any) -> GatewayPayment:
    """What the gateway shows of attempt number `of`: its reference, its amount, nothing that would be refused."""
    fields: dict[str, Any] = {
        "status": status,
        "reference": ids.reference(PAYMENT_ID, of),
        "gateway_ref": "sig/1+=",
        "amount": AMOUNT,
    }
    return GatewayPayment(**fields | changes)
