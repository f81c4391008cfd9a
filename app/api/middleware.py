"""What surrounds every call, pure ASGI: a request id, HEAD, one sampled log line, safe headers, no error without a problem."""

import re
import time
from itertools import count

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import path_kind, problem
from app.domain.ids import uuid7
from app.logs import get_logger

_GIVEN_ID = re.compile(r"[0-9A-Za-z_\-.]{1,64}")
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]
_HSTS = (b"strict-transport-security", b"max-age=31536000")
"""A year of https for this host (RFC 6797 §6.1). In live mode only: a browser that heard it once insists."""

log = get_logger("http")


class CallMiddleware:
    """Around the whole application. `log_every` good requests make one log line; 0 none; every 5xx makes one.

    HEAD is GET without its body (RFC 9110 §9.3.2), on every path. An answer that says nothing of caches itself is not kept:
    answers carry client tokens, buyers' data and what holds just now. What is left of a rate limit stands in its headers.
    """

    def __init__(self, app: ASGIApp, *, log_every: int, is_live: bool = False) -> None:
        self._app = app
        self._headers = [*_HEADERS, _HSTS] if is_live else _HEADERS
        self._not_kept = [*self._headers, (b"cache-control", b"no-store")]
        self._log_every = log_every
        self._served = count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; anything but HTTP passes through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        method = scope["method"]
        if method == "HEAD":
            scope = {**scope, "method": "GET"}  # a copy: the server goes on knowing what it was asked for
        request_id = scope["request_id"] = _request_id(scope)
        structlog.contextvars.bind_contextvars(request_id=request_id)
        status = 0

        async def send_marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = message["headers"]
                own = self._headers if any(name == b"cache-control" for name, _ in given) else self._not_kept
                budget = scope["rate_limit"].headers() if "rate_limit" in scope else ()
                message["headers"] = [*given, *own, (b"x-request-id", request_id.encode()), *budget]
            elif method == "HEAD":
                message = {**message, "body": b""}
            await send(message)

        try:
            await self._app(scope, receive, send_marked)
        except Exception:  # the last stop of a request: our bug, logged whole and told without inner detail
            log.exception("unhandled_error", path_kind=path_kind(scope))
            if not status:
                await problem(Request(scope), "internal_error", {})(scope, receive, send_marked)
        finally:
            if status >= 500 or (self._log_every and next(self._served) % self._log_every == 0):
                took_ms = round((time.perf_counter() - started) * 1000, 1)
                log.info("request", method=method, path_kind=path_kind(scope), status=status, took_ms=took_ms)
            structlog.contextvars.unbind_contextvars("request_id")


def _request_id(scope: Scope) -> str:
    given = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"x-request-id"), "")
    return given if _GIVEN_ID.fullmatch(given) else uuid7().hex
