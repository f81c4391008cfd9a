"""The states of a payment, of an attempt and of a refund, and the only moves between them.

One table each, one function each. Every status write in the product asks here first; `docs/states.md` is generated from
these tables, and the tests assert every (source, target) pair.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TypeVar

from app.domain.errors import IllegalTransition


class PaymentStatus(StrEnum):
    """What the shop sees. Refunded totals are sums over refunds; these names only summarise them."""

    OPEN = "open"
    PROCESSING = "processing"
    AWAITING_DEPOSIT = "awaiting_deposit"
    PAID = "paid"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REVIEW = "review"


class AttemptStatus(StrEnum):
    """One try at one gateway. `unknown` means asked, no answer kept: only a look-up ends it."""

    CREATED = "created"
    PENDING = "pending"
    AWAITING_DEPOSIT = "awaiting_deposit"
    CAPTURED = "captured"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"
    UNKNOWN = "unknown"
    REJECTED = "rejected"


class RefundStatus(StrEnum):
    """One refund. Its amount is reserved from the first row on, until it has failed."""

    CREATED = "created"
    UNKNOWN = "unknown"
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


P, A, R = PaymentStatus, AttemptStatus, RefundStatus
S = TypeVar("S", PaymentStatus, AttemptStatus, RefundStatus)

PAYMENT_MOVES: Mapping[PaymentStatus, frozenset[PaymentStatus]] = {
    P.OPEN: frozenset({P.PROCESSING, P.AWAITING_DEPOSIT, P.PAID, P.CANCELED, P.EXPIRED, P.REVIEW}),
    P.PROCESSING: frozenset({P.OPEN, P.AWAITING_DEPOSIT, P.PAID, P.CANCELED, P.EXPIRED, P.REVIEW}),
    P.AWAITING_DEPOSIT: frozenset({P.OPEN, P.PROCESSING, P.PAID, P.CANCELED, P.EXPIRED, P.REVIEW}),
    P.PAID: frozenset({P.PARTIALLY_REFUNDED, P.REFUNDED, P.REVIEW}),
    P.PARTIALLY_REFUNDED: frozenset({P.REFUNDED, P.REVIEW}),
    P.REFUNDED: frozenset({P.PARTIALLY_REFUNDED, P.REVIEW}),  # the gateway refunded less than it said
    P.CANCELED: frozenset({P.REVIEW}),
    P.EXPIRED: frozenset({P.PAID, P.REVIEW}),  # late approval of an order that nobody else has paid meanwhile
    P.REVIEW: frozenset({P.PAID, P.CANCELED, P.PARTIALLY_REFUNDED, P.REFUNDED}),  # a person decides
}

ATTEMPT_MOVES: Mapping[AttemptStatus, frozenset[AttemptStatus]] = {
    # The process may have died with the answer to `start`: what a look-up then proves must be storable, money above all.
    A.CREATED: frozenset(set(A) - {A.CREATED}),
    A.PENDING: frozenset({A.AWAITING_DEPOSIT, A.CAPTURED, A.UNKNOWN, A.FAILED, A.CANCELED, A.EXPIRED, A.REJECTED}),
    A.AWAITING_DEPOSIT: frozenset({A.CAPTURED, A.UNKNOWN, A.FAILED, A.CANCELED, A.EXPIRED, A.REJECTED}),
    A.UNKNOWN: frozenset({A.PENDING, A.AWAITING_DEPOSIT, A.CAPTURED, A.FAILED, A.CANCELED, A.EXPIRED, A.REJECTED}),
    # Late approval: by look-up only. And one whose window was never opened may be opened after all.
    A.FAILED: frozenset({A.PENDING, A.CAPTURED, A.REJECTED}),
    A.EXPIRED: frozenset({A.CAPTURED, A.REJECTED}),  # the same, after we stopped waiting
    A.CANCELED: frozenset({A.REJECTED}),  # money that turns up afterwards goes back
    A.CAPTURED: frozenset(),
    A.REJECTED: frozenset(),
}

REFUND_MOVES: Mapping[RefundStatus, frozenset[RefundStatus]] = {
    # Found at the gateway, or marked by a person, a refund that we never asked for is done all the same.
    R.CREATED: frozenset({R.UNKNOWN, R.PENDING, R.SUCCEEDED, R.FAILED}),
    R.UNKNOWN: frozenset({R.CREATED, R.PENDING, R.SUCCEEDED, R.FAILED}),  # back to created: the call was never sent
    R.PENDING: frozenset({R.SUCCEEDED, R.FAILED}),
    R.FAILED: frozenset({R.PENDING, R.SUCCEEDED}),  # an earlier call was carried out after all: by look-up only
    R.SUCCEEDED: frozenset(),
}

ATTEMPT_UNDECIDED = frozenset({A.CREATED, A.PENDING, A.AWAITING_DEPOSIT, A.UNKNOWN})
"""States that must have a next time to look (law 8)."""

REFUND_UNDECIDED = frozenset({R.CREATED, R.UNKNOWN, R.PENDING})
"""Refunds whose amount is reserved, and that must have a next time to look."""

PAYMENT_UNPAID = frozenset({P.OPEN, P.PROCESSING, P.AWAITING_DEPOSIT})
"""States in which money may still be collected."""

PAYMENT_COLLECTED = frozenset({P.PAID, P.PARTIALLY_REFUNDED, P.REFUNDED})
"""States that follow a capture that we kept."""


def check_payment(source: PaymentStatus, target: PaymentStatus) -> bool:
    """True: apply the move. False: a repeat, nothing to do. Raises IllegalTransition otherwise."""
    return _check(PAYMENT_MOVES, source, target)


def check_attempt(source: AttemptStatus, target: AttemptStatus) -> bool:
    """True: apply the move. False: a repeat, nothing to do. Raises IllegalTransition otherwise."""
    return _check(ATTEMPT_MOVES, source, target)


def check_refund(source: RefundStatus, target: RefundStatus) -> bool:
    """True: apply the move. False: a repeat, nothing to do. Raises IllegalTransition otherwise."""
    return _check(REFUND_MOVES, source, target)


def _check(moves: Mapping[S, frozenset[S]], source: S, target: S) -> bool:
    if source == target:
        return False
    if target not in moves[source]:
        raise IllegalTransition(source=str(source), target=str(target))
    return True


def payment_after(
    payment: PaymentStatus, attempt: AttemptStatus, others: Iterable[AttemptStatus] = ()
) -> PaymentStatus:
    """The payment's status once one of its attempts has reached `attempt` while the `others` stand as they do.

    Only a payment that still collects follows its attempts; what is paid, closed or under review does not move here.
    Expiry and cancellation of the payment itself are decided by the caller, never by an attempt alone.
    """
    if attempt is A.CAPTURED and (payment in PAYMENT_UNPAID or payment is P.EXPIRED):
        return P.PAID
    if payment not in PAYMENT_UNPAID:
        return payment
    together = {attempt, *others}
    if A.UNKNOWN in together:
        return P.PROCESSING
    return P.AWAITING_DEPOSIT if A.AWAITING_DEPOSIT in together else P.OPEN


def payment_after_refund(payment: PaymentStatus, captured_minor: int, refunded_minor: int) -> PaymentStatus:
    """The status of a payment of which so much was captured and has gone back. One under review stays there."""
    if payment not in PAYMENT_COLLECTED or not refunded_minor:
        return payment
    return P.REFUNDED if refunded_minor == captured_minor else P.PARTIALLY_REFUNDED


def payment_after_review(captured_minor: int, refunded_minor: int) -> PaymentStatus:
    """Where a payment goes from review once nothing is in doubt any more."""
    return payment_after_refund(P.PAID, captured_minor, refunded_minor) if captured_minor else P.CANCELED
