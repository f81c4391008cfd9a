"""What stands between the product and an imitated gateway, and changes what look-ups show on their way back."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx

from app.settings import Settings
from tests.contract.faulty_server import Arrived, Behaviour, FaultyServer, answers, closes
from tests.support import TLS

Change = Callable[[dict[str, Any]], None]
"""Changes one payment of a look-up's answer in place."""

_HOP = {"host", "content-length", "connection", "accept-encoding"}


class Fronts:
    """One front for each gateway of `settings`, which are the product's settings from then on."""

    def __init__(self) -> None:
        self.change: Change | None = None
        """What look-ups go through; None: they stay as they are."""
        self.change_answer: Change | None = None
        """The same for the payments in answers to other calls."""
        self.instead: Callable[[Arrived], tuple[int, Any] | Behaviour | None] = lambda _: None
        """An answer in place of the gateway's own, which then hears nothing, or how it comes; None: none."""
        self.changes = "status"
        """The outermost objects that have a member of this name are what is changed: payments."""
        self.method = "GET"
        """The method of the calls whose answers are changed: look-ups."""
        self.settings: Settings

    def behaviour(self, target: str) -> Callable[[Arrived], Behaviour]:
        """Pass a request on, and its answer back, changed."""

        def passes(request: Arrived) -> Behaviour:
            async def behave(writer: Any) -> None:
                if (instead := self.instead(request)) is not None:
                    await (answers(*instead) if isinstance(instead, tuple) else instead)(writer)
                    return
                headers = {name: text for name, text in request.headers.items() if name not in _HOP}
                async with httpx.AsyncClient(base_url=target, verify=TLS) as client:
                    answer = await client.request(request.method, request.target, headers=headers, content=request.body)
                body = json.loads(answer.content)
                change = self.change if request.method == self.method else self.change_answer
                if change is not None:
                    _walk(body, change, self.changes)
                await answers(answer.status_code, body)(writer)

            return behave

        return passes


@asynccontextmanager
async def fronts_of(settings: Settings, *names: str) -> AsyncIterator[Fronts]:
    """Start a front for each of these gateways."""
    fronts = Fronts()
    accounts = {}
    async with AsyncExitStack() as stack:
        for name in names:
            account = getattr(settings, name)
            front = FaultyServer(closes, fronts.behaviour(account.base_url))
            await stack.enter_async_context(front)
            accounts[name] = account.model_copy(update={"base_url": front.url})
        fronts.settings = settings.model_copy(update=accounts)
        yield fronts


def _walk(value: object, change: Change, has: str) -> None:
    """Every gateway's payment is an object with a status; none has another one inside that a change would name."""
    if isinstance(value, dict):
        if has in value:
            change(value)
            return
        for each in value.values():
            _walk(each, change, has)
    elif isinstance(value, list):
        for each in value:
            _walk(each, change, has)
