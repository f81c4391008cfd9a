"""The buyer: what happens in the widget, and what the shop's browser then receives."""

from secrets import token_hex
from typing import Any

from simulator.point3.book import OLDER_BY, Book
from simulator.point3.payment import Payment, Status
from simulator.point3.scenarios import CONFIRM, PAY, RULES, VIEWS
from simulator.scenarios import Plan
from simulator.twin import RefusedError, UnknownReferenceError

LEFT = {"status": "error", "msg": "the buyer left the widget"}
DECLINED = {"status": "error", "msg": "the payment was declined"}
CHEAPER_BY = 10
"""The other order of `other_orders_signature` costs this fraction, and at least 2 won: 1 supply and 1 VAT."""

_ON_NEXT_CONFIRM = frozenset({"declined", "accept_then_hang", "lost_request", "slow", "error_500", "garbage"})


class Buyer:
    """Pays, leaves or is declined. Paying twice gives the same signature again: a browser may repeat itself."""

    def __init__(self, book: Book, plan: Plan) -> None:
        self._book = book
        self._plan = plan

    def newest(self, reference: str) -> Payment:
        """The session that a buyer of this order has open: the newest, one that can still be paid first."""
        sessions = self._book.by_reference(reference)
        if not sessions:
            raise UnknownReferenceError(f"no payment token was issued for orderIdFromClient {reference!r}")
        return max(sessions, key=lambda payment: (payment.is_open, payment.created_at))

    def pay(self, payment: Payment, scenario: str | None) -> dict[str, Any]:
        """Pay in the widget; without a scenario the plan for `pay` decides, else `paid`."""
        self._book.run_due_batches()
        scenario = scenario or self._plan.take(PAY, [payment.reference], RULES) or "paid"
        if scenario == "abandoned":
            return self.leave(payment)
        if scenario == "other_orders_signature":
            return {"signature": self._other_order(payment)}
        if payment.status in (Status.FAILED, Status.CANCEL_REQUESTED, Status.CANCELLED):
            raise RefusedError(f"the payment is {payment.status}: open a new one to pay again")
        signature = self._book.finish_widget(payment)
        if payment.status is Status.WIDGET_DONE:
            self._misbehave(payment, scenario)
        return {"signature": signature}

    def leave(self, payment: Payment) -> dict[str, Any]:
        """Close the widget. Who paid before has still paid."""
        if payment.is_open:
            payment.status = Status.ABANDONED
        return dict(LEFT)

    def be_declined(self, payment: Payment) -> dict[str, Any]:
        """The card is refused inside the widget: there will never be a signature."""
        if payment.is_open:
            payment.status = Status.FAILED
        return dict(DECLINED)

    def _misbehave(self, payment: Payment, scenario: str) -> None:
        if scenario in _ON_NEXT_CONFIRM:
            self._plan.add(scenario, {CONFIRM}, payment.reference)
        elif scenario == "amount_differs":
            payment.amount = payment.different_amount()
        elif scenario in VIEWS:
            payment.views.add(scenario)
        elif scenario == "duplicate_order_id":
            total = payment.different_amount()
            self._paid_in_widget(payment, {"totalCharge": total, "taxFreeAmount": total - 1, "vat": 1}, older=True)

    def _other_order(self, payment: Payment) -> str:
        total = max(2, payment.amount // CHEAPER_BY)
        order = {
            "orderIdFromClient": f"other{token_hex(8)}",
            "clientGeneratedUserId": f"other{token_hex(8)}",
            "purchasingProductName": "Another order",
            "totalCharge": total,
            "taxFreeAmount": total - 1,
            "vat": 1,
        }
        return self._paid_in_widget(payment, order)

    def _paid_in_widget(self, like: Payment, changes: dict[str, Any], *, older: bool = False) -> str:
        order = {**like.order, **changes}
        if older:
            return self._book.finish_widget(self._book.issue(order, older_by=OLDER_BY))
        return self._book.finish_widget(self._book.issue(order))
