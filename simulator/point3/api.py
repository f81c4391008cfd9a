"""Point3's API endpoints. Source: docs/gateways/point3.md §2-§4 (collected 2026-11-21)."""

from collections.abc import Callable
from datetime import datetime

from starlette.responses import Response
from starlette.routing import Route

from simulator.api import Api, Call
from simulator.clock import KST, kst
from simulator.point3.responses import Refused, check_order, failure, one, several, success
from simulator.point3.scenarios import REFRESH, SETTLEMENT, TOKEN, VIEWS
from simulator.point3.store import Payment, Store
from simulator.scenarios import CANCEL, CONFIRM, LOOKUP
from simulator.tokens import same
from simulator.twin import Twin

DEFAULT_COUNT = 30
"""Payments on a page of the date look-up. docs/gateways/point3.md §4.4."""


class Point3Api(Api):
    """The nine endpoints, and the secret that opens them."""

    def __init__(self, twin: Twin, store: Store, secret: str) -> None:
        super().__init__(twin, VIEWS, failure(500, "Internal Server Error"))
        self._store = store
        self._first_secret = secret
        self.reset()

    def reset(self) -> None:
        """The first secret is valid again."""
        self.secret = self._first_secret

    def routes(self) -> list[Route]:
        """The endpoints in the order in which they are tried."""
        return [
            self.route("POST", "/purchase/token", TOKEN, self._token, _order_id),
            self.route("POST", "/purchase/confirm", CONFIRM, self._confirm, self._of(self._signed)),
            self.route("POST", "/api/token/refresh", REFRESH, self._refresh, lambda _: ()),
            self.route("GET", "/api/settlement", SETTLEMENT, self._settlement, lambda _: ()),
            self.route("GET", "/api/payments/date", LOOKUP, *self._list(self._by_date)),
            self.route("GET", "/api/payments/orderid/{order_id}", LOOKUP, *self._list(self._by_order_id)),
            self.route("GET", "/api/payments/userId/{user_id}", LOOKUP, *self._list(self._by_user_id)),
            self.route("GET", "/api/payments/{signature}", LOOKUP, self._by_signature, self._of(self._signed)),
            self.route("POST", "/api/payments/{signature}/cancel", CANCEL, self._cancel, self._of(self._signed)),
        ]

    def admit(self, call: Call) -> Response | None:
        """Whoever brings `Basic` and the current secret, as issued."""
        if not same(call.request.headers.get("authorization"), f"Basic {self.secret}"):
            raise Refused(401, "Unauthorized")
        if call.kind == CONFIRM and (payment := self._signed(call)) is not None:
            payment.confirms += 1  # it has arrived, whatever becomes of it
        return None

    def _list(
        self, found: Callable[[Call], list[Payment]]
    ) -> tuple[Callable[[Call], Response], Callable[[Call], list[str]]]:
        return lambda call: several(found(call), call), lambda call: [each.reference for each in found(call)]

    def _of(self, found: Callable[[Call], Payment | None]) -> Callable[[Call], list[str]]:
        return lambda call: [] if (payment := found(call)) is None else [payment.reference]

    def _signed(self, call: Call) -> Payment | None:
        return self._store.by_signature(call.path("signature") or (call.json or {}).get("signature"))

    def _token(self, call: Call) -> Response:
        return success({"token": self._store.issue(check_order(call.json)).token})

    def _confirm(self, call: Call) -> Response:
        if not isinstance((call.json or {}).get("signature"), str):
            raise Refused(400, "the body must be a JSON object with a signature")
        payment = self._known(call)
        self._store.confirm(payment, declined=call.scenario == "declined")
        return _changed(payment)

    def _cancel(self, call: Call) -> Response:
        # Before the buyer has finished there is no signature: a shop can name the payment by its token alone. That this
        # is 400 and not 404 is [I].
        of_token = self._store.by_token(call.path("signature"))
        if of_token is not None:
            raise Refused(400, f"a cancel takes the signature; the payment of this token is {of_token.status}")
        payment = self._known(call)
        self._store.request_cancel(payment)
        return _changed(payment)

    def _known(self, call: Call) -> Payment:
        payment = self._signed(call)
        if payment is None:
            raise Refused(404, "payment not found")
        return payment

    def _refresh(self, _: Call) -> Response:
        """A new secret; the old one is dead at once."""
        self.secret = self._twin.tokens.opaque("sim_point3_")
        return success({"secret": self.secret})

    def _settlement(self, _: Call) -> Response:
        amount, as_of = self._store.settlement()
        return success({"amount": amount, "updatedAt": kst(as_of)})

    def _by_signature(self, call: Call) -> Response:
        return one(self._signed(call), call)

    def _by_order_id(self, call: Call) -> list[Payment]:
        return self._store.by_reference(call.path("order_id") or "")

    def _by_user_id(self, call: Call) -> list[Payment]:
        return self._store.by_user(call.path("user_id") or "")

    def _by_date(self, call: Call) -> list[Payment]:
        """One page of the payments created between two Korean times, both included; oldest first.

        The document's pattern says `hh`; what is meant is unverified (point3.md §9 trap 5). Here hours run from 0 to 23.
        """
        query = call.request.query_params
        start = _time("startDate", query.get("startDate", ""))
        end = _time("endDate", query["endDate"]) if query.get("endDate") else self._store.clock.now()
        page = _count("page", query.get("page") or "1")
        count = _count("count", query.get("count") or str(DEFAULT_COUNT))
        everything = self._store.everything()
        found = [payment for payment in everything if start <= payment.created_at.replace(microsecond=0) <= end]
        return found[(page - 1) * count : page * count]


def _order_id(call: Call) -> list[str]:
    order_id = (call.json or {}).get("orderIdFromClient")
    return [order_id] if isinstance(order_id, str) else []


def _changed(payment: Payment) -> Response:
    return success({"signature": payment.signature, "status": payment.status})


def _time(field: str, value: str) -> datetime:
    try:
        return datetime.strptime(value, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=KST)
    except ValueError:
        raise Refused(400, f"{field} must look like 2026-01-31T23:59:59") from None


def _count(field: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 9 and int(value) >= 1):
        raise Refused(400, f"{field} must be a whole number, at least 1")
    return int(value)
