"""PortOne V2's twin: the parts of this folder put together, and the buyer in its payment window."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.buyer import Buyer, Window
from simulator.clock import SimClock
from simulator.delays import Delays
from simulator.portone_v2.access import Access, Keys, PortOneV2Account
from simulator.portone_v2.api import REFUSED_CODE, REFUSED_MESSAGE, PortOneV2Api
from simulator.portone_v2.browser import SCRIPT_PATH, browser_routes
from simulator.portone_v2.cancels import past_the_shop
from simulator.portone_v2.scenarios import CALLS, CANCELS, RULES, VIEWS
from simulator.portone_v2.store import Order, Payment, Status, Store, Transaction
from simulator.portone_v2.webhooks import RETRIES_S, Webhooks
from simulator.scenarios import CANCEL, CONFIRM, LOOKUP, WEBHOOK_MODES
from simulator.store import AMOUNT_STEP
from simulator.twin import Refunded, RefusedError, Twin, UnknownReferenceError
from simulator.web import ANYBODY, money_text, page, with_query

FAILED_AT_PG = "FAILURE_TYPE_PG"
"""The `code` of a result that is no success. [I]: the SDK's schema says only "a string"; public shops' code compares with
this one for refused and closed windows alike."""
CLOSED_CODE, CLOSED_MESSAGE = "PAY_PROCESS_CANCELED", "사용자가 결제를 취소하였습니다"
"""What Toss Payments, the imitated channel, says when the buyer closes its window ([I] as `pgCode`)."""
NO_DEPOSIT = frozenset({"declined", "late_approval", "manual_approval", "virtual_account", "pay_pending"})


class PaymentWindow(Window[Transaction]):
    """`GET /v2/window?txId=`. Who was refused may try again: that is another attempt."""

    def __init__(self, twin: Twin, store: Store) -> None:
        super().__init__(RULES)
        self._store = store
        self._buyer = Buyer(twin, VIEWS, {LOOKUP, CONFIRM, CANCEL}, CANCELS)

    def routes(self) -> list[Route]:
        """The page and its actions."""
        return [Route("/v2/window", self._page), Route("/v2/window/{action}", self.act, methods=["POST"])]

    async def _page(self, request: Request) -> Response:
        transaction = self.find(request.query_params)
        if transaction is None:
            return page("portone_v2_unknown.html", 404)
        return page(
            "portone_v2_window.html",
            tx_id=transaction.id,
            name=transaction.order.order_name,
            amount=money_text(transaction.order.total, transaction.currency),
            channel=transaction.channel,
            method=transaction.order.pay_method,
            scenarios=self.scenarios,
        )

    def find(self, fields: Mapping[str, Any]) -> Transaction | None:
        """By the txId."""
        tx_id = fields.get("txId")
        return self._store.transaction(tx_id) if isinstance(tx_id, str) else None

    def pay(self, attempt: Transaction, scenario: str | None) -> dict[str, Any]:
        """`{result, redirect}`: what the shop's page hears, and where the browser goes."""
        payment = self._store.payment(attempt.reference)
        assert payment is not None
        return _told(attempt, self.pay_in(payment, attempt, scenario))

    def leave(self, attempt: Transaction) -> dict[str, Any]:
        """Close the window. Nothing changes: who paid before has still paid."""
        return _told(attempt, _closed(attempt))

    def told(self, done: dict[str, Any]) -> Response:
        """For the script, on whatever page it is."""
        return JSONResponse(done, headers=ANYBODY)

    def pay_in(self, payment: Payment, attempt: Transaction | None, scenario: str | None) -> dict[str, Any]:
        """The buyer in the window of one attempt; without one in the newest if it is open, else in a new one."""
        self._store.timers.run_due()
        scenario = self._buyer.scenario(payment.reference, scenario)
        if scenario == "console_cancel":
            transaction = past_the_shop(self._store, payment.success)
            return {"paymentId": payment.reference, "txId": transaction.id}
        if payment.success is not None:
            raise RefusedError(f"the payment is already {payment.success.status}: a paymentId can be paid once")
        if attempt is None:
            attempt = payment.attempts[-1] if payment.attempts else None
            if attempt is None or not (attempt.is_open or attempt.is_waiting):
                attempt = self._store.open(
                    _order(payment, attempt),
                    webhook_mode=WEBHOOK_MODES.get(scenario),
                    has_old_webhooks=scenario == "old_webhooks",
                )
        if not (attempt.is_open or attempt.is_waiting):
            raise RefusedError(f"this attempt is {attempt.status}: open the window again to pay")
        return self._do(attempt, scenario)

    def _do(self, transaction: Transaction, scenario: str) -> dict[str, Any]:
        if scenario == "abandoned":
            return _closed(transaction)
        if transaction.status is Status.VIRTUAL_ACCOUNT_ISSUED:
            return self._deposit(transaction, scenario)
        if scenario in ("declined", "late_approval"):
            return self._decline(transaction, will_be_approved=scenario == "late_approval")
        self._prepare(transaction, scenario)
        is_by_account = transaction.order.pay_method == "VIRTUAL_ACCOUNT"
        if not transaction.is_open:  # an approval is pending, and here it comes
            self._capture(transaction, scenario, trigger="ASYNC_PAY_APPROVED")
        elif is_by_account or scenario in ("virtual_account", "underpaid_deposit"):
            transaction.is_underpaid = scenario == "underpaid_deposit"
            self._store.issue_account(transaction)
        elif scenario == "pay_pending":
            self._store.pend(transaction)
        elif scenario == "manual_approval":
            return {**_result(transaction), "paymentToken": self._store.await_confirm(transaction)}
        else:
            self._capture(transaction, scenario)
        return _result(transaction)

    def _deposit(self, transaction: Transaction, scenario: str) -> dict[str, Any]:
        if scenario in NO_DEPOSIT:
            raise RefusedError(f"a deposit into a virtual account cannot be {scenario}")
        if transaction.account is None or self._store.clock.now() >= transaction.account.ends_at:
            raise RefusedError("the virtual account takes no deposit any more")
        self._prepare(transaction, scenario)
        if transaction.is_underpaid or scenario == "underpaid_deposit":
            transaction.is_underpaid = True
            transaction.charged = max(1, transaction.order.total - AMOUNT_STEP)
        self._capture(transaction, scenario, trigger="VIRTUAL_ACCOUNT_DEPOSIT")
        return _result(transaction)

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

    def _prepare(self, transaction: Transaction, scenario: str) -> None:
        self._buyer.prepare(transaction, transaction.reference, scenario)
        if scenario in ("test_channel", "live_channel"):
            transaction.channel = scenario.removesuffix("_channel").upper()
        elif scenario == "old_webhooks":
            transaction.has_old_webhooks = True


class PortOneV2Twin(Twin):
    """The PortOne V2 API, browser SDK and webhooks of one store."""

    name = "portone_v2"
    rules = RULES
    calls = CALLS
    account_type = PortOneV2Account

    def __init__(self, clock: SimClock, account: PortOneV2Account, delays: Delays, seed: int | None = None) -> None:
        super().__init__(clock, account, delays, seed, RETRIES_S)
        self._webhooks = Webhooks(clock, self.sender, account, self.tokens)
        self._store = Store(clock, account, self._webhooks, self.timers, self.tokens)
        self._window = PaymentWindow(self, self._store)
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
        return self._window.pay_in(self._payment(reference), None, scenario)

    def refund(self, reference: str, amount: int | None, kind: str) -> Refunded:
        """Somebody cancels in the console, or the buyer's bank takes money back; with a webhook, and done at once.

        A chargeback is a cancellation with the trigger CHARGEBACK; the webhooks of disputes are not imitated.
        """
        self.run_due()
        transaction = past_the_shop(self._store, self._payment(reference).success, amount, kind)
        return self.refunded(transaction, transaction.cancellations[-1].total)

    def webhooks(self, mode: str, url: str | None) -> dict[str, Any]:
        """And with `url` the console's address."""
        if url is not None:
            self._webhooks.url = url
        return {**super().webhooks(mode, url), "url": self._webhooks.url}

    def entries(self) -> list[Transaction]:
        """One for each attempt."""
        return self._store.everything()

    def not_found(self, status: int) -> Response:
        """As all errors are written."""
        return JSONResponse({"type": "NOT_FOUND", "message": "no such endpoint"}, status)

    def reset(self) -> None:
        """Forget everything: payments, plans, webhooks, keys and tokens."""
        super().reset()
        for own in (self._webhooks, self._store, self._access, self._keys):
            own.reset()

    def _payment(self, reference: str) -> Payment:
        payment = self._store.payment(reference)
        if payment is None:
            raise UnknownReferenceError(f"paymentId {reference!r} was neither pre-registered nor opened by the SDK")
        return payment


def _told(transaction: Transaction, result: dict[str, Any]) -> dict[str, Any]:
    order = transaction.order
    is_redirected = order.is_redirected and order.redirect_url
    return {"result": result, "redirect": with_query(order.redirect_url or "", result) if is_redirected else None}


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
