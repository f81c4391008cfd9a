"""The OpenAPI document: what FastAPI knows of its own routes, plus an entry for every `Operation`."""

from collections.abc import Sequence
from typing import Any

import msgspec

from app.api.operations import Auth, Operation, Reply
from app.api.problems import MEDIA_TYPE, PROBLEMS

ALWAYS = ("unauthorized", "forbidden", "storage_unavailable", "internal_error")
"""Problems that any operation may answer with."""

_REF = "#/components/schemas/{name}"

PROBLEM_SCHEMA = {
    "type": "object",
    "description": "RFC 9457 problem. Some codes carry further members, such as `payment_id` or `retry_after_s`.",
    "required": ["type", "title", "status", "detail", "instance", "code", "request_id", "retryable"],
    "properties": {
        "type": {"type": "string", "description": "A page that explains the code.", "example": "/problems/not_found"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "For people, in Korean or English by Accept-Language."},
        "instance": {"type": "string"},
        "code": {"type": "string", "enum": sorted(PROBLEMS)},
        "request_id": {"type": "string"},
        "retryable": {"type": "boolean", "description": "Whether the same call may succeed later, unchanged."},
        "payment_id": {"type": "string"},
        "retry_after_s": {"type": "integer"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
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


def merge(document: dict[str, Any], operations: Sequence[Operation]) -> dict[str, Any]:
    """Add the operations to FastAPI's document, in place, and return it."""
    types = [op.body for op in operations if op.body] + [r.schema for op in operations for r in op.replies.values()]
    queries = [op.query for op in operations if op.query]
    _, schemas = msgspec.json.schema_components([*types, *queries], ref_template=_REF)
    components = document.setdefault("components", {})
    hidden = {query.__name__ for query in queries}
    components.setdefault("schemas", {}).update({k: v for k, v in schemas.items() if k not in hidden})
    components["schemas"]["Problem"] = PROBLEM_SCHEMA
    components["securitySchemes"] = SECURITY_SCHEMES
    for operation in operations:
        path = document.setdefault("paths", {}).setdefault(operation.path, {})
        path[operation.method.lower()] = _entry(operation, schemas)
    return document


def _entry(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    responses = {str(status): _reply(reply) for status, reply in operation.replies.items()}
    for status, codes in _problems_by_status(operation).items():
        responses[str(status)] = _problem_response(codes)
    entry: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.description,
        "security": [
            {name: []}
            for flag, name in ((Auth.SERVER, "secretKey"), (Auth.CLIENT, "clientToken"))
            if flag in operation.auth
        ],
        "parameters": _parameters(operation, schemas),
        "responses": dict(sorted(responses.items())),
    }
    if operation.body:
        content = {"schema": _schema(operation.body), "example": operation.body_example}
        entry["requestBody"] = {"required": True, "content": {"application/json": content}}
    return entry


def _reply(reply: Reply) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": reply.description,
        "content": {"application/json": {"schema": _schema(reply.schema), "example": reply.example}},
    }
    if reply.headers:
        answer["headers"] = {
            name: {"description": text, "schema": {"type": "string"}} for name, text in reply.headers.items()
        }
    return answer


def _problems_by_status(operation: Operation) -> dict[int, list[str]]:
    codes = {*ALWAYS, *operation.problems}
    if operation.body:
        codes |= {"malformed_body", "unsupported_media_type", "body_too_large", "invalid_request"}
    if operation.query:
        codes.add("invalid_request")
    if operation.idempotency:
        codes |= {"idempotency_key_malformed", "idempotency_key_reused", "idempotency_key_in_use"}
    if operation.idempotency == "required":
        codes.add("idempotency_key_missing")
    grouped: dict[int, list[str]] = {}
    for code in sorted(codes):
        grouped.setdefault(PROBLEMS[code].status, []).append(code)
    return grouped


def _problem_response(codes: list[str]) -> dict[str, Any]:
    examples = {
        code: {
            "summary": PROBLEMS[code].title,
            "value": {
                "type": f"/problems/{code}",
                "title": PROBLEMS[code].title,
                "status": PROBLEMS[code].status,
                "detail": PROBLEMS[code].detail,
                "instance": "/payments",
                "code": code,
                "request_id": "0193a1c2d3e47f60a1b2c3d4e5f60718",
                "retryable": PROBLEMS[code].retryable,
            },
        }
        for code in codes
    }
    schema = {"$ref": _REF.format(name="Problem")}
    return {
        "description": " · ".join(PROBLEMS[code].title for code in codes),
        "content": {MEDIA_TYPE: {"schema": schema, "examples": examples}},
    }


def _parameters(operation: Operation, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": part[1:-1], "in": "path", "required": True, "schema": {"type": "string"}, "description": "Its id."}
        for part in operation.path.split("/")
        if part.startswith("{")
    ]
    if operation.query:
        schema = schemas[operation.query.__name__]
        for name, described in schema["properties"].items():
            is_required = name in schema.get("required", [])
            text = described.get("description", "")
            found.append(
                {"name": name, "in": "query", "required": is_required, "description": text, "schema": described}
            )
    if operation.idempotency:
        found.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": operation.idempotency == "required",
                "description": "One value for one intent, sent again on every retry. Kept for 30 days.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
                "example": "order-20261121-0001",
            }
        )
    found.append(
        {
            "name": "Accept-Language",
            "in": "header",
            "required": False,
            "description": "`ko` or `en`, for problem texts.",
            "schema": {"type": "string"},
        }
    )
    return found


def _schema(kind: Any) -> Any:
    (schema,), _ = msgspec.json.schema_components([kind], ref_template=_REF)
    return schema
