"""Point3's look-ups: which payments a look-up is about, and what it shows of them."""

from collections.abc import Mapping
from datetime import datetime

from simulator.clock import KST
from simulator.point3.book import Book
from simulator.point3.payment import Payment
from simulator.point3.wire import Refusal, Reply, is_hidden, look_up_object, success

DEFAULT_COUNT = 30
"""Payments on a page of the date look-up. Contract §4.4."""

Views = frozenset[tuple[str, str | None]]
"""The distortions planned for this one call: (scenario, reference or None for all)."""


def one(payment: Payment | None, views: Views) -> Reply:
    """The look-up by signature; 404 when it is not known, or not shown yet."""
    if payment is None or is_hidden(payment, _in_force(payment, views)):
        raise Refusal(404, "payment not found")
    return success(look_up_object(payment, _in_force(payment, views)))


def several(payments: list[Payment], views: Views) -> Reply:
    """A look-up that answers a list, which may be empty."""
    return success(
        [
            look_up_object(payment, _in_force(payment, views))
            for payment in payments
            if not is_hidden(payment, _in_force(payment, views))
        ]
    )


def by_date(book: Book, query: Mapping[str, str]) -> list[Payment]:
    """One page of the payments created between two Korean times, both included; oldest first.

    The document's pattern says `hh`; what is meant is unverified (contract §9.5). Here hours run from 0 to 23.
    """
    start = _time("startDate", query.get("startDate", ""))
    end = _time("endDate", query["endDate"]) if query.get("endDate") else book.clock.now()
    page = _count("page", query.get("page") or "1")
    count = _count("count", query.get("count") or str(DEFAULT_COUNT))
    found = [payment for payment in book.everything() if start <= payment.created_at.replace(microsecond=0) <= end]
    return found[(page - 1) * count : page * count]


def _in_force(payment: Payment, views: Views) -> set[str]:
    return payment.views | {scenario for scenario, reference in views if reference in (None, payment.reference)}


def _time(field: str, value: str) -> datetime:
    try:
        return datetime.strptime(value, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=KST)
    except ValueError:
        raise Refusal(400, f"{field} must look like 2026-01-31T23:59:59") from None


def _count(field: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 9 and int(value) >= 1):
        raise Refusal(400, f"{field} must be a whole number, at least 1")
    return int(value)
