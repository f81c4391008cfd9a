"""The edge (law 15): how many requests are under way, and how many a stranger may send, before anything else looks at them.

A shop's calls come first: requests without a key that is known to be good may hold a quarter of the places, and whoever has used
up a budget waits for his 429, so that a flood over a few connections is a trickle.
"""

import asyncio
import random
from collections.abc import Callable, Collection

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.limits import OVER_BUDGET, Limiter, Limits
from app.api.places import Places, StrangersPlace
from app.api.problems import problem
from app.api.security import Caller
from app.domain.errors import Overloaded, RateLimited
from app.domain.schedule import OVERLOADED_S, PACE_S

MOST_PACED = 1000
"""Requests over budget that are held back at one time, some 15 KiB each; a further one is answered at once."""

LATE_KEYS_PER_S = 20
"""Keys that a process looks up for sources that are over their budget of guesses, in a second."""

AT_THE_DOOR = 4
"""Requests of strangers that begin in one turn of the event loop: between two steps of a shop's call stand few, not a burst."""

_UNCOUNTED = frozenset({"healthz", "static"})
"""First parts of the paths that have no budget: what asks nobody, and what a page loads a dozen of."""

_PROBES = frozenset({"healthz", "readyz"})
"""By these a balancer judges the process, and no stranger may: they hold no place and are answered over their budget too."""

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
        self._keyed = frozenset(keyed)
        self._known = known
        self._places = Places(most)
        self._paced = 0
        self._late_keys = Limiter(LATE_KEYS_PER_S, LATE_KEYS_PER_S)
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
                is_full = self._paced >= MOST_PACED
                await self._pace()
                if room not in _PROBES and (credential is None or is_full or not self._may_look_up()):
                    # With no room to let him wait, a stranger has to connect again for his next one.
                    headers = {"Connection": "close"} if self._paced >= MOST_PACED else None
                    await problem(Request(scope), error.code, error.details, headers=headers)(scope, receive, send)
                    return
                scope[OVER_BUDGET] = error
        is_shop = caller is not None and not caller.is_client
        try:
            if room in _PROBES:
                await self._in_turn(scope, receive, send)
            elif is_shop:
                await self._serve_shop(scope, receive, send)
            else:
                await self._serve_stranger(scope, receive, send)
        except Overloaded as error:
            if not is_shop:
                await self._pace()
            await problem(Request(scope), error.code, error.details)(scope, receive, send)

    async def _serve_shop(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._places.take(is_stranger=False)
        try:
            await self._app(scope, receive, send)
        finally:
            self._places.leave(is_stranger=False)

    async def _serve_stranger(self, scope: Scope, receive: Receive, send: Send) -> None:
        """In his turn; a 429 of his route waits as one of ours does. His place is free as soon as the answer is known."""
        place = StrangersPlace(self._places, receive)

        async def send_paced(message: Message) -> None:
            place.leave()
            if message.get("status") == _TOO_MANY and OVER_BUDGET not in scope:
                await self._pace()
            await send(message)

        place.take()
        try:
            await self._in_turn(scope, place.receive, send_paced)
        finally:
            place.leave()

    async def _in_turn(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._door:
            await asyncio.sleep(0)
        await self._app(scope, receive, send)

    def _admit(self, scope: Scope, room: str, *, is_guess: bool) -> None:
        """Raise RateLimited for a source that is over its budget.

        Whether a webhook is signed, or a key good that this process has not seen, only its route can tell: those go there all the
        same, as long as there is room to let them wait for it.
        """
        if room == _WEBHOOKS:
            if self._paced >= MOST_PACED and self._limits.is_over(scope):
                raise RateLimited(retry_after_s=OVERLOADED_S)
        elif is_guess:
            self._limits.guesser(scope)
        else:
            self._limits.stranger(scope)

    def _may_look_up(self) -> bool:
        """Whether a key from an address that guesses keys is looked up: so many a second, for each costs a shop's time."""
        try:
            self._late_keys.take(None)
        except RateLimited:
            return False
        return True

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
