"""Point3's payments, and every won that moved. All methods finish in one step, so none can interleave."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from simulator.clock import SimClock, Timers
from simulator.point3.responses import Refused
from simulator.store import Attempt, another_amount
from simulator.tokens import Tokens

CANCEL_BATCH_S = 300
"""Cancels are executed in batches, every five minutes. docs/gateways/point3.md §4.4."""
SETTLEMENT_REFRESH_S = 1800
"""The settlement figure is renewed every thirty minutes. docs/gateways/point3.md §4.4."""
OLDER_BY = timedelta(minutes=1)
"""How much older the other payment of a duplicated order id is."""


class Status(StrEnum):
    """docs/gateways/point3.md §5. Only the journal shows all of them for certain; the vendor's own names are unknown."""

    TOKEN_ISSUED = "TOKEN_ISSUED"  # noqa: S105 - a status
    WIDGET_DONE = "WIDGET_DONE"
    CONFIRMED = "CONFIRMED"
    CANCEL_REQUESTED = "CANCEL_REQUESTED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    ABANDONED = "ABANDONED"


@dataclass(slots=True, eq=False)
class Payment(Attempt):
    """One session of the widget, and what became of it. Several may share an order id."""

    token: str
    order: Mapping[str, Any]
    created_at: datetime
    status: Status = Status.TOKEN_ISSUED
    signature: str | None = None
    confirmed_at: datetime | None = None
    cancelled_at: datetime | None = None
    refunded: int = 0
    currency: str = "KRW"

    @property
    def reference(self) -> str:
        """The merchant's order id."""
        return str(self.order["orderIdFromClient"])

    @property
    def gateway_ref(self) -> str | None:
        """The signature: there is no other name."""
        return self.signature

    @property
    def user_id(self) -> str:
        """The merchant's name for the buyer."""
        return str(self.order["clientGeneratedUserId"])

    @property
    def is_open(self) -> bool:
        """True while the buyer can still pay in the widget; who left may come back."""
        return self.status in (Status.TOKEN_ISSUED, Status.ABANDONED)

    @property
    def cancellable(self) -> int:
        """The won that a cancel refunds: everything, once, and nothing before the money was taken."""
        return self.charged if self.status is Status.CONFIRMED else 0

    def different_amount(self) -> int:
        """Lower where at least 2 won remain (1 supply and 1 VAT)."""
        return another_amount(self.order["totalCharge"], least=2)


class Store:
    """The payments of one merchant at Point3, and its money."""

    def __init__(self, clock: SimClock, timers: Timers, tokens: Tokens) -> None:
        self.clock = clock
        self._timers = timers
        self._tokens = tokens
        self.reset()

    def reset(self) -> None:
        """Forget every payment."""
        self._payments: list[Payment] = []
        self._by_token: dict[str, Payment] = {}
        self._by_signature: dict[str, Payment] = {}
        self._by_reference: dict[str, list[Payment]] = {}
        self._by_user: dict[str, list[Payment]] = {}
        self._moves: list[tuple[float, int]] = []  # (elapsed seconds, won captured or refunded)

    def issue(self, order: Mapping[str, Any], *, older_by: timedelta = timedelta(0)) -> Payment:
        """Open a payment for an order that was checked."""
        payment = Payment(
            self._tokens.opaque("tok"), dict(order), self.clock.now() - older_by, charged=order["totalCharge"]
        )
        self._payments.append(payment)
        self._by_token[payment.token] = payment
        self._by_reference.setdefault(payment.reference, []).append(payment)
        self._by_user.setdefault(payment.user_id, []).append(payment)
        return payment

    def finish_widget(self, payment: Payment) -> str:
        """The buyer paid in the widget. Returns the signature: the same one when it is asked again."""
        if payment.signature is None:
            payment.signature = self._tokens.opaque("sig")
            payment.status = Status.WIDGET_DONE
            self._by_signature[payment.signature] = payment
        return payment.signature

    def confirm(self, payment: Payment, *, declined: bool = False) -> None:
        """Take the money: again, too, when it was taken before, because the vendor's idempotency is unknown.

        Raises Refused(400) for a payment that cannot be confirmed, and for one that is declined.
        """
        if payment.status not in (Status.WIDGET_DONE, Status.CONFIRMED):
            raise Refused(400, f"a payment in status {payment.status} cannot be confirmed")
        if declined and payment.status is Status.WIDGET_DONE:
            payment.status = Status.FAILED
            raise Refused(400, "the payment was declined")
        payment.status = Status.CONFIRMED
        payment.captures += 1
        payment.confirmed_at = payment.confirmed_at or self.clock.now()
        self._moves.append((self.clock.elapsed_s(), payment.charged))

    def request_cancel(self, payment: Payment) -> None:
        """Put a payment into the next batch. Raises Refused(400) when its status does not allow it."""
        if payment.status in (Status.CANCEL_REQUESTED, Status.CANCELLED):
            raise Refused(400, "the cancel was requested already")
        if payment.status not in (Status.WIDGET_DONE, Status.CONFIRMED):
            raise Refused(400, f"a payment in status {payment.status} cannot be cancelled")
        payment.status = Status.CANCEL_REQUESTED
        due_s = self.clock.next_boundary(CANCEL_BATCH_S)

        def cancel() -> None:
            payment.status = Status.CANCELLED
            payment.cancels += 1
            payment.cancelled_at = self.clock.at(due_s)
            if payment.captures:
                payment.refunded = payment.charged
                self._moves.append((due_s, -payment.charged))

        self._timers.at(due_s, cancel)

    def settlement(self) -> tuple[int, datetime]:
        """The won that may be settled, and the time of that figure: as old as the last refresh."""
        as_of_s = self.clock.last_boundary(SETTLEMENT_REFRESH_S)
        return sum(won for at_s, won in self._moves if at_s <= as_of_s), self.clock.at(as_of_s)

    def by_token(self, token: object) -> Payment | None:
        """The payment that the widget shows for a token."""
        return self._by_token.get(token) if isinstance(token, str) else None

    def by_signature(self, signature: object) -> Payment | None:
        """The payment with a signature."""
        return self._by_signature.get(signature) if isinstance(signature, str) else None

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
