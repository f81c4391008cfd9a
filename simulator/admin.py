"""The tester's hand: `/_sim/*`, which plays the buyer, orders misbehaviour, moves time and tells the truth.

| call | does |
|---|---|
| `POST /_sim/pay {gateway, reference, scenario?}` | what the buyer would do; answers what the browser would receive |
| `POST /_sim/refund {gateway, reference, amount?, kind?}` | refunds outside the shop; see `Twin.refund` |
| `POST /_sim/scenario {gateway, scenario, reference?, times?, call?}` | how the next matching calls behave |
| `POST /_sim/webhooks {gateway, mode, url?}` · `GET /_sim/webhooks` | how webhooks go out · which there were |
| `POST /_sim/advance {seconds}` · `POST /_sim/reset` | moves the clock · forgets everything |
| `GET /_sim/journal` · `GET /_sim/calls` | the truth about the money · the API calls that arrived |

The lists take `?gateway=`. Money is in minor units. Errors: 404 an unknown reference, 409 what cannot happen now, 422 a wrong
field.
"""

from collections.abc import Collection, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.clock import MAX_ADVANCE_S, SimClock
from simulator.scenarios import FOREVER
from simulator.twin import CONSOLE, KINDS, JournalRow, RefusedError, Twin, UnknownReferenceError
from simulator.web import json_object, nobody_there, page
from simulator.webhooks import MODES

ROWS_ON_PAGE = 200
CALLS_ON_PAGE = 20


class InvalidFieldError(ValueError):
    """A field of the request is missing or wrong; names it and, where they are few, the values it may have."""

    def __init__(self, field: str, problem: str, allowed: Collection[str] = ()) -> None:
        self.field = field
        self.allowed = list(allowed)
        hint = f"; allowed: {', '.join(self.allowed)}" if self.allowed else ""
        super().__init__(f"{field} {problem}{hint}")


class Admin:
    """The `/_sim` application over all twins. Answers are JSON; every error has a key `error`."""

    def __init__(self, twins: Mapping[str, Twin], clock: SimClock) -> None:
        self._twins = twins
        self._clock = clock
        self.app = Starlette(
            routes=[
                Route("/", self._page),
                Route("/healthz", self._healthz),
                Route("/_sim/pay", self._pay, methods=["POST"]),
                Route("/_sim/refund", self._refund, methods=["POST"]),
                Route("/_sim/scenario", self._scenario, methods=["POST"]),
                Route("/_sim/webhooks", self._webhooks, methods=["POST"]),
                Route("/_sim/webhooks", self._deliveries),
                Route("/_sim/advance", self._advance, methods=["POST"]),
                Route("/_sim/reset", self._reset, methods=["POST"]),
                Route("/_sim/journal", self._journal),
                Route("/_sim/calls", self._calls),
            ],
            exception_handlers={
                InvalidFieldError: _invalid,
                UnknownReferenceError: lambda _, error: JSONResponse({"error": str(error)}, 404),
                RefusedError: lambda _, error: JSONResponse({"error": str(error)}, 409),
                HTTPException: _http,
                ClientDisconnect: nobody_there,
            },
        )

    async def _pay(self, request: Request) -> Response:
        fields = await _fields(request)
        twin = self._twin(fields.get("gateway"))
        reference = _text(fields, "reference")
        scenario = _choice(fields, "scenario", twin.rules) if fields.get("scenario") is not None else None
        return JSONResponse(twin.pay(reference, scenario))

    async def _refund(self, request: Request) -> Response:
        fields = await _fields(request)
        twin = self._twin(fields.get("gateway"))
        reference = _text(fields, "reference")
        amount = fields.get("amount")
        if amount is not None and (type(amount) is not int or amount < 1):
            raise InvalidFieldError("amount", "must be a whole number of minor units, at least 1")
        kind = _choice(fields, "kind", KINDS) if fields.get("kind") is not None else CONSOLE
        return JSONResponse(twin.refund(reference, amount, kind))

    async def _scenario(self, request: Request) -> Response:
        fields = await _fields(request)
        twin = self._twin(fields.get("gateway"))
        scenario = _choice(fields, "scenario", twin.rules)
        rule = twin.rules[scenario]
        reference = _text(fields, "reference") if fields.get("reference") is not None else None
        allowed = [call for call in twin.calls if call in rule.allowed]
        call = _choice(fields, "call", allowed) if fields.get("call") is not None else None
        times = fields.get("times", 1)
        if type(times) is not int or times < FOREVER:
            raise InvalidFieldError("times", "must be a whole number: 0 clears, -1 is until cleared")
        calls = rule.calls if call is None else {call}
        answer = {"gateway": twin.name, "scenario": scenario, "reference": reference, "times": times}
        if times == 0:
            return JSONResponse({**answer, "cleared": twin.plan.clear(scenario, reference, call)})
        twin.plan.add(scenario, calls, reference, times)
        return JSONResponse({**answer, "calls": [name for name in twin.calls if name in calls]})

    async def _webhooks(self, request: Request) -> Response:
        fields = await _fields(request)
        twin = self._twin(fields.get("gateway"))
        url = _text(fields, "url") if fields.get("url") is not None else None
        return JSONResponse(twin.webhooks(_choice(fields, "mode", MODES), url))

    async def _deliveries(self, request: Request) -> Response:
        rows = [{"gateway": twin.name, **row} for twin in self._chosen(request) for row in twin.deliveries()]
        return JSONResponse(rows)

    async def _advance(self, request: Request) -> Response:
        seconds: Any = (await _fields(request)).get("seconds")
        is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
        if not is_number or not 0 <= seconds <= MAX_ADVANCE_S:
            raise InvalidFieldError("seconds", f"must be a number between 0 and {MAX_ADVANCE_S}")
        self._clock.advance(seconds)
        return JSONResponse({"now": self._clock.now().isoformat(), "advanced_s": self._clock.advanced_s})

    async def _reset(self, _: Request) -> Response:
        for twin in self._twins.values():
            twin.reset()
        self._clock.restart()
        return JSONResponse({"reset": True})

    async def _journal(self, request: Request) -> Response:
        return JSONResponse(self._rows(self._chosen(request)))

    async def _calls(self, request: Request) -> Response:
        return JSONResponse([row for twin in self._chosen(request) for row in twin.log.rows()])

    async def _healthz(self, _: Request) -> Response:
        return JSONResponse({"status": "ok", "gateways": list(self._twins)})

    async def _page(self, _: Request) -> Response:
        twins = list(self._twins.values())
        calls = [row for twin in twins for row in twin.log.rows(last=CALLS_ON_PAGE)]
        rows = self._rows(twins)[::-1]
        return page(
            "overview.html",
            now=self._clock.now(),
            advanced_s=self._clock.advanced_s,
            time_scale=self._clock.time_scale,
            rows=rows[:ROWS_ON_PAGE],
            older=max(0, len(rows) - ROWS_ON_PAGE),
            calls=sorted(calls, key=lambda row: str(row["at"]), reverse=True)[:CALLS_ON_PAGE],
            planned=[(twin.name, entry) for twin in twins for entry in twin.plan.entries()],
            twins=twins,
        )

    @staticmethod
    def _rows(twins: Collection[Twin]) -> list[JournalRow]:
        return [row for twin in twins for row in twin.journal()]

    def _twin(self, name: object) -> Twin:
        return self._twins[_choice({"gateway": name}, "gateway", self._twins)]

    def _chosen(self, request: Request) -> list[Twin]:
        name = request.query_params.get("gateway")
        return list(self._twins.values()) if name is None else [self._twin(name)]


async def _fields(request: Request) -> dict[str, Any]:
    fields = json_object(await request.body())
    if fields is None:
        raise InvalidFieldError("body", "must be a JSON object")
    return fields


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidFieldError(name, "is required and must be a non-empty string")
    return value


def _choice(fields: Mapping[str, Any], name: str, allowed: Collection[str]) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or value not in allowed:
        problem = "is required" if value is None else "has an unknown value"
        raise InvalidFieldError(name, problem, allowed)
    return value


async def _invalid(_: Request, error: Exception) -> Response:
    if not isinstance(error, InvalidFieldError):
        raise error
    return JSONResponse({"error": str(error), "field": error.field, "allowed": error.allowed}, 422)


async def _http(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return JSONResponse({"error": error.detail}, error.status_code)
