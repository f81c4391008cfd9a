"""How an API call is declared: one `Operation` is its route, its validation, its auth and its entry in the OpenAPI file.

Operations run as plain Starlette routes with msgspec in and out (performance notes, design point 2): no dependency
injection, no response model pass, and still one schema that documents and validates.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import Flag, auto
from typing import Any, get_type_hints

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.api.auth import Authenticator, Caller
from app.api.problems import problem, problem_of
from app.domain.errors import BodyTooLarge, InvalidRequest, MalformedBody, OnetillError, UnsupportedMediaType

MAX_BODY_BYTES = 64 * 1024

_AT = re.compile(r" - at `\$\.?(.*)`$")
_NAMED = re.compile(r"(?:missing required|unknown) field `([^`]*)`")


class Auth(Flag):
    """Who may call."""

    SERVER = auto()
    CLIENT = auto()


@dataclass(slots=True)
class Call:
    """One request, parsed: who calls, the path's values, the validated query and body, and the body's bytes."""

    request: Request
    caller: Caller
    path: dict[str, str]
    query: Any
    body: Any


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler returns: a struct to encode, or bytes that are JSON already."""

    status: int
    body: msgspec.Struct | bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One documented success: what it means, its schema and an example."""

    description: str
    schema: Any
    example: Any
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One call of the API."""

    method: str
    path: str
    id: str
    tag: str
    summary: str
    description: str
    handler: Callable[[Call], Awaitable[Answer]]
    auth: Auth
    scope: str
    replies: dict[int, Reply]
    problems: Sequence[str] = ()
    body: type | None = None
    body_example: Any = None
    query: type[msgspec.Struct] | None = None
    idempotency: str | None = None
    """None, `required` or `optional`: whether the call takes an Idempotency-Key."""


def routes(operations: Sequence[Operation], authenticator: Authenticator) -> list[Route]:
    """The Starlette routes of these operations, one per path, in their order."""
    by_path: dict[str, dict[str, Operation]] = {}
    for operation in operations:
        by_path.setdefault(operation.path, {})[operation.method] = operation
    return [
        Route(path, _endpoint(methods, authenticator), methods=list(methods), include_in_schema=False)
        for path, methods in by_path.items()
    ]


def _endpoint(
    operations: dict[str, Operation], authenticator: Authenticator
) -> Callable[[Request], Awaitable[Response]]:
    decoders: dict[str, msgspec.json.Decoder[Any]] = {
        method: msgspec.json.Decoder(operation.body) for method, operation in operations.items() if operation.body
    }

    async def endpoint(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        operation = operations[method]
        request.scope["path_kind"] = operation.path
        try:
            caller = await authenticator.caller(request.headers.get("authorization"))
            _admit(operation, caller)
            call = Call(
                request=request,
                caller=caller,
                path=request.path_params,
                query=_read_query(request, operation.query) if operation.query else None,
                body=await _read_body(request, decoders[method]) if method in decoders else None,
            )
            answer = await operation.handler(call)
        except OnetillError as error:
            return problem_of(request, error)
        content = answer.body if isinstance(answer.body, bytes) else msgspec.json.encode(answer.body)
        return Response(content, answer.status, answer.headers, media_type="application/json")

    return endpoint


def _admit(operation: Operation, caller: Caller) -> None:
    if not (caller.is_client and Auth.CLIENT in operation.auth):
        caller.require(operation.scope)


async def _read_body(request: Request, decoder: msgspec.json.Decoder[Any]) -> Any:
    content_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if content_type != "application/json" and not content_type.endswith("+json"):
        raise UnsupportedMediaType()
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > MAX_BODY_BYTES:
            raise BodyTooLarge(limit_bytes=MAX_BODY_BYTES)
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise InvalidRequest(_field_error(str(error))) from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise MalformedBody() from error


def _read_query(request: Request, schema: type[msgspec.Struct]) -> Any:
    """Query values into the struct. A name that is not in it, or comes twice, is refused: a misread filter misleads."""
    known = get_type_hints(schema)
    values: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in known:
            raise InvalidRequest((name, f"is no parameter of this call; it takes {', '.join(known)}"))
        if name in values:
            raise InvalidRequest((name, "was given twice"))
        values[name] = value
    try:
        return msgspec.convert(values, schema, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidRequest(_field_error(str(error))) from error


def _field_error(message: str) -> tuple[str, str]:
    """msgspec's one-line message as (field, what is wrong): `amount`, "Expected `int`, got `str`"."""
    at = _AT.search(message)
    text = _AT.sub("", message)
    parent = at.group(1) if at else ""
    if named := _NAMED.search(text):
        inner = named.group(1)
        text = "is required" if "missing" in text else "is not a known field"
        return (f"{parent}.{inner}" if parent else inner), text
    return parent or "body", text[0].lower() + text[1:]


def unmatched(request: Request, status: int, headers: dict[str, str] | None) -> Response:
    """The problem for a path or method that no route takes."""
    code = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}.get(status, "invalid_request")
    details: dict[str, object] = {"limit_bytes": MAX_BODY_BYTES} if status == 413 else {}
    return problem(request, code, details, headers=headers)
