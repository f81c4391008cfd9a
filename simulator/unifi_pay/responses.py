"""Unifi Pay on the wire: exact numbers, errors, and what a look-up shows of a payment.

Source: docs/gateways/unifi-pay.md §3, §4. The shape of errors is that of the vendor's other API ([I]).
"""

from collections.abc import Collection
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import Response

from app.domain.money import Money
from simulator.api import Refusal

if TYPE_CHECKING:
    from simulator.unifi_pay.store import Payment

CURRENCY = "USD"
UNKNOWN_STATUS = "HELD_FOR_REVIEW"
INTERNAL_STATUS = "PAYMENT_CONFIRMED"
"""The flow diagram's own name of CONFIRMED."""
ANOTHERS_STORE = "store_of_another"
ANOTHERS_ORDER = "orderofanother1"

_ENCODER = msgspec.json.Encoder(decimal_format="number")


class Refused(Refusal):
    """The vendor says no: an HTTP status, and the code and message of the body."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code

    def answer(self) -> Response:
        """The body of an error."""
        return answer({"code": self.code, "message": str(self)}, self.status)


def answer(content: object, status: int = 200) -> Response:
    """A JSON answer. Decimals become numbers, digit by digit as they are."""
    return Response(encoded(content), status, media_type="application/json")


def encoded(content: object) -> bytes:
    """JSON without spaces, in UTF-8."""
    return _ENCODER.encode(content)


def look_up_object(payment: "Payment", views: Collection[str]) -> dict[str, Any]:
    """All fields; amounts as the vendor writes them: the ordered one as text, the others as exact numbers.

    Nothing is paid and nothing discounted until the payment is confirmed; a refund does not change what was paid ([I]).
    """
    amount = payment.different_amount() if "amount_differs" in views else payment.charged
    discount = payment.discount if payment.has_succeeded else 0
    paid = amount - discount if payment.has_succeeded else 0
    if "bad_sum" in views and paid:
        paid -= 1
    status = payment.status.value
    if "internal_status" in views and status == "CONFIRMED":
        status = INTERNAL_STATUS
    shown: dict[str, Any] = {
        "status": UNKNOWN_STATUS if "unknown_status" in views else status,
        "orderId": ANOTHERS_ORDER if "wrong_order" in views else payment.reference,
        "storeId": ANOTHERS_STORE if "wrong_store" in views else payment.order.store_id,
        "transactionId": payment.id,
        "orderAmount": Money(amount, CURRENCY).to_major(),
        "payAmount": Decimal(Money(paid, CURRENCY).to_major()),
        "discountAmount": Decimal(Money(discount, CURRENCY).to_major()),
        "payCurrencyCode": CURRENCY,
        "orderCurrencyCode": CURRENCY,
    }
    return shown if "sparse" in views else {**shown, "items": payment.order.items}
