"""PortOne V1's book: what was pre-registered, every opened window, and every amount that moved."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from simulator.clock import SimClock
from simulator.ids import Ids
from simulator.portone_v1.account import PortOneV1Account
from simulator.portone_v1.attempt import Account, Attempt, Cancellation, Order, Status
from simulator.portone_v1.notices import Notices
from simulator.timers import Timers

ACCOUNT_LIVES = timedelta(days=3)
"""How long a virtual account takes deposits ([I])."""
LATE_APPROVAL_S = 5
CANCEL_TAKES_S = 300
"""How long an asynchronous cancel takes."""


@dataclass(frozen=True, slots=True)
class Registration:
    """What `prepare` fixed: major units, because without a currency nobody knows the minor ones."""

    amount: Decimal
    currency: str | None
    """None: not checked."""


@dataclass(slots=True)
class Sale:
    """Everything under one merchant_uid."""

    merchant_uid: str
    registration: Registration | None = None
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def success(self) -> Attempt | None:
        """The attempt that was paid; there is at most one."""
        return next((each for each in self.attempts if each.has_succeeded), None)

    @property
    def shown(self) -> Attempt | None:
        """The attempt that is meant when only the merchant_uid is given: the paid one, else the newest ([I])."""
        return self.success or (self.attempts[-1] if self.attempts else None)


class Book:
    """The payments of one merchant. All methods finish in one step."""

    def __init__(self, clock: SimClock, account: PortOneV1Account, notices: Notices, timers: Timers, ids: Ids) -> None:
        self.clock = clock
        self.account = account
        self.timers = timers
        self._notices = notices
        self._ids = ids
        self.reset()

    def reset(self) -> None:
        """Forget every payment."""
        self._sales: dict[str, Sale] = {}
        self._attempts: dict[str, Attempt] = {}

    def sale(self, merchant_uid: str) -> Sale | None:
        """What is known under a merchant_uid, if only its pre-registration."""
        return self._sales.get(merchant_uid)

    def sales(self) -> list[Sale]:
        """Everything, oldest first."""
        return list(self._sales.values())

    def attempt(self, imp_uid: str) -> Attempt | None:
        """One opened window."""
        return self._attempts.get(imp_uid)

    def attempts(self) -> list[Attempt]:
        """All opened windows, oldest first."""
        return list(self._attempts.values())

    def register(self, merchant_uid: str, registration: Registration) -> None:
        """Fix the amount before a window opens."""
        self._sale(merchant_uid).registration = registration

    def open(self, order: Order, *, webhook_mode: str | None = None, has_form_webhooks: bool = False) -> Attempt:
        """Open a window: a new imp_uid, `ready`. Nothing is sent."""
        now = self.clock.now()
        imp_uid = f"imp_{self._ids.digits(12)}"
        while imp_uid in self._attempts:
            imp_uid = f"imp_{self._ids.digits(12)}"
        attempt = Attempt(
            imp_uid,
            len(self._attempts),
            order,
            self.account.channel,
            now,
            now,
            held=order.amount,
            webhook_mode=webhook_mode,
            has_form_webhooks=has_form_webhooks,
        )
        self._sale(order.merchant_uid).attempts.append(attempt)
        self._attempts[imp_uid] = attempt
        return attempt

    def capture(self, attempt: Attempt) -> None:
        """Take the money, and tell the shop. The caller has seen that nothing of this merchant_uid is paid."""
        attempt.captures += 1
        attempt.pg_tid = attempt.pg_tid or self._pg_tid()
        attempt.paid_at = self._change(attempt, Status.PAID)
        self._notices.tell(attempt, attempt.status)

    def fail(self, attempt: Attempt, reason: str, *, will_be_approved: bool = False) -> None:
        """Paymentwall refused, and no webhook says so. It may approve after all, unless another one is paid then."""
        attempt.fail_reason = reason
        attempt.failed_at = self._change(attempt, Status.FAILED)

        def approve() -> None:
            if self._sale(attempt.merchant_uid).success is None:
                self.capture(attempt)

        if will_be_approved:
            self.timers.after(LATE_APPROVAL_S, approve)

    def contradict(self, attempt: Attempt) -> None:
        """Tell the shop that a paid payment failed."""
        self._notices.tell(attempt, Status.FAILED)

    def issue_account(self, attempt: Attempt) -> None:
        """Give the buyer an account to deposit into."""
        now = self._change(attempt, Status.READY)
        attempt.pg_tid = self._pg_tid()
        attempt.account = Account("088", "신한은행", self._ids.digits(14), "온틸 상점", now, now + ACCOUNT_LIVES)
        self._notices.tell(attempt, attempt.status)

    def cancel(self, attempt: Attempt, amount: int, reason: str, *, later: bool = False, is_told: bool = False) -> None:
        """Give back what the caller has seen to be left, now or when the pingback of Paymentwall comes.

        Only cancels in the console are told.
        """
        cancellation = Cancellation(self._ids.make(), amount, reason, self._pg_tid())
        attempt.cancellations.append(cancellation)

        def give_back() -> None:
            cancellation.cancelled_at = self.clock.now()
            attempt.cancels += 1
            is_whole = attempt.refunded >= attempt.held
            self._change(attempt, Status.CANCELLED if is_whole else Status.PAID)
            if is_told:
                self._notices.tell(attempt, Status.CANCELLED, cancellation.id)

        if later:
            self.timers.after(CANCEL_TAKES_S, give_back)
        else:
            give_back()

    def _sale(self, merchant_uid: str) -> Sale:
        return self._sales.setdefault(merchant_uid, Sale(merchant_uid))

    def _change(self, attempt: Attempt, status: Status) -> datetime:
        attempt.status = status
        attempt.changed_at = self.clock.now()
        return attempt.changed_at

    def _pg_tid(self) -> str:
        return f"b{self._ids.digits(9)}"
