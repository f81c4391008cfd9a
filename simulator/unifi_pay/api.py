"""Unifi Pay's API endpoints: create and look up. Source: docs/gateways/unifi-pay.md §1-§4 (collected 2026-11-21)."""

from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import Route

from simulator.api import Api, Call
from simulator.scenarios import LOOKUP
from simulator.twin import Twin
from simulator.unifi_pay.access import Access
from simulator.unifi_pay.order import check_order, read
from simulator.unifi_pay.responses import Refused, answer, look_up_object
from simulator.unifi_pay.scenarios import CREATE, VIEWS
from simulator.unifi_pay.store import Payment, Store

START_PATH = "/start"


class UnifiPayApi(Api):
    """The two endpoints; there is no envelope around answers."""

    def __init__(self, twin: Twin, store: Store, access: Access) -> None:
        broken = Refused(500, "INTERNAL_SERVER_ERROR", "something went wrong, try again").answer()
        super().__init__(twin, VIEWS, broken)
        self._store = store
        self._access = access

    def routes(self) -> list[Route]:
        """The endpoints."""
        return [
            self.route("POST", "/api/v1/payment", CREATE, self._create, _order_id),
            self.route("GET", "/api/v1/payment/{transactionId}", LOOKUP, self._show_payment, self._reference),
        ]

    def admit(self, call: Call) -> Response | None:
        """Whoever signs rightly; a query is no part of what is signed."""
        request = call.request
        self._access.check(request.method, request.scope["path"], call.request.headers, call.body)
        return None

    def _create(self, call: Call) -> Response:
        payment = self._store.create(check_order(read(call.body)))
        query = urlencode({"token": payment.token, "transactionId": payment.id})
        url = f"{self._twin.base_url}{START_PATH}?{query}"
        return answer({"startPageUrl": url, "transactionId": payment.id})

    def _show_payment(self, call: Call) -> Response:
        payment = self._payment(call)
        if payment is None:
            raise Refused(404, "NOT_FOUND", "no such payment")
        return answer(look_up_object(payment, payment.views | call.views_of(payment.reference)))

    def _payment(self, call: Call) -> Payment | None:
        return self._store.by_id(call.path("transactionId"))

    def _reference(self, call: Call) -> list[str]:
        payment = self._payment(call)
        return [] if payment is None else [payment.reference]


def _order_id(call: Call) -> list[str]:
    order_id = (read(call.body) or {}).get("orderId")
    return [order_id] if isinstance(order_id, str) else []
