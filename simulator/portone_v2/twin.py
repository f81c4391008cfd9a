"""PortOne V2's twin: the parts of this folder put together, and the buyer in its payment window."""

from typing import Any

from starlette.responses import JSONResponse, Response

from simulator.buyer import Buyer
from simulator.clock import SimClock
from simulator.delays import Delays
from simulator.portone import Order, PaymentWindow, PortOneTwin
from simulator.portone_v2.access import Access, Keys, PortOneV2Account
from simulator.portone_v2.api import REFUSED_CODE, REFUSED_MESSAGE, PortOneV2Api
from simulator.portone_v2.browser import SCRIPT_PATH, browser_routes
from simulator.portone_v2.cancels import refund_externally
from simulator.portone_v2.scenarios import CALLS, CANCELS, RULES, VIEWS
from simulator.portone_v2.store import Payment, Registration, Status, Store, Transaction
from simulator.portone_v2.webhooks import RETRIES_S, Webhooks
from simulator.scenarios import CANCEL, CONFIRM, LOOKUP, WEBHOOK_MODES
from simulator.twin import Refunded, RefusedError
from simulator.web import ANYBODY, with_query

FAILED_AT_PG = "FAILURE_TYPE_PG"
"""The `code` of a result that is no success. [I]: the SDK's schema says only "a string"; public shops' code compares with
this one for refused and closed windows alike."""
CLOSED_CODE, CLOSED_MESSAGE = "PAY_PROCESS_CANCELED", "사용자가 결제를 취소하였습니다"
"""What Toss Payments, the imitated channel, says when the buyer closes its window ([I] as `pgCode`)."""


class SdkWindow(PaymentWindow[Transaction, Registration]):
    """`GET /v2/window?txId=`."""

    path = "/v2/window"
    id_name = "txId"
    gateway = "PortOne V2"
    template = "portone_v2_window.html"
    no_deposit = frozenset({"declined", "late_approval", "manual_approval", "virtual_account", "pay_pending"})
    _store: Store

    def pay(self, attempt: Transaction, scenario: str | None) -> dict[str, Any]:
        """`{result, redirect}`: what the shop's page hears, and where the browser goes."""
        return _told(attempt, self.pay_here(attempt, scenario))

    def leave(self, attempt: Transaction) -> dict[str, Any]:
        """Close the window. Nothing changes: who paid before has still paid."""
        return _told(attempt, _closed(attempt))

    def told(self, done: dict[str, Any]) -> Response:
        """For the script, on whatever page it is."""
        return JSONResponse(done, headers=ANYBODY)

    def open(self, payment: Payment, last: Transaction | None, scenario: str) -> Transaction:
        """Its webhooks go out as the scenario says from the first one on."""
        order, mode = _order(payment, last), WEBHOOK_MODES.get(scenario)
        return self._store.open(order, webhook_mode=mode, has_old_webhooks=scenario == "old_webhooks")

    def cancel_in_console(self, payment: Payment) -> dict[str, Any]:
        """The names of the attempt that was paid."""
        transaction = refund_externally(self._store, payment.success)
        return {"paymentId": payment.reference, "txId": transaction.id}

    def follow(self, attempt: Transaction, scenario: str) -> dict[str, Any]:
        """What `requestPayment` resolves to."""
        if scenario == "abandoned":
            return _closed(attempt)
        if attempt.status is Status.VIRTUAL_ACCOUNT_ISSUED:
            self.deposit(attempt, scenario)
            self._capture(attempt, scenario, trigger="VIRTUAL_ACCOUNT_DEPOSIT")
            return _result(attempt)
        if scenario in ("declined", "late_approval"):
            return self._decline(attempt, will_be_approved=scenario == "late_approval")
        self.prepare(attempt, scenario)
        is_by_account = attempt.pay_method == "VIRTUAL_ACCOUNT"
        if not attempt.is_open:  # an approval is pending, and here it comes
            self._capture(attempt, scenario, trigger="ASYNC_PAY_APPROVED")
        elif is_by_account or scenario in ("virtual_account", "underpaid_deposit"):
            attempt.is_underpaid = scenario == "underpaid_deposit"
            self._store.issue_account(attempt)
        elif scenario == "pay_pending":
            self._store.pend(attempt)
        elif scenario == "manual_approval":
            return {**_result(attempt), "paymentToken": self._store.await_confirm(attempt)}
        else:
            self._capture(attempt, scenario)
        return _result(attempt)

    def prepare(self, attempt: Transaction, scenario: str) -> None:
        """And how its webhooks are written."""
        super().prepare(attempt, scenario)
        attempt.has_old_webhooks |= scenario == "old_webhooks"

    def _decline(self, transaction: Transaction, *, will_be_approved: bool) -> dict[str, Any]:
        more = {"pgCode": REFUSED_CODE, "pgMessage": REFUSED_MESSAGE}
        self._store.fail(transaction, {"reason": REFUSED_MESSAGE, **more})
        if will_be_approved:
            self._store.approve_late(transaction)
        return {**_result(transaction), "code": FAILED_AT_PG, "message": REFUSED_MESSAGE, **more}

    def _capture(self, transaction: Transaction, scenario: str, trigger: str | None = None) -> None:
        if scenario == "forged_webhook":
            self._store.webhooks.send(transaction, "Paid", is_forged=True)
        self._store.capture(transaction, trigger=trigger)
        if scenario == "contradiction":
            self._store.webhooks.send(transaction, "Failed")


class PortOneV2Twin(PortOneTwin[Transaction, Registration]):
    """The PortOne V2 API, browser SDK and webhooks of one store."""

    name = "portone_v2"
    rules = RULES
    calls = CALLS
    _store: Store
    account_type = PortOneV2Account

    def __init__(self, clock: SimClock, account: PortOneV2Account, delays: Delays, seed: int | None = None) -> None:
        super().__init__(clock, account, delays, seed, RETRIES_S)
        self._console = Webhooks(clock, self.sender, account, self.tokens)
        self._store = Store(clock, account, self._console, self.timers, self.tokens)
        self._window = SdkWindow(self, self._store, Buyer(self, VIEWS, {LOOKUP, CONFIRM, CANCEL}, CANCELS))
        self._access = Access(clock, self.tokens, account.api_secret)
        self._keys = Keys(clock)
        api = PortOneV2Api(self, self._store, self._access, self._keys)
        self.serve([*api.routes(), *browser_routes(self._store), *self._window.routes()])

    def connection(self) -> dict[str, str]:
        """What a merchant needs to know at this moment, without the address."""
        names = ("api_secret", "store_id", "channel_key")
        return {
            **{name: getattr(self.account, name) for name in names},
            "webhook_secret": self.account.webhook_secrets[0],
            "script_url": self.base_url + SCRIPT_PATH,
        }

    def pay(self, reference: str, scenario: str | None) -> dict[str, Any]:
        """The buyer of this paymentId: what `PortOne.requestPayment` would resolve to."""
        return dict(self._window.pay_in(self._payment(reference), None, scenario))

    def refund(self, reference: str, amount: int | None, kind: str) -> Refunded:
        """Somebody cancels in the console, or the buyer's bank takes money back; with a webhook, and done at once.

        A chargeback is a cancellation with the trigger CHARGEBACK; the webhooks of disputes are not imitated.
        """
        self.run_due()
        transaction = refund_externally(self._store, self._payment(reference).success, amount, kind)
        return self.refunded(transaction, transaction.cancellations[-1].total)

    def not_found(self, status: int) -> Response:
        """As all errors are written."""
        return JSONResponse({"type": "NOT_FOUND", "message": "no such endpoint"}, status)

    def reset(self) -> None:
        """Forget everything: payments, plans, webhooks, keys and tokens."""
        super().reset()
        for own in (self._console, self._store, self._access, self._keys):
            own.reset()


def _told(transaction: Transaction, result: dict[str, Any]) -> dict[str, Any]:
    target = transaction.order.target()
    return {"result": result, "redirect": with_query(target, result) if target else None}


def _order(payment: Payment, last: Transaction | None) -> Order:
    """What a new attempt is for: the last one's order, else what was pre-registered."""
    if last is not None:
        return last.order
    registration = payment.registration
    if registration is None or registration.total is None:
        raise RefusedError("the amount is not known: pre-register totalAmount, or open the window with the SDK")
    currency, tax_free = registration.currency or "KRW", registration.tax_free or 0
    return Order(payment.reference, f"Order {payment.reference}", registration.total, currency, tax_free)


def _result(transaction: Transaction) -> dict[str, Any]:
    """`PaymentResponse` of the browser SDK."""
    return {"transactionType": "PAYMENT", "paymentId": transaction.reference, "txId": transaction.id}


def _closed(transaction: Transaction) -> dict[str, Any]:
    more = {"pgCode": CLOSED_CODE, "pgMessage": CLOSED_MESSAGE}
    return {**_result(transaction), "code": FAILED_AT_PG, "message": CLOSED_MESSAGE, **more}


TWIN = PortOneV2Twin
