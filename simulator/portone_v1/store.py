"""PortOne V1's payments: what was pre-registered, every opened window, and every amount that moved."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from simulator.clock import SimClock, Timers
from simulator.portone import Order, PaymentStore, VirtualAccount, WindowAttempt
from simulator.portone import Payment as BasePayment
from simulator.portone_v1.access import PortOneV1Account
from simulator.portone_v1.fields import to_minor
from simulator.portone_v1.webhooks import Webhooks
from simulator.store import LATE_APPROVAL_S, another_amount
from simulator.tokens import Tokens

CANCEL_TAKES_S = 300
"""How long an asynchronous cancel takes."""


class Status(StrEnum):
    """docs/gateways/portone-v1.md §3. A partial cancel leaves a payment `paid`."""

    READY = "ready"
    PAID = "paid"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(slots=True, eq=False)
class Cancellation:
    """One cancel that was accepted; `cancelled_at` is None until the money went back."""

    id: str
    amount: int
    reason: str
    pg_tid: str
    cancelled_at: datetime | None = None


@dataclass(slots=True, eq=False, kw_only=True)
class Attempt(WindowAttempt):
    """One imp_uid and what became of it."""

    number: int
    """Counts the openings, to keep their order where times are equal."""
    status: Status = Status.READY
    pg_tid: str | None = None
    fail_reason: str | None = None
    cancellations: list[Cancellation] = field(default_factory=list)
    has_form_webhooks: bool = False

    @property
    def is_payable(self) -> bool:
        """In the window, or by a deposit."""
        return self.status is Status.READY

    @property
    def refunded(self) -> int:
        """In minor units."""
        return sum(each.amount for each in self.cancellations if each.cancelled_at is not None)

    @property
    def cancellable(self) -> int:
        """What can still be cancelled; a cancel on its way counts as done ([I])."""
        return self.charged - sum(each.amount for each in self.cancellations)

    def different_amount(self) -> int:
        """Lower where something is left."""
        return another_amount(self.order.total, least=1)


@dataclass(frozen=True, slots=True)
class Registration:
    """What `prepare` fixed: major units, because without a currency nobody knows the minor ones."""

    amount: Decimal
    currency: str | None
    """None: not checked."""

    def in_minor(self) -> tuple[int, str]:
        """Minor units and currency. Without a currency, whole amounts are taken for won and others for dollars ([I]).

        Raises ValueError for an unknown currency, and for an amount finer than its minor unit.
        """
        currency = self.currency or ("KRW" if self.amount == self.amount.to_integral_value() else "USD")
        return to_minor(self.amount, currency), currency


Payment = BasePayment[Attempt, Registration]
"""Everything under one merchant_uid."""


class Store(PaymentStore[Attempt, Registration]):
    """The payments of one merchant."""

    def __init__(
        self, clock: SimClock, account: PortOneV1Account, webhooks: Webhooks, timers: Timers, tokens: Tokens
    ) -> None:
        super().__init__(clock, timers, tokens)
        self.account = account
        self._webhooks = webhooks

    def register(self, merchant_uid: str, registration: Registration) -> None:
        """Fix the amount before a window opens."""
        self._under(merchant_uid).registration = registration

    def open(self, order: Order) -> Attempt:
        """Open a window: a new imp_uid, `ready`. Nothing is sent."""
        now = self.clock.now()
        imp_uid = f"imp_{self.tokens.digits(12)}"
        while self.attempt(imp_uid) is not None:
            imp_uid = f"imp_{self.tokens.digits(12)}"
        channel, number = self.account.channel, len(self.attempts())
        return self._keep(
            Attempt(
                number=number,
                id=imp_uid,
                order=order,
                channel=channel,
                opened_at=now,
                changed_at=now,
                charged=order.total,
            )
        )

    def capture(self, attempt: Attempt) -> None:
        """Take the money, and tell the shop. The caller has seen that nothing of this merchant_uid is paid."""
        attempt.captures += 1
        attempt.pg_tid = attempt.pg_tid or self._pg_tid()
        attempt.paid_at = self._change(attempt, Status.PAID)
        self._webhooks.send(attempt, attempt.status)

    def fail(self, attempt: Attempt, reason: str, *, will_be_approved: bool = False) -> None:
        """Paymentwall refused, and no webhook says so. It may approve after all, unless another one is paid then."""
        attempt.fail_reason = reason
        attempt.failed_at = self._change(attempt, Status.FAILED)
        if will_be_approved:
            self._after(LATE_APPROVAL_S, attempt, lambda: self.capture(attempt))

    def contradict(self, attempt: Attempt) -> None:
        """Tell the shop that a paid payment failed."""
        self._webhooks.send(attempt, Status.FAILED)

    def issue_account(self, attempt: Attempt) -> None:
        """Give the buyer an account to deposit into."""
        now = self._change(attempt, Status.READY)
        attempt.pg_tid = self._pg_tid()
        attempt.account = VirtualAccount("088", self.tokens.digits(14), now)
        self._webhooks.send(attempt, attempt.status)

    def cancel(
        self, attempt: Attempt, amount: int, reason: str, *, later: bool = False, with_webhook: bool = False
    ) -> None:
        """Refund what the caller has seen to be left, now or when the pingback of Paymentwall comes.

        Only cancels in the console are told.
        """
        cancellation = Cancellation(self.tokens.uuid(), amount, reason, self._pg_tid())
        attempt.cancellations.append(cancellation)

        def done() -> None:
            cancellation.cancelled_at = self.clock.now()
            attempt.cancels += 1
            is_whole = attempt.refunded >= attempt.charged
            self._change(attempt, Status.CANCELLED if is_whole else Status.PAID)
            if with_webhook:
                self._webhooks.send(attempt, Status.CANCELLED, cancellation.id)

        if later:
            self.timers.after(CANCEL_TAKES_S, done)
        else:
            done()

    def _pg_tid(self) -> str:
        return f"b{self.tokens.digits(9)}"
