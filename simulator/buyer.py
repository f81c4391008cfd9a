"""The buyer at any gateway: which scenario a payment follows, what it changes before the money moves, and the window."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import Any, Generic, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from simulator.scenarios import CANCEL, NEXT_CALL, PAY, WEBHOOK_MODES
from simulator.store import AMOUNT_STEP, Attempt
from simulator.twin import RefusedError, Twin
from simulator.web import json_object

A = TypeVar("A", bound=Attempt)


class Buyer:
    """Follows scenarios. `next_calls` are the calls that those of NEXT_CALL change after the buyer has paid."""

    def __init__(
        self, twin: Twin, views: Collection[str], next_calls: Collection[str], cancels: Collection[str] = ()
    ) -> None:
        self._plan = twin.plan
        self._rules = twin.rules
        self._views = views
        self._next_calls = next_calls
        self._cancels = cancels

    def scenario(self, reference: str, given: str | None) -> str:
        """The given one; without it the plan for `pay` decides, else `paid`."""
        return given or self._plan.take(PAY, [reference], self._rules) or "paid"

    def prepare(self, attempt: Attempt, reference: str, scenario: str) -> None:
        """Change what the scenario changes before the money moves."""
        if scenario in WEBHOOK_MODES:
            attempt.webhook_mode = WEBHOOK_MODES[scenario]
        elif scenario in NEXT_CALL:
            self._plan.add(scenario, self._next_calls, reference)
        elif scenario in self._cancels:
            self._plan.add(scenario, {CANCEL}, reference)
        elif scenario == "amount_differs":
            attempt.charged = attempt.different_amount()
        elif scenario == "discount":
            attempt.discount = min(AMOUNT_STEP, attempt.charged - 1)
        elif scenario in self._views:
            attempt.views.add(scenario)


class Window(ABC, Generic[A]):
    """The page in which the buyer acts: its buttons call `POST …/{action}` with a scenario, if one was chosen.

    It needs no secret: whoever has the window's own token is the buyer.
    """

    def __init__(self, rules: Mapping[str, Any]) -> None:
        self.scenarios = [(name, rule.about) for name, rule in rules.items() if PAY in rule.allowed]

    @abstractmethod
    def find(self, fields: Mapping[str, Any]) -> A | None:
        """The attempt whose window this is, by what its page sends."""

    @abstractmethod
    def pay(self, attempt: A, scenario: str | None) -> dict[str, Any]:
        """The buyer pays; what the page is told. Raises RefusedError."""

    @abstractmethod
    def leave(self, attempt: A) -> dict[str, Any]:
        """The buyer closes the window; what the page is told."""

    def decline(self, attempt: A) -> dict[str, Any]:
        """The card is refused; what the page is told. Raises RefusedError."""
        return self.pay(attempt, "declined")

    def refused(self, status: int, message: str) -> Response:
        """Nothing was done."""
        return JSONResponse({"error": message}, status)

    async def act(self, request: Request) -> Response:
        """Carry out one press of a button."""
        fields = json_object(await request.body()) or {}
        attempt, scenario = self.find(fields), fields.get("scenario") or None
        known = [name for name, _ in self.scenarios]
        if attempt is None:
            return self.refused(404, "this payment window is not known")
        if scenario is not None and scenario not in known:
            return self.refused(422, f"scenario must be one of: {', '.join(known)}")
        try:
            match request.path_params["action"]:
                case "pay":
                    done = self.pay(attempt, scenario)
                case "decline":
                    done = self.decline(attempt)
                case "leave":
                    done = self.leave(attempt)
                case _:
                    return self.refused(404, "no such action")
        except RefusedError as refused:
            return self.refused(409, str(refused))
        return self.told(done)

    def told(self, done: dict[str, Any]) -> Response:
        """What was done, on the wire."""
        return JSONResponse(done)
