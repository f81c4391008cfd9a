"""The parts of the OpenAPI document that every call shares: the problem, the headers, the parameters, who may call."""

from collections.abc import Iterable
from typing import Any

from app.api.problem_examples import PAYMENT_ID, REFUND_ID, REQUEST_ID
from app.api.problems import PROBLEMS

DESCRIPTION = """

**Every error** is `application/problem+json`: an unknown path (404 `not_found`), a method that a path does not take (405
`method_not_allowed`, with `Allow`), a wrong body, a gateway that is down. `type` is a page that explains the code.

**Every answer** carries `X-Request-Id`: yours if it was well-formed, else ours. Quote it when you ask for help.

**A POST that opens a payment or gives money back** takes an `Idempotency-Key`. After a lost answer or a problem that is
`retryable`, send the same request with the same key: it goes on where it stopped, and nothing happens twice."""

TAGS = [
    {"name": "payments", "description": "Create a payment, let the buyer pay, and read what became of it."},
    {"name": "refunds", "description": "Give money back, whole or in part, and follow it until it is back."},
    {"name": "operations", "description": "For load balancers and monitors. No key needed."},
]

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457 problem. Some codes carry further members, such as `payment_id` or `retry_after_s`.",
    "required": ["type", "title", "status", "detail", "instance", "code", "request_id", "retryable"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "A page that explains the code."},
        "title": {"type": "string", "description": "The code in words; the same for all problems of this code."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599, "description": "The HTTP status again."},
        "detail": {"type": "string", "description": "For people, in Korean or English by Accept-Language."},
        "instance": {"type": "string", "format": "uri-reference", "description": "The path that was asked for."},
        "code": {"type": "string", "enum": sorted(PROBLEMS), "description": "For programs; stable."},
        "request_id": {"type": "string", "description": "What to quote when asking for help; also in our logs."},
        "retryable": {"type": "boolean", "description": "Whether the same call may succeed later, unchanged."},
        "payment_id": {"type": "string", "description": "The payment that this is about, if there is one."},
        "payment_status": {"type": "string", "description": "The status of that payment."},
        "retry_after_s": {"type": "integer", "minimum": 1, "description": "Seconds to wait; also in Retry-After."},
        "errors": {
            "type": "array",
            "description": "Every field that is wrong, as this document spells it.",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {
                    "field": {"type": "string", "description": "Such as `items[0].quantity`; `body` for the whole."},
                    "message": {"type": "string", "description": "What is wrong with it."},
                },
            },
        },
    },
    "additionalProperties": True,
}

SECURITY_SCHEMES = {
    "secretKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "A server's key, `sk_test_…` or `sk_live_…`, from `onetill keys create`.",
    },
    "clientToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "One payment's own `client_token`, for a browser or app: it reads, completes and re-attempts it.",
    },
}

_SECONDS = {"type": "string", "pattern": "^[0-9]+$"}
HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-Id": {
        "description": "Names this request in our logs.",
        "required": True,
        "schema": {"type": "string", "pattern": r"^[0-9A-Za-z_\-.]{1,64}$"},
        "example": REQUEST_ID,
    },
    "Content-Language": {
        "description": "The language of `title` and `detail`.",
        "required": True,
        "schema": {"type": "string", "enum": ["en", "ko"]},
        "example": "en",
    },
    "Retry-After": {"description": "Seconds to wait before asking again.", "schema": _SECONDS, "example": "2"},
    "WWW-Authenticate": {
        "description": "The scheme that is expected.",
        "required": True,
        "schema": {"type": "string"},
        "example": 'Bearer realm="onetill"',
    },
    "Idempotency-Replayed": {
        "description": "`true` when this is the stored answer of an earlier call with the same key; absent otherwise.",
        "schema": {"type": "string", "enum": ["true"]},
        "example": "true",
    },
}

SHARED_HEADERS = frozenset({"X-Request-Id"})
SHARED_PARAMETERS = ("Accept-Language", "X-Request-Id")
PARAMETERS: dict[str, dict[str, Any]] = {
    "id": {
        "name": "id",
        "in": "path",
        "required": True,
        "description": "The payment's id, as the API returned it.",
        "schema": {"type": "string", "pattern": "^pay_[0-9a-f]{32}$"},
        "example": PAYMENT_ID,
    },
    "refund_id": {
        "name": "id",
        "in": "path",
        "required": True,
        "description": "The refund's id, as the API returned it.",
        "schema": {"type": "string", "pattern": "^ref_[0-9a-f]{32}$"},
        "example": REFUND_ID,
    },
    "Idempotency-Key": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "One value for one intent, bare or in double quotes, sent again on every retry. Kept for 30 days.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        "example": "order-20261121-0001",
    },
    "Accept-Language": {
        "name": "Accept-Language",
        "in": "header",
        "required": False,
        "description": "Korean (`ko`) or English, for the texts of problems.",
        "schema": {"type": "string"},
        "example": "ko-KR, en;q=0.8",
    },
    "X-Request-Id": {
        "name": "X-Request-Id",
        "in": "header",
        "required": False,
        "description": "Your own id for this request: 1 to 64 of `0-9 A-Z a-z _ - .`; anything else is replaced.",
        "schema": {"type": "string"},
        "example": REQUEST_ID,
    },
}


def header_refs(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """The headers of one answer, by reference."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in sorted(names)}
