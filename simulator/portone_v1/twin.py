"""PortOne V1's twin: the parts of this folder, put together."""

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
from simulator.portone_v1.access import Access
from simulator.portone_v1.account import PortOneV1Account
from simulator.portone_v1.api import PortOneV1Api
from simulator.portone_v1.attempt import Attempt
from simulator.portone_v1.book import Book, Sale
from simulator.portone_v1.browser import SCRIPT_PATH, BrowserSide
from simulator.portone_v1.buyer import Buyer
from simulator.portone_v1.cancels import from_console
from simulator.portone_v1.notices import Notices
from simulator.portone_v1.prepares import in_minor
from simulator.portone_v1.results import brief
from simulator.portone_v1.scenarios import CALLS, RULES
from simulator.portone_v1.wire import envelope
from simulator.refunds import refuse_chargeback
from simulator.scenarios import Plan, Rule
from simulator.timers import Timers
from simulator.twin import JournalRow, Refunded, UnknownReferenceError
from simulator.web import RawPath, nobody_there
from simulator.webhooks import WebhookSender

PREPARED = "prepared"
"""The journal's status of an amount that is registered while no window was opened."""


class PortOneV1Twin:
    """The PortOne V1 API, browser SDK and webhooks of one merchant, in memory."""

    name = "portone_v1"
    rules: Mapping[str, Rule] = RULES
    calls = CALLS
    base_url = ""

    def __init__(self, clock: SimClock, account: PortOneV1Account, delays: Delays, seed: int | None = None) -> None:
        self.plan = Plan()
        self.log = CallLog(self.name, clock)
        self._account = account
        self._holds = Holds()
        self._sender = WebhookSender(clock)  # no retries: one delivery is the default
        self._timers = Timers(clock)
        ids = Ids(seed)
        self._notices = Notices(self._sender, account, ids)
        self._book = Book(clock, account, self._notices, self._timers, ids)
        self._buyer = Buyer(self._book, self.plan)
        self._access = Access(clock, ids, account)
        api = PortOneV1Api(self._book, self._access, self.plan, self.log, self._holds, delays)
        starlette = Starlette(
            routes=[*api.routes(), *BrowserSide(self._book, self._buyer).routes()],
            exception_handlers={HTTPException: _no_such_route, ClientDisconnect: nobody_there},
        )
        starlette.router.redirect_slashes = False
        self.app: ASGIApp = RawPath(starlette)

    def connection(self) -> dict[str, str]:
        """What a merchant needs to know at this moment, without the address."""
        return {
            "imp_key": self._account.imp_key,
            "imp_secret": self._account.imp_secret,
            "user_code": self._account.user_code,
            "channel_key": self._account.channel_key,
            "script_url": f"{self.base_url}{SCRIPT_PATH}",
        }

    def pay(self, reference: str, scenario: str | None) -> dict[str, Any]:
        """The buyer of this merchant_uid: `{imp_uid, merchant_uid}`, and `error_code`, `error_msg` of a failure."""
        return brief(self._buyer.pay_reference(reference, scenario))

    def refund(self, reference: str, amount: int | None, kind: str) -> Refunded:
        """Somebody cancels in the console, wholly or in part, with a webhook. Only API cancels may be asynchronous."""
        self._timers.run_due()
        sale = self._book.sale(reference)
        if sale is None:
            raise UnknownReferenceError(f"merchant_uid {reference!r} was neither prepared nor opened by the SDK")
        refuse_chargeback(self.name, kind)
        attempt = from_console(self._book, sale.success, amount)
        return {
            "gateway": self.name,
            "reference": reference,
            "gateway_ref": attempt.imp_uid,
            "amount": attempt.cancellations[-1].amount,
            "refunded": attempt.refunded,
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
        """The truth, what is due included: one row per imp_uid, and one for each amount that waits for its window."""
        self._timers.run_due()
        rows: list[JournalRow] = []
        for sale in self._book.sales():
            rows += [_journal_row(attempt) for attempt in sale.attempts] or _prepared_row(sale)
        return rows

    def reset(self) -> None:
        """Forget everything: payments, plans, webhooks and the token."""
        for part in (self.plan, self.log, self._sender, self._timers, self._notices, self._book, self._access):
            part.reset()
        self._holds.let_go()

    def close(self) -> None:
        """Let go of every held connection and end every task, for good."""
        self._holds.close()
        self._timers.close()
        self._sender.close()


def _journal_row(attempt: Attempt) -> JournalRow:
    return {
        "gateway": PortOneV1Twin.name,
        "reference": attempt.merchant_uid,
        "gateway_ref": attempt.imp_uid,
        "amount": attempt.held,
        "currency": attempt.order.currency,
        "status": attempt.status.value,
        "refunded": attempt.refunded,
        "captures": attempt.captures,
        "cancels": attempt.cancels,
        "confirms": 0,
    }


def _prepared_row(sale: Sale) -> list[JournalRow]:
    if sale.registration is None:
        return []
    amount, currency = in_minor(sale.registration)
    return [
        {
            "gateway": PortOneV1Twin.name,
            "reference": sale.merchant_uid,
            "gateway_ref": None,
            "amount": amount,
            "currency": currency,
            "status": PREPARED,
            "refunded": 0,
            "captures": 0,
            "cancels": 0,
            "confirms": 0,
        }
    ]


async def _no_such_route(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    response = envelope(None, status=status, code=-1, message="no such endpoint")
    if isinstance(error, HTTPException) and error.headers:
        response.headers.update(error.headers)
    return response
