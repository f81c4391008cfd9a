"""PortOne V1's payments: what was pre-registered, every opened window, and every amount that moved."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from simulator.clock import SimClock, Timers
from simulator.portone_v1.access import PortOneV1Account
from simulator.portone_v1.fields import to_minor
from simulator.portone_v1.webhooks import Webhooks
from simulator.store import LATE_APPROVAL_S, VirtualAccount, another_amount
from simulator.store import Attempt as BaseAttempt
from simulator.store import Payment as BasePayment
from simulator.tokens import Tokens

CANCEL_TAKES_S = 300
"""How long an asynchronous cancel takes."""


class Status(StrEnum):
    """The contract's §3. A partial cancel leaves a payment `paid`."""

    READY = "ready"
    PAID = "paid"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Order:
    """What the shop's page asked for when it opened the payment window. Amounts in minor units."""

    merchant_uid: str
    name: str
    amount: int
    currency: str
    tax_free: int = 0
    vat: int | None = None
    buyer: Mapping[str, str] = field(default_factory=dict)
    """`buyer_name` and the like, those that were given."""
    custom_data: str | None = None
    notice_urls: tuple[str, ...] = ()
    redirect_url: str | None = None
    """`m_redirect_url`."""
    is_mobile: bool = False
    """True when the result travels in the query of `redirect_url`."""
    user_agent: str = ""


@dataclass(slots=True, eq=False)
class Cancellation:
    """One cancel that was accepted; `cancelled_at` is None until the money went back."""

    id: str
    amount: int
    reason: str
    pg_tid: str
    cancelled_at: datetime | None = None


@dataclass(slots=True, eq=False)
class Attempt(BaseAttempt):
    """One imp_uid and what became of it."""

    imp_uid: str
    number: int
    """Counts the openings, to keep their order where times are equal."""
    order: Order
    channel: str
    started_at: datetime
    changed_at: datetime
    status: Status = Status.READY
    pg_tid: str | None = None
    paid_at: datetime | None = None
    failed_at: datetime | None = None
    fail_reason: str | None = None
    account: VirtualAccount | None = None
    cancellations: list[Cancellation] = field(default_factory=list)
    has_form_webhooks: bool = False
    is_underpaid: bool = False

    @property
    def reference(self) -> str:
        """The merchant_uid."""
        return self.order.merchant_uid

    @property
    def gateway_ref(self) -> str:
        """The imp_uid."""
        return self.imp_uid

    @property
    def currency(self) -> str:
        """As ordered."""
        return self.order.currency

    @property
    def is_open(self) -> bool:
        """True while the buyer can still pay in the window, or deposit; who left may come back."""
        return self.status is Status.READY

    @property
    def refunded(self) -> int:
        """What went back."""
        return sum(each.amount for each in self.cancellations if each.cancelled_at is not None)

    @property
    def cancellable(self) -> int:
        """What can still be cancelled; a cancel on its way counts as done ([I])."""
        return self.charged - sum(each.amount for each in self.cancellations)

    def different_amount(self) -> int:
        """Lower where something is left."""
        return another_amount(self.order.amount, least=1)


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


class Store:
    """The payments of one merchant. All methods finish in one step."""

    def __init__(
        self, clock: SimClock, account: PortOneV1Account, webhooks: Webhooks, timers: Timers, tokens: Tokens
    ) -> None:
        self.clock = clock
        self.account = account
        self.timers = timers
        self._webhooks = webhooks
        self._tokens = tokens
        self.reset()

    def reset(self) -> None:
        """Forget every payment."""
        self._payments: dict[str, Payment] = {}
        self._attempts: dict[str, Attempt] = {}

    def payment(self, merchant_uid: str) -> Payment | None:
        """What is known under a merchant_uid, if only its pre-registration."""
        return self._payments.get(merchant_uid)

    def payments(self) -> list[Payment]:
        """Everything, oldest first."""
        return list(self._payments.values())

    def attempt(self, imp_uid: str) -> Attempt | None:
        """One opened window."""
        return self._attempts.get(imp_uid)

    def attempts(self) -> list[Attempt]:
        """All opened windows, oldest first."""
        return list(self._attempts.values())

    def register(self, merchant_uid: str, registration: Registration) -> None:
        """Fix the amount before a window opens."""
        self._payment(merchant_uid).registration = registration

    def open(self, order: Order, *, webhook_mode: str | None = None, has_form_webhooks: bool = False) -> Attempt:
        """Open a window: a new imp_uid, `ready`. Nothing is sent."""
        now = self.clock.now()
        imp_uid = f"imp_{self._tokens.digits(12)}"
        while imp_uid in self._attempts:
            imp_uid = f"imp_{self._tokens.digits(12)}"
        attempt = Attempt(
            imp_uid,
            len(self._attempts),
            order,
            self.account.channel,
            now,
            now,
            charged=order.amount,
            webhook_mode=webhook_mode,
            has_form_webhooks=has_form_webhooks,
        )
        self._payment(order.merchant_uid).attempts.append(attempt)
        self._attempts[imp_uid] = attempt
        return attempt

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

        def approve() -> None:
            if self._payment(attempt.reference).success is None:
                self.capture(attempt)

        if will_be_approved:
            self.timers.after(LATE_APPROVAL_S, approve)

    def contradict(self, attempt: Attempt) -> None:
        """Tell the shop that a paid payment failed."""
        self._webhooks.send(attempt, Status.FAILED)

    def issue_account(self, attempt: Attempt) -> None:
        """Give the buyer an account to deposit into."""
        now = self._change(attempt, Status.READY)
        attempt.pg_tid = self._pg_tid()
        attempt.account = VirtualAccount("088", self._tokens.digits(14), now)
        self._webhooks.send(attempt, attempt.status)

    def cancel(
        self, attempt: Attempt, amount: int, reason: str, *, later: bool = False, with_webhook: bool = False
    ) -> None:
        """Give back what the caller has seen to be left, now or when the pingback of Paymentwall comes.

        Only cancels in the console are told.
        """
        cancellation = Cancellation(self._tokens.uuid(), amount, reason, self._pg_tid())
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

    def _payment(self, merchant_uid: str) -> Payment:
        return self._payments.setdefault(merchant_uid, Payment(merchant_uid))

    def _change(self, attempt: Attempt, status: Status) -> datetime:
        attempt.status = status
        attempt.changed_at = self.clock.now()
        return attempt.changed_at

    def _pg_tid(self) -> str:
        return f"b{self._tokens.digits(9)}"
