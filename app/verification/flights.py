"""One look at an attempt at a time in each process, whoever sets it off and whatever he hints at (law 15).

Callers that arrive while a look is under way share its answer where their own look would tell nothing more, and otherwise
wait for it and take their turn: by waiting, not by asking the database.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from uuid import UUID

from app.gateways.values import LookupHint
from app.verification.context import VerificationResult

Ask = Callable[[bool], Awaitable[VerificationResult]]
"""Looks, and is told whether another look came before it, which may have moved what its caller has read."""


@dataclass(frozen=True, slots=True)
class _Flight:
    hint: LookupHint
    has_returned: bool
    result: "asyncio.Future[VerificationResult]"

    def serves(self, hint: LookupHint, *, has_returned: bool) -> bool:
        """Whether this look, which has ended, will do for a caller with this hint; one who tells of the buyer's return needs
        one that stores that."""
        if has_returned and not self.has_returned:
            return False
        if hint in (LookupHint(), self.hint):
            return True
        return self.result.exception() is None and _is_final(self.result.result())


def _is_final(result: VerificationResult) -> bool:
    return result.is_decided and result.mismatch is None


class Flights:
    """The looks under way in this process, by the attempt that they are about."""

    def __init__(self) -> None:
        self._under_way: dict[UUID, _Flight] = {}

    async def look(
        self,
        attempt_id: UUID,
        hint: LookupHint,
        ask: Ask,
        *,
        shares: bool,
        patience_s: float,
        has_returned: bool = False,
    ) -> VerificationResult | None:
        """The answer of a look at this attempt: one under way, or `ask`'s own. Raises what that raises.

        `shares` False: a look that began before this call will not do. `has_returned`: this caller tells of the buyer's return,
        which nobody has stored yet. None: others were still looking after `patience_s`.
        """
        until, has_waited = monotonic() + patience_s, False
        while (flight := self._under_way.get(attempt_id)) is not None:
            done, _ = await asyncio.wait([flight.result], timeout=max(0.0, until - monotonic()))
            if not done:
                return None
            if shares and not flight.result.cancelled() and flight.serves(hint, has_returned=has_returned):
                return flight.result.result()
            has_waited = True
        flight = self._under_way[attempt_id] = _Flight(hint, has_returned, asyncio.get_running_loop().create_future())
        try:
            result = await ask(has_waited)
            flight.result.set_result(result)
        except Exception as error:
            flight.result.set_exception(error)
            flight.result.exception()  # seen, also where nobody waits for it
            raise
        finally:
            del self._under_way[attempt_id]
            flight.result.cancel()  # of a caller that was canceled: the next one looks
        return result
