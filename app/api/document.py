"""What FastAPI's OpenAPI document cannot say by itself, added the way that FastAPI documents for extending it.

That is: the `Problem` of `application/problem+json`, the headers that every answer has, and nulls in examples. Routes use
`success` and `problems` for their `responses=`; everything else in the document is FastAPI's own.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from app.api.problem_examples import REQUEST_ID, example, response_headers
from app.api.problems import MEDIA_TYPE, PROBLEMS

Document = dict[str, Any]

DESCRIPTION = """Create a payment, let the buyer pay, and trust the status: it is what the gateway holds. Money is an integer of \
minor units. Errors are RFC 9457 problems with a stable `code`.

**Every error** is `application/problem+json`: an unknown path (404 `not_found`), a method that a path does not take (405
`method_not_allowed`, with `Allow`), a wrong body, a gateway that is down. `type` is a page that explains the code.

**Every answer** carries `X-Request-Id`: yours if it was well-formed, else ours. Quote it when you ask for help.

**Who asks too often** gets 429 `rate_limited` with `Retry-After`; `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset`
(seconds) say how much a key, a client token or an address has left.

**A POST that opens a payment or gives money back** takes an `Idempotency-Key`. After a lost answer or a problem that is
`retryable`, send the same request with the same key: it goes on where it stopped, and nothing happens twice."""

TAGS = [
    {"name": "payments", "description": "Create a payment, let the buyer pay, and read what became of it."},
    {"name": "refunds", "description": "Give money back, whole or in part, and follow it until it is back."},
    {"name": "notifications", "description": "Be told what happened, by signed webhooks or by reading the feed."},
    {"name": "webhooks", "description": "For gateways alone: what they send is kept, and looked into afterwards."},
    {"name": "operations", "description": "For load balancers and monitors. No key needed."},
]

ALWAYS = ("unauthorized", "forbidden", "rate_limited", "overloaded", "storage_unavailable", "internal_error")
"""Problems that any call with a credential may answer with."""
BODY = ("malformed_body", "unsupported_media_type", "body_too_large", "invalid_request")
"""Problems of every call that takes a JSON body."""
KEYED = ("idempotency_key_malformed", "idempotency_key_reused", "idempotency_key_in_use")
"""Problems of every call that takes an Idempotency-Key."""
PUBLIC: Document = {"security": []}
"""`openapi_extra` of a call that takes no credential."""

_BODY_TEXT = (
    "JSON, at most 64 KiB. A member that comes twice is refused, and so is a whole number that is written with a "
    "fraction (`24000.0`)."
)
_PROBLEM: Document = {
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
            "description": "Every field that is wrong, as this document spells it; the first 100 of them.",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {
                    "field": {"type": "string", "description": "Such as `items[0].quantity`; `body` for the whole."},
                    "message": {"type": "string", "description": "What is wrong with it."},
                },
            },
        },
        "more_errors": {
            "type": "integer",
            "minimum": 1,
            "description": "How many more fields are wrong; absent: none.",
        },
    },
    "additionalProperties": True,
}
_HEADERS: dict[str, Document] = {
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
    "Retry-After": {
        "description": "Seconds to wait before asking again.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
        "example": "2",
    },
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
_PARAMETERS: dict[str, Document] = {
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


def shown(value: Any) -> dict[str, Any]:
    """The one example of a body or parameter, as `openapi_examples=`."""
    return {"example": {"value": value}}


def success(
    example: Any,
    *,
    model: Any = None,
    description: str = "",
    headers: Iterable[str] = (),
    links: Document | None = None,
) -> Document:
    """One good answer in `responses=`. The status of the route itself has its model and description from the route."""
    answer: Document = {"content": {"application/json": {"example": example}}, "headers": _headers(headers)}
    answer |= {"links": links} if links else {}
    answer |= {"model": model} if model else {}
    return answer | ({"description": description} if description else {})


def nothing(description: str) -> Document:
    """A good answer without a body in `responses=`."""
    return {"description": description, "headers": _headers(())}


def problems(instance: str, *codes: str) -> dict[int | str, Document]:
    """The problems of a call in `responses=`, by status; `instance` is an example of its path."""
    by_status: dict[int | str, list[str]] = {}
    for code in sorted(codes):
        by_status.setdefault(PROBLEMS[code].status, []).append(code)
    return {status: _problems(by_status[status], instance) for status in sorted(by_status, key=int)}


def _problems(codes: list[str], instance: str) -> Document:
    shown = {code: {"summary": PROBLEMS[code].title, "value": example(code, instance=instance)} for code in codes}
    return {
        "description": " · ".join(PROBLEMS[code].title for code in codes),
        "headers": _headers(response_headers(codes)),
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": shown}},
    }


def _headers(names: Iterable[str]) -> Document:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in sorted({"X-Request-Id", *names})}


def extend(app: FastAPI, made: Document) -> Document:
    """Add our parts to the document that FastAPI has made of the app, in place, and return it."""
    components = made["components"]
    for unused in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(unused, None)
    components["schemas"]["Problem"] = _PROBLEM
    components |= {"headers": _HEADERS, "parameters": _PARAMETERS}
    for route in iter_route_contexts(app.routes):
        if isinstance(route.original_route, APIRoute) and route.include_in_schema:
            for method in route.methods or ():
                _complete(made["paths"][route.path_format][method.lower()], route.responses)
    return made


def _complete(operation: Document, responses: Mapping[int | str, Document]) -> None:
    """One operation: FastAPI's own 422 goes where the route names none, and examples get back their nulls."""
    if 422 not in responses:
        operation["responses"].pop("422", None)
    for status, response in responses.items():
        for media_type, content in response.get("content", {}).items():
            shown = operation["responses"][str(status)]["content"][media_type]
            shown |= {name: content[name] for name in ("example", "examples") if name in content}
    if "application/json" in (body := operation.get("requestBody", {"content": {}}))["content"]:
        body["description"] = _BODY_TEXT
    references = [{"$ref": f"#/components/parameters/{name}"} for name in _PARAMETERS]
    operation["parameters"] = [*operation.get("parameters", []), *references]
