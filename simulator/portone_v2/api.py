"""PortOne V2's API endpoints. Source: official OpenAPI 1.16.0 and docs/gateways/portone-v2.md §1, §3 (collected 2026-11-21)."""

from collections.abc import Callable, Iterable
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.api import Api, Call, Work
from simulator.portone_v2 import cancels
from simulator.portone_v2.access import Access, Keys
from simulator.portone_v2.fields import Fields, Refused, invalid, refused_by_pg, rfc3339
from simulator.portone_v2.lookups import listed
from simulator.portone_v2.responses import cancellation_object, payment_object
from simulator.portone_v2.scenarios import CANCELS, CLOSE, LOGIN, PREPARE, REFRESH, RESEND, VIEWS
from simulator.portone_v2.store import Registration, Store, Transaction
from simulator.scenarios import CANCEL, CONFIRM, LOOKUP
from simulator.twin import Twin
from simulator.web import json_object

REFUSED_CODE, REFUSED_MESSAGE = "REJECT_CARD_PAYMENT", "한도초과 혹은 잔액부족으로 결제에 실패했습니다"
OPEN = frozenset({LOGIN, REFRESH})
"""Calls that need no credentials in the header and know no Idempotency-Key."""

Content = dict[str, Any]


class PortOneV2Api(Api):
    """The nine endpoints."""

    def __init__(self, twin: Twin, store: Store, access: Access, keys: Keys) -> None:
        super().__init__(twin, VIEWS, JSONResponse({"type": "UNKNOWN", "message": "internal server error"}, 500))
        self._store = store
        self._access = access
        self._keys = keys

    def routes(self) -> list[Route]:
        """The endpoints in the order in which they are tried."""
        one = "/payments/{payment_id}"
        return [
            self._route("POST", "/login/api-secret", LOGIN, self._log_in),
            self._route("POST", "/token/refresh", REFRESH, self._refresh),
            self._route("GET", "/payments", LOOKUP, self._list),
            self._route("GET", one, LOOKUP, self._get),
            self._route("POST", f"{one}/pre-register", PREPARE, self._register),
            self._route("POST", f"{one}/cancel", CANCEL, self._cancel),
            self._route("POST", f"{one}/confirm", CONFIRM, self._confirm),
            self._route("POST", f"{one}/virtual-account/close", CLOSE, self._close),
            self._route("POST", f"{one}/resend-webhook", RESEND, self._resend),
        ]

    def _route(self, method: str, path: str, kind: str, work: Callable[[Call], Content]) -> Route:
        return self.route(method, path, kind, lambda call: JSONResponse(work(call)), self._references)

    def _references(self, call: Call) -> Iterable[str]:
        if call.kind == LOOKUP and call.path("payment_id") is None:
            return [each.reference for each in listed(self._store, _question(call)).items]
        return filter(None, [call.path("payment_id")])

    def admit(self, call: Call) -> Response | None:
        """Whoever brings the secret or a token. A request under a key that has its answer gets it again."""
        if call.kind in OPEN:
            return None
        self._access.check(call.request.headers.get("authorization"))
        kept = self._keys.begin(call)
        if kept is not None and kept.answer is not None:
            return kept.answer
        token = (call.json or {}).get("paymentToken")
        if call.kind == CONFIRM and (waiting := self._waiting(call, token)) is not None:
            waiting.confirms += 1  # it has arrived, whatever becomes of it
        return None

    def carry_out(self, call: Call, work: Work) -> Response:
        """Do the work, and keep the answer under the call's key."""
        response = super().carry_out(call, work)
        self._keys.answered(call, response)
        return response

    def lost(self, call: Call) -> None:
        """Its key is free at once."""
        self._keys.end(call)

    def ended(self, call: Call) -> None:
        """Its key is free again when nothing was done."""
        self._keys.end(call)

    def _log_in(self, call: Call) -> Content:
        return self._access.log_in(_body(call).required_text("apiSecret"))

    def _refresh(self, call: Call) -> Content:
        return self._access.refresh(_body(call).required_text("refreshToken"))

    def _register(self, call: Call) -> Content:
        fields = self._of_own_store(_body(call))
        total, tax_free = fields.whole("totalAmount"), fields.whole("taxFreeAmount")
        if (total is not None and total <= 0) or (tax_free or 0) < 0:
            raise invalid("totalAmount must be greater than 0, taxFreeAmount at least 0")
        if total is not None and (tax_free or 0) > total:
            raise invalid("taxFreeAmount exceeds totalAmount")
        self._store.register(_payment_id(call), Registration(total, tax_free, fields.currency()))
        return {}

    def _get(self, call: Call) -> Content:
        self._of_own_store(Fields(call.request.query_params))
        return self._shown(self._known(call), call)

    def _list(self, call: Call) -> Content:
        page = listed(self._store, _question(call))
        items = [self._shown(transaction, call) for transaction in page.items]
        return {"items": items, "page": {"number": page.number, "size": page.size, "totalCount": page.total}}

    def _cancel(self, call: Call) -> Content:
        wanted = cancels.read(self._of_own_store(_body(call)))
        transaction = self._known(call)
        among = CANCELS if cancels.is_partial(transaction, wanted) else CANCELS - cancels.PARTIAL

        def choose() -> str | None:
            scenario = self._twin.plan.take(CANCEL, [_payment_id(call)], among)
            call.row.scenario = ",".join(filter(None, [call.row.scenario, scenario])) or None
            return scenario

        return {"cancellation": cancellation_object(cancels.cancel(self._store, transaction, wanted, choose))}

    def _confirm(self, call: Call) -> Content:
        """Manual approval: the shop's server confirms what the buyer has done. Source: OpenAPI `ConfirmPaymentBody`.

        A token works once; a mismatch does not use it up ([I]).
        """
        fields = self._of_own_store(_body(call))
        token = fields.required_text("paymentToken")
        self._known(call)
        stated = {
            "txId": fields.text("txId"),
            "currency": fields.currency(),
            "totalAmount": fields.whole("totalAmount"),
            "taxFreeAmount": fields.whole("taxFreeAmount"),
            "isTest": fields.flag("isTest"),
        }
        with_webhook = fields.flag("skipWebhook") is not True
        payment, transaction = self._store.payment(_payment_id(call)), self._waiting(call, token)
        if payment is not None and payment.success is not None:
            raise Refused("ALREADY_PAID", "the payment is already paid")
        if transaction is None:
            raise Refused("INVALID_PAYMENT_TOKEN", "the paymentToken is not valid")
        known = {
            "txId": transaction.id,
            "currency": transaction.currency,
            "totalAmount": transaction.total,
            "taxFreeAmount": transaction.order.tax_free,
            "isTest": transaction.channel == "TEST",
        }
        wrong = [name for name, value in stated.items() if value is not None and value != known[name]]
        if wrong:
            raise Refused("INFORMATION_MISMATCH", f"{', '.join(wrong)}: not what the payment has")
        if call.scenario == "declined":
            failure = {"reason": REFUSED_MESSAGE, "pgCode": REFUSED_CODE, "pgMessage": REFUSED_MESSAGE}
            self._store.fail(transaction, failure)
            raise refused_by_pg(REFUSED_CODE, REFUSED_MESSAGE)
        self._store.capture(transaction, with_webhook=with_webhook)
        return {"pgTxId": transaction.pg_tx_id, "paidAt": rfc3339(transaction.paid_at or transaction.changed_at)}

    def _close(self, call: Call) -> Content:
        self._of_own_store(Fields(call.request.query_params))
        transaction = self._known(call)
        self._store.close_account(transaction)
        return {"closedAt": rfc3339(transaction.changed_at)}

    def _resend(self, call: Call) -> Content:
        fields = self._of_own_store(_body(call))
        webhook_id = fields.text("webhookId")
        self._known(call)
        return {"webhook": self._store.webhooks.resend(_payment_id(call), webhook_id)}

    def _of_own_store(self, fields: Fields) -> Fields:
        """The same fields; raises Refused(FORBIDDEN) when they name another store ([I])."""
        if fields.text("storeId") not in (None, self._store.account.store_id):
            raise Refused("FORBIDDEN", "the store belongs to somebody else")
        return fields

    def _known(self, call: Call) -> Transaction:
        """The attempt that is shown. A payment that was only pre-registered has none, and is not found ([I])."""
        payment = self._store.payment(_payment_id(call))
        if payment is None or payment.shown is None:
            raise Refused("PAYMENT_NOT_FOUND", "there is no such payment")
        return payment.shown

    def _waiting(self, call: Call, token: object) -> Transaction | None:
        """The attempt that waits for this token."""
        payment = self._store.payment(_payment_id(call))
        attempts = payment.attempts if payment is not None and isinstance(token, str) else []
        return next((each for each in attempts if each.payment_token == token), None)

    def _shown(self, transaction: Transaction, call: Call) -> Content:
        views = transaction.views | call.views_of(transaction.reference)
        log = self._store.webhooks.log(transaction.reference)
        return payment_object(transaction, self._store.account, log, views)


def _payment_id(call: Call) -> str:
    return call.path("payment_id") or ""


def _body(call: Call) -> Fields:
    """The fields of the body, which must be a JSON object."""
    return Fields(call.json)


def _question(call: Call) -> Fields:
    """What a GET asks for: JSON in the query `requestBody`, else in the body, else nothing. docs/gateways/portone-v2.md §1."""
    asked = call.request.query_params.get("requestBody")
    text = call.body if asked is None else asked.encode("utf-8", "replace")
    return Fields(json_object(text) if text else {})
