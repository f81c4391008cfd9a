"""Which payments a look-up shows. Source: Swagger, contract §4.

Only `GET /payments/{imp_uid}` knows `include_sandbox`. The others have no such parameter in the Swagger, so they show
payments of test channels as they show all ([I]): hidden ones could never be found, and a shop must look at `sandbox`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from starlette.datastructures import QueryParams

from simulator.portone_v1.attempt import Attempt, Status
from simulator.portone_v1.book import Book
from simulator.portone_v1.wire import flag, invalid, seconds, unknown_payment

PAGE_SIZE, MOST_ON_PAGE = 20, 1000
MOST_IDS = 100
LONGEST_S = int(timedelta(days=90).total_seconds())
"""How long the time between from and to may be."""
STATUSES = tuple(status.value for status in Status)

_NEVER = datetime.min.replace(tzinfo=UTC)
_SORTED_BY: Mapping[str, Callable[[Attempt], datetime]] = {
    "started": lambda attempt: attempt.started_at,
    "paid": lambda attempt: attempt.paid_at or _NEVER,
    "updated": lambda attempt: attempt.changed_at,
}


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list; `previous` and `next` are 0 at the ends."""

    attempts: Sequence[Attempt]
    total: int
    previous: int
    next: int


def one(book: Book, imp_uid: str, query: QueryParams) -> Attempt:
    """By imp_uid; one of a test channel only when it is asked for. Raises Refusal(404)."""
    with_sandbox = flag("include_sandbox", query.get("include_sandbox")) is True
    attempt = book.attempt(imp_uid)
    if attempt is None or (attempt.channel == "TEST" and not with_sandbox):
        raise unknown_payment()
    return attempt


def several(book: Book, query: QueryParams) -> tuple[list[Attempt], bool]:
    """Those of the ids that exist, each once, imp_uids first ([I]), and whether that is all of them.

    A merchant_uid brings its paid payment, else its newest ([I]). Raises Refusal(404) when there is none.
    """
    imp_uids, merchant_uids = query.getlist("imp_uid[]"), query.getlist("merchant_uid[]")
    if len(imp_uids) + len(merchant_uids) > MOST_IDS:
        raise invalid(f"at most {MOST_IDS} of imp_uid[] and merchant_uid[]")
    wanted = [book.attempt(imp_uid) for imp_uid in imp_uids]
    for merchant_uid in merchant_uids:
        sale = book.sale(merchant_uid)
        wanted.append(None if sale is None else sale.shown)
    found = [attempt for attempt in wanted if attempt is not None]
    if not found:
        raise unknown_payment()
    return list({attempt.imp_uid: attempt for attempt in found}.values()), len(found) == len(wanted)


def first_of(book: Book, merchant_uid: str, status: str | None, query: QueryParams) -> Attempt:
    """The first of a merchant_uid's payments in the order asked for.

    Raises Refusal(404), for a status that there is not too: here the Swagger knows no 400.
    """
    found = _sorted(_of_sale(book, merchant_uid, status), query)
    if not found:
        raise unknown_payment()
    return found[0]


def all_of(book: Book, merchant_uid: str, status: str | None, query: QueryParams) -> Page:
    """A page of a merchant_uid's payments. Raises Refusal(404) when there is none, 400 for a wrong status."""
    if status is not None and status not in STATUSES:
        raise invalid(f"payment_status must be one of {', '.join(STATUSES)}")
    page = _page(_sorted(_of_sale(book, merchant_uid, status), query), query)
    if page.total == 0:
        raise unknown_payment()
    return page


def by_status(book: Book, status: str, query: QueryParams) -> Page:
    """A page of all payments of a status, by the time that goes with it: started, paid, cancelled or failed."""
    if status not in ("all", *STATUSES):
        raise invalid(f"payment_status must be one of all, {', '.join(STATUSES)}")
    end = _whole(query, "to", default=seconds(book.clock.now()))
    start = _whole(query, "from", default=end - LONGEST_S)
    if end - start > LONGEST_S:
        raise invalid("from and to must not be more than 90 days apart")
    found = [
        attempt
        for attempt in book.attempts()
        if status in ("all", attempt.status.value) and start <= _time_of(attempt) <= end
    ]
    return _page(_sorted(found, query), query)


def _of_sale(book: Book, merchant_uid: str, status: str | None) -> list[Attempt]:
    sale = book.sale(merchant_uid)
    attempts = [] if sale is None else sale.attempts
    return [attempt for attempt in attempts if status in (None, attempt.status.value)]


def _time_of(attempt: Attempt) -> int:
    match attempt.status:
        case Status.PAID:
            return seconds(attempt.paid_at)
        case Status.FAILED:
            return seconds(attempt.failed_at)
        case Status.CANCELLED:
            return seconds(attempt.changed_at)
        case Status.READY:
            return seconds(attempt.started_at)


def _sorted(attempts: Iterable[Attempt], query: QueryParams) -> list[Attempt]:
    wanted = query.get("sorting", "-started")
    key = _SORTED_BY.get(wanted.removeprefix("-"))
    if key is None:
        raise invalid("sorting must be one of -started, started, -paid, paid, -updated, updated")
    by = key
    return sorted(attempts, key=lambda attempt: (by(attempt), attempt.number), reverse=wanted.startswith("-"))


def _page(attempts: Sequence[Attempt], query: QueryParams) -> Page:
    number, size = _whole(query, "page", default=1), _whole(query, "limit", default=PAGE_SIZE)
    if not 1 <= size <= MOST_ON_PAGE:
        raise invalid(f"limit must be between 1 and {MOST_ON_PAGE}")
    last = max(1, -(-len(attempts) // size))
    if not 1 <= number <= last:
        raise invalid(f"page must be between 1 and {last}, which is the last")
    return Page(
        attempts[(number - 1) * size : number * size],
        len(attempts),
        number - 1,
        number + 1 if number < last else 0,
    )


def _whole(query: QueryParams, name: str, *, default: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise invalid(f"{name} must be a whole number")
    return int(text)
