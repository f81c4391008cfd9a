"""Sends webhooks as a gateway does, and as a tester wants them lost, doubled, swapped or late."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import aiohttp

from simulator.clock import SimClock

MODES = ("send", "lose", "duplicate", "reorder", "delay")
DELAY_S = 30.0
"""How late a webhook is in mode `delay`; the time scale shortens it, `advance` skips it."""
REORDER_WITHIN_S = 30.0
"""How long a webhook waits, in mode `reorder`, for another one to go first."""
POLL_S = 0.02
TIMEOUT = aiohttp.ClientTimeout(total=30)

Headers = Callable[[datetime, bytes], Mapping[str, str]]
"""Makes the headers of one try, signatures included, from the time of that try and the body."""


@dataclass(slots=True, eq=False)
class Webhook:
    """One message to one address, the same body at every try."""

    id: str
    reference: str
    url: str
    body: bytes
    headers: Headers
    is_broken_by: Callable[[int], bool] = lambda status: not 200 <= status < 300
    """Whether an answer of this HTTP status is followed by another try. No answer always is."""
    deliveries: list[dict[str, Any]] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        """JSON-ready: what was sent, and how each try went (`status` None: no answer)."""
        return {
            "id": self.id,
            "reference": self.reference,
            "url": self.url,
            "body": self.body.decode("utf-8", "replace"),
            "tries": self.deliveries,
        }


@dataclass(slots=True, eq=False)
class _Delivery:
    """One way of a webhook to its address, with tries of its own: a doubled webhook goes two ways."""

    webhook: Webhook
    due_s: float
    failures: int = 0


class WebhookSender:
    """The webhooks of one gateway. `retries` are the waits before each further try, in the gateway's seconds.

    `send` only queues, so it may be called from the middle of any work; a task of the running loop delivers.
    """

    def __init__(self, clock: SimClock, retries: Sequence[float] = ()) -> None:
        self.mode = "send"
        self._clock = clock
        self._retries = retries
        self._queue: list[_Delivery] = []
        self._waiting: _Delivery | None = None
        self._all: list[Webhook] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self._pump: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False

    def set_mode(self, mode: str) -> None:
        """How webhooks that come from now on are delivered; one of MODES. One held for `reorder` goes out now."""
        self.mode = _known(mode)
        self._release()

    def send(self, webhook: Webhook, mode: str | None = None, *, after_s: float = 0.0) -> None:
        """Queue a webhook. `mode` overrides the present one for this webhook alone.

        With `after_s` the reason for it comes only then, in the gateway's seconds.
        """
        mode = self.mode if mode is None else _known(mode)
        self._all.append(webhook)
        if mode == "lose" or self._is_closed:
            return
        delivery = _Delivery(webhook, self._clock.elapsed_s() + self._clock.interval(after_s))
        if mode == "reorder":
            self._swap(delivery)
        elif mode == "duplicate":
            self._queue += [delivery, _Delivery(webhook, delivery.due_s)]
        else:
            delivery.due_s += self._clock.interval(DELAY_S) if mode == "delay" else 0
            self._queue.append(delivery)
        self._start()

    def rows(self) -> list[dict[str, Any]]:
        """Every webhook that there was a reason for, oldest first; one without tries was lost or still waits."""
        return [webhook.row() for webhook in self._all]

    def reset(self) -> None:
        """Forget everything, what is under way included, and send as usual again."""
        self.mode = "send"
        self._queue.clear()
        self._all.clear()
        self._waiting = None
        self._pump = None
        for task in self._tasks:
            task.cancel()

    def close(self) -> None:
        """Send nothing from now on, and drop what is under way."""
        self._is_closed = True
        self.reset()

    def _swap(self, delivery: _Delivery) -> None:
        """Let the next one go before this one; or, when one waits already, send both in the wrong order."""
        if self._waiting is None:
            delivery.due_s += self._clock.interval(REORDER_WITHIN_S)
            self._waiting = delivery
        else:
            self._waiting.due_s = delivery.due_s + self._clock.interval(1)
            self._queue += [delivery, self._waiting]
            self._waiting = None

    def _release(self) -> None:
        if self._waiting is not None:
            self._waiting.due_s = self._clock.elapsed_s()
            self._queue.append(self._waiting)
            self._waiting = None
            self._start()

    def _start(self) -> None:
        if self._pump is None or self._pump.done():
            self._pump = self._run_task(self._run())

    def _run_task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run(self) -> None:
        """Deliver what is due until nothing waits any more. Times may jump: the tester moves the clock."""
        async with aiohttp.ClientSession(timeout=TIMEOUT, cookie_jar=aiohttp.DummyCookieJar()) as session:
            while self._queue or self._waiting or self._under_way:
                for delivery in self._take_due():
                    task = self._run_task(self._deliver(session, delivery))
                    self._under_way.add(task)
                    task.add_done_callback(self._under_way.discard)
                await asyncio.sleep(POLL_S)
            # Before the session closes, which takes a while: what is queued meanwhile needs another pump.
            self._pump = None

    def _take_due(self) -> list[_Delivery]:
        now_s = self._clock.elapsed_s()
        if self._waiting is not None and self._waiting.due_s <= now_s:
            self._release()
        due = [delivery for delivery in self._queue if delivery.due_s <= now_s]
        if due:
            self._queue = [delivery for delivery in self._queue if delivery.due_s > now_s]
        return sorted(due, key=lambda delivery: delivery.due_s)

    async def _deliver(self, session: aiohttp.ClientSession, delivery: _Delivery) -> None:
        webhook = delivery.webhook
        at, began_s = self._clock.now(), time.monotonic()
        headers = webhook.headers(at, webhook.body)
        status: int | None = None
        # No answer, or an address that is none: both are noted as a try without a status.
        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError, ValueError):
            async with session.post(webhook.url, data=webhook.body, headers=headers, allow_redirects=False) as response:
                status = response.status
        webhook.deliveries.append({"at": at.isoformat(), "status": status})
        again = status is None or webhook.is_broken_by(status)
        if again and delivery.failures < len(self._retries):
            # Counted from when it was due, so that skipped time holds all the tries that would have been in it.
            took_s = time.monotonic() - began_s
            delivery.due_s += took_s + self._clock.interval(self._retries[delivery.failures])
            delivery.failures += 1
            self._queue.append(delivery)


def _known(mode: str) -> str:
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}, got {mode!r}")
    return mode
