"""PortOne V2's payments: their attempts ("transactions"), and every amount that moved. All methods finish in one step."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from simulator.clock import SimClock, Timers
from simulator.portone import Order, PaymentStore, VirtualAccount, WindowAttempt
from simulator.portone import Payment as BasePayment
from simulator.portone_v2.access import PortOneV2Account
from simulator.portone_v2.fields import Refused
from simulator.portone_v2.webhooks import Webhooks
from simulator.store import LATE_APPROVAL_S, another_amount
from simulator.tokens import Tokens

PENDING_S = 60
"""How long an approval stays pending ([I]; PayPal takes minutes to days)."""


class Status(StrEnum):
    """portone-v2.md §2, as payment objects spell them. The list's filter says PENDING where these say PAY_PENDING."""

    READY = "READY"
    PAY_PENDING = "PAY_PENDING"
    VIRTUAL_ACCOUNT_ISSUED = "VIRTUAL_ACCOUNT_ISSUED"
    PAID = "PAID"
    FAILED = "FAILED"
    PARTIAL_CANCELLED = "PARTIAL_CANCELLED"
    CANCELLED = "CANCELLED"


@dataclass(slots=True, eq=False)
class Cancellation:
    """One cancel that was asked for."""

    id: str
    status: str
    total: int
    tax_free: int
    vat: int
    reason: str
    trigger: str
    requested_at: datetime
    cancelled_at: datetime | None = None


@dataclass(slots=True, eq=False, kw_only=True)
class Transaction(WindowAttempt):
    """One attempt and what became of it."""

    status: Status = Status.READY
    closed_at: datetime | None = None
    failure: Mapping[str, str] = field(default_factory=dict)
    pg_tx_id: str | None = None
    payment_token: str | None = None
    """Manual approval: the buyer is done and the money waits for this token at confirm."""
    cancellations: list[Cancellation] = field(default_factory=list)
    has_old_webhooks: bool = False

    @property
    def pay_method(self) -> str:
        """What the page asked for."""
        return str(self.order.details.get("pay_method", "CARD"))

    @property
    def is_open(self) -> bool:
        """True while the buyer can still pay in the window; who left may come back."""
        return self.status is Status.READY and self.payment_token is None

    @property
    def is_payable(self) -> bool:
        """In the window, by a deposit, or by an approval that is pending."""
        return self.is_open or self.status in (Status.VIRTUAL_ACCOUNT_ISSUED, Status.PAY_PENDING)

    @property
    def total(self) -> int:
        """The payment's amount as shown: an underpaid deposit does not change it ([I]), another charge does."""
        return self.order.total if self.is_underpaid else self.charged

    @property
    def vat(self) -> int:
        """The VAT within the amount."""
        if self.order.vat is not None and self.total == self.order.total:
            return self.order.vat
        return vat_within(self.total - self.order.tax_free)

    @property
    def refunded(self) -> int:
        """In minor units."""
        return sum(each.total for each in self.cancellations if each.status == "SUCCEEDED")

    def live_cancellations(self) -> list[Cancellation]:
        """Those that count against what is left: done, or on their way."""
        return [each for each in self.cancellations if each.status in ("SUCCEEDED", "REQUESTED")]

    def different_amount(self) -> int:
        """Lower where what is tax free still fits into it."""
        return another_amount(self.order.total, least=self.order.tax_free + 1)


def vat_within(taxed: int) -> int:
    """An eleventh, rounded half up: 91 of 1,000. Source: browser SDK schema, `VatAmount`."""
    return (2 * max(0, taxed) + 11) // 22


@dataclass(frozen=True, slots=True)
class Registration:
    """What `pre-register` fixed; None is what it left open."""

    total: int | None
    tax_free: int | None
    currency: str | None


Payment = BasePayment[Transaction, Registration]
"""Everything under one paymentId."""


class Store(PaymentStore[Transaction, Registration]):
    """The payments of one store."""

    def __init__(
        self, clock: SimClock, account: PortOneV2Account, webhooks: Webhooks, timers: Timers, tokens: Tokens
    ) -> None:
        super().__init__(clock, timers, tokens)
        self.account = account
        self.webhooks = webhooks

    def register(self, payment_id: str, registration: Registration) -> None:
        """Fix the amount before the window opens; again, while nothing is paid, replaces it."""
        payment = self._under(payment_id)
        if payment.success is not None:
            raise Refused("ALREADY_PAID", "the payment is already paid")
        payment.registration = registration

    def open(self, order: Order, *, webhook_mode: str | None = None, has_old_webhooks: bool = False) -> Transaction:
        """Open a window: a new attempt, READY."""
        if self._under(order.reference).success is not None:
            raise Refused("ALREADY_PAID", "the payment is already paid")
        now = self.clock.now()
        transaction = Transaction(
            id=self.tokens.uuid(),
            order=order,
            channel=self.account.channel,
            opened_at=now,
            changed_at=now,
            charged=order.total,
            webhook_mode=webhook_mode,
            has_old_webhooks=has_old_webhooks,
        )
        self._keep(transaction)
        self.webhooks.send(transaction, "Ready")
        return transaction

    def capture(self, transaction: Transaction, *, with_webhook: bool = True, trigger: str | None = None) -> None:
        """Take the money. Raises Refused(ALREADY_PAID) when an attempt of this payment succeeded before."""
        if self._under(transaction.reference).success is not None:
            raise Refused("ALREADY_PAID", "the payment is already paid")
        transaction.captures += 1
        transaction.payment_token = None
        transaction.pg_tx_id = transaction.pg_tx_id or self._pg_tx_id()
        transaction.paid_at = self._change(transaction, Status.PAID)
        if with_webhook:
            self.webhooks.send(transaction, "Paid", trigger=trigger)

    def fail(self, transaction: Transaction, failure: Mapping[str, str]) -> None:
        """The payment company refused."""
        transaction.failure = failure
        transaction.payment_token = None
        transaction.failed_at = self._change(transaction, Status.FAILED)
        self.webhooks.send(transaction, "Failed")

    def approve_late(self, transaction: Transaction) -> None:
        """Have a failed attempt succeed after all, unless another one is paid by then."""
        self._after(LATE_APPROVAL_S, transaction, lambda: self.capture(transaction, trigger="ASYNC_PAY_APPROVED"))

    def pend(self, transaction: Transaction) -> None:
        """Leave the approval open; it comes by itself."""
        transaction.pg_tx_id = self._pg_tx_id()
        self._change(transaction, Status.PAY_PENDING)
        self.webhooks.send(transaction, "PayPending")

        def approve() -> None:
            if transaction.status is Status.PAY_PENDING:
                self.capture(transaction, trigger="ASYNC_PAY_APPROVED")

        self._after(PENDING_S, transaction, approve)

    def await_confirm(self, transaction: Transaction) -> str:
        """Manual approval: the buyer is done, the shop must confirm. The status stays READY ([I])."""
        transaction.payment_token = self.tokens.opaque("paymentToken_")
        return transaction.payment_token

    def issue_account(self, transaction: Transaction) -> None:
        """Give the buyer an account to deposit into."""
        now = self._change(transaction, Status.VIRTUAL_ACCOUNT_ISSUED)
        transaction.pg_tx_id = self._pg_tx_id()
        transaction.account = VirtualAccount("SHINHAN", self.tokens.digits(14), now)
        self.webhooks.send(transaction, "VirtualAccountIssued")

    def close_account(self, transaction: Transaction) -> None:
        """Take no deposit from now on. The payment is CANCELLED without a cancellation ([I]), and nothing is sent."""
        if transaction.status is not Status.VIRTUAL_ACCOUNT_ISSUED:
            raise Refused("PAYMENT_NOT_WAITING_FOR_DEPOSIT", "no virtual account of this payment waits for a deposit")
        transaction.closed_at = self._change(transaction, Status.CANCELLED)

    def change_after_cancel(self, transaction: Transaction) -> None:
        """The status that follows from what is refunded."""
        is_whole = transaction.refunded >= transaction.charged
        self._change(transaction, Status.CANCELLED if is_whole else Status.PARTIAL_CANCELLED)

    def _pg_tx_id(self) -> str:
        return f"pgtx{self.tokens.digits(20)}"
