"""The SQL of payments. Kept apart so that a statement can be read, and explained by Postgres, as a whole.

Which columns there are is said once, by the fields of the models: a new field, with its column and its migration, is in every
statement below.
"""

from app.db.metadata import one_of
from app.db.statements import Columns, Statement
from app.domain.states import ATTEMPT_UNDECIDED
from app.ledger.model import Attempt, Payment, Refund
from app.ledger.tables import attempts, payment_events, payments, refunds
from app.ledger.transitions import Event

_PARTS = {
    "amount": {"amount_minor": "amount.minor", "currency": "amount.currency"},
    "parts": {"taxed_minor": "parts.taxed", "tax_free_minor": "parts.tax_free", "vat_minor": "parts.vat"},
    "attempts": {},
    "refunds": {},
    "history_key": {},
}
"""Fields that are no column of their own: values of several, rows of other tables, a key."""


def _columns(*fields: str) -> dict[str, str]:
    return {column: path for field in fields for column, path in _PARTS.get(field, {field: field}).items()}


PAYMENT = Columns(
    payments,
    _columns(*Payment.__slots__),
    fixed="id store mode order_id order_name amount_minor currency method customer_id details return_url metadata "
    "created_at expires_at",
)
ATTEMPT = Columns(attempts, _columns(*Attempt.__slots__), fixed="id number gateway reference account created_at")
REFUND = Columns(
    refunds,
    _columns(*Refund.__slots__),
    fixed="id number attempt_id amount_minor currency taxed_minor tax_free_minor vat_minor initiator reason expected_minor "
    "request_key request_print created_at",
)
EVENT = Columns(payment_events, _columns(*Event.__slots__))

CREATE = Statement(f"""
WITH key AS (
    INSERT INTO idempotency_keys (scope, key, fingerprint, payment_id, status, answer, lease_until, created_at)
    VALUES (:key.scope, :key.key, :key.fingerprint, :payment.id, :key.status, :key.answer, :key.lease_until,
        :payment.created_at)
), claim AS (
    INSERT INTO order_claims (store, order_id, payment_id) VALUES (:payment.store, :payment.order_id, :payment.id)
), payment AS (
    INSERT INTO payments ({PAYMENT}, updated_at) VALUES ({PAYMENT.places("payment")}, :payment.created_at)
), attempt AS (
    INSERT INTO attempts (payment_id, {ATTEMPT}, updated_at)
    VALUES (:payment.id, {ATTEMPT.places("attempt")}, :payment.created_at)
)
INSERT INTO payment_events ({EVENT}, hash) VALUES ({EVENT.places("event")}, :payment.last_hash)
""")  # noqa: S608  fixed fragments, values apart
"""Plain inserts: a taken key or order raises and undoes the whole statement."""

APPLY = Statement(f"""
WITH payment AS (
    UPDATE payments SET {PAYMENT.changes("payment")}, updated_at = :event.at
    WHERE id = :payment.id AND last_seq = :before.last_seq
    RETURNING id, store, order_id
), attempt AS (
    INSERT INTO attempts (payment_id, {ATTEMPT}, updated_at)
    SELECT id, {ATTEMPT.places("attempt")}, :event.at FROM payment
    ON CONFLICT (payment_id, id) DO UPDATE SET {ATTEMPT.excluded()}, updated_at = excluded.updated_at,
        claimed_until = CASE WHEN attempts.next_check_at = excluded.next_check_at THEN attempts.claimed_until END
), accounts AS (
    UPDATE attempts SET next_check_at = :event.at, claimed_until = NULL FROM payment
    WHERE :step.stops_collecting::boolean AND attempts.payment_id = payment.id AND attempts.id <> :attempt.id
        AND attempts.status = 'awaiting_deposit' AND attempts.next_check_at > :event.at
), event AS (
    INSERT INTO payment_events ({EVENT}, hash) SELECT {EVENT.places("event")}, :payment.last_hash FROM payment
), told AS (
    INSERT INTO outbox (payment_id, id, store, type, sequence, created_at, body)
    SELECT payment.id, each.id, payment.store, each.type, each.sequence, :event.at, each.body
    FROM payment, unnest(:told.ids::uuid[], :told.types::text[], :told.sequences::bigint[], :told.bodies::text[])
        AS each (id, type, sequence, body)
    ON CONFLICT (payment_id, id) DO NOTHING
), refund AS (
    INSERT INTO refunds (payment_id, {REFUND}) SELECT id, {REFUND.places("refund")} FROM payment
    WHERE :refund.id IS NOT NULL
    ON CONFLICT (payment_id, id) DO UPDATE SET {REFUND.excluded()},
        claimed_until = CASE WHEN refunds.next_check_at = excluded.next_check_at THEN refunds.claimed_until END
), bound AS (
    INSERT INTO gateway_refs (gateway, ref, payment_id, attempt_id)
    SELECT :attempt.gateway, :attempt.gateway_ref, id, :attempt.id FROM payment WHERE :step.binds_ref::boolean
), freed AS (
    DELETE FROM order_claims USING payment
    WHERE :step.frees_order::boolean AND order_claims.store = payment.store AND order_claims.order_id = payment.order_id
        AND order_claims.payment_id = payment.id
), reclaimed AS (
    INSERT INTO order_claims (store, order_id, payment_id)
    SELECT store, order_id, id FROM payment WHERE :step.reclaims_order::boolean
), key AS (
    UPDATE idempotency_keys SET status = :key.status, answer = :key.answer, lease_until = :key.lease_until FROM payment
    WHERE idempotency_keys.scope = :key.scope AND idempotency_keys.key = :key.key AND idempotency_keys.answer IS NULL
)
SELECT id FROM payment
""")  # noqa: S608
"""Everything hangs on the first part: when the payment has moved meanwhile, nothing at all is written.

An account that still waits for a deposit when its payment stops collecting is due at once, to be closed.

A claim on due work is for one time: it ends where the time moves, here as in every statement that moves it.
"""

READ = f"""
SELECT {PAYMENT.of("p")}, ARRAY(
    SELECT ROW({ATTEMPT.of("a")}) FROM attempts a WHERE a.payment_id = p.id ORDER BY a.number
) AS attempts
"""  # noqa: S608  fixed fragments
"""A payment `p` with its attempts. They are asked for row by row: no plan can read all attempts for a page."""

LOAD = f"""{READ}, CASE WHEN p.refund_count > 0 THEN ARRAY(
    SELECT ROW({REFUND.of("r")}) FROM refunds r WHERE r.payment_id = p.id ORDER BY r.number
) END AS refunds FROM payments p WHERE p.id = $1
"""  # noqa: S608
"""With its refunds, all as they were at one moment."""

EVENTS = f"""
SELECT {EVENT}, hash FROM payment_events WHERE payment_id = $1 AND seq > $2 ORDER BY seq LIMIT $3
"""  # noqa: S608

SEALED_SINCE = "SELECT at FROM payment_events WHERE key_id IS NOT NULL ORDER BY at LIMIT 1"

BACKLOG = f"""
SELECT (SELECT min(created_at) FROM attempts WHERE {one_of("status", ATTEMPT_UNDECIDED)}) AS undecided_since,
    (SELECT min(next_check_at) FROM attempts WHERE next_check_at IS NOT NULL) AS due_since
"""  # noqa: S608  our own words
"""Two looks at the first entry of an index. The words of the statuses stand in it, as they do in the index."""

REFUND_BACKLOG = """
SELECT count(*) AS n, coalesce(extract(epoch FROM $1 - min(created_at)), 0) AS age_s FROM refunds
WHERE next_check_at IS NOT NULL AND status = ANY($2)
"""

RESCHEDULE = Statement("""
UPDATE attempts SET lookup_attempts = :after.lookup_attempts, next_check_at = :after.next_check_at,
    unanswered_since = :after.unanswered_since, busy_until = :after.busy_until, returned_at = :after.returned_at,
    claimed_until = CASE WHEN next_check_at = :after.next_check_at THEN claimed_until END
WHERE payment_id = :payment_id AND id = :before.id AND status = :before.status
    AND lookup_attempts = :before.lookup_attempts AND busy_until IS NOT DISTINCT FROM :before.busy_until
RETURNING id
""")
"""Only while the attempt is as it was read: a lease that somebody took meanwhile stays."""

RESCHEDULE_REFUND = Statement("""
UPDATE refunds SET lookup_attempts = :lookup_attempts, next_check_at = :look_at,
    claimed_until = CASE WHEN next_check_at = :look_at THEN claimed_until END
WHERE payment_id = :payment_id AND id = :refund.id AND status = :refund.status
    AND lookup_attempts = :refund.lookup_attempts AND refund_attempts = :refund.refund_attempts
""")
"""Only while the refund is as it was read."""
