"""PortOne V1's API endpoints. Source: Swagger, docs/gateways/portone-v1.md §1, §2, §4-§6 (collected 2026-11-21)."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from simulator.api import Api, Call
from simulator.portone_v1 import cancels, lookups
from simulator.portone_v1.access import Access
from simulator.portone_v1.fields import (
    ALREADY_PREPARED,
    LONGEST,
    Fields,
    Refused,
    envelope,
    invalid,
    plain,
    refused,
    unauthorized,
    unknown_payment,
)
from simulator.portone_v1.responses import ALREADY_PAID, balance_object, payment_object
from simulator.portone_v1.scenarios import CANCELS, PREPARE, TOKEN, TOKEN_EXPIRED, VIEWS
from simulator.portone_v1.store import Attempt, Registration, Store
from simulator.scenarios import CANCEL, LOOKUP
from simulator.twin import Twin


class PortOneV1Api(Api):
    """The endpoints: token, pre-registered amounts, look-ups, cancel."""

    def __init__(self, twin: Twin, store: Store, access: Access) -> None:
        super().__init__(twin, VIEWS, envelope(None, status=500, code=-1, message="Internal Server Error"))
        self._store = store
        self._access = access

    def routes(self) -> list[Route]:
        """The endpoints in the order in which they are tried."""
        one, of_payment = "/payments/{imp_uid}", "{merchant_uid}"
        return [
            self.route("POST", "/users/getToken", TOKEN, self._log_in, lambda _: ()),
            self.route("POST PUT", "/payments/prepare", PREPARE, self._prepare, _in_body),
            self.route("GET", f"/payments/prepare/{of_payment}", PREPARE, self._registered, _in_path),
            self.route("POST", "/payments/cancel", CANCEL, self._cancel, self._to_cancel),
            self.route("GET", "/payments", LOOKUP, self._several, self._of_several),
            self.route("GET", f"/payments/find/{of_payment}", LOOKUP, self._find, _in_path),
            self.route("GET", f"/payments/find/{of_payment}/{{payment_status}}", LOOKUP, self._find, _in_path),
            self.route("GET", f"/payments/findAll/{of_payment}", LOOKUP, self._find_all, _in_path),
            self.route("GET", f"/payments/findAll/{of_payment}/{{payment_status}}", LOOKUP, self._find_all, _in_path),
            self.route("GET", "/payments/status/{payment_status}", LOOKUP, self._by_status, self._of_page),
            self.route("GET", f"{one}/balance", LOOKUP, self._balance, self._of_one),
            self.route("GET", one, LOOKUP, self._one, self._of_one),
        ]

    def admit(self, call: Call) -> Response | None:
        """Whoever brings the token that is valid now."""
        if call.kind == TOKEN:
            return None
        if self._twin.plan.take(call.kind, call.references, TOKEN_EXPIRED) is not None:
            self._access.expire()
            call.row.scenario = "token_expired"
        self._access.check(call.request.headers.get("authorization"))
        return None

    def _log_in(self, call: Call) -> Response:
        try:
            fields = _fields(call)
            keys = fields.text("imp_key"), fields.text("imp_secret")
        except Refused:  # the Swagger knows no 400 here: keys that cannot be read are wrong ones ([I])
            raise unauthorized() from None
        return envelope(self._access.log_in(*keys))

    def _prepare(self, call: Call) -> Response:
        """POST fixes an amount, PUT another one: windows that are open already keep theirs ([I])."""
        merchant_uid, registration = _registration(_fields(call))
        payment = self._store.payment(merchant_uid)
        is_registered = payment is not None and payment.registration is not None
        if call.request.method == "PUT" and not is_registered:
            raise unknown_payment()
        if call.request.method == "POST" and is_registered:
            raise refused(ALREADY_PREPARED)
        if payment is not None and payment.success is not None:
            raise refused(ALREADY_PAID.message)  # the browser's message; that prepare says it too is [I]
        self._store.register(merchant_uid, registration)
        return envelope(_registered(merchant_uid, registration))

    def _registered(self, call: Call) -> Response:
        """What was fixed; 404 when nothing was ([I]: the Swagger names no answer for that)."""
        payment = self._store.payment(call.path("merchant_uid") or "")
        if payment is None or payment.registration is None:
            raise unknown_payment()
        return envelope(_registered(payment.reference, payment.registration))

    def _to_cancel(self, call: Call) -> list[str]:
        return _references([cancels.meant(self._store, cancels.read(_fields(call)))])

    def _cancel(self, call: Call) -> Response:
        wanted = cancels.read(_fields(call))
        attempt = cancels.meant(self._store, wanted)

        def choose(is_partial: bool) -> str | None:
            if call.scenario == "declined" or attempt is None:
                return call.scenario
            among = CANCELS if is_partial else CANCELS - {"partial_cancel_refused"}
            return self._twin.plan.take(CANCEL, [attempt.reference], among)

        cancels.cancel(self._store, attempt, wanted, choose)
        return envelope(None if attempt is None else payment_object(attempt))

    def _of_one(self, call: Call) -> list[str]:
        return _references([self._store.attempt(call.path("imp_uid") or "")])

    def _one(self, call: Call) -> Response:
        return envelope(_shown(lookups.one(self._store, call), call))

    def _balance(self, call: Call) -> Response:
        attempt = self._store.attempt(call.path("imp_uid") or "")
        if attempt is None:
            raise unknown_payment()
        return envelope(balance_object(attempt))

    def _of_several(self, call: Call) -> list[str]:
        return _references(lookups.several(self._store, call)[0])

    def _several(self, call: Call) -> Response:
        attempts, is_all = lookups.several(self._store, call)
        return envelope([_shown(attempt, call) for attempt in attempts], status=200 if is_all else 207)

    def _find(self, call: Call) -> Response:
        return envelope(_shown(lookups.first_of(self._store, call), call))

    def _find_all(self, call: Call) -> Response:
        return _listed(lookups.all_of(self._store, call), call)

    def _of_page(self, call: Call) -> list[str]:
        return _references(lookups.by_status(self._store, call).attempts)

    def _by_status(self, call: Call) -> Response:
        return _listed(lookups.by_status(self._store, call), call)


def _fields(call: Call) -> Fields:
    """The fields of the body. Raises Refused(400) when it is neither JSON nor a form."""
    return Fields.read(call.body, call.request.headers.get("content-type"))


def _in_path(call: Call) -> list[str]:
    return [call.path("merchant_uid") or ""]


def _in_body(call: Call) -> list[str]:
    return [_fields(call).required_text("merchant_uid")]


def _references(attempts: Iterable[Attempt | None]) -> list[str]:
    return [attempt.reference for attempt in attempts if attempt is not None]


def _registration(fields: Fields) -> tuple[str, Registration]:
    merchant_uid = fields.required_text("merchant_uid")
    if len(merchant_uid) > LONGEST:
        raise invalid(f"merchant_uid must have at most {LONGEST} characters")
    amount = fields.amount("amount")
    if amount is None or amount == 0:
        raise invalid("amount is required and must be greater than 0")
    registration = Registration(amount, fields.text("currency"))
    try:
        registration.in_minor()
    except ValueError:
        raise invalid("amount and currency do not fit: unknown currency, or too many decimals") from None
    return merchant_uid, registration


def _registered(merchant_uid: str, registration: Registration) -> dict[str, int | str | Decimal | None]:
    return {"merchant_uid": merchant_uid, "amount": plain(registration.amount), "currency": registration.currency}


def _shown(attempt: Attempt, call: Call) -> dict[str, Any]:
    return payment_object(attempt, attempt.views | call.views_of(attempt.reference))


def _listed(page: lookups.Page, call: Call) -> Response:
    rows = [_shown(attempt, call) for attempt in page.attempts]
    return envelope({"total": page.total, "previous": page.previous, "next": page.next, "list": rows})
