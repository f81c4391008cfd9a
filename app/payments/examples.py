"""The examples of the OpenAPI document. A test decodes each with the schema that it illustrates."""

from typing import Any

_REFERENCE = "019aa6f1c2d37e4f8a5b6c7d8e9f0a1ba1"
_TOKEN = "ct_AZqm8cLTfk-KW2x9jp8KG2lP9mBy5Zu1x8jG0xY2Qz5mXc1vB7nH9kL3pR6tW8yA"  # noqa: S105  an example

CREATE: dict[str, Any] = {
    "order_id": "order-20261121-0001",
    "order_name": "Ceramic mug, two pieces",
    "amount": 24000,
    "currency": "KRW",
    "gateway": "point3",
    "customer": {"id": "user-42", "name": "Hong Gildong", "email": "gildong@shop.example"},
    "return_url": "https://shop.example/orders/order-20261121-0001",
    "metadata": {"cart": "c-981"},
}

COMPLETE: dict[str, Any] = {"payment_id": "pay_019aa6f1c2d37e4f8a5b6c7d8e9f0a1b", "signature": "sig/7Q+a=="}

_ATTEMPT: dict[str, Any] = {
    "id": "att_019aa6f1c2d47b0c9d1e2f3a4b5c6d7e",
    "reference": _REFERENCE,
    "gateway": "point3",
    "gateway_ref": None,
    "status": "pending",
    "failure": None,
    "deposit": None,
    "created_at": "2026-11-21T08:30:00.123456Z",
}

PAYMENT: dict[str, Any] = {
    "id": "pay_019aa6f1c2d37e4f8a5b6c7d8e9f0a1b",
    "status": "open",
    "order_id": CREATE["order_id"],
    "order_name": CREATE["order_name"],
    "amount": 24000,
    "currency": "KRW",
    "captured_amount": 0,
    "refunded_amount": 0,
    "refundable_amount": 0,
    "gateway": "point3",
    "method": None,
    "mode": "test",
    "client_token": _TOKEN,
    "checkout_url": f"https://pay.shop.example/checkout/{_TOKEN}",
    "return_url": CREATE["return_url"],
    "next_action": {
        "type": "point3_widget",
        "url": "https://widget.point3.io/?d=tok%2Fen%3D%3D",
        "origin": "https://widget.point3.io",
        "token": "tok/en==",
    },
    "attempts": [_ATTEMPT],
    "last_failure": None,
    "needs_attention": False,
    "attention_code": None,
    "attention_reason": None,
    "created_at": "2026-11-21T08:30:00.123456Z",
    "paid_at": None,
    "expires_at": "2026-11-21T09:00:00.123456Z",
    "link_expires_at": None,
    "metadata": {"cart": "c-981"},
}

PROCESSING: dict[str, Any] = PAYMENT | {
    "status": "processing",
    "next_action": None,
    "attempts": [_ATTEMPT | {"status": "unknown", "gateway_ref": "sig/7Q+a=="}],
}

PAID: dict[str, Any] = PAYMENT | {
    "status": "paid",
    "captured_amount": 24000,
    "refundable_amount": 24000,
    "next_action": None,
    "attempts": [_ATTEMPT | {"status": "captured", "gateway_ref": "sig/7Q+a=="}],
    "paid_at": "2026-11-21T08:31:10.654321Z",
}

CANCELED: dict[str, Any] = PAYMENT | {"status": "canceled", "next_action": None}

LINK_CLOSED: dict[str, Any] = PAYMENT | {"link_expires_at": "2026-11-21T08:45:00.123456Z"}

PAGE: dict[str, Any] = {"data": [PAID], "next_cursor": None}

EVENTS: dict[str, Any] = {
    "data": [
        {
            "seq": 1,
            "at": "2026-11-21T08:30:00.123456Z",
            "cause": "api",
            "reason": "created",
            "from": None,
            "to": "open",
            "attempt": {"id": _ATTEMPT["id"], "from": None, "to": "created"},
            "evidence": {"amount_minor": 24000, "currency": "KRW"},
            "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        }
    ],
    "next_cursor": None,
}
