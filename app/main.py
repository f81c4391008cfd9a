"""Builds the application: parts, routes, handlers. No logic."""

import gc
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
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
from app.api.idempotency import Idempotency
from app.api.metrics import metrics_route
from app.api.openapi import merge
from app.api.operations import routes, unmatched
from app.api.problems import problem
from app.api.reference import reference_page
from app.api_keys.service import ApiKeyService
from app.checkout.pages import checkout_routes
from app.checkout.returns import return_routes
from app.db.database import Database
from app.db.schema import REVISION
from app.domain.clock import Now, utc_now
from app.gateways import registry
from app.gateways.registry import Registry
from app.paths import STATIC, TEMPLATES
from app.payments.exchanges import Exchanges
from app.payments.repository import PaymentRepository
from app.payments.router import operations
from app.payments.service import PaymentService
from app.payments.views import Views
from app.refunds.pursuit import Pursuit
from app.refunds.repository import RefundRepository
from app.refunds.router import operations as refund_operations
from app.refunds.service import RefundService
from app.settings import Settings
from app.webhooks.inbox import Inbox
from app.webhooks.router import webhook_routes
from app.webhooks.service import WebhookService
from app.webhooks.source import source_behind

IDEMPOTENCY_LEASE_S = 60.0
GC_THRESHOLD = 50_000
"""Young objects before a collection; requests make thousands that die at once (performance notes, design point 6)."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What every process of the product is made of; the API, the worker and the commands share this wiring."""

    settings: Settings
    database: Database
    registry: Registry
    idempotency: Idempotency
    keys: ApiKeyService
    payments: PaymentService
    refunds: RefundService
    webhooks: WebhookService
    exchanges: Exchanges

    async def gauges(self) -> dict[str, tuple[str, float]]:
        """What the database says at this moment, for `/metrics`."""
        return {**await self.payments.gauges(), **await self.refunds.gauges(), **await self.webhooks.gauges()}

    async def close(self) -> None:
        """Give back connections."""
        await self.registry.close()
        await self.exchanges.close()
        await self.database.close()


def build_parts(settings: Settings, now: Now = utc_now) -> Parts:
    """Wire the parts. Nothing connects yet: open `database` in the running loop."""
    database = Database(settings.database_url, connections=settings.database_connections)
    gateways = registry.build(settings)
    slowest = max((settings.lease_s(gateway.deadline_s) for gateway in gateways), default=0.0)
    lease_s = max(settings.seconds(IDEMPOTENCY_LEASE_S), slowest)
    idempotency = Idempotency(database, lease_s=lease_s, now=now)
    exchanges = Exchanges(database, now)
    repository = PaymentRepository(database)
    pursuit = Pursuit(repository, settings, now)
    payments = PaymentService(repository, gateways, idempotency, exchanges, pursuit, settings, now)
    reads = RefundRepository(database)
    refunds = RefundService(reads, repository, payments, gateways, idempotency, settings, now)
    webhooks = WebhookService(Inbox(database), payments, gateways, settings, now)
    keys = ApiKeyService(database, settings.mode, now)
    return Parts(settings, database, gateways, idempotency, keys, payments, refunds, webhooks, exchanges)


def create_app(settings: Settings | None = None, now: Now = utc_now) -> Edge:
    """The ASGI application. Settings come from the environment unless they are given."""
    settings = settings or Settings()
    logs.configure(settings.log_level)
    parts = build_parts(settings, now)
    tokens = ClientTokens(settings.secret_key.get_secret_value())
    authenticator = Authenticator(parts.keys.find, tokens, settings.mode)
    views = Views(settings.public_url, tokens)
    api = [*operations(parts.payments, views), *refund_operations(parts.refunds)]
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, enable_async=False
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await parts.database.open()
        gc.freeze()  # what lives as long as the process need not be walked on every collection
        gc.set_threshold(GC_THRESHOLD, 20, 20)
        try:
            yield
        finally:
            await parts.close()

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
    app.router.routes[:0] = webhook_routes(parts.webhooks, source_of, now)
    app.router.routes[:0] = routes(api, authenticator)  # first: they are the hot ones, and routes are tried in order
    app.router.routes.extend(health_routes(parts.database, REVISION))
    app.router.routes.append(metrics_route(parts.gauges))
    app.router.routes.extend(checkout_routes(parts.payments, views, tokens, settings, templates, now))
    app.router.routes.extend(return_routes(parts.payments, tokens, settings, templates))
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
