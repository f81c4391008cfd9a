"""Which error becomes which problem: FastAPI's and Starlette's own, the domain's, and what the database driver raises."""

from collections.abc import Callable, Coroutine
from typing import Any

import asyncpg
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException

from app.api.parsing import MAX_BODY_BYTES
from app.api.problems import problem
from app.api.schemas import told
from app.domain.errors import IdempotencyKeyMissing, InvalidRequest, OnetillError, RateLimited
from app.logs import get_logger

log = get_logger("api")

_CODES = {400: "malformed_body", 405: "method_not_allowed", 413: "body_too_large"}


async def _http_error(request: Request, error: HTTPException) -> Response:
    """For a path or method that no route takes: its source is counted, whatever credential came with it.

    Every 405 says what is allowed (RFC 9110 §15.5.6).
    """
    try:
        request.app.state.limits.stranger(request.scope)
    except RateLimited as limited:
        return await _domain_error(request, limited)
    code = _CODES.get(error.status_code, "internal_error" if error.status_code >= 500 else "not_found")
    details: dict[str, object] = {"limit_bytes": MAX_BODY_BYTES} if error.status_code == 413 else {}
    headers = {"Allow": _allowed(request)} if error.status_code == 405 else dict(error.headers or {})
    return problem(request, code, details, headers=headers)


def _allowed(request: Request) -> str:
    """Every method of the path: FastAPI tells those of the first route that has it. Static files are read only."""
    path, found = request.scope["path"], set[str]()
    for route in iter_route_contexts(request.app.routes):
        if route.methods and route.path_regex.match(path):
            found |= route.methods
    return ", ".join(sorted(found | {"HEAD"} if "GET" in found else found)) or "GET, HEAD"


async def _domain_error(request: Request, error: OnetillError) -> Response:
    return problem(request, error.code, error.details)


async def _validation_error(request: Request, error: RequestValidationError) -> Response:
    """All wrong fields at once. The one header that a call may require is the Idempotency-Key, told when all else is right."""
    wrong = [told(each) for each in error.errors() if each["loc"][0] != "header"]
    return await _domain_error(request, InvalidRequest(*wrong) if wrong else IdempotencyKeyMissing())


async def _data_error(request: Request, error: Exception) -> Response:
    """What Postgres cannot store as the type of its column is the caller's text: nothing was stored."""
    log.warning("data_error", code=getattr(error, "sqlstate", None))
    return problem(
        request, "invalid_request", {"errors": [{"field": "body", "message": "holds what cannot be stored"}]}
    )


async def _storage_error(request: Request, error: Exception) -> Response:
    if isinstance(error, ValueError):
        raise error  # asyncpg could not write a value as its column's type: ours to mend, not to repeat
    return problem(request, "storage_unavailable", {})


HANDLERS: dict[int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]] = {
    OnetillError: _domain_error,
    HTTPException: _http_error,
    RequestValidationError: _validation_error,
    # Also when the connection went away on COMMIT: whether it was stored is unknown, and the same key finds out.
    asyncpg.PostgresConnectionError: _storage_error,
    asyncpg.DataError: _data_error,
    asyncpg.InterfaceError: _storage_error,
    asyncpg.InternalClientError: _storage_error,  # the server's end came while the connection lay idle
    asyncpg.exceptions.OperatorInterventionError: _storage_error,  # canceled, shut down, starting up
    asyncpg.exceptions.InsufficientResourcesError: _storage_error,  # connections, memory, disk
    asyncpg.exceptions.TransactionRollbackError: _storage_error,  # deadlock, serialization
    asyncpg.ReadOnlySQLTransactionError: _storage_error,  # failed over: this one is a standby now
    asyncpg.LockNotAvailableError: _storage_error,
    asyncpg.InvalidAuthorizationSpecificationError: _storage_error,
    asyncpg.InvalidCatalogNameError: _storage_error,
    OSError: _storage_error,  # refused, reset, timed out, no such host
}
