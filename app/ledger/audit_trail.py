"""Whether an audit trail holds: every row follows from the one before, and the last one is where the payment stands."""

from collections.abc import Sequence

from app.domain.states import RefundStatus
from app.ledger.model import Payment, total
from app.ledger.transitions import Event

FIRST_HASH = bytes(32)


def faults_of(payment: Payment, rows: Sequence[tuple[Event, bytes]]) -> list[str]:
    """Return what is wrong, in sentences; empty when all is well. `rows` are the events in order, with their stored hashes."""
    faults: list[str] = []
    before, stands = FIRST_HASH, None
    for expected, (event, stored) in enumerate(rows, start=1):
        if event.seq != expected:
            faults.append(f"step {expected} is missing: the next one is {event.seq}")
            break
        if event.prev_hash != before:
            faults.append(f"step {event.seq} does not follow from the one before")
        if event.hash() != stored:
            faults.append(f"step {event.seq} was changed after it was written")
        if event.payment_from != stands:
            faults.append(f"step {event.seq} starts from {event.payment_from}, the one before led to {stands}")
        before, stands = stored, event.payment_to
    if not rows:
        faults.append("there is no event")
    elif not faults and (payment.last_seq, payment.last_hash) != (rows[-1][0].seq, before):
        faults.append(f"the payment says that it has {payment.last_seq} steps, the audit trail has {rows[-1][0].seq}")
    elif not faults and payment.status != stands:
        faults.append(f"the payment is {payment.status}, its audit trail ends with {stands}")
    kept = payment.captured_attempt
    refunds = payment.refunds_of(kept.id) if kept else []
    refunded = total(each for each in refunds if each.status is RefundStatus.SUCCEEDED)
    if payment.refunded_minor != refunded:
        faults.append(f"the payment says that {payment.refunded_minor} went back, its refunds make up {refunded}")
    return faults
