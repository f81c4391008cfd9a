"""PortOne V2's API endpoints: one road for every call, and what each of them does.

Source: official OpenAPI 1.16.0 and contract §1, §3 (collected 2026-11-21).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.calls import CallLog, CallRow
from simulator.front import Front
from simulator.holds import Delays, Holds
from simulator.portone_v2 import cancels
from simulator.portone_v2.access import Access
from simulator.portone_v2.book import Book, Registration
from simulator.portone_v2.confirms import confirm, waiting_for
from simulator.portone_v2.idempotency import Keys
from simulator.portone_v2.listing import listed
from simulator.portone_v2.scenarios import (
    CANCEL,
    CANCELS,
    CLOSE,
    CONFIRM,
    LOGIN,
    LOOKUP,
    PREPARE,
    REFRESH,
    RESEND,
    VIEWS,
)
from simulator.portone_v2.shown import cancellation_object, payment_object
from simulator.portone_v2.transaction import Transaction
from simulator.portone_v2.wire import Fields, Refusal, invalid, rfc3339
from simulator.scenarios import Plan
from simulator.web import json_object

Views = frozenset[tuple[str, str | None]]
"""The distortions planned for this one call: (scenario, reference or None for all)."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One authorised call, read to its end."""

    payment_id: str
    """Empty where the path has none."""
    query: Mapping[str, str]
    body: bytes
    row: CallRow
    is_declined: bool = False
    views: Views = frozenset()

    @property
    def fields(self) -> Fields:
        """The fields of the body, which must be a JSON object."""
        return Fields(json_object(self.body))

    @property
    def question(self) -> Fields:
        """What a GET asks for: JSON in the query `requestBody`, else in the body, else nothing. Contract §1."""
        asked = self.query.get("requestBody")
        text = self.body if asked is None else asked.encode("utf-8", "replace")
        return Fields(json_object(text) if text else {})


Work = Callable[[Incoming], dict[str, Any]]


class PortOneV2Api:
    """The nine endpoints. Between the end of a request's body and the end of its work nothing waits."""

    def __init__(
        self, book: Book, access: Access, keys: Keys, plan: Plan, log: CallLog, holds: Holds, delays: Delays
    ) -> None:
        self._book = book
        self._access = access
        self._keys = keys
        self._plan = plan
        self._log = log
        broken = JSONResponse({"type": "UNKNOWN", "message": "internal server error"}, 500)
        self._front = Front(plan, holds, delays, broken)

    def routes(self) -> list[Route]:
        """The endpoints in the order in which they are tried."""
        one = "/payments/{payment_id}"
        return [
            self._route("POST", "/login/api-secret", LOGIN, self._log_in, is_open=True),
            self._route("POST", "/token/refresh", REFRESH, self._refresh, is_open=True),
            self._route("GET", "/payments", LOOKUP, self._list),
            self._route("GET", one, LOOKUP, self._get),
            self._route("POST", f"{one}/pre-register", PREPARE, self._register),
            self._route("POST", f"{one}/cancel", CANCEL, self._cancel),
            self._route("POST", f"{one}/confirm", CONFIRM, self._confirm),
            self._route("POST", f"{one}/virtual-account/close", CLOSE, self._close),
            self._route("POST", f"{one}/resend-webhook", RESEND, self._resend),
        ]

    def _route(self, method: str, path: str, call: str, work: Work, *, is_open: bool = False) -> Route:
        async def endpoint(request: Request) -> Response:
            return await self._answer(request, path, call, work, is_open=is_open)

        return Route(path, endpoint, methods=[method])

    async def _answer(self, request: Request, path: str, call: str, work: Work, *, is_open: bool) -> Response:
        body = await request.body()
        row = self._log.arrived(request.method, path, call)
        try:
            if not is_open:
                self._access.check(request.headers.get("authorization"))
            kept = None if is_open else self._keys.begin(request, body)
        except Refusal as refusal:
            row.status = refusal.status
            return _refused(refusal)
        if kept is not None and kept.answer is not None:
            row.status = kept.answer.status_code
            return kept.answer
        self._book.timers.run_due()
        incoming = Incoming(unquote(request.path_params.get("payment_id", "")), request.query_params, body, row)
        if call == CONFIRM and (waiting := self._awaits_confirm(incoming)) is not None:
            waiting.confirms += 1  # it has arrived, whatever becomes of it
        references = self._concerns(incoming, path)

        def do(scenario: str | None) -> Response:
            views = self._plan.take_all(call, references, VIEWS)
            row.scenario = ",".join([*filter(None, [scenario]), *sorted({name for name, _ in views})]) or None
            response = _outcome(work, replace(incoming, is_declined=scenario == "declined", views=views))
            if kept is not None:
                kept.answer = response
            return response

        def forget() -> None:
            if kept is not None:
                self._keys.forget(kept)

        try:
            return await self._front.answer(request, row, call=call, references=references, work=do, forget=forget)
        finally:
            if kept is not None:
                self._keys.end(kept)

    def _concerns(self, incoming: Incoming, path: str) -> list[str]:
        """The payments that a call is about; none when a list cannot be made."""
        if path != "/payments":
            return [incoming.payment_id] if incoming.payment_id else []
        try:
            return [each.order.payment_id for each in listed(self._book, incoming.question).items]
        except Refusal:
            return []

    def _log_in(self, incoming: Incoming) -> dict[str, Any]:
        return self._access.log_in(incoming.fields.required_text("apiSecret"))

    def _refresh(self, incoming: Incoming) -> dict[str, Any]:
        return self._access.refresh(incoming.fields.required_text("refreshToken"))

    def _register(self, incoming: Incoming) -> dict[str, Any]:
        fields = self._of_own_store(incoming.fields)
        total, tax_free = fields.whole("totalAmount"), fields.whole("taxFreeAmount")
        if (total is not None and total <= 0) or (tax_free or 0) < 0:
            raise invalid("totalAmount must be greater than 0, taxFreeAmount at least 0")
        if total is not None and (tax_free or 0) > total:
            raise invalid("taxFreeAmount exceeds totalAmount")
        self._book.register(incoming.payment_id, Registration(total, tax_free, fields.currency()))
        return {}

    def _get(self, incoming: Incoming) -> dict[str, Any]:
        self._of_own_store(Fields(incoming.query))
        return self._shown(self._known(incoming), incoming.views)

    def _list(self, incoming: Incoming) -> dict[str, Any]:
        page = listed(self._book, incoming.question)
        items = [self._shown(transaction, incoming.views) for transaction in page.items]
        return {"items": items, "page": {"number": page.number, "size": page.size, "totalCount": page.total}}

    def _cancel(self, incoming: Incoming) -> dict[str, Any]:
        wanted = cancels.read(self._of_own_store(incoming.fields))
        transaction = self._known(incoming)
        among = CANCELS if cancels.is_partial(transaction, wanted) else CANCELS - {"partial_cancel_refused"}

        def choose() -> str | None:
            scenario = self._plan.take(CANCEL, [incoming.payment_id], among)
            incoming.row.scenario = ",".join(filter(None, [incoming.row.scenario, scenario])) or None
            return scenario

        return {"cancellation": cancellation_object(cancels.cancel(self._book, transaction, wanted, choose))}

    def _confirm(self, incoming: Incoming) -> dict[str, Any]:
        fields = self._of_own_store(incoming.fields)
        fields.required_text("paymentToken")
        self._known(incoming)
        return confirm(self._book, incoming.payment_id, fields, is_declined=incoming.is_declined)

    def _close(self, incoming: Incoming) -> dict[str, Any]:
        self._of_own_store(Fields(incoming.query))
        transaction = self._known(incoming)
        self._book.close_account(transaction)
        return {"closedAt": rfc3339(transaction.changed_at)}

    def _resend(self, incoming: Incoming) -> dict[str, Any]:
        fields = self._of_own_store(incoming.fields)
        webhook_id = fields.text("webhookId")
        self._known(incoming)
        return {"webhook": self._book.notices.resend(incoming.payment_id, webhook_id)}

    def _of_own_store(self, fields: Fields) -> Fields:
        """The same fields; raises Refusal(FORBIDDEN) when they name another store ([I])."""
        if fields.text("storeId") not in (None, self._book.account.store_id):
            raise Refusal("FORBIDDEN", "the store belongs to somebody else")
        return fields

    def _known(self, incoming: Incoming) -> Transaction:
        """The attempt that is shown. A payment that was only pre-registered has none, and is not found ([I])."""
        payment = self._book.payment(incoming.payment_id)
        if payment is None or payment.shown is None:
            raise Refusal("PAYMENT_NOT_FOUND", "there is no such payment")
        return payment.shown

    def _awaits_confirm(self, incoming: Incoming) -> Transaction | None:
        token = (json_object(incoming.body) or {}).get("paymentToken")
        return waiting_for(self._book, incoming.payment_id, token) if isinstance(token, str) else None

    def _shown(self, transaction: Transaction, views: Views) -> dict[str, Any]:
        payment_id = transaction.order.payment_id
        in_force = {name for name, reference in views if reference in (None, payment_id)} | transaction.views
        return payment_object(transaction, self._book.account, self._book.notices.log(payment_id), in_force)


def _outcome(work: Work, incoming: Incoming) -> Response:
    try:
        return JSONResponse(work(incoming))
    except Refusal as refusal:
        return _refused(refusal)


def _refused(refusal: Refusal) -> Response:
    return JSONResponse(refusal.content, refusal.status)
