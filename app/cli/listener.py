"""From the feed of events to a shop on this machine, as `onetill webhooks listen` does."""

import asyncio
import time
from contextlib import suppress
from typing import Any

import httpx2
import msgspec
import typer

from app.cli.terminal import errors
from app.domain.clock import utc_now
from app.http_client import open_client
from app.notifications.signing import headers_of

PAGE = 100
POLL_S = 0.5
API_TIMEOUT_S = 30.0
SHOP_TIMEOUT_S = 10.0
"""As long as a shop has for a webhook that is sent to it."""
WAITS_S = (1, 2, 4, 8)
"""Before each further attempt of an event that the shop did not take. Then the next one follows, unlike in production."""


class _Page(msgspec.Struct):
    """One page of `GET /events`. The events stay the bytes that they are, as a webhook's body."""

    data: list[msgspec.Raw]
    next_cursor: int


class _Named(msgspec.Struct):
    """What is shown of an event."""

    id: str
    type: str
    payment_id: str


class Listener:
    """Carries events from the feed to the shop, one after another."""

    def __init__(self, api: str, key: str, forward_to: str, secret: str) -> None:
        self._feed = open_client(api, timeout_s=API_TIMEOUT_S, headers={"Authorization": f"Bearer {key}"})
        self._shop = open_client(timeout_s=SHOP_TIMEOUT_S)
        self._forward_to = forward_to
        self._secret = secret

    async def run(self, after: int | None) -> None:
        """Until it is canceled."""
        async with self._feed, self._shop:
            position = await self._newest() if after is None else after
            _say(f"Events after {position} go to {self._forward_to}")
            while True:
                page = await self._page(position)
                for event in page.data:
                    await self._forward(bytes(event))
                position = page.next_cursor
                if not page.data:
                    await asyncio.sleep(POLL_S)

    async def _newest(self) -> int:
        page = await self._page(0)
        while page.data:
            page = await self._page(page.next_cursor)
        return page.next_cursor

    async def _page(self, position: int) -> _Page:
        """The events after a position. A server that is away, restarts or is asked too often is waited for."""
        told = ""
        while True:
            try:
                answer = await self._feed.get("/events", params={"after": position, "limit": PAGE})
            except httpx2.TransportError as error:
                problem = f"{self._feed.base_url} does not answer ({type(error).__name__})"
            else:
                if answer.is_success:
                    return msgspec.json.decode(answer.content, type=_Page)
                problem = _problem(answer)
                if answer.status_code < 500 and answer.status_code != 429:
                    errors.print(problem, style="red", markup=False, soft_wrap=True)
                    raise typer.Exit(2)
            if problem != told:
                errors.print(f"{problem}; waiting", markup=False, soft_wrap=True)
            told = problem
            await asyncio.sleep(2)

    async def _forward(self, body: bytes) -> None:
        event = msgspec.json.decode(body, type=_Named)
        for wait_s in (*WAITS_S, None):
            started = time.monotonic()
            headers = headers_of(event.id, body.decode(), [self._secret], utc_now())
            try:
                answer = await self._shop.post(self._forward_to, content=body, headers=headers)
            except httpx2.TransportError as error:
                came, taken = type(error).__name__, False
            else:
                came, taken = str(answer.status_code), answer.is_success
            again = "" if taken else f"; again in {wait_s} s" if wait_s else "; given up"
            _say(f"{event.type} {event.id} {event.payment_id}: {came}, {time.monotonic() - started:.2f} s{again}")
            if taken or wait_s is None:
                return
            await asyncio.sleep(wait_s)


def _problem(answer: httpx2.Response) -> str:
    """Onetill's own sentence, or what else answers there."""
    with suppress(ValueError):
        told: Any = answer.json()
        if isinstance(told, dict) and "detail" in told:
            return f"{told.get('code')}: {told['detail']}"
    return f"{answer.url} answers {answer.status_code}: is it Onetill?"


def _say(line: str) -> None:
    print(line, flush=True)
