"""Which payments a look-up shows. Source: Swagger, docs/gateways/portone-v1.md §4.

`GET /payments/{imp_uid}` alone documents `include_sandbox`, with false as its default. Clients that never send it must see their
test payments here all the same, so the default is true; the scenario `hide_sandbox` makes it false. The others take it too.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from simulator.api import Call
from simulator.portone_v1.fields import flag, invalid, seconds, unknown_payment
from simulator.portone_v1.store import Attempt, Status, Store

PAGE_SIZE, MOST_ON_PAGE = 20, 1000
MOST_IDS = 100
LONGEST_S = int(timedelta(days=90).total_seconds())
"""How long the time between from and to may be."""
STATUSES = tuple(status.value for status in Status)

_NEVER = datetime.min.replace(tzinfo=UTC)
_SORTED_BY: Mapping[str, Callable[[Attempt], datetime]] = {
    "started": lambda attempt: attempt.opened_at,
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


def one(store: Store, call: Call) -> Attempt:
    """By imp_uid. Raises Refused(404)."""
    attempt = store.attempt(call.path("imp_uid") or "")
    if attempt is None or _is_hidden(attempt, call):
        raise unknown_payment()
    return attempt


def several(store: Store, call: Call) -> tuple[list[Attempt], bool]:
    """Those of the ids that exist, each once, imp_uids first ([I]), and whether that is all of them.

    A merchant_uid brings its paid payment, else its newest ([I]). Raises Refused(404) when there is none.
    """
    imp_uids, merchant_uids = (
        call.request.query_params.getlist("imp_uid[]"),
        call.request.query_params.getlist("merchant_uid[]"),
    )
    if len(imp_uids) + len(merchant_uids) > MOST_IDS:
        raise invalid(f"at most {MOST_IDS} of imp_uid[] and merchant_uid[]")
    wanted = [store.attempt(imp_uid) for imp_uid in imp_uids]
    wanted += [None if payment is None else payment.shown for payment in map(store.payment, merchant_uids)]
    found = [attempt for attempt in wanted if attempt is not None and not _is_hidden(attempt, call)]
    if not found:
        raise unknown_payment()
    return list({attempt.id: attempt for attempt in found}.values()), len(found) == len(wanted)


def first_of(store: Store, call: Call) -> Attempt:
    """The first of a merchant_uid's payments in the order asked for.

    Raises Refused(404), for a status that there is not too: here the Swagger knows no 400.
    """
    found = _sorted(_of_payment(store, call), call)
    if not found:
        raise unknown_payment()
    return found[0]


def all_of(store: Store, call: Call) -> Page:
    """A page of a merchant_uid's payments. Raises Refused(404) when there is none, 400 for a wrong status."""
    if call.path("payment_status") not in (None, "", *STATUSES):
        raise invalid(f"payment_status must be one of {', '.join(STATUSES)}")
    page = _page(_sorted(_of_payment(store, call), call), call)
    if page.total == 0:
        raise unknown_payment()
    return page


def by_status(store: Store, call: Call) -> Page:
    """A page of all payments of a status, by the time that goes with it: started, paid, cancelled or failed."""
    status = call.path("payment_status")
    if status not in ("all", *STATUSES):
        raise invalid(f"payment_status must be one of all, {', '.join(STATUSES)}")
    end = _whole(call, "to", default=seconds(store.clock.now()))
    start = _whole(call, "from", default=end - LONGEST_S)
    if end - start > LONGEST_S:
        raise invalid("from and to must not be more than 90 days apart")
    found = [
        attempt
        for attempt in store.attempts()
        if status in ("all", attempt.status.value)
        and start <= _time_of(attempt) <= end
        and not _is_hidden(attempt, call)
    ]
    return _page(_sorted(found, call), call)


def _of_payment(store: Store, call: Call) -> list[Attempt]:
    """The attempts under the merchant_uid of the path, of the status in it if there is one."""
    payment = store.payment(call.path("merchant_uid") or "")
    status = call.path("payment_status") or None
    return [
        attempt
        for attempt in (payment.attempts if payment is not None else ())
        if status in (None, attempt.status.value) and not _is_hidden(attempt, call)
    ]


def _is_hidden(attempt: Attempt, call: Call) -> bool:
    """True for a payment of a test channel when the call says so, and by `hide_sandbox` when it says nothing."""
    asked = flag("include_sandbox", call.request.query_params.get("include_sandbox"))
    is_default = "hide_sandbox" not in attempt.views | call.views_of(attempt.reference)
    return attempt.channel == "TEST" and not (is_default if asked is None else asked)


def _time_of(attempt: Attempt) -> int:
    match attempt.status:
        case Status.PAID:
            return seconds(attempt.paid_at)
        case Status.FAILED:
            return seconds(attempt.failed_at)
        case Status.CANCELLED:
            return seconds(attempt.changed_at)
        case Status.READY:
            return seconds(attempt.opened_at)


def _sorted(attempts: Iterable[Attempt], call: Call) -> list[Attempt]:
    wanted = call.request.query_params.get("sorting", "-started")
    key = _SORTED_BY.get(wanted.removeprefix("-"))
    if key is None:
        raise invalid("sorting must be one of -started, started, -paid, paid, -updated, updated")
    by = key
    return sorted(attempts, key=lambda attempt: (by(attempt), attempt.number), reverse=wanted.startswith("-"))


def _page(attempts: Sequence[Attempt], call: Call) -> Page:
    number, size = _whole(call, "page", default=1), _whole(call, "limit", default=PAGE_SIZE)
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


def _whole(call: Call, name: str, *, default: int) -> int:
    text = call.request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise invalid(f"{name} must be a whole number")
    return int(text)
