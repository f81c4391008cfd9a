"""`GET /metrics`: the process's counters, those of its sibling workers, and what the database says at this moment."""

import hmac
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from pydantic import SecretStr

from app.api.parameters import kept
from app.domain.errors import NotFound, Unauthorized
from app.metrics import REGISTRY, SHARED

router = APIRouter(include_in_schema=False)

Gauges = Callable[[], Awaitable[Mapping[str, tuple[str, float]]]]
"""What is read at each scrape: name → (help, value)."""


class _Now:
    """The gauges of one scrape, as the library collects them."""

    def __init__(self, values: Mapping[str, tuple[str, float]]) -> None:
        self._values = values

    def collect(self) -> list[GaugeMetricFamily]:
        """One family per gauge."""
        return [GaugeMetricFamily(name, about, value=value) for name, (about, value) in self._values.items()]


class MetricsGate:
    """Who may read: whoever has the token; without one everybody, which live mode does not allow."""

    def __init__(self, token: SecretStr | None, *, is_live: bool) -> None:
        self._expected = f"Bearer {token.get_secret_value()}".encode() if token else None
        self._is_live = is_live

    def admit(self, request: Request) -> None:
        """Raises NotFound in live mode without a token, and Unauthorized for another one."""
        if self._expected is None:
            if self._is_live:
                raise NotFound()
            return
        given = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, self._expected):
            raise Unauthorized(hint="Send `Authorization: Bearer` with ONETILL_METRICS_TOKEN.")


@router.get("/metrics")
async def get_metrics(
    request: Request,
    gate: Annotated[MetricsGate, Depends(kept("metrics_gate"))],
    read_gauges: Annotated[Gauges, Depends(kept("gauges"))],
) -> Response:
    """Counts and gauges. They say how many, never whose; each reading asks the database."""
    gate.admit(request)
    now = CollectorRegistry()
    now.register(_Now(await read_gauges()))
    counted = REGISTRY
    if SHARED in os.environ:
        counted = CollectorRegistry()
        MultiProcessCollector(counted)  # type: ignore[no-untyped-call]  # published without types
    return Response(generate_latest(counted) + generate_latest(now), media_type=CONTENT_TYPE_PLAIN_0_0_4)
