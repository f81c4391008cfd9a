"""The inbox in Postgres. Each method is one statement; ingest also enqueues the job, in the same commit."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from app.db.database import Database, Row
from app.webhooks.records import Arrival, Webhook

APPLY_JOB = "apply_webhook"

INGEST = """
WITH kept AS (
    INSERT INTO webhook_inbox (id, gateway, dedupe_key, proof, kind, headers, body, source, payment_id, reference,
        gateway_ref, received_at, last_received_at, next_try_at, applied_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, $13,
        CASE WHEN $13::timestamptz IS NULL THEN $12::timestamptz END)
    ON CONFLICT (gateway, dedupe_key) DO UPDATE SET
        times_received = webhook_inbox.times_received + 1,
        last_received_at = excluded.last_received_at,
        next_try_at = coalesce(webhook_inbox.next_try_at, excluded.next_try_at),
        apply_attempts = CASE WHEN webhook_inbox.next_try_at IS NULL THEN 0 ELSE webhook_inbox.apply_attempts END,
        applied_at = excluded.applied_at,
        parked_at = NULL
    RETURNING id, next_try_at
), job AS (
    INSERT INTO pgqueuer (priority, entrypoint, payload, status, execute_after)
    SELECT 0, 'apply_webhook', convert_to(id::text, 'UTF8'), 'queued', now() FROM kept WHERE id = $1 AND next_try_at IS NOT NULL
)
SELECT id FROM kept
"""
"""A repeated webhook is counted, and asks for another look at the next sweep: whatever brought it may be news again."""

_COLUMNS = """id, gateway, payment_id, reference, gateway_ref, received_at, last_received_at, apply_attempts,
    next_try_at IS NOT NULL AS is_waiting"""

APPLIED = """
UPDATE webhook_inbox SET applied_at = $3, next_try_at = NULL, payment_id = coalesce(payment_id, $2), note = NULL
WHERE id = ANY($1) AND next_try_at IS NOT NULL AND last_received_at <= $4
"""

PUT_OFF = """
UPDATE webhook_inbox SET apply_attempts = apply_attempts + 1, next_try_at = $2, note = $3
WHERE id = $1 AND next_try_at IS NOT NULL
"""

PARK = """
UPDATE webhook_inbox SET apply_attempts = apply_attempts + 1, parked_at = $2, next_try_at = NULL, note = $3
WHERE id = $1 AND next_try_at IS NOT NULL
"""


class Inbox:
    """Reads and writes kept webhooks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, arrival: Arrival) -> bool:
        """Store it durably with its job. True: it is new. Safe to repeat; a lost connection leaves it unknown."""
        row = await self._database.row(
            INGEST,
            arrival.id,
            arrival.gateway,
            arrival.dedupe_key,
            arrival.proof,
            arrival.kind,
            arrival.headers,
            arrival.body,
            arrival.source,
            arrival.payment_id,
            arrival.reference,
            arrival.gateway_ref,
            arrival.at,
            arrival.next_try_at,
        )
        assert row is not None
        return bool(row["id"] == arrival.id)

    async def get(self, webhook_id: UUID) -> Webhook | None:
        """One webhook."""
        row = await self._database.row(f"SELECT {_COLUMNS} FROM webhook_inbox WHERE id = $1", webhook_id)  # noqa: S608
        return _webhook(row) if row else None

    async def waiting_for(self, payment_id: UUID) -> list[Webhook]:
        """What has come for this payment and was not looked into yet: one look answers all of it."""
        sql = f"SELECT {_COLUMNS} FROM webhook_inbox WHERE payment_id = $1 AND next_try_at IS NOT NULL"  # noqa: S608
        return [_webhook(row) for row in await self._database.rows(sql, payment_id)]

    async def due(self, now: datetime, limit: int) -> list[UUID]:
        """Whose time to try has come, longest waiting first. Read without a lock."""
        sql = "SELECT id FROM webhook_inbox WHERE next_try_at <= $1 ORDER BY next_try_at LIMIT $2"
        return [row["id"] for row in await self._database.rows(sql, now, limit)]

    async def forget_applied(self, before: datetime) -> None:
        """Delete what was looked into and came before then. What waits or is parked stays."""
        await self._database.row(
            "DELETE FROM webhook_inbox WHERE applied_at IS NOT NULL AND last_received_at < $1", before
        )

    async def counts(self) -> tuple[int, int]:
        """How many wait, and how many are parked. Both from partial indexes: history costs nothing."""
        row = await self._database.row(
            "SELECT (SELECT count(*) FROM webhook_inbox WHERE next_try_at IS NOT NULL) AS waiting, "
            "(SELECT count(*) FROM webhook_inbox WHERE parked_at IS NOT NULL) AS parked"
        )
        assert row is not None
        return row["waiting"], row["parked"]

    async def applied(self, ids: Sequence[UUID], payment_id: UUID, at: datetime, looked_at: datetime) -> None:
        """They were looked into by a look-up that began at `looked_at`; one that came again since then stays due."""
        await self._database.row(APPLIED, list(ids), payment_id, at, looked_at)

    async def put_off(self, webhook_id: UUID, until: datetime, note: str) -> None:
        """Try it again later."""
        await self._database.row(PUT_OFF, webhook_id, until, note)

    async def park(self, webhook_id: UUID, at: datetime, note: str) -> None:
        """Stop trying; a person reads the note."""
        await self._database.row(PARK, webhook_id, at, note)


def _webhook(row: Row) -> Webhook:
    return Webhook(**{name: row[name] for name in Webhook.__slots__})
