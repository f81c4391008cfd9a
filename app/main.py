"""Builds the application: services, routers, handlers. No logic."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app import logs
from app.api import docs, documents, health, metrics, problem_pages
from app.api.admission import AdmissionMiddleware
from app.api.document import DESCRIPTION, TAGS, extend
from app.api.errors import HANDLERS
from app.api.limits import Limits
from app.api.middleware import CallMiddleware
from app.api.route import check_credentials
from app.api.security import Authenticator
from app.api.source import source_behind
from app.checkout import pages, returns
from app.checkout.pages import Checkout
from app.domain.clock import Now, utc_now
from app.links import router as links
from app.notifications import router as notifications
from app.paths import STATIC, TEMPLATES
from app.payments import router as payments
from app.payments.router import Payments
from app.payments.views import Views
from app.refunds import router as refunds
from app.resolution import router as resolution
from app.services import Services, build_services
from app.settings import Settings
from app.webhooks import router as webhooks
from app.webhooks.router import Reception

ROUTERS = tuple(
    module.router
    for module in (
        payments,
        webhooks,
        refunds,
        resolution,
        links,
        notifications,
        pages,
        returns,
        health,
        metrics,
        problem_pages,
        docs,
        documents,
    )
)
"""The hot ones first: routes are tried in order."""
_DROP_IN = {
    "onetill.js": "text/javascript",
    "onetill.mjs": "text/javascript",
    "onetill_window.js": "text/javascript",
    "onetill.d.ts": "text/plain",
}
"""Static files for shops' pages, also for those that let in nothing which does not say so (CORS, COEP), and their types, of
which machines know several or none."""

GC_THRESHOLD = 50_000
"""Young objects before a collection; requests make thousands that die at once."""


def create_app(settings: Settings | None = None, now: Now = utc_now) -> FastAPI:
    """The ASGI application. Settings come from the environment unless they are given."""
    settings = settings or Settings()
    logs.configure(settings.log_level)
    services = build_services(settings, now)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await services.database.open()
        await services.database.report()
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
        description=DESCRIPTION,
        openapi_tags=TAGS,
        lifespan=lifespan,
        exception_handlers=HANDLERS,
        redirect_slashes=False,
        strict_content_type=False,  # a body without a content type is JSON
        docs_url=None,  # FastAPI's own pages load scripts from another host and run inline ones; ours is `api/docs.py`
        redoc_url=None,
    )
    _fill_state(app, services, now)
    for router in ROUTERS:
        app.include_router(router)
    keyed = check_credentials(app)
    app.add_middleware(
        AdmissionMiddleware,
        limits=app.state.limits,
        most=settings.limits.in_flight,
        keyed=keyed,
        known=app.state.authenticator.known,
    )
    app.add_middleware(CallMiddleware, log_every=settings.access_log_every, is_live=settings.mode == "live")
    app.mount("/static", _Static(directory=STATIC), name="static")
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = extend(app, generate())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # the way that FastAPI documents for extending its document
    return app


def _fill_state(app: FastAPI, services: Services, now: Now) -> None:
    """What the routers' dependencies hand out."""
    settings = services.settings
    tokens = services.tokens
    views = Views(settings.public_url, tokens)
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, enable_async=False
    )
    state = app.state
    state.authenticator = Authenticator(services.keys, tokens, settings.mode, now)
    state.refunds = services.refunds
    state.resolutions, state.links, state.notifications = services.resolutions, services.links, services.notifications
    state.limits = Limits(settings.limits, source_behind(settings.trusted_proxies), services.published_sources)
    state.payments = Payments(services.payments, views, state.limits)
    state.webhooks = Reception(services.webhooks, state.limits, now)
    state.checkout = Checkout(services.payments, views, tokens, settings, templates, now, state.limits)
    state.metrics_gate = metrics.MetricsGate(settings.metrics_token, is_live=settings.mode == "live")
    state.readiness = health.Readiness(services.database)
    state.database, state.gauges, state.templates = services.database, services.gauges, templates


class _Static(StaticFiles):
    """Static files that browsers ask about each time: modules of two releases must never meet in one page."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        if path in _DROP_IN and response.status_code in {200, 304}:
            response.headers["Content-Type"] = f"{_DROP_IN[path]}; charset=utf-8"
            response.headers["Access-Control-Allow-Origin"] = "*"
            response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response
