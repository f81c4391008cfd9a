"""The buyer: what happens in the payment window, and what the shop's page then receives."""

from typing import Any

from simulator.portone_v2.book import Book, Payment
from simulator.portone_v2.cancels import past_the_shop
from simulator.portone_v2.confirms import REFUSED_CODE, REFUSED_MESSAGE
from simulator.portone_v2.scenarios import (
    CANCEL,
    CANCELS,
    CONFIRM,
    LOOKUP,
    NEXT_CALL,
    PAY,
    RULES,
    VIEWS,
    WEBHOOK_MODES,
)
from simulator.portone_v2.transaction import AMOUNT_STEP, Order, Status, Transaction
from simulator.scenarios import Plan
from simulator.twin import RefusedError, UnknownReferenceError

FAILED_AT_PG = "FAILURE_TYPE_PG"
"""The `code` of a result that is no success. [I]: the SDK's schema says only "a string"; public shops' code compares with
this one for refused and closed windows alike."""
CLOSED_CODE, CLOSED_MESSAGE = "PAY_PROCESS_CANCELED", "사용자가 결제를 취소하였습니다"
"""What Toss Payments, the imitated channel, says when the buyer closes its window ([I] as `pgCode`)."""


class Buyer:
    """Pays, leaves or is refused. Who was refused may try again: that is another attempt."""

    def __init__(self, book: Book, plan: Plan) -> None:
        self._book = book
        self._plan = plan

    def pay_reference(self, payment_id: str, scenario: str | None) -> dict[str, Any]:
        """The buyer of a paymentId, without a browser: the open attempt is paid, else a new one."""
        payment = self._book.payment(payment_id)
        if payment is None:
            raise UnknownReferenceError(f"paymentId {payment_id!r} was neither pre-registered nor opened by the SDK")
        self._book.timers.run_due()
        scenario = self._scenario(payment_id, scenario)
        if scenario == "console_cancel":
            return self._cancel_in_console(payment)
        _refuse_paid(payment)
        newest = payment.transactions[-1] if payment.transactions else None
        if newest is None or not (newest.is_open or newest.is_waiting):
            newest = self._book.open(
                _order(payment, newest),
                webhook_mode=WEBHOOK_MODES.get(scenario),
                has_old_webhooks=scenario == "old_webhooks",
            )
        return self._do(newest, scenario)

    def pay(self, transaction: Transaction, scenario: str | None) -> dict[str, Any]:
        """The buyer in the window of one attempt."""
        self._book.timers.run_due()
        payment = self._payment(transaction)
        scenario = self._scenario(payment.id, scenario)
        if scenario == "console_cancel":
            return self._cancel_in_console(payment)
        _refuse_paid(payment)
        if not (transaction.is_open or transaction.is_waiting):
            raise RefusedError(f"this attempt is {transaction.status}: open the window again to pay")
        return self._do(transaction, scenario)

    def be_declined(self, transaction: Transaction) -> dict[str, Any]:
        """The card is refused."""
        return self.pay(transaction, "declined")

    def leave(self, transaction: Transaction) -> dict[str, Any]:
        """Close the window. Nothing changes: who paid before has still paid."""
        more = {"pgCode": CLOSED_CODE, "pgMessage": CLOSED_MESSAGE}
        return {**_result(transaction), "code": FAILED_AT_PG, "message": CLOSED_MESSAGE, **more}

    def _do(self, transaction: Transaction, scenario: str) -> dict[str, Any]:
        if scenario == "abandoned":
            return self.leave(transaction)
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
            self._book.issue_account(transaction)
        elif scenario == "pay_pending":
            self._book.pend(transaction)
        elif scenario == "manual_approval":
            return {**_result(transaction), "paymentToken": self._book.await_confirm(transaction)}
        else:
            self._capture(transaction, scenario)
        return _result(transaction)

    def _deposit(self, transaction: Transaction, scenario: str) -> dict[str, Any]:
        if scenario in ("declined", "late_approval", "manual_approval", "virtual_account", "pay_pending"):
            raise RefusedError(f"a deposit into a virtual account cannot be {scenario}")
        if transaction.account is None or self._book.clock.now() >= transaction.account.expires_at:
            raise RefusedError("the virtual account takes no deposit any more")
        self._prepare(transaction, scenario)
        if transaction.is_underpaid or scenario == "underpaid_deposit":
            transaction.is_underpaid = True
            transaction.held = max(1, transaction.order.total - AMOUNT_STEP)
        self._capture(transaction, scenario, trigger="VIRTUAL_ACCOUNT_DEPOSIT")
        return _result(transaction)

    def _decline(self, transaction: Transaction, *, will_be_approved: bool) -> dict[str, Any]:
        more = {"pgCode": REFUSED_CODE, "pgMessage": REFUSED_MESSAGE}
        self._book.fail(transaction, {"reason": REFUSED_MESSAGE, **more})
        if will_be_approved:
            self._book.approve_late(transaction)
        return {**_result(transaction), "code": FAILED_AT_PG, "message": REFUSED_MESSAGE, **more}

    def _capture(self, transaction: Transaction, scenario: str, trigger: str | None = None) -> None:
        if scenario == "forged_webhook":
            self._book.notices.tell(transaction, "Paid", is_forged=True)
        self._book.capture(transaction, trigger=trigger)
        if scenario == "contradiction":
            self._book.notices.tell(transaction, "Failed")

    def _prepare(self, transaction: Transaction, scenario: str) -> None:
        """What a scenario changes before the money moves."""
        reference = transaction.order.payment_id
        if scenario in WEBHOOK_MODES:
            transaction.webhook_mode = WEBHOOK_MODES[scenario]
        elif scenario in NEXT_CALL:
            self._plan.add(scenario, {LOOKUP, CONFIRM, CANCEL}, reference)
        elif scenario in CANCELS:
            self._plan.add(scenario, {CANCEL}, reference)
        elif scenario == "amount_differs":
            transaction.held = transaction.different_amount()
        elif scenario in VIEWS:
            transaction.views.add(scenario)
        elif scenario == "discount":
            transaction.discount = min(AMOUNT_STEP, transaction.held - 1)
        elif scenario in ("test_channel", "live_channel"):
            transaction.channel = scenario.removesuffix("_channel").upper()
        elif scenario == "old_webhooks":
            transaction.has_old_webhooks = True

    def _cancel_in_console(self, payment: Payment) -> dict[str, Any]:
        transaction = past_the_shop(self._book, payment.success)
        return {"paymentId": payment.id, "txId": transaction.id}

    def _scenario(self, payment_id: str, scenario: str | None) -> str:
        return scenario or self._plan.take(PAY, [payment_id], RULES) or "paid"

    def _payment(self, transaction: Transaction) -> Payment:
        payment = self._book.payment(transaction.order.payment_id)
        if payment is None:
            raise UnknownReferenceError(f"no payment {transaction.order.payment_id!r}")
        return payment


def _refuse_paid(payment: Payment) -> None:
    if payment.success is not None:
        raise RefusedError(f"the payment is already {payment.success.status}: a paymentId can be paid once")


def _order(payment: Payment, last: Transaction | None) -> Order:
    """What a new attempt is for: the last one's order, else what was pre-registered."""
    if last is not None:
        return last.order
    registration = payment.registration
    if registration is None or registration.total is None:
        raise RefusedError("the amount is not known: pre-register totalAmount, or open the window with the SDK")
    currency = registration.currency or "KRW"
    return Order(payment.id, f"Order {payment.id}", registration.total, currency, registration.tax_free or 0)


def _result(transaction: Transaction) -> dict[str, Any]:
    """`PaymentResponse` of the browser SDK."""
    return {"transactionType": "PAYMENT", "paymentId": transaction.order.payment_id, "txId": transaction.id}
