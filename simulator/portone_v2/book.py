"""PortOne V2's book: payments, their attempts, and every amount that moved. All methods finish in one step."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from simulator.clock import SimClock
from simulator.ids import Ids
from simulator.opaque import Opaque
from simulator.portone_v2.account import PortOneV2Account
from simulator.portone_v2.notices import Notices
from simulator.portone_v2.transaction import Account, Order, Status, Transaction
from simulator.portone_v2.wire import Refusal
from simulator.timers import Timers

ACCOUNT_LIVES = timedelta(days=3)
"""How long a virtual account takes deposits."""
LATE_APPROVAL_S = 5
PENDING_S = 60
"""How long an approval stays pending ([I]; PayPal takes minutes to days)."""


@dataclass(frozen=True, slots=True)
class Registration:
    """What `pre-register` fixed; None is what it left open."""

    total: int | None
    tax_free: int | None
    currency: str | None


@dataclass(slots=True)
class Payment:
    """Everything under one paymentId."""

    id: str
    registration: Registration | None = None
    transactions: list[Transaction] = field(default_factory=list)

    @property
    def success(self) -> Transaction | None:
        """The attempt that was paid; there is at most one."""
        return next((each for each in self.transactions if each.has_succeeded), None)

    @property
    def shown(self) -> Transaction | None:
        """The attempt that a look-up shows: the paid one, else the newest."""
        return self.success or (self.transactions[-1] if self.transactions else None)


class Book:
    """The payments of one store."""

    def __init__(
        self, clock: SimClock, account: PortOneV2Account, notices: Notices, timers: Timers, ids: Ids, opaque: Opaque
    ) -> None:
        self.clock = clock
        self.account = account
        self.notices = notices
        self.timers = timers
        self.ids = ids
        self._opaque = opaque
        self.reset()

    def reset(self) -> None:
        """Forget every payment."""
        self._payments: dict[str, Payment] = {}
        self._by_transaction: dict[str, Transaction] = {}

    def register(self, payment_id: str, registration: Registration) -> None:
        """Fix the amount before the window opens; again, while nothing is paid, replaces it."""
        payment = self._payments.setdefault(payment_id, Payment(payment_id))
        if payment.success is not None:
            raise Refusal("ALREADY_PAID", "the payment is already paid")
        payment.registration = registration

    def payment(self, payment_id: str) -> Payment | None:
        """What is known under a paymentId, if only its pre-registration."""
        return self._payments.get(payment_id)

    def transaction(self, tx_id: str) -> Transaction | None:
        """One attempt."""
        return self._by_transaction.get(tx_id)

    def everything(self) -> list[Transaction]:
        """All attempts, oldest first."""
        return list(self._by_transaction.values())

    def payments(self) -> list[Payment]:
        """All payments in which a window was opened, oldest first."""
        return [payment for payment in self._payments.values() if payment.transactions]

    def open(self, order: Order, *, webhook_mode: str | None = None, has_old_webhooks: bool = False) -> Transaction:
        """Open a window: a new attempt, READY."""
        payment = self._payments.setdefault(order.payment_id, Payment(order.payment_id))
        if payment.success is not None:
            raise Refusal("ALREADY_PAID", "the payment is already paid")
        now = self.clock.now()
        transaction = Transaction(
            self.ids.make(),
            order,
            self.account.channel,
            now,
            now,
            held=order.total,
            webhook_mode=webhook_mode,
            has_old_webhooks=has_old_webhooks,
        )
        payment.transactions.append(transaction)
        self._by_transaction[transaction.id] = transaction
        self.notices.tell(transaction, "Ready")
        return transaction

    def capture(self, transaction: Transaction, *, is_told: bool = True, trigger: str | None = None) -> None:
        """Take the money. Raises Refusal(ALREADY_PAID) when an attempt of this payment succeeded before."""
        if self._payments[transaction.order.payment_id].success is not None:
            raise Refusal("ALREADY_PAID", "the payment is already paid")
        transaction.captures += 1
        transaction.payment_token = None
        transaction.pg_tx_id = transaction.pg_tx_id or self._pg_tx_id()
        transaction.paid_at = self._change(transaction, Status.PAID)
        if is_told:
            self.notices.tell(transaction, "Paid", trigger=trigger)

    def fail(self, transaction: Transaction, failure: Mapping[str, str]) -> None:
        """The payment company refused."""
        transaction.failure = failure
        transaction.payment_token = None
        transaction.failed_at = self._change(transaction, Status.FAILED)
        self.notices.tell(transaction, "Failed")

    def approve_late(self, transaction: Transaction) -> None:
        """Have a failed attempt succeed after all, unless another one is paid by then."""

        def approve() -> None:
            if self._payments[transaction.order.payment_id].success is None:
                self.capture(transaction, trigger="ASYNC_PAY_APPROVED")

        self.timers.after(LATE_APPROVAL_S, approve)

    def pend(self, transaction: Transaction) -> None:
        """Leave the approval open; it comes by itself."""
        transaction.pg_tx_id = self._pg_tx_id()
        self._change(transaction, Status.PAY_PENDING)
        self.notices.tell(transaction, "PayPending")

        def approve() -> None:
            no_success = self._payments[transaction.order.payment_id].success is None
            if transaction.status is Status.PAY_PENDING and no_success:
                self.capture(transaction, trigger="ASYNC_PAY_APPROVED")

        self.timers.after(PENDING_S, approve)

    def await_confirm(self, transaction: Transaction) -> str:
        """Manual approval: the buyer is done, the shop must confirm. The status stays READY ([I])."""
        transaction.payment_token = self._opaque.make("paymentToken_")
        return transaction.payment_token

    def issue_account(self, transaction: Transaction) -> None:
        """Give the buyer an account to deposit into."""
        now = self._change(transaction, Status.VIRTUAL_ACCOUNT_ISSUED)
        transaction.pg_tx_id = self._pg_tx_id()
        transaction.account = Account("SHINHAN", self.ids.digits(14), "온틸 상점", now, now + ACCOUNT_LIVES)
        self.notices.tell(transaction, "VirtualAccountIssued")

    def close_account(self, transaction: Transaction) -> None:
        """Take no deposit from now on. The payment is CANCELLED without a cancellation ([I]), and nothing is sent."""
        if transaction.status is not Status.VIRTUAL_ACCOUNT_ISSUED:
            raise Refusal("PAYMENT_NOT_WAITING_FOR_DEPOSIT", "no virtual account of this payment waits for a deposit")
        transaction.closed_at = self._change(transaction, Status.CANCELLED)

    def change_after_cancel(self, transaction: Transaction) -> None:
        """The status that follows from what went back."""
        is_whole = transaction.refunded >= transaction.held
        self._change(transaction, Status.CANCELLED if is_whole else Status.PARTIAL_CANCELLED)

    def _change(self, transaction: Transaction, status: Status) -> datetime:
        transaction.status = status
        transaction.changed_at = self.clock.now()
        return transaction.changed_at

    def _pg_tx_id(self) -> str:
        return f"pgtx{self.ids.digits(20)}"
