"""The inbox in Postgres. Each method is one statement. What waits in it is found and claimed as due work, see `jobs`."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from app.db.database import Database, Row
from app.db.old_rows import OldRows
from app.db.statements import Statement
from app.domain.clock import Now
from app.domain.schedule import ASK_AGAIN
from app.webhooks.model import Arrival, Webhook

KEEP = Statement("""
INSERT INTO webhook_inbox (id, gateway, dedupe_key, proof, kind, headers, body, source, payment_id, reference, gateway_ref,
    received_at, last_received_at, next_try_at, applied_at)
VALUES (:arrival.id, :arrival.gateway, :arrival.dedupe_key, :arrival.proof, :arrival.kind, :arrival.headers, :arrival.body,
    :arrival.source, :arrival.payment_id, :arrival.reference, :arrival.gateway_ref, :arrival.at::timestamptz, :arrival.at,
    :arrival.due_at::timestamptz, CASE WHEN :arrival.due_at IS NULL THEN :arrival.at END)
ON CONFLICT (gateway, dedupe_key) DO UPDATE SET
    times_received = webhook_inbox.times_received + 1,
    last_received_at = excluded.last_received_at,
    next_try_at = least(CASE WHEN webhook_inbox.claimed_until IS NULL THEN webhook_inbox.next_try_at END,
        :arrival.repeat_at::timestamptz),
    claimed_until = NULL,
    apply_attempts = CASE WHEN webhook_inbox.next_try_at IS NULL THEN 0 ELSE webhook_inbox.apply_attempts END,
    applied_at = excluded.applied_at,
    parked_at = NULL
RETURNING id
""")
"""A new one that names somebody is due at once. A repeat is counted and due a little later, because its gateway may have
news since, also while a verification is under way. It never waits as long as one of the same text has come to wait that was
tried in vain: a stranger may have sent that."""

_COLUMNS = """id, gateway, proof, kind, payment_id, reference, gateway_ref, received_at, last_received_at, times_received,
    apply_attempts, next_try_at IS NOT NULL AS is_waiting, note"""

UNKNOWN_HINT = "proof = 'hint' AND payment_id IS NULL AND next_try_at IS NOT NULL"
"""An unsigned one that named no payment of ours when it came."""

_SEEN = """w.id = ANY($1) AND w.next_try_at IS NOT NULL
    AND (w.id, w.times_received) IN (SELECT * FROM unnest($1::uuid[], $2::int[]))"""

APPLIED = f"""
WITH gone AS (DELETE FROM webhook_inbox AS w WHERE {_SEEN} AND w.proof = 'hint' AND w.payment_id IS NULL)
UPDATE webhook_inbox AS w SET applied_at = $4, next_try_at = NULL, claimed_until = NULL,
    payment_id = coalesce(w.payment_id, $3), note = NULL
WHERE {_SEEN} AND NOT (w.proof = 'hint' AND w.payment_id IS NULL)
"""  # noqa: S608  our columns, no value
"""No clock says whether a delivery came before the look: those that were read before it began are counted, and no others.
Hints that nobody knew when they came leave: anybody may have left any number of them, with whatever they say."""

WAITING_FOR = f"""
SELECT {_COLUMNS} FROM webhook_inbox WHERE payment_id = $1 AND next_try_at IS NOT NULL
UNION ALL SELECT {_COLUMNS} FROM webhook_inbox WHERE {UNKNOWN_HINT} AND gateway = $2 AND gateway_ref = $3
"""  # noqa: S608  our columns, no value

PUT_OFF = """
UPDATE webhook_inbox SET apply_attempts = apply_attempts + 1, next_try_at = $3, claimed_until = NULL, note = $4
WHERE id = $1 AND times_received = $2 AND next_try_at IS NOT NULL
"""
"""What came again since it was read has a time of its own, which may be much sooner."""

PARK = """
UPDATE webhook_inbox SET apply_attempts = apply_attempts + 1, parked_at = $3, next_try_at = NULL, claimed_until = NULL, note = $4
WHERE id = $1 AND times_received = $2 AND next_try_at IS NOT NULL
"""

DROP = "DELETE FROM webhook_inbox WHERE id = $1 AND next_try_at IS NOT NULL AND proof = 'hint' AND times_received = $2"

IN_VAIN = len(ASK_AGAIN)
"""Tries after which one that still waits is a person's matter too: over an hour, when its silence has called somebody."""

_FOR_A_PERSON = f"(parked_at IS NOT NULL OR (next_try_at IS NOT NULL AND apply_attempts >= {IN_VAIN}))"

PARKED = f"""
SELECT {_COLUMNS} FROM webhook_inbox WHERE {_FOR_A_PERSON} ORDER BY (proof = 'hint'), last_received_at DESC LIMIT $1
"""  # noqa: S608  our columns, no value

DISMISS = f"""
UPDATE webhook_inbox SET parked_at = NULL, next_try_at = NULL, claimed_until = NULL, applied_at = $2, note = $3
WHERE id = $1 AND {_FOR_A_PERSON} RETURNING {_COLUMNS}
"""  # noqa: S608  our columns, no value

MAY_GO = "(applied_at IS NOT NULL OR (parked_at IS NOT NULL AND proof = 'hint'))"
"""Those that wait stay, and signed ones that a person must look at; an unsigned one that is parked may be a stranger's."""


def old_webhooks(database: Database, keep: timedelta, now: Now) -> OldRows:
    """Webhooks that may go so long after they came for the last time: they hold buyers' data."""
    return OldRows(database, "webhook_inbox", ("id",), since="last_received_at", keep=keep, now=now, only=MAY_GO)


class Inbox:
    """Reads and writes kept webhooks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, arrival: Arrival) -> bool:
        """Store it durably. True: it is new. Safe to repeat; a lost connection leaves it unknown."""
        row = await self._database.row(KEEP.sql, *KEEP.values(arrival=arrival))
        assert row is not None
        return bool(row["id"] == arrival.id)

    async def get(self, webhook_id: UUID) -> Webhook | None:
        """One webhook."""
        row = await self._database.row(f"SELECT {_COLUMNS} FROM webhook_inbox WHERE id = $1", webhook_id)  # noqa: S608
        return _webhook(row) if row else None

    async def waiting_for(self, payment_id: UUID, webhook: Webhook) -> list[Webhook]:
        """Those that wait for this payment, and the hints that name it as this one does, from when nobody knew that name:
        one verification applies them all."""
        rows = await self._database.rows(WAITING_FOR, payment_id, webhook.gateway, webhook.gateway_ref)
        return [_webhook(row) for row in rows]

    async def hints_about(self, payment_id: UUID, limit: int) -> int:
        """How many unsigned ones are kept about a payment, counted up to this."""
        return await self._count("payment_id = $2 AND proof = 'hint'", limit, payment_id)

    async def unknown_hints(self, limit: int) -> int:
        """How many unsigned ones wait that named nobody of ours, counted up to this."""
        return await self._count(UNKNOWN_HINT, limit)

    async def _count(self, only: str, limit: int, *values: object) -> int:
        sql = f"SELECT count(*) AS n FROM (SELECT 1 FROM webhook_inbox WHERE {only} LIMIT $1) AS few"  # noqa: S608
        row = await self._database.row(sql, limit, *values)
        assert row is not None
        return int(row["n"])

    async def parked(self, limit: int) -> list[Webhook]:
        """Those that wait for a person, parked or tried in vain for over an hour: signed ones first, then the newest."""
        return [_webhook(row) for row in await self._database.rows(PARKED, limit)]

    async def dismiss(self, webhook_id: UUID, at: datetime, note: str) -> Webhook | None:
        """End one of those by a person's word; None where it is none of them."""
        row = await self._database.row(DISMISS, webhook_id, at, note)
        return _webhook(row) if row else None

    async def counts(self) -> tuple[int, int]:
        """How many wait, and how many are parked. Both from partial indexes: history costs nothing."""
        row = await self._database.row(
            "SELECT (SELECT count(*) FROM webhook_inbox WHERE next_try_at IS NOT NULL) AS waiting, "
            "(SELECT count(*) FROM webhook_inbox WHERE parked_at IS NOT NULL) AS parked"
        )
        assert row is not None
        return row["waiting"], row["parked"]

    async def applied(self, seen: Sequence[Webhook], payment_id: UUID, at: datetime) -> None:
        """Mark as applied what was read before its look-up began; one that was repeated since then stays due."""
        times = [each.times_received for each in seen]
        await self._database.row(APPLIED, [each.id for each in seen], times, payment_id, at)

    async def drop(self, seen: Webhook) -> None:
        """Delete a hint that nobody knows; one that was repeated since it was read stays due."""
        await self._database.changed(DROP, seen.id, seen.times_received)

    async def put_off(self, seen: Webhook, until: datetime, note: str) -> None:
        """Try it again later, unless it came again meanwhile."""
        await self._database.row(PUT_OFF, seen.id, seen.times_received, until, note)

    async def park(self, seen: Webhook, at: datetime, note: str) -> bool:
        """Stop trying; a person reads the note. False: it came again meanwhile, and is due."""
        return bool(await self._database.changed(PARK, seen.id, seen.times_received, at, note))


def _webhook(row: Row) -> Webhook:
    return Webhook(**{name: row[name] for name in Webhook.__slots__})
