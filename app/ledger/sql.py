"""The SQL of payments. Kept apart so that a statement can be read, and explained by Postgres, as a whole."""

from typing import Any

from app.db.metadata import one_of
from app.domain.states import ATTEMPT_UNDECIDED
from app.ledger.model import Search

CREATE = """
WITH key AS (
    INSERT INTO idempotency_keys (scope, key, fingerprint, payment_id, status, answer, lease_until, created_at)
    VALUES ($29, $30, $31, $1, $32, $33, $34, $16)
), claim AS (
    INSERT INTO order_claims (store, order_id, payment_id) VALUES ($2, $4, $1)
), payment AS (
    INSERT INTO payments (id, store, mode, order_id, order_name, amount_minor, currency, status, gateway, method,
        customer_id, details, return_url, metadata, last_seq, last_hash, created_at, updated_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 1, $15, $16, $16, $17)
), attempt AS (
    INSERT INTO attempts (payment_id, id, number, gateway, reference, gateway_ref, status, next_action, next_check_at,
        busy_until, created_at, updated_at)
    VALUES ($1, $18, 1, $9, $19, $20, $21, $22, $23, $24, $16, $16)
)
INSERT INTO payment_events (payment_id, seq, at, trigger, reason, payment_to, attempt_id, attempt_to, evidence,
    prev_hash, hash)
VALUES ($1, 1, $16, $25, $26, $8, $18, $21, $27, $28, $15)
"""
"""Plain inserts: a taken key or order raises and undoes the whole statement."""

APPLY = """
WITH payment AS (
    UPDATE payments SET status = $3, gateway = $4, captured_minor = $5, paid_at = $6, attention = $7, last_seq = $8,
        last_hash = $9, updated_at = $10, refunded_minor = $39, refunding_minor = $40, refund_count = $41
    WHERE id = $1 AND last_seq = $2
    RETURNING id, store, order_id
), attempt AS (
    INSERT INTO attempts (payment_id, id, number, gateway, reference, gateway_ref, status, next_action, failure, is_deposit,
        capture_accepted_at, lookup_attempts, next_check_at, busy_until, created_at, updated_at)
    SELECT id, $11::uuid, $12::int, $13::text, $14::text, $15::text, $16::text, $17::json, $18::json, $19::bool,
        $38::timestamptz, $20::int, $21::timestamptz, $22::timestamptz, $23::timestamptz, $10 FROM payment
    ON CONFLICT (payment_id, id) DO UPDATE SET gateway_ref = excluded.gateway_ref, status = excluded.status,
        next_action = excluded.next_action, failure = excluded.failure, is_deposit = excluded.is_deposit,
        capture_accepted_at = excluded.capture_accepted_at, lookup_attempts = excluded.lookup_attempts,
        next_check_at = excluded.next_check_at, busy_until = excluded.busy_until, updated_at = excluded.updated_at,
        claimed_until = CASE WHEN attempts.next_check_at = excluded.next_check_at THEN attempts.claimed_until END
), event AS (
    INSERT INTO payment_events (payment_id, seq, at, trigger, reason, payment_from, payment_to, attempt_id, attempt_from,
        attempt_to, evidence, prev_hash, hash)
    SELECT id, $8, $10, $24::text, $25::text, $26::text, $3, $11, $27::text, $16, $28::json, $29::bytea, $9 FROM payment
), refund AS (
    INSERT INTO refunds (payment_id, id, number, attempt_id, amount_minor, currency, taxed_minor, tax_free_minor, vat_minor,
        initiator, reason, status, expected_minor, request_key, request_print, account, gateway_ref, failure, is_held,
        refund_attempts, asked_at, is_lost, accepted_at, lookup_attempts, next_check_at, created_at, updated_at)
    SELECT id, $42::uuid, $43::int, $11, $44::bigint, $45::text, $46::bigint, $47::bigint, $48::bigint, $49::text,
        $50::text, $51::text, $52::bigint, $53::bytea, $54::bytea, $55::json, $56::text, $57::json, $58::bool, $59::int,
        $60::timestamptz, $61::bool, $62::timestamptz, $63::int, $64::timestamptz, $65::timestamptz, $10
    FROM payment WHERE $42::uuid IS NOT NULL
    ON CONFLICT (payment_id, id) DO UPDATE SET status = excluded.status, account = excluded.account,
        gateway_ref = excluded.gateway_ref, failure = excluded.failure, is_held = excluded.is_held,
        refund_attempts = excluded.refund_attempts, asked_at = excluded.asked_at, is_lost = excluded.is_lost,
        accepted_at = excluded.accepted_at, lookup_attempts = excluded.lookup_attempts,
        next_check_at = excluded.next_check_at, updated_at = excluded.updated_at,
        claimed_until = CASE WHEN refunds.next_check_at = excluded.next_check_at THEN refunds.claimed_until END
), bound AS (
    INSERT INTO gateway_refs (gateway, ref, payment_id, attempt_id) SELECT $13, $15, id, $11 FROM payment WHERE $30::bool
), freed AS (
    DELETE FROM order_claims USING payment
    WHERE $31::bool AND order_claims.store = payment.store AND order_claims.order_id = payment.order_id
        AND order_claims.payment_id = payment.id
), reclaimed AS (
    INSERT INTO order_claims (store, order_id, payment_id) SELECT store, order_id, id FROM payment WHERE $32::bool
), key AS (
    UPDATE idempotency_keys SET status = $35, answer = $36, lease_until = $37 FROM payment
    WHERE idempotency_keys.scope = $33 AND idempotency_keys.key = $34
)
SELECT id FROM payment
"""
"""Everything hangs on the first part: when the payment has moved meanwhile, nothing at all is written.

A claim on due work is for one time: it ends where the time moves, here as in every statement that moves it.
"""

_COLUMNS = """
SELECT p.id, p.store, p.mode, p.order_id, p.order_name, p.amount_minor, p.currency, p.status, p.captured_minor,
    p.refunded_minor, p.refunding_minor, p.refund_count, p.gateway, p.method, p.customer_id, p.details, p.return_url,
    p.metadata, p.attention, p.last_seq, p.last_hash, p.created_at, p.expires_at, p.paid_at,
    a.id AS a_id, a.number AS a_number, a.gateway AS a_gateway, a.reference AS a_reference, a.gateway_ref AS a_gateway_ref,
    a.status AS a_status, a.next_action AS a_next_action, a.failure AS a_failure, a.is_deposit AS a_is_deposit,
    a.capture_accepted_at AS a_capture_accepted_at, a.lookup_attempts AS a_lookup_attempts, a.next_check_at AS a_next_check_at,
    a.busy_until AS a_busy_until, a.created_at AS a_created_at
"""

LOAD = f"{_COLUMNS} FROM payments p JOIN attempts a ON a.payment_id = p.id WHERE p.id = $1 ORDER BY a.number"

EVENTS = """
SELECT payment_id, seq, at, trigger, reason, payment_from, payment_to, attempt_id, attempt_from, attempt_to, evidence,
    prev_hash, hash
FROM payment_events WHERE payment_id = $1 AND seq > $2 ORDER BY seq LIMIT $3
"""

REFUND_COLUMNS = (
    "id", "number", "attempt_id", "amount_minor", "currency", "taxed_minor", "tax_free_minor", "vat_minor", "initiator", "reason",
    "status", "expected_minor", "request_key", "request_print", "account", "gateway_ref", "failure", "is_held", "refund_attempts",
    "asked_at", "is_lost", "accepted_at", "lookup_attempts", "next_check_at", "created_at", "updated_at",
)  # fmt: skip

LOAD_REFUNDS = f"""
SELECT {", ".join(f"r.{name}" for name in REFUND_COLUMNS)}, p.last_seq AS of_seq
FROM payments p JOIN refunds r ON r.payment_id = p.id WHERE p.id = $1 ORDER BY r.number
"""  # noqa: S608  fixed fragments
"""With the version of the payment that they belong to."""

BACKLOG = f"""
SELECT (SELECT min(created_at) FROM attempts WHERE {one_of("status", ATTEMPT_UNDECIDED)}) AS undecided_since,
    (SELECT min(next_check_at) FROM attempts WHERE next_check_at IS NOT NULL) AS due_since
"""  # noqa: S608  our own words
"""Two looks at the first entry of an index. The words of the statuses stand in it, as they do in the index."""

RESCHEDULE = """
UPDATE attempts SET lookup_attempts = $6, next_check_at = $7, busy_until = $8,
    claimed_until = CASE WHEN next_check_at = $7 THEN claimed_until END
WHERE payment_id = $1 AND id = $2 AND status = $3 AND lookup_attempts = $4 AND busy_until IS NOT DISTINCT FROM $5
"""
"""Only while the attempt is as it was read: a lease that somebody took meanwhile stays."""

RESCHEDULE_REFUND = """
UPDATE refunds SET lookup_attempts = $5, next_check_at = $6,
    claimed_until = CASE WHEN next_check_at = $6 THEN claimed_until END
WHERE payment_id = $1 AND id = $2 AND status = $3 AND lookup_attempts = $4 AND refund_attempts = $7
"""
"""Only while the refund is as it was read."""


def list_payments(search: Search) -> tuple[str, list[Any]]:
    """The statement and values of one keyset page, ordered by (created_at, id) so that the store's index serves it."""
    conditions: list[str] = []
    values: list[Any] = []

    def where(condition: str, *given: Any) -> None:
        places = [f"${len(values) + i + 1}" for i in range(len(given))]
        conditions.append(condition.format(*places))
        values.extend(given)

    where("store = {}", search.store)
    if search.order_id is not None:
        where("order_id = {}", search.order_id)
    if search.status is not None:
        where("status = {}", search.status)
    if search.gateway is not None:
        where("gateway = {}", search.gateway)
    if search.customer_id is not None:
        where("customer_id = {}", search.customer_id)
    if search.created_from is not None:
        where("created_at >= {}", search.created_from)
    if search.created_before is not None:
        where("created_at < {}", search.created_before)
    if search.needs_attention is not None:
        where("attention IS NOT NULL" if search.needs_attention else "attention IS NULL")
    if search.after is not None:
        where("(created_at, id) < ({}, {})", *search.after)
    where("true ORDER BY created_at DESC, id DESC LIMIT {}", search.limit)
    page = f"SELECT * FROM payments WHERE {' AND '.join(conditions)}"  # noqa: S608  fixed fragments, values apart
    sql = f"{_COLUMNS} FROM ({page}) p JOIN attempts a ON a.payment_id = p.id ORDER BY p.created_at DESC, p.id DESC, a.number"
    return sql, values
