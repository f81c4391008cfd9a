"""What a look-up shows of a payment, distorted by the views in force. Source: contract unifi-pay.md §4."""

from collections.abc import Collection
from decimal import Decimal
from typing import Any

from app.domain.money import Money
from simulator.unifi_pay.order import CURRENCY
from simulator.unifi_pay.payment import Payment, Status

UNKNOWN_STATUS = "HELD_FOR_REVIEW"
INTERNAL_STATUS = "PAYMENT_CONFIRMED"
"""The flow diagram's own name of CONFIRMED."""
ANOTHERS_STORE = "store_of_another"
ANOTHERS_ORDER = "orderofanother1"


def look_up_object(payment: Payment, views: Collection[str]) -> dict[str, Any]:
    """All fields; amounts as the vendor writes them: the ordered one as text, the others as exact numbers.

    Nothing is paid and nothing discounted until the payment is confirmed; a refund does not change what was paid ([I]).
    """
    amount = payment.different_amount() if "amount_differs" in views else payment.held
    is_paid = payment.captures > 0
    discount = payment.discount if is_paid else 0
    paid = amount - discount if is_paid else 0
    if "bad_sum" in views and paid:
        paid -= 1
    shown: dict[str, Any] = {
        "status": _status(payment, views),
        "orderId": ANOTHERS_ORDER if "wrong_order" in views else payment.reference,
        "storeId": ANOTHERS_STORE if "wrong_store" in views else payment.order.store_id,
        "transactionId": payment.id,
        "orderAmount": Money(amount, CURRENCY).to_major(),
        "payAmount": _number(paid),
        "discountAmount": _number(discount),
        "payCurrencyCode": CURRENCY,
        "orderCurrencyCode": CURRENCY,
    }
    return shown if "sparse" in views else {**shown, "items": payment.order.items}


def _status(payment: Payment, views: Collection[str]) -> str:
    if "unknown_status" in views:
        return UNKNOWN_STATUS
    if "internal_status" in views and payment.status is Status.CONFIRMED:
        return INTERNAL_STATUS
    return payment.status.value


def _number(cents: int) -> Decimal:
    return Decimal(Money(cents, CURRENCY).to_major())
