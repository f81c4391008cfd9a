"""The edge (law 15): how many requests are under way, and how many a stranger may send, before anything else looks at them.

A shop's calls come first: requests without a key that is known to be good may hold a quarter of the places, and whoever has used
up a budget waits for his 429, so that a flood over a few connections is a trickle.
"""

import asyncio
import random
from collections.abc import Callable, Collection

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.limits import Limits
from app.api.problems import problem
from app.api.security import Caller
from app.domain.errors import Overloaded, RateLimited
from app.domain.schedule import OVERLOADED_S, PACE_S

STRANGERS_SHARE = 0.25
"""Of the places, for requests that came without a key that is known to be good."""

MOST_PACED = 1000
"""Requests over budget that are held back at one time, some 15 KiB each; a further one is answered at once."""

AT_THE_DOOR = 4
"""Requests of strangers that begin in one turn of the event loop: between two steps of a shop's call stand few, not a burst."""

_UNCOUNTED = frozenset({"healthz", "static"})
"""First parts of the paths that have no budget: what asks nobody, and what a page loads a dozen of."""

_WEBHOOKS = "webhooks"
_TOO_MANY = 429


class AdmissionMiddleware:
    """Admits requests. `keyed` are the first parts of the paths whose routes ask for a credential themselves.

    `known` says whose a credential is without asking anybody, see `Authenticator.known`. Until a key is known its call is a
    stranger's, who may have made it up.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        limits: Limits,
        most: int,
        keyed: Collection[str],
        known: Callable[[str], Caller | None],
    ) -> None:
        self._app = app
        self._limits = limits
        self._most = most or 1_000_000_000
        self._keyed = frozenset(keyed)
        self._known = known
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
        caller = self._known(credential) if credential is not None else None
        if caller is None and room not in _UNCOUNTED:
            try:
                self._admit(scope, room, is_guess=credential is not None)
            except RateLimited as error:
                await self._pace()
                # With no room to let him wait, a stranger has to connect again for his next one.
                headers = {"Connection": "close"} if self._paced >= MOST_PACED else None
                await problem(Request(scope), error.code, error.details, headers=headers)(scope, receive, send)
                return
        is_shop = caller is not None and not caller.is_client
        if self._under_way >= self._most or (not is_shop and self._strangers >= self._most * STRANGERS_SHARE):
            if not is_shop:
                await self._pace()
            await problem(Request(scope), Overloaded.code, {"retry_after_s": OVERLOADED_S})(scope, receive, send)
        elif is_shop:
            self._under_way += 1
            try:
                await self._app(scope, receive, send)
            finally:
                self._under_way -= 1
        else:
            await self._serve_stranger(scope, receive, send)

    async def _serve_stranger(self, scope: Scope, receive: Receive, send: Send) -> None:
        """In his turn; a 429 of his route waits as one of ours does, and holds no place meanwhile."""
        holds_place = True

        def leave() -> None:
            nonlocal holds_place
            if holds_place:
                holds_place = False
                self._under_way -= 1
                self._strangers -= 1

        async def send_paced(message: Message) -> None:
            if message.get("status") == _TOO_MANY:
                leave()
                await self._pace()
            await send(message)

        self._under_way += 1
        self._strangers += 1
        try:
            async with self._door:
                await asyncio.sleep(0)
            await self._app(scope, receive, send_paced)
        finally:
            leave()

    def _admit(self, scope: Scope, room: str, *, is_guess: bool) -> None:
        """Raise RateLimited for a source that is over its budget. Whether a webhook is signed only its route can tell."""
        if room == _WEBHOOKS:
            if self._paced >= MOST_PACED and self._limits.is_over(scope):
                raise RateLimited(retry_after_s=OVERLOADED_S)
        elif is_guess:
            self._limits.guesser(scope)
        else:
            self._limits.stranger(scope)

    async def _pace(self) -> None:
        if self._paced < MOST_PACED:
            self._paced += 1
            try:
                await asyncio.sleep(PACE_S * random.uniform(0.5, 1.5))  # noqa: S311  spreads load, guards nothing
            finally:
                self._paced -= 1


def _credential(scope: Scope) -> str | None:
    """The one `Authorization` header; with two nobody knows which one counts."""
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    return given[0].decode("latin-1") if len(given) == 1 else None
