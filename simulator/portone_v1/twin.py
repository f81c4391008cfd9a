"""PortOne V1's twin: the parts of this folder put together, and the buyer in its payment window."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.buyer import Buyer, Window
from simulator.clock import SimClock
from simulator.delays import Delays
from simulator.portone_v1.access import Access, PortOneV1Account
from simulator.portone_v1.api import PortOneV1Api
from simulator.portone_v1.browser import SCRIPT_PATH, browser_routes
from simulator.portone_v1.cancels import from_console
from simulator.portone_v1.fields import envelope
from simulator.portone_v1.responses import CLOSED, DECLINED, UNHEARD, Outcome, brief, redirect, rsp
from simulator.portone_v1.scenarios import CALLS, CANCELS, RULES, VIEWS
from simulator.portone_v1.store import Attempt, Order, Payment, Store
from simulator.portone_v1.webhooks import Webhooks
from simulator.scenarios import CANCEL, LOOKUP
from simulator.store import AMOUNT_STEP
from simulator.twin import JournalRow, Refunded, RefusedError, Twin, UnknownReferenceError, refuse_chargeback
from simulator.web import money_text, page

BUYER = {"buyer_name": "Sim Buyer", "buyer_email": "buyer@shop.example"}
"""Who pays for a merchant_uid that was only pre-registered."""
NO_DEPOSIT = frozenset({"declined", "late_approval", "virtual_account"})
PREPARED = "prepared"
"""The journal's status of an amount that is registered while no window was opened."""


class PaymentWindow(Window[Attempt]):
    """`GET /window?imp_uid=`. Who was refused may try again: that is another imp_uid."""

    def __init__(self, twin: Twin, store: Store) -> None:
        super().__init__(RULES)
        self._store = store
        self._buyer = Buyer(twin, VIEWS, {LOOKUP, CANCEL}, CANCELS)

    def routes(self) -> list[Route]:
        """The page and its actions."""
        return [Route("/window", self._page), Route("/window/{action}", self.act, methods=["POST"])]

    async def _page(self, request: Request) -> Response:
        attempt = self.find(request.query_params)
        if attempt is None:
            return page("portone_v1_unknown.html", 404)
        return page(
            "portone_v1_window.html",
            imp_uid=attempt.imp_uid,
            name=attempt.order.name,
            amount=money_text(attempt.order.amount, attempt.order.currency),
            channel=attempt.channel,
            buyer=attempt.order.buyer.get("buyer_name", ""),
            scenarios=self.scenarios,
        )

    def find(self, fields: Mapping[str, Any]) -> Attempt | None:
        """By the imp_uid."""
        imp_uid = fields.get("imp_uid")
        return self._store.attempt(imp_uid) if isinstance(imp_uid, str) else None

    def pay(self, attempt: Attempt, scenario: str | None) -> dict[str, Any]:
        """`{rsp, redirect}`: what the shop's page hears, and where the browser goes."""
        payment = self._store.payment(attempt.reference)
        assert payment is not None
        return _told(self.pay_in(payment, attempt, scenario))

    def leave(self, attempt: Attempt) -> dict[str, Any]:
        """Close the window. Nothing changes: who paid before has still paid."""
        return _told(Outcome(attempt, CLOSED))

    def told(self, done: dict[str, Any]) -> Response:
        """In the API's envelope."""
        return envelope(done)

    def pay_in(self, payment: Payment, attempt: Attempt | None, scenario: str | None) -> Outcome:
        """The buyer in one window; without one in the newest if it is open, else in a new one."""
        self._store.timers.run_due()
        scenario = self._buyer.scenario(payment.reference, scenario)
        if scenario == "console_cancel":
            return Outcome(from_console(self._store, payment.success))
        if payment.success is not None:
            raise RefusedError(f"the payment is already {payment.success.status}: a merchant_uid can be paid once")
        if attempt is None:
            attempt = payment.attempts[-1] if payment.attempts else None
            if attempt is None or not attempt.is_open:
                attempt = self._store.open(_order(payment, attempt))
        if not attempt.is_open:
            raise RefusedError(f"this payment is {attempt.status}: open the window again to pay")
        return self._do(attempt, scenario)

    def _do(self, attempt: Attempt, scenario: str) -> Outcome:
        if scenario == "abandoned":
            return Outcome(attempt, CLOSED)
        if attempt.account is not None:
            self._deposit(attempt, scenario)
        elif scenario in ("declined", "late_approval"):
            self._store.fail(attempt, DECLINED.message, will_be_approved=scenario == "late_approval")
            return Outcome(attempt, DECLINED)
        else:
            self._prepare(attempt, scenario)
            if scenario in ("virtual_account", "underpaid_deposit"):
                attempt.is_underpaid = scenario == "underpaid_deposit"
                self._store.issue_account(attempt)
                return Outcome(attempt)
        self._store.capture(attempt)
        if scenario == "contradiction":
            self._store.contradict(attempt)
        return Outcome(attempt, UNHEARD if scenario == "success_false" and attempt.account is None else None)

    def _deposit(self, attempt: Attempt, scenario: str) -> None:
        if scenario in NO_DEPOSIT:
            raise RefusedError(f"a deposit into a virtual account cannot be {scenario}")
        if attempt.account is None or self._store.clock.now() >= attempt.account.ends_at:
            raise RefusedError("the virtual account takes no deposit any more")
        self._prepare(attempt, scenario)
        if attempt.is_underpaid or scenario == "underpaid_deposit":
            attempt.charged = max(1, attempt.order.amount - AMOUNT_STEP)

    def _prepare(self, attempt: Attempt, scenario: str) -> None:
        self._buyer.prepare(attempt, attempt.reference, scenario)
        if scenario in ("test_channel", "live_channel"):
            attempt.channel = scenario.removesuffix("_channel").upper()
        elif scenario == "form_webhooks":
            attempt.has_form_webhooks = True


class PortOneV1Twin(Twin):
    """The PortOne V1 API, browser SDK and webhooks of one merchant."""

    name = "portone_v1"
    rules = RULES
    calls = CALLS
    account_type = PortOneV1Account

    def __init__(self, clock: SimClock, account: PortOneV1Account, delays: Delays, seed: int | None = None) -> None:
        super().__init__(clock, account, delays, seed)  # a webhook is not sent again: one delivery is the default
        self._webhooks = Webhooks(self.sender, account, self.tokens)
        self._store = Store(clock, account, self._webhooks, self.timers, self.tokens)
        self._window = PaymentWindow(self, self._store)
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

    def webhooks(self, mode: str, url: str | None) -> dict[str, Any]:
        """And with `url` the console's address."""
        if url is not None:
            self._webhooks.url = url
        return {**super().webhooks(mode, url), "url": self._webhooks.url}

    def entries(self) -> list[Attempt]:
        """One for each imp_uid."""
        return self._store.attempts()

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
        counts = {"refunded": 0, "captures": 0, "cancels": 0, "confirms": 0}
        names = {"gateway": self.name, "reference": payment.reference, "gateway_ref": None}
        return [{**names, "amount": amount, "currency": currency, "status": PREPARED, **counts}]  # type: ignore[typeddict-item]

    def not_found(self, status: int) -> Response:
        """In the API's envelope."""
        return envelope(None, status=status, code=-1, message="no such endpoint")

    def reset(self) -> None:
        """Forget everything: payments, plans, webhooks and the token."""
        super().reset()
        for own in (self._webhooks, self._store, self._access):
            own.reset()

    def _payment(self, reference: str) -> Payment:
        payment = self._store.payment(reference)
        if payment is None:
            raise UnknownReferenceError(f"merchant_uid {reference!r} was neither prepared nor opened by the SDK")
        return payment


def _told(outcome: Outcome) -> dict[str, Any]:
    order, result = outcome.attempt.order, rsp(outcome)
    return {
        "rsp": result,
        "redirect": redirect(order.redirect_url, result) if order.is_mobile and order.redirect_url else None,
    }


def _order(payment: Payment, last: Attempt | None) -> Order:
    """What a new window is for: the last one's order, else what was pre-registered."""
    if last is not None:
        return last.order
    if payment.registration is None:
        raise RefusedError("the amount is not known: prepare it, or open the window with the SDK")
    amount, currency = payment.registration.in_minor()
    return Order(payment.reference, f"Order {payment.reference}"[:40], amount, currency, buyer=BUYER)


TWIN = PortOneV1Twin
