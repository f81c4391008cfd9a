"""The buyer: what happens on the start page, and where the browser goes afterwards."""

from urllib.parse import urlencode, urlsplit, urlunsplit

from simulator.scenarios import Plan
from simulator.twin import RefusedError, UnknownReferenceError
from simulator.unifi_pay.book import Book
from simulator.unifi_pay.payment import AMOUNT_STEP, Payment, Status
from simulator.unifi_pay.scenarios import CALLBACK_MODES, LOOKUP, NEXT_CALL, PAY, RULES, VIEWS

CONFIRMED, FAILED = "confirmed", "failed"
"""What the flow diagram has in the address to which the browser returns."""
SOON_S = 0.02
"""When the second of two contradicting callbacks comes."""
LATER_S = 1
"""When the second callback of a payment comes."""
PAID = "PAID"
"""What the sibling product's v2 calls back before CONFIRMED."""

_NOT_PAID = {
    "declined": Status.FAILED,
    "late_approval": Status.FAILED,
    "returns_confirmed_but_failed": Status.FAILED,
    "canceled": Status.CANCELED,
}


class Buyer:
    """Pays, leaves or is declined. Paying what is paid takes no money again: a browser may repeat itself."""

    def __init__(self, book: Book, plan: Plan) -> None:
        self._book = book
        self._plan = plan

    def newest(self, reference: str) -> Payment:
        """The payment that a buyer of this order has before them: the newest, one that can still be paid first."""
        payments = self._book.by_reference(reference)
        if not payments:
            raise UnknownReferenceError(f"no payment was created for orderId {reference!r}")
        return max(payments, key=lambda payment: (payment.is_open, payment.created_at))

    def pay(self, payment: Payment, scenario: str | None) -> str | None:
        """Pay; without a scenario the plan for `pay` decides, else `paid`. Returns where the browser goes, if it goes.

        Raises RefusedError when the payment is over.
        """
        self._book.run_due()
        scenario = scenario or self._plan.take(PAY, [payment.reference], RULES) or "paid"
        if scenario == "abandoned":
            self.leave(payment)
            return None
        if payment.status is Status.CONFIRMED:
            return _back(payment, CONFIRMED)
        if not payment.is_open:
            raise RefusedError(f"the payment is {payment.status}: open a new one to pay again")
        self._book.request(payment)
        if scenario in _NOT_PAID:
            return self._end(payment, scenario)
        self._prepare(payment, scenario)
        self._confirm(payment, scenario)
        return _back(payment, None if scenario == "returns_without_status" else CONFIRMED)

    def leave(self, payment: Payment) -> None:
        """Leave the start page. Who paid before has still paid; no callback is sent, and the browser is not sent back."""
        self._book.request(payment)

    def _end(self, payment: Payment, scenario: str) -> str:
        self._book.end(payment, _NOT_PAID[scenario])
        if scenario == "late_approval":
            self._book.approve_late(payment)
        return _back(payment, CONFIRMED if scenario == "returns_confirmed_but_failed" else FAILED)

    def _prepare(self, payment: Payment, scenario: str) -> None:
        """What a scenario changes before the money moves."""
        if scenario in CALLBACK_MODES:
            payment.callback_mode = CALLBACK_MODES[scenario]
        elif scenario in NEXT_CALL:
            self._plan.add(scenario, {LOOKUP}, payment.reference)
        elif scenario == "amount_differs":
            payment.held = payment.different_amount()
        elif scenario == "discount":
            payment.discount = min(AMOUNT_STEP, payment.held - 1)
        elif scenario in VIEWS:
            payment.views.add(scenario)

    def _confirm(self, payment: Payment, scenario: str) -> None:
        """Take the money, with the callbacks that come before and after the true one."""
        tell = self._book.callbacks.tell
        if scenario == "forged_callback":
            tell(payment, Status.CONFIRMED, is_forged=True)
        elif scenario in ("paid_twice_callbacks", "reordered_webhooks"):
            tell(payment, PAID)
        self._book.confirm(payment, after_s=LATER_S if scenario == "paid_twice_callbacks" else 0)
        if scenario == "contradiction":
            tell(payment, Status.FAILED, after_s=SOON_S)
        elif scenario == "refunded_notice":
            self._book.callbacks.tell_refund(payment, after_s=LATER_S)


def _back(payment: Payment, status: str | None) -> str:
    """The shop's address with what the browser brings appended; its own query and fragment stay."""
    brought = {} if status is None else {"status": status}
    parts = urlsplit(payment.order.return_url)
    query = "&".join(filter(None, [parts.query, urlencode({**brought, "transactionId": payment.id})]))
    return urlunsplit(parts._replace(query=query))
