"""`POST /webhooks/{gateway}`: raw body in, 2xx after commit. The senders are servers: they read the status and nothing else."""

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from app.api.problems import problem, problem_of
from app.domain.clock import Now
from app.domain.errors import OnetillError
from app.gateways.port import WebhookRequest
from app.logs import get_logger
from app.metrics import WEBHOOKS_REFUSED
from app.webhooks.service import WebhookService
from app.webhooks.source import SourceOf

MAX_BODY_BYTES = 256 * 1024
"""Far above what any gateway sends; below what fills a disk quickly."""

log = get_logger("webhooks")


def webhook_routes(service: WebhookService, source_of: SourceOf, now: Now) -> list[Route]:
    """The one route of all gateways' webhooks."""

    async def receive(request: Request) -> Response:
        request.scope["path_kind"] = "/webhooks/{gateway}"
        gateway = service.gateway(str(request.path_params["gateway"]).replace("-", "_"))
        if gateway is None:
            return problem(request, "not_found", {})
        body = await _body(request)
        if body is None:
            return problem(request, "body_too_large", {"limit_bytes": MAX_BODY_BYTES})
        headers = {name: value for name, value in request.headers.items() if name not in {"cookie"}}
        try:
            await service.receive(gateway, WebhookRequest(request.url.path, headers, body, now()), source_of(request))
        except OnetillError as error:
            WEBHOOKS_REFUSED.labels(gateway.name, error.code).inc()
            log.warning("webhook_refused", gateway=gateway.name, code=error.code)
            return problem_of(request, error)
        return Response(b'{"received": true}', 200, media_type="application/json")

    return [Route("/webhooks/{gateway}", receive, methods=["POST"], include_in_schema=False)]


async def _body(request: Request) -> bytes | None:
    """The raw body; None when it is larger than any webhook."""
    raw = bytearray()
    try:
        async for chunk in request.stream():
            raw += chunk
            if len(raw) > MAX_BODY_BYTES:
                return None
    except ClientDisconnect:
        return None
    return bytes(raw)
