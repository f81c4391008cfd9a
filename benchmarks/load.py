"""The load: a fixed number of connections that each send one request after the other, for a bounded time."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import aiohttp

Request = tuple[str, str, bytes | None, dict[str, str]]
"""Method, path, body, further headers."""

AMOUNT = 24000


@dataclass(slots=True)
class Result:
    """What one run yielded. Latencies are in milliseconds."""

    seconds: float
    latencies_ms: list[float] = field(default_factory=list)
    answers: list[bytes] = field(default_factory=list)
    refused: int = 0

    @property
    def per_second(self) -> float:
        """Good answers a second."""
        return len(self.latencies_ms) / self.seconds

    def percentile_ms(self, share: float) -> float:
        """The latency below which that share of the answers came."""
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


async def run(
    base_url: str,
    api_key: str,
    requests: Iterator[Request],
    *,
    connections: int,
    seconds: float,
    keep: bool = False,
) -> Result:
    """Send `requests` until the time is up or they run out. Any status but 200 and 201 counts as refused.

    `keep` keeps the bodies of the good answers.
    """
    result = Result(seconds)
    headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(base_url, connector=connector, headers=headers) as session:
        started = perf_counter()
        until = started + seconds

        async def one_connection() -> None:
            while perf_counter() < until:
                request = next(requests, None)
                if request is None:
                    return
                method, path, body, extra = request
                sent = perf_counter()
                async with session.request(method, path, data=body, headers=extra) as response:
                    answer = await response.read()
                if response.status in {200, 201}:
                    result.latencies_ms.append((perf_counter() - sent) * 1000)
                    if keep:
                        result.answers.append(answer)
                else:
                    result.refused += 1

        await asyncio.gather(*(one_connection() for _ in range(connections)))
        result.seconds = perf_counter() - started
    return result


def complete(payment: dict[str, Any]) -> Request:
    """Complete a payment with the signature that `benchmarks.gateway` takes for paid."""
    signature = f"{payment['attempts'][0]['reference']}.{AMOUNT}"
    body = {"payment_id": payment["id"], "signature": signature}
    return "POST", "/payments/complete", json.dumps(body).encode(), {}
