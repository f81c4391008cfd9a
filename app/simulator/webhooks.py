"""Sends webhooks as a gateway does, and as a tester wants them lost, doubled, swapped or late."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import aiohttp

from app.simulator.clock import SimClock

MODES = ("send", "lose", "duplicate", "reorder", "delay")
DELAY_S = 30.0
"""How late a webhook is in mode `delay`; the time scale shortens it, `advance` skips it."""
REORDER_WITHIN_S = 30.0
"""How long a webhook waits, in mode `reorder`, for another one to go first."""
POLL_S = 0.02
TIMEOUT = aiohttp.ClientTimeout(total=30)

Headers = Callable[[datetime, bytes], Mapping[str, str]]
"""Makes the headers of one try, signatures included, from the time of that try and the body."""


@dataclass(slots=True)
class Webhook:
    """One message to one address, the same body at every try."""

    id: str
    reference: str
    url: str
    body: bytes
    headers: Headers
    is_broken_by: Callable[[int], bool] = lambda status: not 200 <= status < 300
    """Whether an answer of this HTTP status is followed by another try. No answer always is."""
    due_s: float = 0.0
    tries: list[dict[str, Any]] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        """JSON-ready: what was sent, and how each try went (`status` None: no answer)."""
        return {
            "id": self.id,
            "reference": self.reference,
            "url": self.url,
            "body": self.body.decode("utf-8", "replace"),
            "tries": self.tries,
        }


class WebhookSender:
    """The webhooks of one gateway. `retries` are the waits before each further try, in the gateway's seconds.

    `send` only queues, so it may be called from the middle of any work; a task of the running loop delivers.
    """

    def __init__(self, clock: SimClock, retries: Sequence[float] = ()) -> None:
        self.mode = "send"
        self._clock = clock
        self._retries = retries
        self._queue: list[Webhook] = []
        self._waiting: Webhook | None = None
        self._all: list[Webhook] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self._pump: asyncio.Task[None] | None = None
        self._is_closed = False

    def set_mode(self, mode: str) -> None:
        """How webhooks that come from now on are delivered; one of MODES. One held for `reorder` goes out now."""
        if mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(MODES)}, got {mode!r}")
        self.mode = mode
        self._release()

    def send(self, webhook: Webhook, mode: str | None = None) -> None:
        """Queue a webhook. `mode` overrides the present one for this webhook alone."""
        mode = mode or self.mode
        self._all.append(webhook)
        now_s = self._clock.elapsed_s()
        if mode == "lose":
            return
        if mode == "reorder":
            if self._waiting is None:
                webhook.due_s = now_s + self._clock.interval(REORDER_WITHIN_S)
                self._waiting = webhook
            else:
                webhook.due_s = now_s
                self._waiting.due_s = now_s + self._clock.interval(1)
                self._queue += [webhook, self._waiting]
                self._waiting = None
        else:
            webhook.due_s = now_s + (self._clock.interval(DELAY_S) if mode == "delay" else 0)
            self._queue += [webhook, webhook] if mode == "duplicate" else [webhook]
        self._start()

    def rows(self) -> list[dict[str, Any]]:
        """Every webhook that there was a reason for, oldest first; one without tries was lost or still waits."""
        return [webhook.row() for webhook in self._all]

    def reset(self) -> None:
        """Forget everything and send as usual again."""
        self.mode = "send"
        self._queue.clear()
        self._all.clear()
        self._waiting = None

    def close(self) -> None:
        """Send nothing from now on, and drop what is under way."""
        self._is_closed = True
        self.reset()
        for task in [*self._under_way, *filter(None, [self._pump])]:
            task.cancel()

    def _release(self) -> None:
        if self._waiting is not None:
            self._waiting.due_s = self._clock.elapsed_s()
            self._queue.append(self._waiting)
            self._waiting = None
            self._start()

    def _start(self) -> None:
        if not self._is_closed and (self._pump is None or self._pump.done()):
            self._pump = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        """Deliver what is due until nothing waits any more. Times may jump: the tester moves the clock."""
        async with aiohttp.ClientSession(timeout=TIMEOUT, cookie_jar=aiohttp.DummyCookieJar()) as session:
            while self._queue or self._waiting or self._under_way:
                now_s = self._clock.elapsed_s()
                if self._waiting is not None and self._waiting.due_s <= now_s:
                    self._release()
                for webhook in [each for each in self._queue if each.due_s <= now_s]:
                    self._queue.remove(webhook)
                    task = asyncio.create_task(self._deliver(session, webhook))
                    self._under_way.add(task)
                    task.add_done_callback(self._under_way.discard)
                await asyncio.sleep(POLL_S)

    async def _deliver(self, session: aiohttp.ClientSession, webhook: Webhook) -> None:
        at = self._clock.now()
        status: int | None = None
        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError, ValueError):
            async with session.post(
                webhook.url, data=webhook.body, headers=webhook.headers(at, webhook.body), allow_redirects=False
            ) as response:
                status = response.status
        webhook.tries.append({"at": at.isoformat(), "status": status})
        again = status is None or webhook.is_broken_by(status)
        if again and len(webhook.tries) <= len(self._retries):
            webhook.due_s = self._clock.elapsed_s() + self._clock.interval(self._retries[len(webhook.tries) - 1])
            self._queue.append(webhook)
