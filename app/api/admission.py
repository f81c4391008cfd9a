"""The edge (law 15): how many requests are under way, and how many a stranger may send, before anything else looks at them.

A shop's calls come first: requests without its key may hold a quarter of the places, and a source that has used up its budget
waits for its 429, so that a flood over a few connections is a trickle.
"""

import asyncio
import random
from collections.abc import Collection

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.limits import Limits
from app.api.problems import problem
from app.domain.errors import Overloaded, RateLimited
from app.domain.schedule import OVERLOADED_S, PACE_S

STRANGERS_SHARE = 0.25
"""Of the places, for requests that no shop's key came with."""

MOST_PACED = 1000
"""Requests over budget that are held back at one time, some 15 KiB each; a further one is answered at once."""

AT_THE_DOOR = 4
"""Requests of strangers that begin in one turn of the event loop: between two steps of a shop's call stand few, not a burst."""

_UNCOUNTED = frozenset({"healthz", "static"})
"""First parts of the paths that have no budget: what asks nobody, and what a page loads a dozen of."""

_WEBHOOKS = "webhooks"


class AdmissionMiddleware:
    """Admits requests. `keyed` are the first parts of the paths whose routes ask for a credential themselves."""

    def __init__(self, app: ASGIApp, *, limits: Limits, most: int, keyed: Collection[str]) -> None:
        self._app = app
        self._limits = limits
        self._most = most or 1_000_000_000
        self._keyed = frozenset(keyed)
        self._under_way = 0
        self._strangers = 0
        self._paced = 0
        self._door = asyncio.Semaphore(AT_THE_DOOR)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or say 429 or 503 with Retry-After."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        room = scope["path"].split("/", 2)[1] if scope["path"].startswith("/") else ""
        credential = _credential(scope) if room in self._keyed else None
        if credential is None and room not in _UNCOUNTED:
            try:
                await self._admit(scope, room)
            except RateLimited as error:
                # With no room to let him wait, a stranger has to connect again for his next one.
                headers = {"Connection": "close"} if self._paced >= MOST_PACED else None
                await problem(Request(scope), error.code, error.details, headers=headers)(scope, receive, send)
                return
        is_shop = credential is not None and credential[:10].lower() == b"bearer sk_"
        if self._under_way >= self._most or (not is_shop and self._strangers >= self._most * STRANGERS_SHARE):
            if not is_shop:
                await self._pace()
            await problem(Request(scope), Overloaded.code, {"retry_after_s": OVERLOADED_S})(scope, receive, send)
            return
        self._under_way += 1
        self._strangers += not is_shop
        try:
            if not is_shop:
                async with self._door:
                    await asyncio.sleep(0)
            await self._app(scope, receive, send)
        finally:
            self._under_way -= 1
            self._strangers -= not is_shop

    async def _admit(self, scope: Scope, room: str) -> None:
        """Raise RateLimited, some time later, for a source that is over its budget.

        A webhook may be signed, which only its route can tell: it waits as well, and then its route decides.
        """
        if room != _WEBHOOKS:
            try:
                self._limits.stranger(scope)
            except RateLimited:
                await self._pace()
                raise
        elif self._limits.is_over(scope):
            if self._paced >= MOST_PACED:
                raise RateLimited(retry_after_s=OVERLOADED_S)
            await self._pace()

    async def _pace(self) -> None:
        if self._paced < MOST_PACED:
            self._paced += 1
            try:
                await asyncio.sleep(PACE_S * random.uniform(0.5, 1.5))  # noqa: S311  spreads load, guards nothing
            finally:
                self._paced -= 1


def _credential(scope: Scope) -> bytes | None:
    return next((value for name, value in scope["headers"] if name == b"authorization"), None)
