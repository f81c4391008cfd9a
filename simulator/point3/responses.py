"""Point3 on the wire: its envelope, the ten fields of an order, and what a look-up shows.

Source: docs/gateways/point3.md §3, §4.1, §4.2, §5 (collected 2026-11-21). The look-up object's fields beyond
signature, order id, total and status are this simulator's guess: no readable copy of the document lists them.
"""

import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from simulator.api import Call, Refusal
from simulator.clock import kst

if TYPE_CHECKING:
    from simulator.point3.store import Payment

UNKNOWN_STATUS = "HELD_FOR_REVIEW"
SPARSE_FIELDS = ("signature", "orderIdFromClient", "totalCharge", "status")
_TEXTS = ("clientGeneratedUserId", "orderIdFromClient", "clientNickname", "purchasingProductName")
_AMOUNTS = ("totalCharge", "taxFreeAmount", "vat")


def success(result: object) -> Response:
    """The vendor's envelope around a result."""
    return JSONResponse({"statusCode": 200, "message": "success", "result": result})


def failure(status: int, message: str) -> Response:
    """The vendor's envelope of an error; the shape of error bodies is not in the document."""
    return JSONResponse({"statusCode": status, "message": message}, status)


class Refused(Refusal):
    """The vendor says no: an HTTP status and the message of its envelope."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

    def answer(self) -> Response:
        """Its envelope."""
        return failure(self.status, str(self))


def check_order(fields: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The fields of `/purchase/token`, all ten in order; raises Refused(400) that names the first wrong one."""
    if fields is None:
        raise Refused(400, "the body must be a JSON object")
    for name in _TEXTS:
        if not isinstance(fields.get(name), str) or not fields[name].strip():
            raise Refused(400, f"{name} must be a non-empty string")
    for name in _AMOUNTS:
        # JSON's true is an int to Python, and money is never a float: only int itself will do.
        if type(fields.get(name)) is not int or fields[name] <= 0:
            raise Refused(400, f"{name} must be an integer greater than 0")
    if fields["vat"] + fields["taxFreeAmount"] != fields["totalCharge"]:
        raise Refused(400, "vat + taxFreeAmount must equal totalCharge")
    # The document lists a, b, c, d, f; `e` and `g` are cut off in every copy, so they are let through.
    for name, pattern, rule in (
        ("cultureExpenseType", r"[a-g]", "one of a, b, c, d, f"),
        ("cashReceiptType", r"[a-z]", "one lower-case letter"),
        ("clientBusinessNum", r"[0-9]{10}", "10 digits without dashes"),
    ):
        if not isinstance(fields.get(name), str) or re.fullmatch(pattern, fields[name], re.ASCII) is None:
            raise Refused(400, f"{name} must be {rule}")
    return fields


def one(payment: "Payment | None", call: Call) -> Response:
    """The look-up by signature; Refused(404) when it is not known, or not shown yet."""
    shown = [] if payment is None else _shown([payment], call)
    if not shown:
        raise Refused(404, "payment not found")
    return success(shown[0])


def several(payments: list["Payment"], call: Call) -> Response:
    """A look-up that answers a list, which may be empty."""
    return success(_shown(payments, call))


def _shown(payments: list["Payment"], call: Call) -> list[dict[str, Any]]:
    """Those that look-ups show already, each distorted by the views in force."""
    views = [(payment, payment.views | call.views_of(payment.reference)) for payment in payments]
    return [
        _look_up_object(payment, own)
        for payment, own in views
        if "no_lookup_before_confirm" not in own or payment.confirmed_at is not None
    ]


def _look_up_object(payment: "Payment", views: Collection[str]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "signature": payment.signature,
        "orderIdFromClient": payment.reference,
        "totalCharge": payment.different_amount() if "amount_differs" in views else payment.charged,
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
