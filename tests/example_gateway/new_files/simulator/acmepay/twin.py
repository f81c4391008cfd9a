"""AcmePay's stand-in: its two endpoints, what a buyer can do there, and how it can misbehave."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse, Response

from simulator.api import Api, Call, Refusal
from simulator.clock import SimClock
from simulator.delays import Delays
from simulator.scenarios import LOOKUP, PAY, Rule
from simulator.store import Attempt
from simulator.twin import RefusedError, Twin, UnknownReferenceError

START = "start"
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


@dataclass(slots=True, eq=False)
class Charge(Attempt):
    """One charge as AcmePay holds it."""

    id: str
    reference: str
    currency: str
    status: str = "open"
    refunded: int = 0
    paid_at_s: float | None = None
    """When a card that was refused is charged all the same, in the clock's seconds."""

    @property
    def gateway_ref(self) -> str:
        """Its id."""
        return self.id


@dataclass(frozen=True, slots=True)
class AcmePayAccount:
    """What the merchant knows."""

    key: str = "sim_acmepay_key"


class Refused(Refusal):
    """AcmePay says no."""

    def __init__(self, status: int, word: str) -> None:
        super().__init__(word)
        self.status = status

    def answer(self) -> Response:
        """The word."""
        return JSONResponse({"error": str(self)}, self.status)


class AcmePayApi(Api):
    """Its two endpoints."""

    def __init__(self, twin: "AcmePayTwin") -> None:
        super().__init__(twin, frozenset(), Refused(500, "internal").answer())
        self._acmepay = twin

    def admit(self, call: Call) -> Response | None:
        """Whoever brings the key."""
        if call.request.headers.get("authorization") != f"Bearer {self._acmepay.account.key}":
            raise Refused(401, "unauthorized")
        return None

    def create(self, call: Call) -> Response:
        """A charge; the same one for a reference that has one."""
        charge = self._named(call) or self._acmepay.open(call.json or {})
        return self._shown(charge)

    def show(self, call: Call) -> Response:
        """One charge, by its id or by the merchant's reference."""
        charge = self._named(call)
        if charge is None:
            raise Refused(404, "not_found")
        return self._shown(charge)

    def references(self, call: Call) -> list[str]:
        """The charge that a call is about."""
        charge = self._named(call)
        return [charge.reference] if charge else []

    def _named(self, call: Call) -> Charge | None:
        return self._acmepay.found(call.path("key") or (call.json or {}).get("reference"))

    def _shown(self, charge: Charge) -> Response:
        shown = {name: getattr(charge, name) for name in ("id", "reference", "currency", "status")}
        return JSONResponse({**shown, "amount": charge.charged, "page": f"{self._twin.base_url}/pay/{charge.id}"})


class AcmePayTwin(Twin):
    """The AcmePay API of one merchant, in memory."""

    name = "acmepay"
    rules = RULES
    calls = (START, LOOKUP, PAY)
    account_type = AcmePayAccount

    def __init__(self, clock: SimClock, account: AcmePayAccount, delays: Delays, seed: int | None = None) -> None:
        super().__init__(clock, account, delays, seed)
        self._charges: dict[str, Charge] = {}
        api = AcmePayApi(self)
        create = api.route("POST", "/charges", START, api.create, api.references)
        show = api.route("GET", "/charges/{key}", LOOKUP, api.show, api.references)
        self.serve([create, show])

    def connection(self) -> dict[str, str]:
        """The key that is valid now."""
        return {"key": self.account.key}

    def open(self, fields: Mapping[str, Any]) -> Charge:
        """A charge for what the shop asks."""
        id_ = f"ch-{len(self._charges) + 1}"
        charge = Charge(id_, fields["reference"], fields["currency"], charged=fields["amount"])
        self._charges[charge.reference] = charge
        return charge

    def found(self, key: object) -> Charge | None:
        """By the merchant's reference or by its id."""
        return next((each for each in self._charges.values() if key in (each.id, each.reference)), None)

    def run_due(self) -> None:
        """Charge the cards that were refused, when their time has come."""
        for charge in self._charges.values():
            if charge.paid_at_s is not None and charge.paid_at_s <= self.clock.elapsed_s():
                charge.status, charge.captures = "paid", 1

    def pay(self, reference: str, scenario: str | None) -> dict[str, Any]:
        """What the buyer does on the page; returns the query with which the browser comes back."""
        charge = self.found(reference)
        if charge is None:
            raise UnknownReferenceError(f"no charge has the reference {reference!r}")
        scenario = scenario or self.plan.take(PAY, [reference], RULES) or "paid"
        if charge.status != "open":
            raise RefusedError(f"the charge is {charge.status}: open a new one to pay again")
        charge.charged -= scenario == "amount_differs"
        if scenario == "late_approval":
            charge.paid_at_s = self.clock.elapsed_s() + self.clock.interval(LATE_S)
        now = {"abandoned": "open", "declined": "declined", "late_approval": "declined", "unknown_status": "hm"}
        charge.status = now.get(scenario, "paid")
        charge.captures = int(charge.status in {"paid", "hm"})
        return {"charge": charge.id}

    def webhooks(self, mode: str, url: str | None) -> dict[str, Any]:
        """Raises RefusedError: there are none."""
        raise RefusedError(f"acmepay has no webhooks to {mode}")

    def entries(self) -> Iterable[Charge]:
        """All charges."""
        return self._charges.values()

    def not_found(self, status: int) -> Response:
        """As all errors are written."""
        return Refused(status, "not_found").answer()

    def reset(self) -> None:
        """Forget everything."""
        super().reset()
        self._charges.clear()


TWIN = AcmePayTwin
