"""The way of every API call at an imitated gateway: noted, admitted, misbehaving as the tester planned, then answered."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.clock import SimClock
from simulator.web import json_object

if TYPE_CHECKING:
    from simulator.twin import Twin

KEPT = 100_000
"""Calls kept; older ones are forgotten, so a load test does not fill the memory."""
ANSWERS = frozenset(
    {"paid", "declined", "slow", "error_500", "too_many_requests", "garbage", "accept_then_hang", "lost_request"}
)
"""How one call is answered: a call follows at most one of these. The gateway's own work knows what `declined` means."""
NOT_JSON = (
    ("application/json", "OK, but this is not the JSON that you expect"),
    ("text/html; charset=utf-8", "<!doctype html><title>Gateway</title><h1>We will be right back</h1>"),
)


@dataclass(slots=True)
class CallRow:
    """One call. `path` is the route's pattern, because real paths carry signatures."""

    at: str
    gateway: str
    method: str
    path: str
    call: str
    reference: str | None = None
    scenario: str | None = None
    status: int | None = None
    """The HTTP status answered; None while there is no answer, and when there never was one."""


class CallLog:
    """The calls of one gateway, oldest first: enough to count them, nothing that would have to be kept secret."""

    def __init__(self, gateway: str, clock: SimClock) -> None:
        self._gateway = gateway
        self._clock = clock
        self._rows: deque[CallRow] = deque(maxlen=KEPT)

    def arrived(self, method: str, path: str, call: str) -> CallRow:
        """Note a call; the caller fills in the rest when it is known."""
        row = CallRow(self._clock.now().isoformat(), self._gateway, method, path, call)
        self._rows.append(row)
        return row

    def rows(self, last: int = KEPT) -> list[dict[str, Any]]:
        """The `last` calls as JSON-ready objects, oldest first."""
        return [asdict(row) for row in islice(self._rows, max(0, len(self._rows) - last), None)]

    def reset(self) -> None:
        """Forget them."""
        self._rows.clear()


class Refusal(Exception):
    """The gateway says no. Each gateway has its own kind, which knows how that looks on the wire."""

    def answer(self) -> Response:
        """The answer to the call that is refused."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Call:
    """One API call, read to its end."""

    kind: str
    """One of the gateway's `calls`."""
    request: Request
    body: bytes
    row: CallRow
    references: tuple[str, ...] = ()
    """The payments that it is about; none when it is about none that is known."""
    scenario: str | None = None
    views: frozenset[tuple[str, str | None]] = frozenset()
    """The distortions planned for this one call: (scenario, reference or None for all)."""

    @property
    def json(self) -> dict[str, Any] | None:
        """The JSON object of the body; None when there is none."""
        return json_object(self.body)

    def path(self, name: str) -> str | None:
        """A value in its path, decoded; None where the path has none."""
        value = self.request.path_params.get(name)
        return None if value is None else unquote(value)

    def views_of(self, reference: str) -> set[str]:
        """The planned distortions that hold for one payment."""
        return {name for name, about in self.views if about in (None, reference)}


Work = Callable[[Call], Response]
"""Does a call's work and answers it. It must not wait. Raises Refusal."""
About = Callable[[Call], Iterable[str]]
"""The references that a call is about; raises Refusal when the call is not in order."""


class Api:
    """The endpoints of one gateway. Between the end of a request's body and the end of its work nothing waits."""

    def __init__(self, twin: "Twin", views: frozenset[str], broken: Response) -> None:
        """`broken` is this gateway's answer when nothing was done because of an error of its own (HTTP 500)."""
        self._twin = twin
        self._views = views
        self._broken = broken
        self._garbled = 0

    def route(self, methods: str, path: str, kind: str, work: Work, about: About) -> Route:
        """One endpoint."""

        async def endpoint(request: Request) -> Response:
            call = Call(kind, request, await request.body(), self._twin.log.arrived(request.method, path, kind))
            self._twin.run_due()
            try:
                references = tuple(dict.fromkeys(about(call)))
            except Refusal:
                references = ()
            return await self._answer(replace(call, references=references), work)

        return Route(path, endpoint, methods=methods.split())

    def admit(self, call: Call) -> Response | None:
        """Let the call through (None), or answer it without any work. Raises Refusal for who may not call."""
        raise NotImplementedError

    def carry_out(self, call: Call, work: Work) -> Response:
        """Do the work of a call that was let through."""
        try:
            return work(call)
        except Refusal as refusal:
            return refusal.answer()

    def lost(self, call: Call) -> None:
        """Undo what `admit` noted of a call that, as it turns out, never arrived."""

    def ended(self, call: Call) -> None:
        """The call that was let through is over."""

    async def _answer(self, call: Call, work: Work) -> Response:
        try:
            known = self.admit(call)
        except Refusal as refusal:
            known = refusal.answer()
        if known is not None:
            call.row.status = known.status_code
            return known
        try:
            return await self._misbehaving(call, work)
        finally:
            self.ended(call)

    async def _misbehaving(self, call: Call, work: Work) -> Response:
        """Answer as the tester planned, and as it should be where nothing is planned."""
        row, plan = call.row, self._twin.plan
        scenario = plan.take(call.kind, call.references, ANSWERS)
        row.reference = call.references[0] if len(call.references) == 1 else None
        row.scenario = scenario
        if scenario == "lost_request":
            self.lost(call)
            return await self._never(call)
        if scenario == "error_500":
            response = self._broken
        elif scenario == "too_many_requests":
            response = Response("slow down", 429, {"Retry-After": "1"})
        else:
            views = plan.take_all(call.kind, call.references, self._views)
            row.scenario = ",".join([*filter(None, [scenario]), *sorted({name for name, _ in views})]) or None
            response = self.carry_out(replace(call, scenario=scenario, views=views), work)
        if scenario == "accept_then_hang":
            return await self._never(call)
        if scenario == "slow":
            await self._twin.connections.wait(call.request.receive, self._twin.delays.slow_s)
        row.status = response.status_code
        return self._garbage(response.status_code) if scenario == "garbage" else response

    async def _never(self, call: Call) -> Response:
        """No answer for as long as the client waits; who waits longer than the hold is cut off."""
        await self._twin.connections.wait(call.request.receive, self._twin.delays.hang_s)
        return Response(status_code=504, headers={"Connection": "close"})

    def _garbage(self, status: int) -> Response:
        media_type, text = NOT_JSON[self._garbled % len(NOT_JSON)]
        self._garbled += 1
        return Response(text, status, media_type=media_type)
