"""One example of every problem, its text filled in, for the OpenAPI document and the pages behind `type`."""

from typing import Any

from app.api.parsing import MAX_BODY_BYTES
from app.api.problems import PROBLEMS, explain, problem_body
from app.domain.errors import Obstacle
from app.domain.language import Language

PAYMENT_ID = "pay_019aa6f1c2d37e4f8a5b6c7d8e9f0a1b"
REFUND_ID = "ref_019aa6f3d1e27c3f9b8a7d6c5e4f3a2b"
REQUEST_ID = "019aa6f1c2d97a01b2c3d4e5f6071829"

_STOPPED: dict[str, object] = {"gateway": "point3", "payment_id": PAYMENT_ID}
_REFUSED: dict[str, object] = {
    "payment_id": PAYMENT_ID,
    "refund_id": REFUND_ID,
    "gateway": "portone_v2",
}
EXAMPLE_DETAILS: dict[str, dict[str, object]] = {
    "invalid_request": {"errors": [{"field": "amount", "message": "should be greater than or equal to 1"}]},
    "malformed_id": {"prefix": "pay"},
    "body_too_large": {"limit_bytes": MAX_BODY_BYTES},
    "webhook_refused": {"reason": "wrong secret, or forged: its signature is that of no secret of ours"},
    "idempotency_key_in_use": {"retry_after_s": 12},
    "unauthorized": {"hint": "The key is unknown or was revoked."},
    "forbidden": {"hint": "The key lacks the scope payments:write.", "scope": "payments:write"},
    "order_taken": {"order_id": "order-20261121-0001", "payment_id": PAYMENT_ID},
    "payment_not_open": {"status": "paid", "payment_id": PAYMENT_ID},
    "payment_processing": {"payment_id": PAYMENT_ID, "retry_after_s": 2},
    "too_many_attempts": {"payment_id": PAYMENT_ID, "limit": 50},
    "too_many_endpoints": {"limit": 50},
    "encryption_key_missing": {"setting": "ONETILL_ENCRYPTION_KEYS"},
    "refund_not_supported": {"payment_id": PAYMENT_ID, "gateway": "unifi_pay"},
    "partial_refund_not_supported": _REFUSED,
    "payment_not_refundable": {"payment_id": PAYMENT_ID, "status": "open"},
    "already_refunded": {"payment_id": PAYMENT_ID, "gateway": "portone_v2"},
    "refund_exceeds_balance": {"payment_id": PAYMENT_ID, "amount": 1200, "refundable": 1000},
    "refundable_mismatch": {"payment_id": PAYMENT_ID, "refundable": 19000},
    "refund_tax_mismatch": _REFUSED | {"raw_code": "SUM_OF_PARTS_EXCEEDS_CANCEL_AMOUNT"},
    "refund_currency_mismatch": _REFUSED,
    "first_payment_of_saved_card": _REFUSED,
    "payment_unknown_at_gateway": _REFUSED | {"raw_code": "PAYMENT_NOT_FOUND"},
    "refund_invalid": _REFUSED | {"raw_code": "INVALID_REQUEST"},
    "refund_declined": _REFUSED | {"raw_code": "PG_PROVIDER"},
    "result_mismatch": {
        "payment_id": PAYMENT_ID,
        "payment_status": "open",
        "mismatch": "amount_mismatch",
        "action": "The refund was requested from the gateway.",
        "given_back": "asked",
        "what": "the amount is another",
    },
    "nothing_to_resolve": {"payment_id": PAYMENT_ID, "status": "paid"},
    "resolution_refused": {
        "payment_id": PAYMENT_ID,
        "status": "review",
        "obstacle": "money_shown",
        "why": Obstacle.MONEY_SHOWN.way_out,
    },
    "illegal_transition": {"source": "pending", "target": "created"},
    "rate_limited": {"retry_after_s": 1},
    "overloaded": {"retry_after_s": 1},
    "gateway_unavailable": _STOPPED,
    "gateway_timeout": _STOPPED,
    "gateway_refused": _STOPPED | {"raw_code": "401"},
}
"""What the details of an error hold, for the codes that have any."""


def example(code: str, language: Language = "en", *, instance: str = "/payments") -> dict[str, Any]:
    """The whole body of such a problem."""
    return problem_body(code, EXAMPLE_DETAILS.get(code, {}), language, instance=instance, request_id=REQUEST_ID)


def example_text(code: str, language: Language) -> str:
    """Its `detail`."""
    return explain(code, EXAMPLE_DETAILS.get(code, {}), language)


def response_headers(codes: list[str]) -> set[str]:
    """The headers, besides those of every answer, that some of these problems carry."""
    headers = {"Content-Language"}
    if any("retry_after_s" in EXAMPLE_DETAILS.get(code, {}) for code in codes):
        headers.add("Retry-After")
    if any(PROBLEMS[code].status == 401 for code in codes):
        headers.add("WWW-Authenticate")
    return headers
