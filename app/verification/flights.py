"""One look at an attempt at a time in each process, whoever sets it off and whatever he hints at (law 15).

Callers that arrive while a look is under way share its answer where their own look would tell nothing more, and otherwise
wait for it and take their turn: by waiting, not by asking the database. Strangers never take a turn before those who may
know something, and have a few places of their own at each gateway.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from time import monotonic
from uuid import UUID

from app.domain.errors import Overloaded
from app.domain.schedule import GUESTS_WAIT_S, OVERLOADED_S
from app.gateways.port import LookupHint
from app.verification.context import VerificationResult

GUESTS = 4
"""Looks set off by strangers that one gateway gets at once from this process; those of shops and buyers have no such bound."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who wants an attempt looked at. A `guest` has shown no right to it; `shares` False: what began earlier will not do."""

    hint: LookupHint
    is_guest: bool
    shares: bool
    patience_s: float


@dataclass(frozen=True, slots=True)
class _Flight:
    caller: Caller
    result: "asyncio.Future[VerificationResult]"

    def serves(self, other: Caller) -> bool:
        """Whether the answer of this look, which has ended, will do for another caller."""
        if not other.shares:
            return False
        if other.is_guest or (self.result.exception() is None and _is_final(self.result.result())):
            return True
        return not self.caller.is_guest and other.hint in (LookupHint(), self.caller.hint)


def _is_final(result: VerificationResult) -> bool:
    return result.is_decided and result.mismatch is None


class Flights:
    """The looks under way in this process."""

    def __init__(self) -> None:
        self._under_way: dict[UUID, _Flight] = {}
        self._lanes: dict[str, asyncio.Semaphore] = {}

    async def look(
        self,
        attempt_id: UUID,
        gateway: str,
        caller: Caller,
        ask: Callable[[bool], Awaitable[VerificationResult]],
    ) -> VerificationResult | None:
        """The answer of a look at this attempt: one under way, or `ask`'s own. Raises what that raises.

        `ask` is told whether another look came before it, which may have moved what its caller has read. None: others were
        still looking when the caller's patience ended. Raises Overloaded for a stranger without a place.
        """
        until, has_waited = monotonic() + caller.patience_s, False
        while (flight := self._under_way.get(attempt_id)) is not None:
            left_s = until - monotonic()
            done, _ = await asyncio.wait([flight.result], timeout=max(0.0, left_s))
            if not done:
                return None
            if not flight.result.cancelled() and flight.serves(caller):
                return flight.result.result()
            has_waited = True
        return await self._fly(attempt_id, gateway, caller, partial(ask, has_waited))

    async def _fly(
        self,
        attempt_id: UUID,
        gateway: str,
        caller: Caller,
        ask: Callable[[], Awaitable[VerificationResult]],
    ) -> VerificationResult:
        flight = _Flight(caller, asyncio.get_running_loop().create_future())
        self._under_way[attempt_id] = flight
        try:
            result = await (self._in_lane(gateway, ask) if caller.is_guest else ask())
            flight.result.set_result(result)
        except Exception as error:
            flight.result.set_exception(error)
            flight.result.exception()  # seen, also where nobody waits for it
            raise
        finally:
            self._under_way.pop(attempt_id)
            flight.result.cancel()
        return result

    async def _in_lane(self, gateway: str, ask: Callable[[], Awaitable[VerificationResult]]) -> VerificationResult:
        lane = self._lanes.setdefault(gateway, asyncio.Semaphore(GUESTS))
        try:
            async with asyncio.timeout(GUESTS_WAIT_S):
                await lane.acquire()
        except TimeoutError:
            raise Overloaded(retry_after_s=OVERLOADED_S) from None
        try:
            return await ask()
        finally:
            lane.release()
