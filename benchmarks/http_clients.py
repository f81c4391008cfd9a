"""`python -m benchmarks.http_clients`: what a gateway call costs with each HTTP client below the product's own seam.

One process, a local server in another one that answers at once. Each round runs every client in turn, so that whatever else
the machine does hits all of them. A busy machine makes every call dearer, so the ratio of each round to the first client is what
counts; its median, times the least that the first one cost in any round, says at most what a complete would pay.
"""

import argparse
import asyncio
import platform
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from os import cpu_count
from statistics import median
from types import SimpleNamespace

import aiohttp
import httpx2
import uvloop
from rich.console import Console
from rich.table import Table
from yarl import URL

from app import logs
from app.gateways.http import MAX_BODY_BYTES, GatewayHttp, HttpAnswer
from app.ports import free_ports

COMPLETE_US = 1_077
"""CPU of our Python for one `POST /payments/complete`, which makes CALLS gateway calls (0016, measured on this machine)."""
CALLS = 2
ALLOWED = 0.10
"""The share of a complete that the httpx API may cost more than the cheapest client (0016-one-client-for-gateways.md)."""
HEADERS = {"Authorization": "Basic bench", "Accept": "application/json", "Content-Type": "application/json"}


class Httpx2(GatewayHttp):
    """The seam over httpx2 with its own transport."""

    client = "httpx2"

    def transport(self) -> httpx2.AsyncBaseTransport:
        """How the client reaches the network."""
        limits = httpx2.Limits(max_connections=self._connections, max_keepalive_connections=self._connections)
        return httpx2.AsyncHTTPTransport(limits=limits, retries=0)

    async def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, progress: SimpleNamespace
    ) -> HttpAnswer:
        progress.connected = True
        if not hasattr(self, "_client"):
            self._client = httpx2.AsyncClient(transport=self.transport(), timeout=None, trust_env=False)
        async with self._client.stream(method, url, headers=dict(headers), content=body) as response:
            read = bytearray()
            async for chunk in response.aiter_raw():
                read += chunk
                if len(read) > MAX_BODY_BYTES:
                    raise ValueError("too large")
            return HttpAnswer(response.status_code, bytes(read))

    async def close(self) -> None:
        """Close the pool."""
        await self._client.aclose()


class Httpx2OverAiohttp(Httpx2):
    """The seam over httpx2, whose transport is aiohttp."""

    client = "httpx2 over aiohttp"

    def transport(self) -> httpx2.AsyncBaseTransport:
        """A transport that sends by aiohttp."""
        return _Aiohttp(self._connections)


class _Aiohttp(httpx2.AsyncBaseTransport):
    def __init__(self, connections: int) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections), cookie_jar=aiohttp.DummyCookieJar()
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._session.request(
            request.method,
            URL(str(request.url), encoded=True),
            headers=request.headers.multi_items(),
            data=await request.aread() or None,
            allow_redirects=False,
            auto_decompress=False,
        )
        return httpx2.Response(response.status, headers=response.raw_headers, stream=_Body(response))

    async def aclose(self) -> None:
        await self._session.close()


class _Body(httpx2.AsyncByteStream):
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._response.content.iter_any():
            yield chunk

    async def aclose(self) -> None:
        self._response.release()


async def _round(http: GatewayHttp, calls: int, in_flight: int) -> tuple[float, float]:
    """CPU µs per call, and calls per second. Half of the calls confirm, half look up, as a complete does."""
    left = iter(range(calls))

    async def caller() -> None:
        for number in left:
            if number % 2:
                await http.request("fetch_payment", "GET", f"/api/payments/order{number}.24000", headers=HEADERS)
            else:
                body = b'{"signature":"order.24000"}'
                await http.request("capture", "POST", "/purchase/confirm", headers=HEADERS, body=body)

    started, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller() for _ in range(in_flight)))
    cpu, took = time.process_time() - cpu, time.perf_counter() - started
    return cpu * 1e6 / calls, calls / took


async def _run(options: argparse.Namespace) -> None:
    logs.configure("warning")
    port = free_ports()
    server = subprocess.Popen(  # noqa: ASYNC220  returns at once
        [sys.executable, "-c", f"from benchmarks.gateway import main; main({port})"]
    )
    url = f"http://127.0.0.1:{port}"
    made = {
        kind: kind("bench", url, deadline_s=30, connections=options.in_flight)
        for kind in (GatewayHttp, Httpx2OverAiohttp, Httpx2)
    }
    found: dict[type[GatewayHttp], list[tuple[float, float]]] = {kind: [] for kind in made}
    try:
        await _until_listening(port)
        for http in made.values():
            await _round(http, options.in_flight * 4, options.in_flight)
        for number in range(options.rounds):
            for kind in (list(made), list(made)[::-1])[number % 2]:
                found[kind].append(await _round(made[kind], options.calls, options.in_flight))
    finally:
        for http in made.values():
            await http.close()
        server.kill()
    _show(found, options)


async def _until_listening(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


def _show(found: dict[type[GatewayHttp], list[tuple[float, float]]], options: argparse.Namespace) -> None:
    rounds = {kind: [cpu for cpu, _ in each] for kind, each in found.items()}
    first = rounds[GatewayHttp]
    table = Table("client", "µs a call", "least", "calls/s", "ratio", "of a complete")
    for kind, each in rounds.items():
        ratio = median(mine / theirs for mine, theirs in zip(each, first, strict=True))
        more = (ratio - 1) * min(first) * CALLS / COMPLETE_US
        speed = median(rate for _, rate in found[kind])
        name = getattr(kind, "client", "aiohttp")
        table.add_row(name, f"{median(each):.0f}", f"{min(each):.0f}", f"{speed:.0f}", f"{ratio:.2f}", f"{more:+.0%}")
    machine = f"{platform.machine()}, {cpu_count()} cores, Python {platform.python_version()}"
    versions = f"aiohttp {aiohttp.__version__}, httpx2 {httpx2.__version__}"
    Console().print(
        table, f"{machine}; {versions}; {options.rounds} rounds of {options.calls} calls, {options.in_flight} in flight"
    )
    Console().print(f"The httpx API may cost {ALLOWED:.0%} more of a complete on the hot road.")


def main() -> None:
    """Parse the options, run the rounds, print the table."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.http_clients", description=__doc__)
    options.add_argument("--rounds", type=int, default=9)
    options.add_argument("--calls", type=int, default=2000)
    options.add_argument("--in-flight", type=int, default=64)
    uvloop.run(_run(options.parse_args()))


if __name__ == "__main__":
    main()
