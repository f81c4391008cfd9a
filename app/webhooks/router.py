"""`POST /webhooks/{gateway}`: raw body in, 2xx after commit. The senders are servers: they read the status and nothing else."""

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Request, Response
from typing_extensions import TypedDict

from app.api.document import PUBLIC, problems, shown, success
from app.api.limits import Limits
from app.api.parameters import kept
from app.api.parsing import read_body
from app.domain.clock import Now
from app.domain.errors import NotFound, OnetillError, RateLimited, WebhookRefused
from app.gateways.values import WebhookRequest
from app.logs import get_logger
from app.metrics import WEBHOOKS_REFUSED
from app.webhooks.service import WebhookService, longest_body

LANE = 2
"""Webhooks that one process stores at once; each takes a millisecond or two. The database's other connections are the shops'."""

log = get_logger("webhooks")
router = APIRouter(tags=["webhooks"])


@dataclass(frozen=True, slots=True)
class Reception:
    """What webhooks are taken in with."""

    service: WebhookService
    limits: Limits
    now: Now
    lane: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(LANE))


class Received(TypedDict):
    """The webhook is kept."""

    received: Literal[True]


@router.post(
    "/webhooks/{gateway}",
    operation_id="receiveWebhook",
    summary="A gateway's server tells us something",
    response_description="Kept, durably; also when it was kept before.",
    response_model=Received,
    responses={
        200: success({"received": True}),
        **problems(
            "/webhooks/portone-v2",
            "not_found",
            "malformed_body",
            "body_too_large",
            "webhook_refused",
            "invalid_request",
            "rate_limited",
            "overloaded",
            "storage_unavailable",
            "internal_error",
        ),
    },
    openapi_extra=PUBLIC
    | {
        "requestBody": {
            "required": True,
            "description": "As the gateway sends it, with the gateway's own signature headers: at most 256 KiB, unsigned 16 KiB.",
            "content": {"*/*": {"schema": {}}},
        }
    },
)
async def receive_webhook(
    request: Request,
    gateway: Annotated[str, Path(description="Whose webhook it is.", openapi_examples=shown("portone-v2"))],
    at: Annotated[Reception, Depends(kept("webhooks"))],
) -> Response:
    """Checks the signature where the gateway has one, keeps the webhook, and answers. What it says is asked for later."""
    sender = at.service.gateway(gateway.replace("-", "_"))
    if sender is None:
        at.limits.stranger(request.scope)
        raise NotFound()
    source, is_hint = at.limits.source_of(request.scope), sender.is_hint(request.headers)
    try:
        if is_hint:  # before a byte of it is read
            at.limits.stranger(request.scope)
        if sender.allowed_sources and source not in sender.allowed_sources:
            raise WebhookRefused(reason="its sender is not one of those that this account takes webhooks from")
        body = await read_body(request, longest_body(sender, request.headers))
        webhook = WebhookRequest(request.url.path, dict(request.headers), body, at.now())
        async with at.lane:
            await at.service.receive(sender, webhook, source, partial(at.limits.hint, request.scope))
    except OnetillError as error:
        WEBHOOKS_REFUSED.labels(sender.name, error.code).inc()
        if not isinstance(error, RateLimited):
            if not is_hint:
                at.limits.stranger(request.scope)
            log.warning("webhook_refused", gateway=sender.name, code=error.code, reason=error.details.get("reason"))
        raise
    return Response(b'{"received": true}', media_type="application/json")
