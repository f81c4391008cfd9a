"""Point3 on the wire: its envelope, the ten fields of an order, and the look-up object.

Source: shared contract point3.md §3, §4.1, §4.2, §5 (collected 2026-11-21). The look-up object's fields beyond
signature, order id, total and status are this simulator's guess: no readable copy of the document lists them.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from simulator.clock import kst
from simulator.point3.payment import Payment

UNKNOWN_STATUS = "HELD_FOR_REVIEW"
SPARSE_FIELDS = ("signature", "orderIdFromClient", "totalCharge", "status")

_TEXTS = ("clientGeneratedUserId", "orderIdFromClient", "clientNickname", "purchasingProductName")
_AMOUNTS = ("totalCharge", "taxFreeAmount", "vat")


class Refusal(Exception):
    """The vendor says no: an HTTP status and the message of its envelope."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer before it is put on the wire."""

    status: int
    content: Mapping[str, Any]


def success(result: object) -> Reply:
    """The vendor's envelope around a result."""
    return Reply(200, {"statusCode": 200, "message": "success", "result": result})


def failure(status: int, message: str) -> Reply:
    """The vendor's envelope of an error; the shape of error bodies is not in the document."""
    return Reply(status, {"statusCode": status, "message": message})


def check_order(fields: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The fields of `/purchase/token`, all ten in order; raises Refusal(400) that names the first wrong one."""
    if fields is None:
        raise Refusal(400, "the body must be a JSON object")
    for name in _TEXTS:
        if not isinstance(fields.get(name), str) or not fields[name].strip():
            raise Refusal(400, f"{name} must be a non-empty string")
    for name in _AMOUNTS:
        # JSON's true is an int to Python, and money is never a float: only int itself will do.
        if type(fields.get(name)) is not int or fields[name] <= 0:
            raise Refusal(400, f"{name} must be an integer greater than 0")
    if fields["vat"] + fields["taxFreeAmount"] != fields["totalCharge"]:
        raise Refusal(400, "vat + taxFreeAmount must equal totalCharge")
    # The document lists a, b, c, d, f; `e` and `g` are cut off in every copy, so they are let through.
    if not _matches(r"[a-g]", fields.get("cultureExpenseType")):
        raise Refusal(400, "cultureExpenseType must be one of a, b, c, d, f")
    if not _matches(r"[a-z]", fields.get("cashReceiptType")):
        raise Refusal(400, "cashReceiptType must be one lower-case letter")
    if not _matches(r"[0-9]{10}", fields.get("clientBusinessNum")):
        raise Refusal(400, "clientBusinessNum must be 10 digits without dashes")
    return fields


def look_up_object(payment: Payment, views: Collection[str] = ()) -> dict[str, Any]:
    """What a look-up shows of one payment, distorted by the `views` in force."""
    shown: dict[str, Any] = {
        "signature": payment.signature,
        "orderIdFromClient": payment.reference,
        "totalCharge": payment.different_amount() if "amount_differs" in views else payment.amount,
        "vat": payment.order["vat"],
        "taxFreeAmount": payment.order["taxFreeAmount"],
        "status": UNKNOWN_STATUS if "unknown_status" in views else payment.status.value,
        "clientGeneratedUserId": payment.user_id,
        "purchasingProductName": payment.order["purchasingProductName"],
        "createdAt": kst(payment.created_at),
        "confirmedAt": kst(payment.confirmed_at),
        "cancelledAt": kst(payment.cancelled_at),
    }
    return {name: shown[name] for name in SPARSE_FIELDS} if "sparse" in views else shown


def is_hidden(payment: Payment, views: Collection[str]) -> bool:
    """True when look-ups do not show this payment yet."""
    return "no_lookup_before_confirm" in views and payment.confirmed_at is None


def _matches(pattern: str, value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(pattern, value, re.ASCII) is not None
