"""PortOne V2's twin: the parts of this folder, put together."""

from collections.abc import Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from simulator.calls import CallLog
from simulator.clock import SimClock
from simulator.holds import Delays, Holds
from simulator.ids import Ids
from simulator.opaque import Opaque
from simulator.portone_v2.access import Access
from simulator.portone_v2.account import PortOneV2Account
from simulator.portone_v2.api import PortOneV2Api
from simulator.portone_v2.book import Book
from simulator.portone_v2.browser import SCRIPT_PATH, BrowserSide
from simulator.portone_v2.buyer import Buyer
from simulator.portone_v2.cancels import past_the_shop
from simulator.portone_v2.idempotency import Keys
from simulator.portone_v2.notices import RETRIES_S, Notices
from simulator.portone_v2.scenarios import CALLS, RULES
from simulator.portone_v2.transaction import Transaction
from simulator.scenarios import Plan, Rule
from simulator.timers import Timers
from simulator.twin import JournalRow, Refunded, UnknownReferenceError
from simulator.web import RawPath, nobody_there
from simulator.webhooks import WebhookSender


class PortOneV2Twin:
    """The PortOne V2 API, browser SDK and webhooks of one store, in memory."""

    name = "portone_v2"
    rules: Mapping[str, Rule] = RULES
    calls = CALLS
    base_url = ""

    def __init__(self, clock: SimClock, account: PortOneV2Account, delays: Delays, seed: int | None = None) -> None:
        self.plan = Plan()
        self.log = CallLog(self.name, clock)
        self._account = account
        self._holds = Holds()
        self._sender = WebhookSender(clock, RETRIES_S)
        self._timers = Timers(clock)
        ids, opaque = Ids(seed), Opaque(seed)
        self._notices = Notices(clock, self._sender, account, ids)
        self._book = Book(clock, account, self._notices, self._timers, ids, opaque)
        self._buyer = Buyer(self._book, self.plan)
        self._access = Access(clock, opaque, account.api_secret)
        self._keys = Keys(clock)
        api = PortOneV2Api(self._book, self._access, self._keys, self.plan, self.log, self._holds, delays)
        starlette = Starlette(
            routes=[*api.routes(), *BrowserSide(self._book, self._buyer).routes()],
            exception_handlers={HTTPException: _no_such_route, ClientDisconnect: nobody_there},
        )
        starlette.router.redirect_slashes = False
        self.app: ASGIApp = RawPath(starlette)

    def connection(self) -> dict[str, str]:
        """What a merchant needs to know at this moment, without the address."""
        return {
            "api_secret": self._account.api_secret,
            "store_id": self._account.store_id,
            "channel_key": self._account.channel_key,
            "webhook_secret": self._account.webhook_secrets[0],
            "script_url": f"{self.base_url}{SCRIPT_PATH}",
        }

    def pay(self, reference: str, scenario: str | None) -> dict[str, Any]:
        """The buyer of this paymentId: what `PortOne.requestPayment` would resolve to."""
        return self._buyer.pay_reference(reference, scenario)

    def refund(self, reference: str, amount: int | None, kind: str) -> Refunded:
        """Somebody cancels in the console, or the buyer's bank takes money back; with a webhook, and done at once.

        A chargeback is a cancellation with the trigger CHARGEBACK; the webhooks of disputes are not imitated.
        """
        self._timers.run_due()
        payment = self._book.payment(reference)
        if payment is None:
            raise UnknownReferenceError(f"paymentId {reference!r} was neither pre-registered nor opened by the SDK")
        transaction = past_the_shop(self._book, payment.success, amount, kind)
        return {
            "gateway": self.name,
            "reference": reference,
            "gateway_ref": transaction.id,
            "amount": transaction.cancellations[-1].total,
            "refunded": transaction.refunded,
        }

    def webhooks(self, mode: str, url: str | None) -> dict[str, Any]:
        """How webhooks go out from now on, and the console's address when `url` is given."""
        self._sender.set_mode(mode)
        if url is not None:
            self._notices.url = url
        return {"gateway": self.name, "mode": mode, "url": self._notices.url}

    def deliveries(self) -> list[dict[str, Any]]:
        """Every webhook that there was a reason and an address for."""
        return self._sender.rows()

    def journal(self) -> list[JournalRow]:
        """The truth, one row per attempt, what is due included."""
        self._timers.run_due()
        return [_journal_row(transaction) for transaction in self._book.everything()]

    def reset(self) -> None:
        """Forget everything: payments, plans, webhooks, keys and tokens."""
        for part in (
            self.plan,
            self.log,
            self._sender,
            self._timers,
            self._notices,
            self._book,
            self._access,
            self._keys,
        ):
            part.reset()
        self._holds.let_go()

    def close(self) -> None:
        """Let go of every held connection and end every task, for good."""
        self._holds.close()
        self._timers.close()
        self._sender.close()


def _journal_row(transaction: Transaction) -> JournalRow:
    return {
        "gateway": PortOneV2Twin.name,
        "reference": transaction.order.payment_id,
        "gateway_ref": transaction.id,
        "amount": transaction.held,
        "currency": transaction.order.currency,
        "status": transaction.status.value,
        "refunded": transaction.refunded,
        "captures": transaction.captures,
        "cancels": transaction.cancels,
        "confirms": transaction.confirms,
    }


async def _no_such_route(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    return JSONResponse({"type": "NOT_FOUND", "message": "no such endpoint"}, status, headers)
