"""Point3's API endpoints: one road for every call, and what each of them does.

Source: shared contract point3.md §2-§4 (collected 2026-11-21).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.calls import CallLog
from simulator.clock import kst
from simulator.front import Front
from simulator.holds import Delays, Holds
from simulator.point3 import lookups
from simulator.point3.book import Book
from simulator.point3.payment import Payment
from simulator.point3.scenarios import CANCEL, CONFIRM, LOOKUP, REFRESH, SETTLEMENT, TOKEN, VIEWS
from simulator.point3.wire import Refusal, Reply, check_order, failure, success
from simulator.scenarios import Plan
from simulator.web import json_object


@dataclass(frozen=True, slots=True)
class Incoming:
    """One authorised call, read to its end."""

    params: Mapping[str, str]
    query: Mapping[str, str]
    fields: Mapping[str, Any] | None
    """The JSON object of the body; None when there is none."""
    declined: bool = False
    views: lookups.Views = frozenset()


Work = Callable[[Incoming], Reply]


class Point3Api:
    """The nine endpoints. Between the end of a request's body and the end of its work nothing waits."""

    def __init__(self, book: Book, plan: Plan, log: CallLog, holds: Holds, delays: Delays) -> None:
        self._book = book
        self._plan = plan
        self._log = log
        self._front = Front(plan, holds, delays, broken=_on_the_wire(failure(500, "Internal Server Error")))

    def routes(self) -> list[Route]:
        """The endpoints in the order in which they are tried."""
        return [
            self._route("POST", "/purchase/token", TOKEN, self._token),
            self._route("POST", "/purchase/confirm", CONFIRM, self._confirm),
            self._route("POST", "/api/token/refresh", REFRESH, self._refresh),
            self._route("GET", "/api/settlement", SETTLEMENT, self._settlement),
            self._route("GET", "/api/payments/date", LOOKUP, self._by_date),
            self._route("GET", "/api/payments/orderid/{order_id}", LOOKUP, self._by_order_id),
            self._route("GET", "/api/payments/userId/{user_id}", LOOKUP, self._by_user_id),
            self._route("GET", "/api/payments/{signature}", LOOKUP, self._by_signature),
            self._route("POST", "/api/payments/{signature}/cancel", CANCEL, self._cancel),
        ]

    def _route(self, method: str, path: str, call: str, work: Work) -> Route:
        async def endpoint(request: Request) -> Response:
            return await self._answer(request, path, call, work)

        return Route(path, endpoint, methods=[method])

    async def _answer(self, request: Request, path: str, call: str, work: Work) -> Response:
        body = await request.body()
        row = self._log.arrived(request.method, path, call)
        if not self._book.knows_secret(request.headers.get("authorization")):
            row.status = 401
            return _on_the_wire(failure(401, "Unauthorized"))
        self._book.run_due_batches()
        params = {name: unquote(value) for name, value in request.path_params.items()}
        incoming = Incoming(params, request.query_params, json_object(body))
        if call == CONFIRM and (payment := self._signed(incoming)) is not None:
            payment.confirms += 1  # it has arrived, whatever becomes of it
        references = self._concerns(call, incoming)

        def do(scenario: str | None) -> Response:
            views = self._plan.take_all(call, references, VIEWS)
            row.scenario = ",".join([*filter(None, [scenario]), *sorted({name for name, _ in views})]) or None
            return _on_the_wire(_outcome(work, replace(incoming, declined=scenario == "declined", views=views)))

        return await self._front.answer(request, row, call=call, references=references, work=do)

    def _concerns(self, call: str, incoming: Incoming) -> list[str]:
        """The references that a call is about; none when it is about none that is known."""
        if call == TOKEN:
            order_id = (incoming.fields or {}).get("orderIdFromClient")
            return [order_id] if isinstance(order_id, str) else []
        if call == CONFIRM or "signature" in incoming.params:
            payment = self._signed(incoming)
            return [] if payment is None else [payment.reference]
        if "order_id" in incoming.params:
            return [incoming.params["order_id"]]
        try:
            found = self._listed(incoming) if call == LOOKUP else []
        except Refusal:
            return []
        return list(dict.fromkeys(payment.reference for payment in found))

    def _signed(self, incoming: Incoming) -> Payment | None:
        signature = incoming.params.get("signature") or (incoming.fields or {}).get("signature")
        return self._book.by_signature(signature) if isinstance(signature, str) else None

    def _listed(self, incoming: Incoming) -> list[Payment]:
        user_id = incoming.params.get("user_id")
        return lookups.by_date(self._book, incoming.query) if user_id is None else self._book.by_user(user_id)

    def _token(self, incoming: Incoming) -> Reply:
        return success({"token": self._book.issue(check_order(incoming.fields)).token})

    def _confirm(self, incoming: Incoming) -> Reply:
        if not isinstance((incoming.fields or {}).get("signature"), str):
            raise Refusal(400, "the body must be a JSON object with a signature")
        payment = self._known(incoming)
        self._book.confirm(payment, declined=incoming.declined)
        return success({"signature": payment.signature, "status": payment.status})

    def _cancel(self, incoming: Incoming) -> Reply:
        # Before the buyer has finished there is no signature: a shop can name the payment by its token alone. That this
        # is 400 and not 404 is [I].
        of_token = self._book.by_token(incoming.params["signature"])
        if of_token is not None:
            raise Refusal(400, f"a cancel takes the signature; the payment of this token is {of_token.status}")
        payment = self._known(incoming)
        self._book.request_cancel(payment)
        return success({"signature": payment.signature, "status": payment.status})

    def _known(self, incoming: Incoming) -> Payment:
        payment = self._signed(incoming)
        if payment is None:
            raise Refusal(404, "payment not found")
        return payment

    def _refresh(self, _: Incoming) -> Reply:
        return success({"secret": self._book.refresh_secret()})

    def _settlement(self, _: Incoming) -> Reply:
        amount, as_of = self._book.settlement()
        return success({"amount": amount, "updatedAt": kst(as_of)})

    def _by_signature(self, incoming: Incoming) -> Reply:
        return lookups.one(self._signed(incoming), incoming.views)

    def _by_order_id(self, incoming: Incoming) -> Reply:
        return lookups.several(self._book.by_reference(incoming.params["order_id"]), incoming.views)

    def _by_user_id(self, incoming: Incoming) -> Reply:
        return lookups.several(self._listed(incoming), incoming.views)

    def _by_date(self, incoming: Incoming) -> Reply:
        return lookups.several(self._listed(incoming), incoming.views)


def _outcome(work: Work, incoming: Incoming) -> Reply:
    try:
        return work(incoming)
    except Refusal as refusal:
        return failure(refusal.status, refusal.message)


def _on_the_wire(reply: Reply) -> JSONResponse:
    return JSONResponse(dict(reply.content), reply.status)
