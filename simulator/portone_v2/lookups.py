"""`GET /payments`: which payments a page of the list shows. Source: OpenAPI `GetPaymentsBody`, docs/gateways/portone-v2.md §3."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from simulator.portone_v2.fields import METHODS, Fields, Refused, invalid
from simulator.portone_v2.responses import method_type
from simulator.portone_v2.store import Status, Store, Transaction

WINDOW = timedelta(days=90)
"""How far back a list goes that names no start."""
PAGE_SIZE = 10
MOST_ON_PAGE = 1000
STATUSES = {status.value.replace("PAY_PENDING", "PENDING"): status for status in Status}
"""The filter spells the pending status PENDING, the payment object PAY_PENDING."""
_NOT_IMITATED = """
    pgProvider platformType webhookStatus isEscrow escrowStatus cardBrand cardType cardOwnerType giftCertificateType
    cashReceiptType cashReceiptStatus cashReceiptIssuedAtRange cashReceiptCancelledAtRange textSearch
"""
NOT_IMITATED = _NOT_IMITATED.split()
"""Filters of the real list that this one refuses, rather than answer as if they were not there."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One page."""

    items: list[Transaction]
    number: int
    size: int
    total: int


def listed(store: Store, fields: Fields) -> Listed:
    """The page that a body asks for: payments by their shown attempt, newest first unless it says otherwise."""
    page = fields.within("page") or Fields({})
    number, size = page.whole("number") or 0, page.whole("size")
    size = PAGE_SIZE if size is None else size
    if not (0 <= number < 2**31 and 1 <= size <= MOST_ON_PAGE):
        raise invalid(f"page.number must be at least 0, page.size between 1 and {MOST_ON_PAGE}")
    found = _found(store, fields.within("filter") or Fields({}))
    return Listed(found[number * size : (number + 1) * size], number, size, len(found))


def _found(store: Store, wanted: Fields) -> list[Transaction]:
    for name in NOT_IMITATED:
        if wanted.has(name):
            raise invalid(f"this simulator does not filter by {name}")
    account = store.account
    if wanted.text("storeId") not in (None, account.store_id):
        raise Refused("FORBIDDEN", "the store belongs to somebody else")
    if wanted.text("merchantId") not in (None, account.merchant_id):
        raise Refused("FORBIDDEN", "the merchant is somebody else")
    statuses = wanted.choices("status", STATUSES)
    methods = wanted.choices("methods", METHODS)
    is_test, is_scheduled = wanted.flag("isTest"), wanted.flag("isScheduled")
    currency, version = wanted.currency(), wanted.choice("version", ("V1", "V2"))
    by_change = wanted.choice("timestampType", ("CREATED_AT", "STATUS_CHANGED_AT")) == "STATUS_CHANGED_AT"
    start, end = _window(store, wanted)
    kept = [
        transaction
        for payment in store.payments()
        if (transaction := payment.shown) is not None
        and start <= (transaction.changed_at if by_change else transaction.opened_at) <= end
        and (not statuses or transaction.status in {STATUSES[name] for name in statuses})
        and (not methods or _method(transaction) in methods)
        and is_test in (None, transaction.channel == "TEST")
        and is_scheduled is not True
        and currency in (None, transaction.order.currency)
        and version != "V1"
    ]
    return _sorted(kept, wanted)


def _window(store: Store, wanted: Fields) -> tuple[datetime, datetime]:
    end = wanted.moment("until") or store.clock.now()
    start = wanted.moment("from")
    if start is None:
        start = max(end, datetime.min.replace(tzinfo=end.tzinfo) + WINDOW) - WINDOW
    return start, end


def _sorted(kept: list[Transaction], wanted: Fields) -> list[Transaction]:
    by_change = wanted.choice("sortBy", ("REQUESTED_AT", "STATUS_CHANGED_AT")) == "STATUS_CHANGED_AT"
    is_descending = wanted.choice("sortOrder", ("DESC", "ASC")) != "ASC"
    return sorted(kept, key=lambda each: each.changed_at if by_change else each.opened_at, reverse=is_descending)


def _method(transaction: Transaction) -> str:
    """As the filter spells it: PaymentMethodEasyPay is EASY_PAY."""
    name = method_type(transaction).removeprefix("PaymentMethod")
    return "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in name).removeprefix("_")
