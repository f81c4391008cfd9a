"""PortOne V1's API endpoints: one road for every call, and what each of them does.

Source: Swagger, contract §1, §2, §4-§6 (collected 2026-11-21).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.calls import CallLog
from simulator.front import Front
from simulator.holds import Delays, Holds
from simulator.portone_v1 import cancels, lookups, prepares
from simulator.portone_v1.access import Access
from simulator.portone_v1.attempt import Attempt
from simulator.portone_v1.book import Book
from simulator.portone_v1.scenarios import CANCEL, CANCELS, LOOKUP, PREPARE, TOKEN, TOKEN_EXPIRED, VIEWS
from simulator.portone_v1.shown import balance_object, payment_object
from simulator.portone_v1.wire import Fields, Refusal, envelope, unauthorized, unknown_payment
from simulator.scenarios import Plan

Views = frozenset[tuple[str, str | None]]
"""The distortions planned for this one call: (scenario, reference or None for all)."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One call, read to its end."""

    method: str
    params: Mapping[str, str]
    query: QueryParams
    body: bytes
    content_type: str | None
    scenario: str | None = None
    views: Views = frozenset()

    @property
    def fields(self) -> Fields:
        """The fields of the body. Raises Refusal(400) when it is neither JSON nor a form."""
        return Fields.read(self.body, self.content_type)

    @property
    def status(self) -> str | None:
        """The last part of the path, where it names a status."""
        return self.params.get("payment_status") or None


Work = Callable[[Incoming], Response]
About = Callable[[Incoming], Iterable[str]]
"""The merchant_uids that a call is about; raises Refusal when the call is not in order."""


class PortOneV1Api:
    """The endpoints. Between the end of a request's body and the end of its work nothing waits."""

    def __init__(self, book: Book, access: Access, plan: Plan, log: CallLog, holds: Holds, delays: Delays) -> None:
        self._book = book
        self._access = access
        self._plan = plan
        self._log = log
        broken = envelope(None, status=500, code=-1, message="Internal Server Error")
        self._front = Front(plan, holds, delays, broken)

    def routes(self) -> list[Route]:
        """The endpoints in the order in which they are tried."""
        one, of_sale = "/payments/{imp_uid}", "{merchant_uid}"
        return [
            self._route("POST", "/users/getToken", TOKEN, self._log_in, lambda _: ()),
            self._route("POST PUT", "/payments/prepare", PREPARE, self._prepare, _in_body),
            self._route("GET", f"/payments/prepare/{of_sale}", PREPARE, self._registered, _in_path),
            self._route("POST", "/payments/cancel", CANCEL, self._cancel, self._to_cancel),
            self._route("GET", "/payments", LOOKUP, self._several, self._of_several),
            self._route("GET", f"/payments/find/{of_sale}", LOOKUP, self._find, _in_path),
            self._route("GET", f"/payments/find/{of_sale}/{{payment_status}}", LOOKUP, self._find, _in_path),
            self._route("GET", f"/payments/findAll/{of_sale}", LOOKUP, self._find_all, _in_path),
            self._route("GET", f"/payments/findAll/{of_sale}/{{payment_status}}", LOOKUP, self._find_all, _in_path),
            self._route("GET", "/payments/status/{payment_status}", LOOKUP, self._by_status, self._of_page),
            self._route("GET", f"{one}/balance", LOOKUP, self._balance, self._of_one),
            self._route("GET", one, LOOKUP, self._one, self._of_one),
        ]

    def _route(self, methods: str, path: str, call: str, work: Work, about: About) -> Route:
        async def endpoint(request: Request) -> Response:
            return await self._answer(request, path, call, work, about)

        return Route(path, endpoint, methods=methods.split())

    async def _answer(self, request: Request, path: str, call: str, work: Work, about: About) -> Response:
        body = await request.body()
        row = self._log.arrived(request.method, path, call)
        self._book.timers.run_due()
        params = {name: unquote(value) for name, value in request.path_params.items()}
        content_type = request.headers.get("content-type")
        incoming = Incoming(request.method, params, request.query_params, body, content_type)
        try:
            references = list(dict.fromkeys(about(incoming)))
        except Refusal:
            references = []
        if call != TOKEN:
            if self._plan.take(call, references, TOKEN_EXPIRED) is not None:
                self._access.expire()
                row.scenario = "token_expired"
            try:
                self._access.check(request.headers.get("authorization"))
            except Refusal as refusal:
                row.status = refusal.status
                return _refusal(refusal)

        def do(scenario: str | None) -> Response:
            views = self._plan.take_all(call, references, VIEWS)
            row.scenario = ",".join([*filter(None, [scenario]), *sorted({name for name, _ in views})]) or None
            try:
                return work(replace(incoming, scenario=scenario, views=views))
            except Refusal as refusal:
                return _refusal(refusal)

        return await self._front.answer(request, row, call=call, references=references, work=do)

    def _log_in(self, incoming: Incoming) -> Response:
        try:
            keys = [incoming.fields.text(name) for name in ("imp_key", "imp_secret")]
        except Refusal:  # the Swagger knows no 400 here: keys that cannot be read are wrong ones ([I])
            raise unauthorized() from None
        return envelope(self._access.log_in(*keys))

    def _prepare(self, incoming: Incoming) -> Response:
        do = prepares.change if incoming.method == "PUT" else prepares.register
        return envelope(do(self._book, incoming.fields))

    def _registered(self, incoming: Incoming) -> Response:
        return envelope(prepares.read(self._book, incoming.params["merchant_uid"]))

    def _to_cancel(self, incoming: Incoming) -> list[str]:
        return _merchant_uids(filter(None, [cancels.meant(self._book, cancels.read(incoming.fields))]))

    def _cancel(self, incoming: Incoming) -> Response:
        wanted = cancels.read(incoming.fields)
        attempt = cancels.meant(self._book, wanted)

        def choose(is_partial: bool) -> str | None:
            if incoming.scenario == "declined" or attempt is None:
                return incoming.scenario
            among = CANCELS if is_partial else CANCELS - {"partial_cancel_refused"}
            return self._plan.take(CANCEL, [attempt.merchant_uid], among)

        cancels.cancel(self._book, attempt, wanted, choose)
        return envelope(None if attempt is None else payment_object(attempt))

    def _of_one(self, incoming: Incoming) -> list[str]:
        return _merchant_uids(filter(None, [self._book.attempt(incoming.params["imp_uid"])]))

    def _one(self, incoming: Incoming) -> Response:
        return envelope(_shown(lookups.one(self._book, incoming.params["imp_uid"], incoming.query), incoming))

    def _balance(self, incoming: Incoming) -> Response:
        attempt = self._book.attempt(incoming.params["imp_uid"])
        if attempt is None:
            raise unknown_payment()
        return envelope(balance_object(attempt))

    def _of_several(self, incoming: Incoming) -> list[str]:
        return _merchant_uids(lookups.several(self._book, incoming.query)[0])

    def _several(self, incoming: Incoming) -> Response:
        attempts, is_all = lookups.several(self._book, incoming.query)
        return envelope([_shown(attempt, incoming) for attempt in attempts], status=200 if is_all else 207)

    def _find(self, incoming: Incoming) -> Response:
        merchant_uid = incoming.params["merchant_uid"]
        return envelope(_shown(lookups.first_of(self._book, merchant_uid, incoming.status, incoming.query), incoming))

    def _find_all(self, incoming: Incoming) -> Response:
        merchant_uid = incoming.params["merchant_uid"]
        return _listed(lookups.all_of(self._book, merchant_uid, incoming.status, incoming.query), incoming)

    def _of_page(self, incoming: Incoming) -> list[str]:
        return _merchant_uids(self._page(incoming).attempts)

    def _by_status(self, incoming: Incoming) -> Response:
        return _listed(self._page(incoming), incoming)

    def _page(self, incoming: Incoming) -> lookups.Page:
        return lookups.by_status(self._book, incoming.params["payment_status"], incoming.query)


def _in_path(incoming: Incoming) -> list[str]:
    return [incoming.params["merchant_uid"]]


def _in_body(incoming: Incoming) -> list[str]:
    return [incoming.fields.required_text("merchant_uid")]


def _merchant_uids(attempts: Iterable[Attempt]) -> list[str]:
    return [attempt.merchant_uid for attempt in attempts]


def _shown(attempt: Attempt, incoming: Incoming) -> dict[str, Any]:
    planned = {name for name, reference in incoming.views if reference in (None, attempt.merchant_uid)}
    return payment_object(attempt, attempt.views | planned)


def _listed(page: lookups.Page, incoming: Incoming) -> Response:
    rows = [_shown(attempt, incoming) for attempt in page.attempts]
    return envelope({"total": page.total, "previous": page.previous, "next": page.next, "list": rows})


def _refusal(refusal: Refusal) -> Response:
    return envelope(None, status=refusal.status, code=refusal.code, message=refusal.message)
