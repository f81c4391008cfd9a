"""Builds the application: services, routes, handlers. No logic."""

import gc
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app import logs
from app.api.auth import Authenticator, ClientTokens
from app.api.documented import problem_pages
from app.api.edge import Edge
from app.api.health import health_routes
from app.api.metrics import metrics_route
from app.api.openapi import merge
from app.api.operations import routes, unmatched
from app.api.problems import problem
from app.api.reference import reference_page
from app.checkout.pages import checkout_routes
from app.checkout.returns import return_routes
from app.db.schema import REVISION
from app.domain.clock import Now, utc_now
from app.paths import STATIC, TEMPLATES
from app.payments.router import operations
from app.payments.views import Views
from app.refunds.router import operations as refund_operations
from app.services import build_services
from app.settings import Settings
from app.webhooks.router import webhook_routes
from app.webhooks.source import source_behind

GC_THRESHOLD = 50_000
"""Young objects before a collection; requests make thousands that die at once (performance notes, design point 6)."""


def create_app(settings: Settings | None = None, now: Now = utc_now) -> Edge:
    """The ASGI application. Settings come from the environment unless they are given."""
    settings = settings or Settings()
    logs.configure(settings.log_level)
    services = build_services(settings, now)
    tokens = ClientTokens(settings.secret_key.get_secret_value())
    authenticator = Authenticator(services.keys.find, tokens, settings.mode)
    views = Views(settings.public_url, tokens)
    api = [*operations(services.payments, views), *refund_operations(services.refunds, services.idempotency)]
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, enable_async=False
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await services.database.open()
        gc.freeze()  # what lives as long as the process need not be walked on every collection
        gc.set_threshold(GC_THRESHOLD, 20, 20)
        try:
            yield
        finally:
            await services.close()

    app = FastAPI(
        title="Onetill",
        version="0.1.0",
        summary="A merchant's own payment backend.",
        description="Create a payment, let the buyer pay, and trust the status: it is what the gateway holds. "
        "Money is an integer of minor units. Errors are RFC 9457 problems with a stable `code`.",
        lifespan=lifespan,
        exception_handlers=_HANDLERS,
        redirect_slashes=False,
        docs_url=None,  # FastAPI's own pages load scripts from another host; ours is `reference_page`
        redoc_url=None,
    )
    source_of = source_behind(settings.trusted_proxies)
    app.router.routes[:0] = webhook_routes(services.webhooks, source_of, now)
    app.router.routes[:0] = routes(api, authenticator)  # first: they are the hot ones, and routes are tried in order
    app.router.routes.extend(health_routes(services.database, REVISION))
    app.router.routes.append(metrics_route(services.gauges))
    app.router.routes.extend(checkout_routes(services.payments, views, tokens, settings, templates, now))
    app.router.routes.extend(return_routes(services.payments, tokens, settings, templates))
    app.router.routes.append(problem_pages(templates))
    app.router.routes.append(reference_page(lambda: app.openapi(), templates, settings.public_url))
    app.mount("/static", _Static(directory=STATIC), name="static")
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = merge(generate(), api)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # the way that FastAPI documents for extending its document
    return Edge(app, log_every=settings.access_log_every)


class _Static(StaticFiles):
    """Static files that browsers ask about each time: modules of two releases must never meet in one page."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return unmatched(request, error.status_code, dict(error.headers or {}))


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [
        {"field": ".".join(str(part) for part in each["loc"][1:]) or "body", "message": each["msg"]}
        for each in error.errors()
    ]
    return problem(request, "invalid_request", {"errors": errors})


async def _storage_error(request: Request, error: Exception) -> Response:
    if isinstance(
        error, ValueError
    ):  # asyncpg could not write a value as its column's type: ours to mend, not to repeat
        raise error
    return problem(request, "storage_unavailable", {})


async def _our_mistake(request: Request, _: Exception) -> Response:
    return problem(request, "internal_error", {})


_HANDLERS: dict[int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]] = {
    HTTPException: _http_error,
    RequestValidationError: _validation_error,
    # Also when the connection went away on COMMIT: whether it was stored is unknown, and the same key finds out.
    asyncpg.PostgresConnectionError: _storage_error,
    asyncpg.InterfaceError: _storage_error,
    asyncpg.exceptions.OperatorInterventionError: _storage_error,  # canceled, shut down, starting up
    asyncpg.exceptions.InsufficientResourcesError: _storage_error,  # connections, memory, disk
    asyncpg.exceptions.TransactionRollbackError: _storage_error,  # deadlock, serialization
    asyncpg.ReadOnlySQLTransactionError: _storage_error,  # failed over: this one is a standby now
    asyncpg.LockNotAvailableError: _storage_error,
    asyncpg.InvalidAuthorizationSpecificationError: _storage_error,
    asyncpg.InvalidCatalogNameError: _storage_error,
    OSError: _storage_error,  # refused, reset, timed out, no such host
    Exception: _our_mistake,
}
