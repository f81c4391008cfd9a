"""`GET /metrics`: the process's counters, those of its sibling workers, and what the database says at this moment."""

import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector

from app.api.parameters import kept
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


@router.get("/metrics")
async def get_metrics(read_gauges: Annotated[Gauges, Depends(kept("gauges"))]) -> Response:
    """Counts and gauges. It needs no key: it says how many, never whose. Keep it from the outside with your proxy."""
    now = CollectorRegistry()
    now.register(_Now(await read_gauges()))
    counted = REGISTRY
    if SHARED in os.environ:
        counted = CollectorRegistry()
        MultiProcessCollector(counted)  # type: ignore[no-untyped-call]  # published without types
    return Response(generate_latest(counted) + generate_latest(now), media_type=CONTENT_TYPE_PLAIN_0_0_4)
