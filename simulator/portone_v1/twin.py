"""PortOne V1's twin: the parts of this folder put together, and the buyer in its payment window."""

from typing import Any

from starlette.responses import Response

from simulator.buyer import Buyer
from simulator.clock import SimClock
from simulator.delays import Delays
from simulator.portone import Order, PaymentWindow, PortOneTwin
from simulator.portone_v1.access import Access, PortOneV1Account
from simulator.portone_v1.api import PortOneV1Api
from simulator.portone_v1.browser import SCRIPT_PATH, browser_routes
from simulator.portone_v1.cancels import from_console
from simulator.portone_v1.fields import envelope
from simulator.portone_v1.responses import CLOSED, DECLINED, UNHEARD, WindowResult, brief, redirect, rsp
from simulator.portone_v1.scenarios import CALLS, CANCELS, RULES, VIEWS
from simulator.portone_v1.store import Attempt, Payment, Registration, Store
from simulator.portone_v1.webhooks import Webhooks
from simulator.scenarios import CANCEL, LOOKUP
from simulator.twin import JournalRow, Refunded, RefusedError, refuse_chargeback

BUYER = {"buyer_name": "Sim Buyer", "buyer_email": "buyer@shop.example"}
"""Who pays for a merchant_uid that was only pre-registered."""
PREPARED = "prepared"
"""The journal's status of an amount that is registered while no window was opened."""


class IamportWindow(PaymentWindow[Attempt, Registration]):
    """`GET /window?imp_uid=`."""

    path = "/window"
    id_name = "imp_uid"
    gateway = "PortOne V1"
    template = "portone_v1_window.html"
    no_deposit = frozenset({"declined", "late_approval", "virtual_account"})
    _store: Store

    def pay(self, attempt: Attempt, scenario: str | None) -> dict[str, Any]:
        """`{rsp, redirect}`: what the shop's page hears, and where the browser goes."""
        return _told(self.pay_here(attempt, scenario))

    def leave(self, attempt: Attempt) -> dict[str, Any]:
        """Close the window. Nothing changes: who paid before has still paid."""
        return _told(WindowResult(attempt, CLOSED))

    def told(self, done: dict[str, Any]) -> Response:
        """In the API's envelope."""
        return envelope(done)

    def open(self, payment: Payment, last: Attempt | None, scenario: str) -> Attempt:  # noqa: ARG002 - as V2's
        """The buyer is made up where nothing but an amount is known."""
        return self._store.open(_order(payment, last))

    def cancel_in_console(self, payment: Payment) -> WindowResult:
        """The attempt that was paid."""
        return WindowResult(from_console(self._store, payment.success))

    def follow(self, attempt: Attempt, scenario: str) -> WindowResult:
        """What a visit to the window comes to."""
        if scenario == "abandoned":
            return WindowResult(attempt, CLOSED)
        if attempt.account is not None:
            self.deposit(attempt, scenario)
        elif scenario in ("declined", "late_approval"):
            self._store.fail(attempt, DECLINED.message, will_be_approved=scenario == "late_approval")
            return WindowResult(attempt, DECLINED)
        else:
            self.prepare(attempt, scenario)
            if scenario in ("virtual_account", "underpaid_deposit"):
                attempt.is_underpaid = scenario == "underpaid_deposit"
                self._store.issue_account(attempt)
                return WindowResult(attempt)
        self._store.capture(attempt)
        if scenario == "contradiction":
            self._store.contradict(attempt)
        return WindowResult(attempt, UNHEARD if scenario == "success_false" and attempt.account is None else None)

    def prepare(self, attempt: Attempt, scenario: str) -> None:
        """And how its webhooks are written."""
        super().prepare(attempt, scenario)
        attempt.has_form_webhooks |= scenario == "form_webhooks"


class PortOneV1Twin(PortOneTwin[Attempt, Registration]):
    """The PortOne V1 API, browser SDK and webhooks of one merchant."""

    name = "portone_v1"
    rules = RULES
    calls = CALLS
    _store: Store
    account_type = PortOneV1Account

    def __init__(self, clock: SimClock, account: PortOneV1Account, delays: Delays, seed: int | None = None) -> None:
        super().__init__(clock, account, delays, seed)  # a webhook is not sent again: one delivery is the default
        self._console = Webhooks(self.sender, account, self.tokens)
        self._store = Store(clock, account, self._console, self.timers, self.tokens)
        self._window = IamportWindow(self, self._store, Buyer(self, VIEWS, {LOOKUP, CANCEL}, CANCELS))
        self._access = Access(clock, self.tokens, account)
        api = PortOneV1Api(self, self._store, self._access)
        self.serve([*api.routes(), *browser_routes(self._store), *self._window.routes()])

    def connection(self) -> dict[str, str]:
        """What a merchant needs to know at this moment, without the address."""
        names = ("imp_key", "imp_secret", "user_code", "channel_key")
        return {name: getattr(self.account, name) for name in names} | {"script_url": self.base_url + SCRIPT_PATH}

    def pay(self, reference: str, scenario: str | None) -> dict[str, Any]:
        """The buyer of this merchant_uid: `{imp_uid, merchant_uid}`, and `error_code`, `error_msg` of a failure."""
        return brief(self._window.pay_in(self._payment(reference), None, scenario))

    def refund(self, reference: str, amount: int | None, kind: str) -> Refunded:
        """Somebody cancels in the console, wholly or in part, with a webhook. Only API cancels may be asynchronous."""
        self.run_due()
        payment = self._payment(reference)
        refuse_chargeback(self.name, kind)
        attempt = from_console(self._store, payment.success, amount)
        return self.refunded(attempt, attempt.cancellations[-1].amount)

    def journal(self) -> list[JournalRow]:
        """One row per imp_uid, and one for each amount that waits for its window."""
        self.run_due()
        rows: list[JournalRow] = []
        for payment in self._store.payments():
            rows += [self.journal_row(attempt) for attempt in payment.attempts] or self._prepared(payment)
        return rows

    def _prepared(self, payment: Payment) -> list[JournalRow]:
        if payment.registration is None:
            return []
        amount, currency = payment.registration.in_minor()
        return [
            JournalRow(
                gateway=self.name,
                reference=payment.reference,
                gateway_ref=None,
                amount=amount,
                currency=currency,
                status=PREPARED,
                refunded=0,
                captures=0,
                cancels=0,
                confirms=0,
            )
        ]

    def not_found(self, status: int) -> Response:
        """In the API's envelope."""
        return envelope(None, status=status, code=-1, message="no such endpoint")

    def reset(self) -> None:
        """Forget everything: payments, plans, webhooks and the token."""
        super().reset()
        for own in (self._console, self._store, self._access):
            own.reset()


def _told(result: WindowResult) -> dict[str, Any]:
    target, told = result.attempt.order.target(), rsp(result)
    return {"rsp": told, "redirect": redirect(target, told) if target else None}


def _order(payment: Payment, last: Attempt | None) -> Order:
    """What a new window is for: the last one's order, else what was pre-registered."""
    if last is not None:
        return last.order
    if payment.registration is None:
        raise RefusedError("the amount is not known: prepare it, or open the window with the SDK")
    amount, currency = payment.registration.in_minor()
    return Order(payment.reference, f"Order {payment.reference}"[:40], amount, currency, details=BUYER)


TWIN = PortOneV1Twin
