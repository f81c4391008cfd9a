"""Point3's book: every payment and every won it moved. All methods finish in one step, so none can interleave."""

import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from simulator.clock import SimClock
from simulator.opaque import Opaque
from simulator.point3.payment import Payment, Status
from simulator.point3.wire import Refusal

CANCEL_BATCH_S = 300
"""Cancels are executed in batches, every five minutes. Contract §4.4."""
SETTLEMENT_REFRESH_S = 1800
"""The settlement figure is renewed every thirty minutes. Contract §4.4."""
OLDER_BY = timedelta(minutes=1)
"""How much older the other payment of a duplicated order id is."""


class Book:
    """The payments of one merchant at Point3, its secret, and its money."""

    def __init__(self, clock: SimClock, opaque: Opaque, secret: str) -> None:
        self.clock = clock
        self._opaque = opaque
        self._first_secret = secret
        self.reset()

    def reset(self) -> None:
        """Forget every payment, and go back to the first secret."""
        self.secret = self._first_secret
        self._payments: list[Payment] = []
        self._by_token: dict[str, Payment] = {}
        self._by_signature: dict[str, Payment] = {}
        self._by_reference: dict[str, list[Payment]] = {}
        self._by_user: dict[str, list[Payment]] = {}
        self._awaiting_batch: list[Payment] = []
        self._moves: list[tuple[float, int]] = []  # (elapsed seconds, won taken or given back)

    def knows_secret(self, authorization: str | None) -> bool:
        """True when the header is `Basic` and the current secret, as issued."""
        expected = f"Basic {self.secret}".encode()
        return authorization is not None and hmac.compare_digest(authorization.encode(), expected)

    def refresh_secret(self) -> str:
        """A new secret; the old one is dead at once."""
        self.secret = self._opaque.make("sim_point3_")
        return self.secret

    def issue(self, order: Mapping[str, Any], *, older_by: timedelta = timedelta(0)) -> Payment:
        """Open a payment for an order that was checked."""
        payment = Payment(
            token=self._opaque.make("tok"),
            order=dict(order),
            created_at=self.clock.now() - older_by,
            amount=order["totalCharge"],
        )
        self._payments.append(payment)
        self._by_token[payment.token] = payment
        self._by_reference.setdefault(payment.reference, []).append(payment)
        self._by_user.setdefault(payment.user_id, []).append(payment)
        return payment

    def finish_widget(self, payment: Payment) -> str:
        """The buyer paid in the widget. Returns the signature: the same one when it is asked again."""
        if payment.signature is None:
            payment.signature = self._opaque.make("sig")
            payment.status = Status.WIDGET_DONE
            self._by_signature[payment.signature] = payment
        return payment.signature

    def confirm(self, payment: Payment, *, declined: bool = False) -> None:
        """Take the money: again, too, when it was taken before, because the vendor's idempotency is unknown."""
        if payment.status not in (Status.WIDGET_DONE, Status.CONFIRMED):
            raise Refusal(400, f"a payment in status {payment.status} cannot be confirmed")
        if declined and payment.status is Status.WIDGET_DONE:
            payment.status = Status.FAILED
            raise Refusal(400, "the payment was declined")
        payment.status = Status.CONFIRMED
        payment.captures += 1
        payment.confirmed_at = payment.confirmed_at or self.clock.now()
        self._moves.append((self.clock.elapsed_s(), payment.amount))

    def request_cancel(self, payment: Payment) -> None:
        """Put a payment into the next batch."""
        if payment.status in (Status.CANCEL_REQUESTED, Status.CANCELLED):
            raise Refusal(400, "the cancel was requested already")
        if payment.status not in (Status.WIDGET_DONE, Status.CONFIRMED):
            raise Refusal(400, f"a payment in status {payment.status} cannot be cancelled")
        payment.status = Status.CANCEL_REQUESTED
        payment.cancel_due_s = self.clock.next_boundary(CANCEL_BATCH_S)
        self._awaiting_batch.append(payment)

    def run_due_batches(self) -> None:
        """Execute the cancels whose batch has come, as of the batch's own time. Call before anything is read."""
        now_s = self.clock.elapsed_s()
        waiting: list[Payment] = []
        for payment in self._awaiting_batch:
            if payment.cancel_due_s is None or payment.cancel_due_s > now_s:
                waiting.append(payment)
                continue
            payment.status = Status.CANCELLED
            payment.cancels += 1
            payment.cancelled_at = self.clock.at(payment.cancel_due_s)
            if payment.captures:
                payment.refunded = payment.amount
                self._moves.append((payment.cancel_due_s, -payment.amount))
        self._awaiting_batch = waiting

    def settlement(self) -> tuple[int, datetime]:
        """The won that may be settled, and the time of that figure: as old as the last refresh."""
        as_of_s = self.clock.last_boundary(SETTLEMENT_REFRESH_S)
        return sum(won for at_s, won in self._moves if at_s <= as_of_s), self.clock.at(as_of_s)

    def by_token(self, token: str) -> Payment | None:
        """The payment that the widget shows for a token."""
        return self._by_token.get(token)

    def by_signature(self, signature: str) -> Payment | None:
        """The payment with a signature."""
        return self._by_signature.get(signature)

    def by_reference(self, reference: str) -> list[Payment]:
        """The payments of an order id, oldest first."""
        return _oldest_first(self._by_reference.get(reference, ()))

    def by_user(self, user_id: str) -> list[Payment]:
        """The payments of a buyer, oldest first."""
        return _oldest_first(self._by_user.get(user_id, ()))

    def everything(self) -> list[Payment]:
        """All payments, oldest first."""
        return _oldest_first(self._payments)


def _oldest_first(payments: Iterable[Payment]) -> list[Payment]:
    return sorted(payments, key=lambda payment: payment.created_at)
