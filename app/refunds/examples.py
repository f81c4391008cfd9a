"""The examples of the OpenAPI document. A test decodes each with the schema that it illustrates."""

from typing import Any

CREATE: dict[str, Any] = {"amount": 4000, "reason": "One mug arrived broken", "expected_refundable": 24000}

REFUND: dict[str, Any] = {
    "id": "ref_019aa6f3d1e27c3f9b8a7d6c5e4f3a2b",
    "payment_id": "pay_019aa6f1c2d37e4f8a5b6c7d8e9f0a1b",
    "status": "succeeded",
    "amount": 4000,
    "requested_amount": 4000,
    "currency": "KRW",
    "reason": "One mug arrived broken",
    "cause": "api",
    "tax": {"vat": None, "tax_free": 0},
    "gateway": "portone_v2",
    "gateway_ref": "0c9ad2a8-1a5e-4a0e-9b53-6f1f3d0f7b1e",
    "failure": None,
    "created_at": "2026-11-22T10:15:00.123456Z",
    "updated_at": "2026-11-22T10:15:00.654321Z",
}

PENDING: dict[str, Any] = REFUND | {"status": "pending", "gateway": "point3", "gateway_ref": None}

PAGE: dict[str, Any] = {"data": [REFUND], "next_cursor": None}

OPTIONS: dict[str, Any] = {
    "payment_id": "pay_019aa6f1c2d37e4f8a5b6c7d8e9f0a1b",
    "currency": "KRW",
    "captured_amount": 24000,
    "refunded_amount": 0,
    "pending_amount": 0,
    "refundable_amount": 24000,
    "whole": {"possible": True, "code": None, "detail": None},
    "part": {
        "possible": False,
        "code": "partial_refund_not_supported",
        "detail": "The gateway gives the whole payment back or nothing. Leave `amount` out.",
    },
    "needs_account": False,
    "done_after_s": 300.0,
    "notes": [],
}
