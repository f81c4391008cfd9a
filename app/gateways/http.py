"""The one seam to the gateways' HTTP: total deadline, body cap, a pool per gateway, a breaker, no redirects, no cookies.

It tells "never sent" (safe to send again) from "may have arrived" (ask first), once for every adapter.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from types import SimpleNamespace

import aiohttp
import msgspec
from yarl import URL

from app.domain.clock import utc_now
from app.domain.errors import GatewayTimeout, GatewayUnavailable
from app.domain.schedule import SLOT_SHARE
from app.gateways.breaker import Breaker
from app.gateways.facts import Told
from app.gateways.gateway_log import LONGEST_TEXT, GatewayCall, masked, record_call
from app.gateways.text import is_unreadable, readable
from app.gateways.values import GatewayPayment
from app.logs import get_logger

MAX_BODY_BYTES = 1 << 20
"""A look-up answer is a few kilobytes; a megabyte is not an answer."""

log = get_logger("gateway")


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A complete answer, whatever its status."""

    status: int
    body: bytes
    """Valid UTF-8: what could not be read in it is replaced (`text.readable`)."""
    damage: str | None = None
    """Which byte could not be read; None when all could."""


def noted(payment: GatewayPayment, told: Told, damage: str | None, *deciding: str | None) -> GatewayPayment:
    """Return a look-up's payment with what could not be read of its answer as evidence: bytes, and members of other types.

    `deciding` are the texts by which it is told whose money it is: one that cannot be read is a doubt, whatever it resembles.
    """
    if is_unreadable(*deciding):
        payment = replace(payment, doubt="the look-up holds a text that decides and that cannot be read")
    noted = {"unreadable": damage} if damage else {}
    if others := {path: raw for path, raw in told.untold.items() if not path.endswith(".reason")}:  # never evidence
        as_they_stood, _ = masked(msgspec.json.encode(others))
        noted["untold"] = (as_they_stood or "")[:LONGEST_TEXT]
    return replace(payment, evidence=payment.evidence | noted)


def is_ill(answer: HttpAnswer) -> bool:
    """Whether the gateway cannot answer just now: 429 and every 5xx."""
    return answer.status >= 500 or answer.status == 429


class GatewayHttp:
    """HTTP to one gateway account. Create it anywhere; the pool opens with the first call in the running loop.

    `is_ill` says which answers count against the gateway's health.
    """

    def __init__(
        self,
        gateway: str,
        base_url: str,
        *,
        deadline_s: float,
        connections: int,
        breaker: Breaker | None = None,
        is_ill: Callable[[HttpAnswer], bool] = is_ill,
    ) -> None:
        self.gateway = gateway
        self.deadline_s = deadline_s
        self.breaker = breaker or Breaker()
        self._is_ill = is_ill
        self._base_url = base_url.rstrip("/")
        self._connections = connections
        self._slots = asyncio.Semaphore(connections)
        self._session: aiohttp.ClientSession | None = None

    async def request(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        deadline_s: float | None = None,
    ) -> HttpAnswer:
        """Send once and return the whole answer, within `deadline_s` (the account's, unless given) from call to last byte.

        `path` is sent as it is: percent-encode values first. `operation` names the call in logs, where paths would show
        references. Raises GatewayUnavailable when no byte was sent, GatewayTimeout when the call may have arrived.
        """
        if not self.breaker.lets_through():
            log.info("gateway_call", gateway=self.gateway, operation=operation, outcome="breaker_open", took_ms=0)
            raise GatewayUnavailable(gateway=self.gateway)
        progress = SimpleNamespace(connected=False, has_slot=False)
        within_s = deadline_s or self.deadline_s
        started = time.perf_counter()
        outcome: str | int = "error"
        received: bytes | None = None
        try:
            async with asyncio.timeout(within_s), self._slot(within_s, progress):
                answer = await self._send(method, self._base_url + path, headers, body, progress)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            outcome = type(error).__name__ if progress.has_slot else "no_slot"
            if progress.has_slot:  # waiting for our own pool says nothing about the gateway
                self.breaker.record(is_good=False)
            # `from None`: the client's own errors carry the URL, and with it a signature, into whatever logs them.
            if progress.connected:
                raise GatewayTimeout(gateway=self.gateway) from None
            raise GatewayUnavailable(gateway=self.gateway) from None
        else:
            outcome, received = answer.status, answer.body
            if answer.damage:
                log.warning("gateway_text_damaged", gateway=self.gateway, operation=operation, damage=answer.damage)
            self.breaker.record(is_good=not self._is_ill(answer))
            return answer
        finally:
            self.breaker.release()
            took_ms = round((time.perf_counter() - started) * 1000, 1)
            log.info("gateway_call", gateway=self.gateway, operation=operation, outcome=outcome, took_ms=took_ms)
            record_call(
                lambda: GatewayCall(utc_now(), self.gateway, operation, str(outcome), took_ms, *masked(body, received))
            )

    @asynccontextmanager
    async def _slot(self, within_s: float, progress: SimpleNamespace) -> AsyncIterator[None]:
        """One of the account's connections. Raises TimeoutError when none was free for a share of the deadline."""
        async with asyncio.timeout(within_s * SLOT_SHARE):
            await self._slots.acquire()
        progress.has_slot = True
        try:
            yield
        finally:
            self._slots.release()

    async def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, progress: SimpleNamespace
    ) -> HttpAnswer:
        """One call by aiohttp; docs/decisions/0016-one-client-for-gateways.md says why by that one."""
        async with self._open().request(
            method,
            URL(url, encoded=True),
            headers=headers,
            data=body,
            allow_redirects=False,
            trace_request_ctx=progress,
        ) as response:
            return HttpAnswer(response.status, *readable(await self._read(response)))

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise aiohttp.ClientPayloadError(f"answer larger than {MAX_BODY_BYTES} bytes")
        return bytes(body)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._connections, ttl_dns_cache=30),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                trace_configs=[_connection_trace()],
                headers={"User-Agent": "onetill"},
            )
        return self._session

    async def close(self) -> None:
        """Close the pool. Calls under way end as `GatewayTimeout`."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def _connection_trace() -> aiohttp.TraceConfig:
    async def connected(_: object, context: SimpleNamespace, __: object) -> None:
        context.trace_request_ctx.connected = True

    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(connected)
    trace.on_connection_reuseconn.append(connected)
    return trace
