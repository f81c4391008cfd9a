"""What a shop is told of a step: an event for the payment's own move, and one for a refund's. Pure; its statement writes it.

Whether anybody listens is not asked here: what happened is a row in any case, which `GET /events` serves too. An event is thin:
ids, statuses and amounts, and nothing about the buyer (docs/notifications.md).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from app.domain import ids
from app.domain.clock import rfc3339
from app.domain.states import (
    PAYMENT_COLLECTED,
    PAYMENT_UNPAID,
    REFUND_UNDECIDED,
    AttemptStatus,
    PaymentStatus,
    RefundStatus,
)
from app.ledger.model import Attempt
from app.ledger.transitions import Step

EVENT_TYPES: dict[str, str] = {
    "payment.paid": "The money is taken. Deliver.",
    "payment.failed": "An attempt failed in its window, or its money did not match and goes back. The buyer may try again "
    "while the payment is open.",
    "payment.canceled": "Closed without money. What turns up later goes back.",
    "payment.expired": "Its time is over and nothing was paid. A late payment may still turn it `paid`.",
    "payment.review": "Money may have moved and a person must decide (docs/states.md).",
    "payment.awaiting_deposit": "The buyer was given an account to transfer to. Do not deliver yet.",
    "payment.processing": "The gateway was asked, or is approving; how it ends is not known yet.",
    "payment.open": "It waits for the buyer again: what was processing, or the account that he was given, ended without money.",
    "payment.review_ended": "A person has decided, and the money stays with you: `status` and the amounts say how it stands. One "
    "capture is told as `payment.paid` once.",
    "refund.succeeded": "Money went back: your refund, or one that was made in the gateway's console.",
    "refund.failed": "A refund ended without money going back.",
}
"""Every type with what it says, in docs/notifications.md by `make docs`. A noun of a payment that has something to tell adds its
own: events are kept by their payment."""

_TOLD = {
    PaymentStatus.PAID: "payment.paid",
    PaymentStatus.CANCELED: "payment.canceled",
    PaymentStatus.EXPIRED: "payment.expired",
    PaymentStatus.REVIEW: "payment.review",
    PaymentStatus.AWAITING_DEPOSIT: "payment.awaiting_deposit",
    PaymentStatus.PROCESSING: "payment.processing",
}
ONCE = frozenset({"payment.paid", "payment.expired"})
"""Told once of a payment: there is one capture that is kept, and nothing leads back to `expired`."""


@dataclass(frozen=True, slots=True)
class ShopEvent:
    """One event. `body` is the JSON text that every endpoint gets, on every try, and that `GET /events` serves."""

    id: UUID
    type: str
    sequence: int
    """Grows with each event of a payment; there may be gaps."""
    body: str


@dataclass(frozen=True, slots=True)
class Told:
    """The events of one step, by column."""

    ids: list[UUID]
    types: list[str]
    sequences: list[int]
    bodies: list[str]


def told(step: Step) -> Told:
    """What the shop is told of a step; mostly nothing."""
    events = list(_events(step))
    return Told(
        [each.id for each in events],
        [each.type for each in events],
        [each.sequence for each in events],
        [each.body for each in events],
    )


def _events(step: Step) -> Iterator[ShopEvent]:
    """The payment's own comes before the refund's: of one step, both are true at once."""
    payment, attempt, refund = step.after, step.attempt, step.refund
    data: dict[str, Any] = {
        "order_id": payment.order_id,
        "attempt_id": ids.show(ids.Prefix.ATTEMPT, attempt.id),
        "status": payment.status,
        "currency": payment.amount.currency,
        "amount": payment.amount.minor,
        "captured_amount": payment.captured_minor,
        "refunded_amount": payment.refunded_minor,
    }
    if kind := _of_payment(step):
        yield event(payment.id, kind, 2 * step.event.seq, step.event.at, data)
    if refund is not None and (kind := _of_refund(step)):
        about = {"refund_id": refund.public_id, "refund_status": refund.status, "refund_amount": refund.returned.minor}
        about["cause"] = refund.initiator
        yield event(payment.id, kind, 2 * step.event.seq + 1, step.event.at, data | about)


def event(payment_id: UUID | None, kind: str, sequence: int, at: datetime, data: dict[str, Any]) -> ShopEvent:
    """One event with its text. `payment_id` None: a test of an endpoint, which is sent and not kept."""
    event_id = _id(payment_id, kind, sequence, data) if payment_id else ids.uuid7()
    body = {
        "id": ids.show(ids.Prefix.EVENT, event_id),
        "type": kind,
        "created_at": rfc3339(at),
        "payment_id": payment_id and ids.show(ids.Prefix.PAYMENT, payment_id),
        "sequence": sequence,
        "data": data,
    }
    return ShopEvent(event_id, kind, sequence, msgspec.json.encode(body).decode())


def _id(payment_id: UUID, kind: str, sequence: int, data: dict[str, Any]) -> UUID:
    """Follows from the fact: one that is found again, in a database that was restored to before it, keeps the id it was told by.

    What comes once is the same fact at whichever step, and of whichever attempt.
    """
    fact = [kind] if kind in ONCE else [kind, sequence, data]
    return ids.derived(payment_id, msgspec.json.encode(fact, order="sorted"))


def _of_payment(step: Step) -> str | None:
    """Each status in which an event left the shop is left by an event; and one capture is told as paid once."""
    before, after = step.before.status, step.after.status
    if before is PaymentStatus.REVIEW and after in PAYMENT_COLLECTED and step.before.captured_minor:
        return "payment.review_ended"
    if after is not before and after in _TOLD:
        return _TOLD[after]
    has_moved = step.event.attempt_from != step.attempt.status
    if has_moved and after in PAYMENT_UNPAID and _has_failed(step.attempt):
        return "payment.failed"
    return "payment.open" if after is PaymentStatus.OPEN is not before else None


def _has_failed(attempt: Attempt) -> bool:
    """One without a window is no news: whoever asked for it has the gateway's error, and asks again while the gateway is down."""
    return attempt.status is AttemptStatus.REJECTED or (attempt.status is AttemptStatus.FAILED and attempt.was_opened)


def _of_refund(step: Step) -> str | None:
    refund = step.refund
    if refund is None or refund.status in REFUND_UNDECIDED:
        return None
    known = step.before.refund(refund.id)
    if known is not None and (known.status, known.returned) == (refund.status, refund.returned):
        return None
    return "refund.succeeded" if refund.status is RefundStatus.SUCCEEDED else "refund.failed"
