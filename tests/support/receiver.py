"""A shop's webhook endpoint, on a real socket: keeps what came, and answers as it is told to."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
from aiohttp import web
from standardwebhooks import Webhook
from svix.webhooks import Webhook as SvixWebhook


@dataclass(frozen=True, slots=True)
class Received:
    """One request."""

    headers: dict[str, str]
    body: bytes
    path: str

    @property
    def event(self) -> dict[str, Any]:
        """The body as JSON."""
        return dict(msgspec.json.decode(self.body))

    def is_signed_with(self, secret: str) -> bool:
        """Whether both libraries that shops use take it. `standardwebhooks` and `svix` raise for anything else."""
        svix = {name.replace("webhook-", "svix-"): value for name, value in self.headers.items()}
        try:
            Webhook(secret).verify(self.body, self.headers)
            SvixWebhook(secret).verify(self.body, svix)
        except Exception:
            return False
        return True

    def was_signed_with(self, secret: str) -> bool:
        """The same whatever the time is: a test's clock may have been moved."""
        at = datetime.fromtimestamp(int(self.headers["webhook-timestamp"]), UTC)
        signature = Webhook(secret).sign(self.headers["webhook-id"], at, self.body.decode())
        return signature in self.headers["webhook-signature"].split(" ")


@dataclass
class Receiver:
    """Answers `status`; `answer` may decide for each request instead, and may take its time."""

    url: str = ""
    status: int = 204
    answer: Callable[[Received], Any] | None = None
    drips: bool = False
    """Whether it answers 200 at once, with a body that never ends."""
    got: list[Received] = field(default_factory=list)
    taken: list[Received] = field(default_factory=list)
    """Those that were answered 2xx."""

    def types(self) -> list[str]:
        """The types of the events that were taken, in the order in which they came."""
        return [each.event["type"] for each in self.taken]

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        received = Received(headers, await request.read(), request.path_qs)
        self.got.append(received)
        if self.drips:
            return await self._drip(request)
        status: Any = self.status
        if self.answer is not None:
            status = self.answer(received)
            if asyncio.iscoroutine(status):
                status = await status
        if isinstance(status, web.StreamResponse):
            return status
        if 200 <= status < 300:
            self.taken.append(received)
        return web.Response(status=status, text="" if status == 204 else f"said {status}")

    @staticmethod
    async def _drip(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100000"})
        await response.prepare(request)
        with suppress(ConnectionError):
            while True:
                await response.write(b".")
                await asyncio.sleep(0.05)
        return response


@asynccontextmanager
async def receiving(**fields: Any) -> AsyncIterator[Receiver]:
    """A receiver on a port of its own."""
    receiver = Receiver(**fields)
    server = web.Server(receiver.handle)
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/events"
    try:
        yield receiver
    finally:
        await runner.cleanup()
