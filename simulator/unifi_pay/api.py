"""Unifi Pay's API endpoints: create and look up. Source: contract unifi-pay.md §1-§4 (collected 2026-11-21)."""

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.calls import CallLog, CallRow
from simulator.front import Front
from simulator.holds import Delays, Holds
from simulator.scenarios import Plan
from simulator.unifi_pay.access import Access
from simulator.unifi_pay.book import Book
from simulator.unifi_pay.lookup import look_up_object
from simulator.unifi_pay.order import check_order, read
from simulator.unifi_pay.scenarios import CREATE, LOOKUP, VIEWS
from simulator.unifi_pay.start import START_PATH
from simulator.unifi_pay.wire import Refusal, answer, created, failure

Content = dict[str, Any]


class UnifiPayApi:
    """The two endpoints. Between the end of a request's body and the end of its work nothing waits."""

    def __init__(
        self,
        book: Book,
        access: Access,
        plan: Plan,
        log: CallLog,
        holds: Holds,
        delays: Delays,
        base_url: Callable[[], str],
    ) -> None:
        """`base_url` tells where browsers reach the start page; it is known once the port is open."""
        self._book = book
        self._access = access
        self._plan = plan
        self._log = log
        self._base_url = base_url
        broken = failure(Refusal(500, "INTERNAL_SERVER_ERROR", "something went wrong, try again"))
        self._front = Front(plan, holds, delays, broken)

    def routes(self) -> list[Route]:
        """The endpoints."""
        return [
            Route("/api/v1/payment", self._create, methods=["POST"]),
            Route("/api/v1/payment/{transaction_id}", self._look_up, methods=["GET"]),
        ]

    async def _create(self, request: Request) -> Response:
        body = await request.body()
        row = self._log.arrived(request.method, "/api/v1/payment", CREATE)
        if (refused := self._refused(request, body, row)) is not None:
            return refused
        fields = read(body)
        order_id = (fields or {}).get("orderId")
        references = [order_id] if isinstance(order_id, str) else []

        def create(_: str | None) -> Response:
            return _outcome(lambda: self._open(fields))

        return await self._front.answer(request, row, call=CREATE, references=references, work=create)

    async def _look_up(self, request: Request) -> Response:
        body = await request.body()
        row = self._log.arrived(request.method, "/api/v1/payment/{transactionId}", LOOKUP)
        if (refused := self._refused(request, body, row)) is not None:
            return refused
        self._book.run_due()
        payment = self._book.by_id(unquote(request.path_params["transaction_id"]))
        references = [] if payment is None else [payment.reference]

        def look_up(scenario: str | None) -> Response:
            views = {name for name, _ in self._plan.take_all(LOOKUP, references, VIEWS)}
            row.scenario = ",".join([*filter(None, [scenario]), *sorted(views)]) or None
            if payment is None:
                return failure(Refusal(404, "NOT_FOUND", "no such payment"))
            return answer(look_up_object(payment, payment.views | views))

        return await self._front.answer(request, row, call=LOOKUP, references=references, work=look_up)

    def _open(self, fields: Content | None) -> Content:
        payment = self._book.create(check_order(fields))
        query = urlencode({"token": payment.token, "transactionId": payment.id})
        return created(f"{self._base_url()}{START_PATH}?{query}", payment.id)

    def _refused(self, request: Request, body: bytes, row: CallRow) -> Response | None:
        """The answer to a caller who may not; a query is no part of what is signed."""
        try:
            self._access.check(request.method, request.scope["path"], request.headers, body)
        except Refusal as refusal:
            row.status = refusal.status
            return failure(refusal)
        return None


def _outcome(work: Callable[[], Content]) -> Response:
    try:
        return answer(work())
    except Refusal as refusal:
        return failure(refusal)
