"""The buyer: what happens in the payment window, and what the shop's browser then receives."""

from simulator.portone_v1.attempt import AMOUNT_STEP, Attempt, Order
from simulator.portone_v1.book import Book, Sale
from simulator.portone_v1.cancels import from_console
from simulator.portone_v1.prepares import in_minor
from simulator.portone_v1.results import CLOSED, DECLINED, UNHEARD, Outcome
from simulator.portone_v1.scenarios import CANCEL, CANCELS, LOOKUP, NEXT_CALL, PAY, RULES, VIEWS, WEBHOOK_MODES
from simulator.scenarios import Plan
from simulator.twin import RefusedError, UnknownReferenceError

BUYER = {"buyer_name": "Sim Buyer", "buyer_email": "buyer@shop.example"}
"""Who pays for a merchant_uid that was only pre-registered."""
NO_DEPOSIT = frozenset({"declined", "late_approval", "virtual_account"})


class Buyer:
    """Pays, leaves or is refused. Who was refused may try again: that is another imp_uid."""

    def __init__(self, book: Book, plan: Plan) -> None:
        self._book = book
        self._plan = plan

    def pay_reference(self, merchant_uid: str, scenario: str | None) -> Outcome:
        """The buyer of a merchant_uid, without a browser: in the newest window if it is open, else in a new one."""
        sale = self._book.sale(merchant_uid)
        if sale is None:
            raise UnknownReferenceError(f"merchant_uid {merchant_uid!r} was neither prepared nor opened by the SDK")
        self._book.timers.run_due()
        scenario = self._scenario(merchant_uid, scenario)
        if scenario == "console_cancel":
            return Outcome(from_console(self._book, sale.success))
        _refuse_paid(sale)
        newest = sale.attempts[-1] if sale.attempts else None
        if newest is None or not newest.is_open:
            newest = self._book.open(_order(sale, newest))
        return self._do(newest, scenario)

    def pay(self, attempt: Attempt, scenario: str | None) -> Outcome:
        """The buyer in one window."""
        self._book.timers.run_due()
        scenario = self._scenario(attempt.merchant_uid, scenario)
        sale = self._book.sale(attempt.merchant_uid)
        if scenario == "console_cancel":
            return Outcome(from_console(self._book, None if sale is None else sale.success))
        if sale is not None:
            _refuse_paid(sale)
        if not attempt.is_open:
            raise RefusedError(f"this payment is {attempt.status}: open the window again to pay")
        return self._do(attempt, scenario)

    def leave(self, attempt: Attempt) -> Outcome:
        """Close the window. Nothing changes: who paid before has still paid."""
        return Outcome(attempt, CLOSED)

    def _do(self, attempt: Attempt, scenario: str) -> Outcome:
        if scenario == "abandoned":
            return self.leave(attempt)
        if attempt.account is not None:
            return self._deposit(attempt, scenario)
        if scenario in ("declined", "late_approval"):
            self._book.fail(attempt, DECLINED.message, will_be_approved=scenario == "late_approval")
            return Outcome(attempt, DECLINED)
        self._prepare(attempt, scenario)
        if scenario in ("virtual_account", "underpaid_deposit"):
            attempt.is_underpaid = scenario == "underpaid_deposit"
            self._book.issue_account(attempt)
            return Outcome(attempt)
        self._book.capture(attempt)
        if scenario == "contradiction":
            self._book.contradict(attempt)
        return Outcome(attempt, UNHEARD if scenario == "success_false" else None)

    def _deposit(self, attempt: Attempt, scenario: str) -> Outcome:
        if scenario in NO_DEPOSIT:
            raise RefusedError(f"a deposit into a virtual account cannot be {scenario}")
        if attempt.account is None or self._book.clock.now() >= attempt.account.ends_at:
            raise RefusedError("the virtual account takes no deposit any more")
        self._prepare(attempt, scenario)
        if attempt.is_underpaid or scenario == "underpaid_deposit":
            attempt.held = max(1, attempt.order.amount - AMOUNT_STEP)
        self._book.capture(attempt)
        if scenario == "contradiction":
            self._book.contradict(attempt)
        return Outcome(attempt)

    def _prepare(self, attempt: Attempt, scenario: str) -> None:
        """What a scenario changes before the money moves."""
        reference = attempt.merchant_uid
        if scenario in WEBHOOK_MODES:
            attempt.webhook_mode = WEBHOOK_MODES[scenario]
        elif scenario in NEXT_CALL:
            self._plan.add(scenario, {LOOKUP, CANCEL}, reference)
        elif scenario in CANCELS:
            self._plan.add(scenario, {CANCEL}, reference)
        elif scenario == "amount_differs":
            attempt.held = attempt.different_amount()
        elif scenario in VIEWS:
            attempt.views.add(scenario)
        elif scenario in ("test_channel", "live_channel"):
            attempt.channel = scenario.removesuffix("_channel").upper()
        elif scenario == "form_webhooks":
            attempt.has_form_webhooks = True

    def _scenario(self, merchant_uid: str, scenario: str | None) -> str:
        return scenario or self._plan.take(PAY, [merchant_uid], RULES) or "paid"


def _refuse_paid(sale: Sale) -> None:
    if sale.success is not None:
        raise RefusedError(f"the payment is already {sale.success.status}: a merchant_uid can be paid once")


def _order(sale: Sale, last: Attempt | None) -> Order:
    """What a new window is for: the last one's order, else what was pre-registered."""
    if last is not None:
        return last.order
    if sale.registration is None:
        raise RefusedError("the amount is not known: prepare it, or open the window with the SDK")
    amount, currency = in_minor(sale.registration)
    return Order(sale.merchant_uid, f"Order {sale.merchant_uid}"[:40], amount, currency, buyer=BUYER)
