"""Whether an audit trail holds: every row follows from the one before, and the last ones say how the money stands now."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from app.domain import ids
from app.domain.states import RefundStatus
from app.ledger.history_keys import HistoryKeys
from app.ledger.model import Payment, total
from app.ledger.money_facts import Facts, attempt_facts, payment_facts, refund_facts
from app.ledger.transitions import Event

FIRST_HASH = bytes(32)

Story = Sequence[tuple[Event, bytes]]
"""Events in order, each with its stored hash."""


def faults_of(payment: Payment, rows: Story, keys: HistoryKeys, sealed_since: datetime | None = None) -> list[str]:
    """Return what is wrong, in sentences; empty when all is well. `rows` are the whole audit trail, read with the payment.

    `sealed_since` is the time of the oldest event that is sealed: of payments that were made later, all events must be. When a
    payment was made stands in its id, which the shop knows too.
    """
    faults = list(_of_the_chain(payment, rows, keys))
    if sealed_since is not None and ids.made_at(payment.id) > sealed_since:
        faults += [
            f"step {event.seq} is not sealed, and all of its time are" for event, _ in rows if event.key_id is None
        ]
    kept = payment.captured_attempt
    refunds = payment.refunds_of(kept.id) if kept else []
    refunded = total(each for each in refunds if each.status is RefundStatus.SUCCEEDED)
    if payment.refunded_minor != refunded:
        faults.append(f"the payment says that {payment.refunded_minor} went back, its refunds make up {refunded}")
    return faults or list(_of_the_rows(payment, rows))


def _of_the_chain(payment: Payment, rows: Story, keys: HistoryKeys) -> Iterator[str]:
    """Steps that are missing, changed, forged, or lead elsewhere than the payment says."""
    if not rows:
        yield "there is no event"
        return
    before, stands, is_sealed = FIRST_HASH, None, False
    for expected, (event, stored) in enumerate(rows, start=1):
        if event.seq != expected:
            yield f"step {expected} is missing: the next one is {event.seq}"
            return
        if event.prev_hash != before:
            yield f"step {event.seq} does not follow from the one before"
        yield from _of_the_seal(event, stored, keys, is_sealed=is_sealed)
        if event.payment_from != stands:
            yield f"step {event.seq} starts from {event.payment_from}, the one before led to {stands}"
        before, stands, is_sealed = stored, event.payment_to, event.key_id is not None
    if (payment.last_seq, payment.last_hash) != (len(rows), before):
        yield f"the payment says that it has {payment.last_seq} steps, the audit trail has {len(rows)}"
    elif payment.status != stands:
        yield f"the payment is {payment.status}, its audit trail ends with {stands}"


def _of_the_seal(event: Event, stored: bytes, keys: HistoryKeys, *, is_sealed: bool) -> Iterator[str]:
    """Whether a key of ours sealed the row as it is; rows from before there were keys hold by their plain hash."""
    key = keys.get(event.key_id) if event.key_id is not None else None
    if event.key_id is not None and key is None:
        yield f"step {event.seq} was sealed with the key {event.key_id!r}, which ONETILL_HISTORY_KEYS does not hold"
    elif event.hash(key) != stored:
        yield f"step {event.seq} was changed after it was written"
    elif key is None and is_sealed:
        yield f"step {event.seq} is not sealed, the one before it is"


def _of_the_rows(payment: Payment, rows: Story) -> Iterator[str]:
    """Money that stands otherwise in the rows than the last sealed step about it says."""
    sealed = [(event.seq, msgspec.json.decode(event.facts)) for event, _ in rows if event.facts is not None]
    if not sealed:
        return  # all of it is from before there were keys
    told: dict[str, tuple[int, Facts]] = {}
    for seq, facts in sealed:
        told |= {each["id"]: (seq, each) for each in (facts.pop("attempt"), facts.pop("refund")) if each}
    seq, last = sealed[-1]
    yield from _differences("the payment", payment_facts(payment), last, seq)
    begins_sealed = rows[0][0].facts is not None
    for kind, facts in _children(payment):
        if facts["id"] in told:
            seq, last = told.pop(facts["id"])
            yield from _differences(f"{kind} {facts['number']}", facts, last, seq)
        elif begins_sealed:
            yield f"{kind} {facts['number']} is in no step"
    for gone, (seq, last) in told.items():
        yield f"{UUID(gone)}, number {last['number']}, is gone; step {seq} tells of it"


def _children(payment: Payment) -> Iterator[tuple[str, Facts]]:
    yield from (("attempt", attempt_facts(each)) for each in payment.attempts)
    yield from (("refund", refund_facts(each)) for each in payment.refunds)


def _differences(whose: str, now: Facts, then: Facts, seq: int) -> Iterator[str]:
    for name, told in then.items():
        if now.get(name) != told:
            yield f"{whose} has {name} {now.get(name)}, step {seq} says {told}"
