"""Unifi Pay's twin: the parts of this folder, put together."""

from collections.abc import Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp

from simulator.calls import CallLog
from simulator.clock import SimClock
from simulator.holds import Delays, Holds
from simulator.ids import Ids
from simulator.opaque import Opaque
from simulator.refunds import refuse_chargeback, whole
from simulator.scenarios import Plan, Rule
from simulator.twin import JournalRow, Refunded, UnknownReferenceError
from simulator.unifi_pay.access import Access
from simulator.unifi_pay.account import UnifiPayAccount
from simulator.unifi_pay.api import UnifiPayApi
from simulator.unifi_pay.book import Book
from simulator.unifi_pay.buyer import Buyer
from simulator.unifi_pay.callbacks import RETRIES_S, Callbacks
from simulator.unifi_pay.order import CURRENCY
from simulator.unifi_pay.payment import Payment
from simulator.unifi_pay.scenarios import CALLS, RULES
from simulator.unifi_pay.start import StartPage
from simulator.unifi_pay.wire import Refusal, failure
from simulator.web import RawPath, nobody_there
from simulator.webhooks import WebhookSender


class UnifiPayTwin:
    """The Classic API, start page and callbacks of one caller, in memory."""

    name = "unifi_pay"
    rules: Mapping[str, Rule] = RULES
    calls = CALLS
    base_url = ""

    def __init__(self, clock: SimClock, account: UnifiPayAccount, delays: Delays, seed: int | None = None) -> None:
        self.plan = Plan()
        self.log = CallLog(self.name, clock)
        self._account = account
        self._holds = Holds()
        self._sender = WebhookSender(clock, RETRIES_S)
        ids, access = Ids(seed), Access(clock, account)
        callbacks = Callbacks(self._sender, access, account, ids)
        self._book = Book(clock, callbacks, ids, Opaque(seed))
        self._buyer = Buyer(self._book, self.plan)
        api = UnifiPayApi(self._book, access, self.plan, self.log, self._holds, delays, lambda: self.base_url)
        starlette = Starlette(
            routes=[*api.routes(), *StartPage(self._book, self._buyer).routes()],
            exception_handlers={HTTPException: _no_such_route, ClientDisconnect: nobody_there},
        )
        starlette.router.redirect_slashes = False
        self.app: ASGIApp = RawPath(starlette)

    def connection(self) -> dict[str, str]:
        """What a merchant needs to know at this moment, without the address."""
        return {
            "app_id": self._account.app_id,
            "api_key": self._account.api_key,
            "app_secret": self._account.app_secret,
            "store_id": self._account.store_id,
        }

    def pay(self, reference: str, scenario: str | None) -> dict[str, Any]:
        """The buyer of the newest payment of this orderId. Also who leaves knows the id, from the page's address."""
        payment = self._buyer.newest(reference)
        self._buyer.pay(payment, scenario)
        return {"transactionId": payment.id}

    def refund(self, reference: str, amount: int | None, kind: str) -> Refunded:
        """The vendor gives back the newest confirmed payment of this orderId, whole ([I]; see `Book.give_back`)."""
        self._book.run_due()
        payments = self._book.by_reference(reference)
        if not payments:
            raise UnknownReferenceError(f"no payment was created for orderId {reference!r}")
        refuse_chargeback(self.name, kind)
        payment = max(payments, key=lambda each: (each.cancellable > 0, each.created_at))
        given = whole(self.name, amount, payment.cancellable)
        self._book.give_back(payment)
        return {
            "gateway": self.name,
            "reference": reference,
            "gateway_ref": payment.id,
            "amount": given,
            "refunded": payment.refunded,
        }

    def webhooks(self, mode: str, url: str | None) -> dict[str, Any]:  # noqa: ARG002 - every twin's signature
        """How callbacks go out from now on. Each payment names its own address, so `url` has nothing to do."""
        self._sender.set_mode(mode)
        return {"gateway": self.name, "mode": mode}

    def deliveries(self) -> list[dict[str, Any]]:
        """Every callback that there was a reason for."""
        return self._sender.rows()

    def journal(self) -> list[JournalRow]:
        """The truth, one row per transaction, what is due included."""
        self._book.run_due()
        return [_journal_row(payment) for payment in self._book.everything()]

    def reset(self) -> None:
        """Forget everything: payments, requestIds, plans and callbacks."""
        for part in (self.plan, self.log, self._sender, self._book):
            part.reset()
        self._holds.let_go()

    def close(self) -> None:
        """Let go of every held connection and end every task, for good."""
        self._holds.close()
        self._sender.close()


def _journal_row(payment: Payment) -> JournalRow:
    return {
        "gateway": UnifiPayTwin.name,
        "reference": payment.reference,
        "gateway_ref": payment.id,
        "amount": payment.held,
        "currency": CURRENCY,
        "status": payment.status.value,
        "refunded": payment.refunded,
        "captures": payment.captures,
        "cancels": payment.cancels,
        "confirms": 0,
    }


async def _no_such_route(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    code = "METHOD_NOT_ALLOWED" if status == 405 else "NOT_FOUND"
    return failure(Refusal(status, code, "no such endpoint"), headers)
