"""Unifi Pay's payments, and every cent that moved. All methods finish in one step, so none can interleave."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from simulator.clock import SimClock, Timers
from simulator.store import LATE_APPROVAL_S, Attempt, another_amount
from simulator.tokens import Tokens, same
from simulator.unifi_pay.order import Order
from simulator.unifi_pay.responses import CURRENCY, Refused
from simulator.unifi_pay.webhooks import Callbacks


class Status(StrEnum):
    """The states that look-ups show. Documented are CONFIRMED and FAILED; the others are the flow diagram's and the
    sibling product's names (docs/gateways/unifi-pay.md §1, §4)."""

    CREATED = "CREATED"
    PAYMENT_REQUESTED = "PAYMENT_REQUESTED"
    CONFIRMED = "CONFIRMED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"


@dataclass(slots=True, eq=False)
class Payment(Attempt):
    """One transaction and what became of it. Several may share an order id."""

    id: str
    """The transactionId."""
    token: str
    """What opens the start page, once."""
    order: Order
    created_at: datetime
    status: Status = Status.CREATED
    session: str | None = None
    """The browser that opened the start page; no other one can use the token again."""
    refunded: int = 0
    currency: str = CURRENCY

    @property
    def reference(self) -> str:
        """The merchant's order id."""
        return self.order.order_id

    @property
    def gateway_ref(self) -> str:
        """The transactionId."""
        return self.id

    @property
    def is_open(self) -> bool:
        """True while the buyer can still pay; who left may come back."""
        return self.status in (Status.CREATED, Status.PAYMENT_REQUESTED)

    @property
    def cancellable(self) -> int:
        """The cents that can be refunded: everything, once."""
        return self.charged if self.status is Status.CONFIRMED else 0

    def different_amount(self) -> int:
        """Lower where something remains."""
        return another_amount(self.order.total, least=1)


class Store:
    """The payments of one caller."""

    def __init__(self, clock: SimClock, timers: Timers, callbacks: Callbacks, tokens: Tokens) -> None:
        self.clock = clock
        self._timers = timers
        self.callbacks = callbacks
        self._tokens = tokens
        self.reset()

    def reset(self) -> None:
        """Forget every payment and every requestId."""
        self._payments: dict[str, Payment] = {}
        self._by_reference: dict[str, list[Payment]] = {}
        self._by_session: dict[str, Payment] = {}
        self._request_ids: set[str] = set()

    def create(self, order: Order) -> Payment:
        """Open a payment. A requestId serves once: its reuse is refused and not replayed ([I], as in Direct)."""
        if order.request_id in self._request_ids:
            raise Refused(409, "DUPLICATE_REQUEST", "this requestId was used before")
        self._request_ids.add(order.request_id)
        token = self._tokens.opaque("start_")
        payment = Payment(self._tokens.uuid(), token, order, self.clock.now(), charged=order.total)
        self._payments[payment.id] = payment
        self._by_reference.setdefault(payment.reference, []).append(payment)
        return payment

    def enter(self, payment: Payment, token: str | None, session: str | None) -> bool:
        """True when this browser may see the start page: it brings the session that the token opened for it.

        The token opens one session, and is worth nothing afterwards ([I]: documented is "one-time token" only).
        """
        if payment.session is not None:
            return same(session, payment.session)
        if not same(token, payment.token):
            return False
        payment.session = self._tokens.opaque("session_")
        self._by_session[payment.session] = payment
        return True

    def request(self, payment: Payment) -> None:
        """The buyer has connected the wallet and not paid yet."""
        if payment.status is Status.CREATED:
            payment.status = Status.PAYMENT_REQUESTED

    def confirm(self, payment: Payment, *, after_s: float = 0.0) -> None:
        """Take the money, and tell the shop, at once or `after_s` later."""
        self._take(payment)
        self.callbacks.send(payment, payment.status, after_s=after_s)

    def end(self, payment: Payment, status: Status) -> None:
        """It is over without money: FAILED or CANCELED. The shop is told."""
        payment.status = status
        self.callbacks.send(payment, payment.status)

    def refund(self, payment: Payment) -> None:
        """Refund the whole of a confirmed payment, and tell the shop. It is CANCELED then.

        [I], all of it: the vendor documents neither a refund nor a status for one, and CANCELED is the sibling's word.
        """
        payment.status = Status.CANCELED
        payment.refunded = payment.charged
        payment.cancels += 1
        self.callbacks.send_refund(payment)

    def approve_late(self, payment: Payment) -> None:
        """A failure that turns into a payment 5 s later, with a callback then."""
        self._timers.after(LATE_APPROVAL_S, lambda: self._take(payment))
        self.callbacks.send(payment, Status.CONFIRMED, after_s=LATE_APPROVAL_S)

    def by_id(self, transaction_id: str | None) -> Payment | None:
        """The payment with this transactionId."""
        return self._payments.get(transaction_id or "")

    def by_session(self, session: object) -> Payment | None:
        """The payment whose start page a browser has open."""
        return self._by_session.get(session) if isinstance(session, str) else None

    def by_reference(self, reference: str) -> list[Payment]:
        """The payments of an order id, oldest first."""
        return list(self._by_reference.get(reference, ()))

    def everything(self) -> Iterable[Payment]:
        """All payments, oldest first."""
        return self._payments.values()

    @staticmethod
    def _take(payment: Payment) -> None:
        payment.status = Status.CONFIRMED
        payment.captures += 1
