"""Unifi Pay's book: every payment and every cent it moved. All methods finish in one step, so none can interleave."""

import hmac
from collections.abc import Iterable

from simulator.clock import SimClock
from simulator.ids import Ids
from simulator.opaque import Opaque
from simulator.unifi_pay.callbacks import Callbacks
from simulator.unifi_pay.order import Order
from simulator.unifi_pay.payment import Payment, Status
from simulator.unifi_pay.wire import Refusal

LATE_APPROVAL_S = 5


class Book:
    """The payments of one caller. Call `run_due` before anything is read."""

    def __init__(self, clock: SimClock, callbacks: Callbacks, ids: Ids, opaque: Opaque) -> None:
        self.clock = clock
        self.callbacks = callbacks
        self._ids = ids
        self._opaque = opaque
        self.reset()

    def reset(self) -> None:
        """Forget every payment and every requestId."""
        self._payments: dict[str, Payment] = {}
        self._by_reference: dict[str, list[Payment]] = {}
        self._by_session: dict[str, Payment] = {}
        self._request_ids: set[str] = set()
        self._to_be_approved: list[Payment] = []

    def create(self, order: Order) -> Payment:
        """Open a payment. A requestId serves once: its reuse is refused and not replayed ([I], as in Direct)."""
        if order.request_id in self._request_ids:
            raise Refusal(409, "DUPLICATE_REQUEST", "this requestId was used before")
        self._request_ids.add(order.request_id)
        payment = Payment(
            id=self._ids.make(),
            token=self._opaque.make("start_"),
            order=order,
            created_at=self.clock.now(),
            held=order.total,
        )
        self._payments[payment.id] = payment
        self._by_reference.setdefault(payment.reference, []).append(payment)
        return payment

    def enter(self, payment: Payment, token: str | None, session: str | None) -> bool:
        """True when this browser may see the start page: it brings the session that the token opened for it.

        The token opens one session, and is worth nothing afterwards ([I]: documented is "one-time token" only).
        """
        if payment.session is not None:
            return _same(session, payment.session)
        if not _same(token, payment.token):
            return False
        payment.session = self._opaque.make("session_")
        self._by_session[payment.session] = payment
        return True

    def request(self, payment: Payment) -> None:
        """The buyer has connected the wallet and not paid yet."""
        if payment.status is Status.CREATED:
            payment.status = Status.PAYMENT_REQUESTED

    def confirm(self, payment: Payment, *, after_s: float = 0.0) -> None:
        """Take the money, and tell the shop, at once or `after_s` later."""
        self._take(payment)
        self.callbacks.tell(payment, payment.status, after_s=after_s)

    def end(self, payment: Payment, status: Status) -> None:
        """It is over without money: FAILED or CANCELED. The shop is told."""
        payment.status = status
        self.callbacks.tell(payment, payment.status)

    def give_back(self, payment: Payment) -> None:
        """Give back the whole of a confirmed payment, and tell the shop. It is CANCELED then.

        [I], all of it: the vendor documents neither a refund nor a status for one, and CANCELED is the sibling's word.
        """
        payment.status = Status.CANCELED
        payment.refunded = payment.held
        payment.cancels += 1
        self.callbacks.tell_refund(payment)

    def approve_late(self, payment: Payment) -> None:
        """A failure that turns into a payment 5 s later, with a callback then."""
        payment.approves_at_s = self.clock.elapsed_s() + self.clock.interval(LATE_APPROVAL_S)
        self._to_be_approved.append(payment)
        self.callbacks.tell(payment, Status.CONFIRMED, after_s=LATE_APPROVAL_S)

    def run_due(self) -> None:
        """Carry out the late approvals whose time has come."""
        now_s = self.clock.elapsed_s()
        waiting: list[Payment] = []
        for payment in self._to_be_approved:
            if payment.approves_at_s is not None and payment.approves_at_s <= now_s:
                self._take(payment)
            else:
                waiting.append(payment)
        self._to_be_approved = waiting

    def by_id(self, transaction_id: str) -> Payment | None:
        """The payment with this transactionId."""
        return self._payments.get(transaction_id)

    def by_session(self, session: str) -> Payment | None:
        """The payment whose start page a browser has open."""
        return self._by_session.get(session)

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


def _same(given: str | None, expected: str | None) -> bool:
    if given is None or expected is None:
        return False
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())
