"""The OpenAPI document: what FastAPI knows of its own routes, plus an entry for every `Operation`."""

import inspect
from collections.abc import Sequence
from typing import Any

import msgspec

from app.api.health import HEALTH_PATHS
from app.api.openapi_parts import (
    DESCRIPTION,
    HEADERS,
    PARAMETERS,
    PROBLEM_SCHEMA,
    SECURITY_SCHEMES,
    SHARED_HEADERS,
    SHARED_PARAMETERS,
    TAGS,
    header_refs,
)
from app.api.operations import Auth, Operation, Reply
from app.api.problem_examples import example, response_headers
from app.api.problems import MEDIA_TYPE, PROBLEMS

ALWAYS = ("unauthorized", "forbidden", "storage_unavailable", "internal_error")
"""Problems that any operation may answer with."""

_REF = "#/components/schemas/{name}"


def merge(document: dict[str, Any], operations: Sequence[Operation]) -> dict[str, Any]:
    """Add the operations to FastAPI's document, in place, and return it."""
    types = [op.body for op in operations if op.body] + [r.schema for op in operations for r in op.replies.values()]
    queries = [op.query for op in operations if op.query]
    _, found = msgspec.json.schema_components([*types, *queries], ref_template=_REF)
    schemas = {name: _tidy(schema) for name, schema in found.items()}
    hidden = {query.__name__ for query in queries}
    document["info"]["description"] += DESCRIPTION
    document["tags"] = TAGS
    document["components"] = {
        "schemas": {name: schema for name, schema in schemas.items() if name not in hidden}
        | {"Problem": PROBLEM_SCHEMA},
        "parameters": PARAMETERS,
        "headers": HEADERS,
        "securitySchemes": SECURITY_SCHEMES,
    }
    paths = document.setdefault("paths", {})
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _entry(operation, schemas)
    paths |= HEALTH_PATHS
    return document


def _entry(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    responses = {str(status): _reply(reply) for status, reply in operation.replies.items()}
    for status, codes in _problems_by_status(operation).items():
        example_id = str(PARAMETERS[operation.id_parameter]["example"])
        responses[str(status)] = _problem_response(codes, operation.path.replace("{id}", example_id))
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
        entry["requestBody"] = {
            "required": True,
            "description": "JSON, at most 64 KiB. A member that comes twice is refused, and so is a whole number that "
            "is written with a fraction (`24000.0`).",
            "content": {"application/json": content},
        }
    return entry


def _reply(reply: Reply) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": reply.description,
        "headers": header_refs(SHARED_HEADERS.union(reply.headers)),
        "content": {"application/json": {"schema": _schema(reply.schema), "example": reply.example}},
    }
    if reply.links:
        answer["links"] = reply.links
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


def _problem_response(codes: list[str], instance: str) -> dict[str, Any]:
    examples = {code: {"summary": PROBLEMS[code].title, "value": example(code, instance=instance)} for code in codes}
    return {
        "description": " · ".join(PROBLEMS[code].title for code in codes),
        "headers": header_refs(SHARED_HEADERS | response_headers(codes)),
        "content": {MEDIA_TYPE: {"schema": {"$ref": _REF.format(name="Problem")}, "examples": examples}},
    }


def _parameters(operation: Operation, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    shown = [operation.id_parameter if name == "id" else name for name in names]
    found: list[dict[str, Any]] = [{"$ref": f"#/components/parameters/{name}"} for name in shown]
    if operation.query:
        described = schemas[operation.query.__name__]
        found += [
            {
                "name": name,
                "in": "query",
                "required": name in described.get("required", []),
                "description": schema["description"],
                "schema": {key: value for key, value in schema.items() if key != "description"},
            }
            for name, schema in described["properties"].items()
        ]
    if operation.idempotency:
        key = PARAMETERS["Idempotency-Key"]
        found.append(key | {"required": True} if operation.idempotency == "required" else key)
    return found + [{"$ref": f"#/components/parameters/{name}"} for name in SHARED_PARAMETERS]


def _schema(kind: Any) -> Any:
    (schema,), _ = msgspec.json.schema_components([kind], ref_template=_REF)
    return schema


def _tidy(schema: Any) -> Any:
    """msgspec's schema, read by people: without the indents of docstrings, and without empty lists."""
    if isinstance(schema, list):
        return [_tidy(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    tidy = {name: _tidy(value) for name, value in schema.items()}
    if isinstance(tidy.get("description"), str):
        tidy["description"] = inspect.cleandoc(tidy["description"])
    if tidy.get("required") == []:
        del tidy["required"]
    return tidy
