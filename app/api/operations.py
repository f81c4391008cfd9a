"""How an API call is declared: one `Operation` is its route, its validation, its auth and its entry in the OpenAPI file.

Operations run as plain Starlette routes with msgspec in and out (performance notes, design point 2): no dependency
injection, no response model pass, and still one schema that documents and validates.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import Flag, auto
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from app.api.auth import Authenticator, Caller
from app.api.problems import problem, problem_of
from app.api.reading import MAX_BODY_BYTES, read_body, read_query
from app.domain.errors import OnetillError

_UNMATCHED = {400: "malformed_body", 405: "method_not_allowed", 413: "body_too_large"}
_ANSWER_HEADERS = {"Cache-Control": "no-store"}
"""Answers carry client tokens and buyers' data: no cache between us and the caller keeps them."""


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
    """One documented success: what it means, its schema, an example, and the names of its headers."""

    description: str
    schema: Any
    example: Any
    headers: Sequence[str] = ()
    links: dict[str, Any] = field(default_factory=dict)
    """OpenAPI links: which calls take what this answer gives."""


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
    id_parameter: str = "id"
    """Which documented parameter the path's `{id}` is: a payment's, unless it says otherwise."""
    idempotency: str | None = None
    """None, `required` or `optional`: whether the call takes an Idempotency-Key."""


def routes(operations: Sequence[Operation], authenticator: Authenticator) -> list[Route]:
    """The Starlette routes of these operations, one per path, in their order."""
    by_path: dict[str, dict[str, Operation]] = {}
    for operation in operations:
        by_path.setdefault(operation.path, {})[operation.method] = operation
    return [
        Route(path, _Endpoint(methods, authenticator), include_in_schema=False) for path, methods in by_path.items()
    ]


class _Endpoint:
    """One path with all its methods. It takes every method and answers 405 itself: if the router did, it would first
    look for another path that fits, and `GET /payments/complete` would ask for a payment named `complete`.
    """

    def __init__(self, operations: dict[str, Operation], authenticator: Authenticator) -> None:
        self._operations = operations | ({"HEAD": operations["GET"]} if "GET" in operations else {})
        self._allow = ", ".join(sorted(self._operations))
        self._authenticator = authenticator
        self._decoders: dict[str, msgspec.json.Decoder[Any]] = {
            method: msgspec.json.Decoder(operation.body) for method, operation in operations.items() if operation.body
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = Request(scope, receive, send)
        try:
            response = await self._answer(request)
        except OnetillError as error:
            response = problem_of(request, error)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        operation = self._operations.get(request.method)
        if operation is None:
            return unmatched(request, 405, {"Allow": self._allow})
        request.scope["path_kind"] = operation.path
        caller = await self._authenticator.caller(request.headers.get("authorization"))
        _admit(operation, caller)
        decoder = self._decoders.get(request.method)
        call = Call(
            request=request,
            caller=caller,
            path=request.path_params,
            query=read_query(request, operation.query) if operation.query else None,
            body=await read_body(request, decoder) if decoder else None,
        )
        answer = await operation.handler(call)
        content = answer.body if isinstance(answer.body, bytes) else msgspec.json.encode(answer.body)
        return Response(content, answer.status, _ANSWER_HEADERS | answer.headers, media_type="application/json")


def _admit(operation: Operation, caller: Caller) -> None:
    if not (caller.is_client and Auth.CLIENT in operation.auth):
        caller.require(operation.scope)


def unmatched(request: Request, status: int, headers: dict[str, str] | None) -> Response:
    """The problem for a path or method that no route takes. Every 405 says what is allowed (RFC 9110 §15.5.6)."""
    code = _UNMATCHED.get(status, "internal_error" if status >= 500 else "not_found")
    details: dict[str, object] = {"limit_bytes": MAX_BODY_BYTES} if status == 413 else {}
    if status == 405:
        headers = {"Allow": "GET, HEAD"} | (headers or {})  # Starlette's static files leave it out
    return problem(request, code, details, headers=headers)
