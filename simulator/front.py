"""The road of every API call at an imitated gateway: noted, misbehaving as the tester planned, then answered."""

from collections.abc import Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response

from simulator.calls import CallRow
from simulator.holds import Delays, Holds
from simulator.scenarios import Plan

ANSWERS = frozenset(
    {"paid", "declined", "slow", "error_500", "too_many_requests", "garbage", "accept_then_hang", "lost_request"}
)
"""How one call is answered: a call follows at most one of these. The gateway's own work knows what `declined` means."""

NOT_JSON = (
    ("application/json", "OK, but this is not the JSON that you expect"),
    ("text/html; charset=utf-8", "<!doctype html><title>Gateway</title><h1>We will be right back</h1>"),
)

Work = Callable[[str | None], Response]
"""Does the call's work, given the scenario that it follows, and returns the answer. It must not wait."""


class Front:
    """Carries calls out. Between the end of a request's body and the end of its work nothing waits."""

    def __init__(self, plan: Plan, holds: Holds, delays: Delays, broken: Response) -> None:
        """`broken` is this gateway's answer when nothing was done because of an error of its own (HTTP 500)."""
        self._plan = plan
        self._holds = holds
        self._delays = delays
        self._broken = broken
        self._garbled = 0

    async def answer(
        self,
        request: Request,
        row: CallRow,
        *,
        call: str,
        references: Sequence[str],
        work: Work,
        forget: Callable[[], None] = lambda: None,
    ) -> Response:
        """Answer one call whose body has been read. `references` are the payments that it is about.

        `forget` undoes what was noted of the call on its way here, for one that never arrived.
        """
        scenario = self._plan.take(call, references, ANSWERS)
        row.reference = references[0] if len(references) == 1 else None
        row.scenario = scenario
        if scenario == "lost_request":
            forget()
            return await self._never(request)
        if scenario == "error_500":
            response = self._broken
        elif scenario == "too_many_requests":
            response = Response("slow down", 429, {"Retry-After": "1"})
        else:
            response = work(scenario)
        if scenario == "accept_then_hang":
            return await self._never(request)
        if scenario == "slow":
            await self._holds.wait(request.receive, self._delays.slow_s)
        row.status = response.status_code
        return self._garbage(response.status_code) if scenario == "garbage" else response

    async def _never(self, request: Request) -> Response:
        """No answer for as long as the client waits; who waits longer than the hold is cut off."""
        await self._holds.wait(request.receive, self._delays.hang_s)
        return Response(status_code=504, headers={"Connection": "close"})

    def _garbage(self, status: int) -> Response:
        media_type, text = NOT_JSON[self._garbled % len(NOT_JSON)]
        self._garbled += 1
        return Response(text, status, media_type=media_type)
