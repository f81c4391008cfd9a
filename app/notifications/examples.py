"""The examples of the OpenAPI document. A test decodes each with the schema that it illustrates."""

from typing import Any

_ENDPOINT_ID = "nep_019aa6f1a0b17c3d9e8f7a6b5c4d3e2f"
_EVENT_ID = "evt_019aa6f3d1e27c3f9b8a7d6c5e4f3a2b"
_PAYMENT_ID = "pay_019aa6f1c2d37e4f8a5b6c7d8e9f0a1b"

CREATE: dict[str, Any] = {
    "url": "https://shop.example/onetill-events",
    "events": ["payment.paid", "refund.succeeded"],
    "description": "The order service",
}
CHANGE: dict[str, Any] = {"paused": True}
ROTATE: dict[str, Any] = {"overlap_days": 2}
REPLAY: dict[str, Any] = {"endpoint_id": _ENDPOINT_ID, "since": "2026-11-21T00:00:00Z", "preview": True}
COUNT: dict[str, Any] = {"count": 42}

ENDPOINT: dict[str, Any] = {
    "id": _ENDPOINT_ID,
    "url": "https://shop.example/onetill-events",
    "events": ["payment.paid", "refund.succeeded"],
    "description": "The order service",
    "status": "active",
    "pause_reason": None,
    "rate_per_s": None,
    "failing_since": None,
    "key_missing_since": None,
    "last_delivered_at": "2026-11-21T08:31:02.123456Z",
    "created_at": "2026-11-20T10:15:00.123456Z",
    "updated_at": "2026-11-20T10:15:00.123456Z",
}
NEW_ENDPOINT: dict[str, Any] = ENDPOINT | {
    "last_delivered_at": None,
    "secret": "whsec_ZXhhbXBsZSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcw==",
}
ENDPOINT_PAGE: dict[str, Any] = {"data": [ENDPOINT], "next_cursor": None}

TEST: dict[str, Any] = {"delivered": True, "status": 204, "duration_ms": 38.2, "error": None, "excerpt": ""}

NOTIFICATION: dict[str, Any] = {
    "id": "ntf_019aa6f3d1f07e1a8b9c0d1e2f3a4b5c",
    "event_id": _EVENT_ID,
    "endpoint_id": _ENDPOINT_ID,
    "type": "payment.paid",
    "payment_id": _PAYMENT_ID,
    "sequence": 6,
    "created_at": "2026-11-21T08:31:02.003456Z",
    "status": "delivered",
    "delivery_attempts": 2,
    "next_try_at": None,
    "delivered_at": "2026-11-21T08:31:08.123456Z",
    "deliveries": [
        {
            "id": "whd_019aa6f3d2007b2c8d9e0f1a2b3c4d5e",
            "at": "2026-11-21T08:31:02.123456Z",
            "status": 503,
            "duration_ms": 12.5,
            "error": None,
            "excerpt": "deploying",
        },
        {
            "id": "whd_019aa6f3e9a07c3d9e0f1a2b3c4d5e6f",
            "at": "2026-11-21T08:31:08.123456Z",
            "status": 204,
            "duration_ms": 38.2,
            "error": None,
            "excerpt": "",
        },
    ],
}
NOTIFICATION_PAGE: dict[str, Any] = {"data": [NOTIFICATION], "next_cursor": None}

EVENT: dict[str, Any] = {
    "id": _EVENT_ID,
    "type": "payment.paid",
    "created_at": "2026-11-21T08:31:02.003456Z",
    "payment_id": _PAYMENT_ID,
    "sequence": 6,
    "data": {
        "order_id": "order-20261121-0001",
        "attempt_id": "att_019aa6f1c2d47a1b8c9d0e1f2a3b4c5d",
        "status": "paid",
        "currency": "KRW",
        "amount": 24000,
        "captured_amount": 24000,
        "refunded_amount": 0,
    },
}
EVENT_PAGE: dict[str, Any] = {"data": [EVENT], "next_cursor": 4711}
