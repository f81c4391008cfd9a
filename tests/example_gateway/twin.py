"""AcmePay's stand-in: its two endpoints, what a buyer can do there, and how it can misbehave."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from simulator.calls import CallLog
from simulator.clock import SimClock
from simulator.front import Front
from simulator.holds import Delays, Holds
from simulator.scenarios import Plan, Rule
from simulator.twin import JournalRow, RefusedError, UnknownReferenceError
from simulator.web import RawPath, json_object

START, LOOKUP, PAY = "start", "lookup", "pay"
LATE_S = 5.0
_API, _PAY = frozenset({START, LOOKUP}), frozenset({PAY})

RULES: Mapping[str, Rule] = {
    "paid": Rule("Everything goes well.", _PAY, _API),
    "declined": Rule("The card is refused.", _PAY),
    "abandoned": Rule("The buyer closes the page and may come back.", _PAY),
    "late_approval": Rule("The card is refused, and paid all the same five seconds later.", _PAY),
    "amount_differs": Rule("Another amount is charged than was ordered.", _PAY),
    "unknown_status": Rule("Look-ups show a status that no document names.", _PAY),
    "sparse": Rule("Look-ups show the required members only; all of them are.", _PAY),
    "slow": Rule("The answer comes some seconds later.", _API),
    "error_500": Rule("HTTP 500, and nothing was done.", _API),
    "too_many_requests": Rule("HTTP 429, and nothing was done.", _API),
    "garbage": Rule("The body of the answer is no JSON.", _API),
    "accept_then_hang": Rule("The work is done, the answer never comes.", _API),
}


@dataclass(slots=True)
class Charge:
    """One charge as AcmePay holds it."""

    id: str
    reference: str
    amount: int
    currency: str
    status: str = "open"
    paid_at_s: float | None = None
    """When a card that was refused is charged all the same, in the clock's seconds."""


class AcmePayTwin:
    """The AcmePay API of one merchant, in memory."""

    name = "acmepay"
    rules = RULES
    calls = (START, LOOKUP, PAY)
    base_url = ""

    def __init__(self, clock: SimClock, key: str, delays: Delays) -> None:
        self.plan, self.log = Plan(), CallLog(self.name, clock)
        self._clock, self._key, self._holds = clock, key, Holds()
        self._front = Front(self.plan, self._holds, delays, broken=JSONResponse({"error": "internal"}, 500))
        self._charges: dict[str, Charge] = {}
        routes = [Route("/charges", self._create, methods=["POST"]), Route("/charges/{key}", self._show)]
        self.app: ASGIApp = RawPath(Starlette(routes=routes))

    def connection(self) -> dict[str, str]:
        """The key that is valid now."""
        return {"key": self._key}

    async def _create(self, request: Request) -> Response:
        fields = json_object(await request.body()) or {}
        return await self._answer(request, "/charges", START, fields.get("reference"), fields)

    async def _show(self, request: Request) -> Response:
        await request.body()
        return await self._answer(request, "/charges/{key}", LOOKUP, unquote(request.path_params["key"]), {})

    async def _answer(self, request: Request, path: str, call: str, key: Any, fields: dict[str, Any]) -> Response:
        row = self.log.arrived(request.method, path, call)
        if request.headers.get("authorization") != f"Bearer {self._key}":
            row.status = 401
            return JSONResponse({"error": "unauthorized"}, 401)
        known = self._found(key)

        def work(_: str | None) -> Response:
            charge = known or (self._opened(fields) if call == START else None)
            if charge is None:
                return JSONResponse({"error": "not_found"}, 404)
            return JSONResponse(asdict(charge) | {"page": f"{self.base_url}/pay/{charge.id}"})

        references = [known.reference] if known else []
        return await self._front.answer(request, row, call=call, references=references, work=work)

    def _opened(self, fields: dict[str, Any]) -> Charge:
        charge = Charge(f"ch-{len(self._charges) + 1}", fields["reference"], fields["amount"], fields["currency"])
        self._charges[charge.reference] = charge
        return charge

    def _found(self, key: Any) -> Charge | None:
        for charge in self._charges.values():
            if key in (charge.id, charge.reference):
                if charge.paid_at_s is not None and charge.paid_at_s <= self._clock.elapsed_s():
                    charge.status = "paid"
                return charge
        return None

    def pay(self, reference: str, scenario: str | None) -> dict[str, Any]:
        """What the buyer does on the page; returns the query with which the browser comes back."""
        charge = self._found(reference)
        if charge is None:
            raise UnknownReferenceError(f"no charge has the reference {reference!r}")
        scenario = scenario or self.plan.take(PAY, [reference], RULES) or "paid"
        if charge.status != "open":
            raise RefusedError(f"the charge is {charge.status}: open a new one to pay again")
        charge.amount -= scenario == "amount_differs"
        if scenario == "late_approval":
            charge.paid_at_s = self._clock.elapsed_s() + self._clock.interval(LATE_S)
        now = {"abandoned": "open", "declined": "declined", "late_approval": "declined", "unknown_status": "hm"}
        charge.status = now.get(scenario, "paid")
        return {"charge": charge.id}

    def webhooks(self, mode: str, url: str | None) -> dict[str, Any]:
        """Raises RefusedError: there are none."""
        raise RefusedError(f"acmepay has no webhooks to {mode}")

    def deliveries(self) -> list[dict[str, Any]]:
        """None, ever."""
        return []

    def journal(self) -> list[JournalRow]:
        """The truth."""
        return [self._row(charge) for charge in self._charges.values()]

    def _row(self, charge: Charge) -> JournalRow:
        self._found(charge.id)  # what is late may be due
        return {
            "gateway": self.name,
            "reference": charge.reference,
            "gateway_ref": charge.id,
            "amount": charge.amount,
            "currency": charge.currency,
            "status": charge.status,
            "refunded": 0,
            "captures": int(charge.status in {"paid", "hm"}),
            "cancels": 0,
            "confirms": 0,
        }

    def reset(self) -> None:
        """Forget everything."""
        self._charges.clear()
        self.plan.reset()
        self.log.reset()
        self._holds.let_go()

    def close(self) -> None:
        """Let go of every held connection for good."""
        self._holds.close()
