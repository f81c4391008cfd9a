"""Which alarms are raised, whose turn it is to mail them, and what they are about.

An alarm is a level, not an edge: what calls a person now has a row, and nothing else does. So no caller can forget to raise one,
and a process that dies between a write and its alarm loses none.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

from app.alarms.model import Alarm, AlarmKind, CallingPayment, FailingEndpoint, Told
from app.db.database import Database, Row
from app.domain.attention import Attention
from app.domain.money import Money

RAISED_AT_ONCE = 500
MAILED_AT_ONCE = 500
MOST_COUNTED = 10_000

_CALLING = """
calling AS MATERIALIZED (
    SELECT encode(substr(sha256(convert_to(kind || ' ' || subject_id || ' ' || step || ' ' || since, 'UTF8')), 1, 16),
        'hex')::uuid AS id, kind, subject_id, step
    FROM (
        SELECT 'endpoint' AS kind, id AS subject_id,
            CASE WHEN pause_reason = 'gone' THEN 'gone' ELSE alarmed_percent::text END AS step,
            extract(epoch FROM CASE WHEN pause_reason = 'gone' THEN paused_at ELSE failing_since END)::text AS since
        FROM notification_endpoints
        WHERE deleted_at IS NULL AND (pause_reason = 'gone' OR alarmed_percent > 0 AND pause_reason IS DISTINCT FROM 'asked')
        UNION ALL
        SELECT 'payment', id, attention, '' FROM payments WHERE attention IS NOT NULL
    ) AS held
)
"""
_BY_INDEX = "SET LOCAL enable_seqscan = off"
"""Without fresh statistics Postgres takes most payments to call somebody, and reads them all."""
_RAISE = f"""
WITH {_CALLING}
INSERT INTO alarms (id, kind, subject_id, step, raised_at, due_at)
SELECT id, kind, subject_id, step, $1::timestamptz, $2::timestamptz FROM calling
WHERE NOT EXISTS (SELECT FROM alarms a WHERE a.id = calling.id) LIMIT {RAISED_AT_ONCE}
ON CONFLICT (id) DO NOTHING RETURNING kind, subject_id, step
"""  # noqa: S608  only constants of the code are put in; values are bound
_END = f"""
WITH {_CALLING}
DELETE FROM alarms AS a WHERE (a.claimed_until IS NULL OR a.claimed_until <= $1) AND NOT EXISTS (
    SELECT FROM calling WHERE calling.id = a.id
)
"""  # noqa: S608  only constants of the code are put in; values are bound
_COLUMNS = "id, kind, subject_id, step, raised_at, mail_attempts"
_ONE = f"SELECT {_COLUMNS} FROM alarms WHERE id = $1 AND due_at = $2"  # noqa: S608  our names
_CLAIM_OTHERS = f"""
UPDATE alarms SET claimed_until = $2 WHERE id IN (
    SELECT id FROM alarms WHERE due_at IS NOT NULL AND (claimed_until IS NULL OR claimed_until <= $1)
    ORDER BY raised_at LIMIT {MAILED_AT_ONCE} FOR UPDATE SKIP LOCKED
) RETURNING {_COLUMNS}
"""  # noqa: S608  only constants of the code are put in; values are bound
_MAILED = "UPDATE alarms SET mailed_at = $2, due_at = NULL, claimed_until = NULL WHERE id = ANY($1)"
_AGAIN = """
UPDATE alarms AS a SET due_at = next.due_at, mail_attempts = mail_attempts + 1, claimed_until = NULL
FROM unnest($1::uuid[], $2::timestamptz[]) AS next (id, due_at) WHERE a.id = next.id
"""
_ENDPOINTS = f"""
SELECT e.id, e.store, e.url, e.description, e.paused_at IS NOT NULL AS is_paused,
    coalesce(e.failing_since, e.paused_at) AS since, w.waiting, w.oldest,
    d.status AS answer, d.error, d.excerpt
FROM notification_endpoints e
CROSS JOIN LATERAL (
    SELECT count(*) AS waiting, min(created_at) AS oldest FROM (
        SELECT created_at FROM notifications WHERE endpoint_id = e.id AND next_try_at IS NOT NULL
        ORDER BY is_again, next_try_at LIMIT {MOST_COUNTED + 1}
    ) AS counted
) AS w
LEFT JOIN LATERAL (
    SELECT d.status, d.error, d.excerpt FROM (
        SELECT payment_id, event_id FROM notifications
        WHERE endpoint_id = e.id AND is_again AND next_try_at IS NOT NULL AND tried_at IS NOT NULL
        ORDER BY next_try_at DESC LIMIT 10
    ) AS tried CROSS JOIN LATERAL (
        SELECT at, status, error, excerpt FROM deliveries
        WHERE payment_id = tried.payment_id AND event_id = tried.event_id AND endpoint_id = e.id ORDER BY at DESC LIMIT 1
    ) AS d ORDER BY d.at DESC LIMIT 1
) AS d ON true
WHERE e.id = ANY($1) AND e.deleted_at IS NULL
"""  # noqa: S608  only constants of the code are put in; values are bound
_PAYMENTS = """
SELECT id, store, order_id, amount_minor, currency, gateway, status, attention FROM payments
WHERE id = ANY($1) AND attention IS NOT NULL
"""
_OLDEST = "SELECT min(raised_at) AS oldest, count(*) AS unmailed FROM alarms WHERE mailed_at IS NULL"


class AlarmRepository:
    """Reads and writes alarms."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def raise_new(self, now: datetime, due_at: datetime) -> list[Row]:
        """Raise what calls a person and is not raised yet: so many at most. Several may do it at once."""
        async with self._database.transaction() as connection:
            await connection.execute(_BY_INDEX)
            return list(await connection.fetch(_RAISE, now, due_at))

    async def end_old(self, now: datetime) -> int:
        """Forget what no longer holds, told or not. One that is being mailed stays for the next time."""
        async with self._database.transaction() as connection:
            await connection.execute(_BY_INDEX)
            status = await connection.execute(_END, now)
        return int(status.rpartition(" ")[2])

    async def claimed(self, alarm_id: UUID, due_at: datetime, now: datetime, until: datetime) -> list[Alarm]:
        """This one, which is the caller's, and all others that wait and are nobody's: they are his until then."""
        first = await self._database.row(_ONE, alarm_id, due_at)
        if first is None:
            return []
        return [_alarm(each) for each in (first, *await self._database.rows(_CLAIM_OTHERS, now, until))]

    async def told(self, alarms: Sequence[Alarm]) -> list[Told]:
        """What is to be told of these now: nothing of what holds no more, and of an endpoint the newest step."""
        steps = {each.subject_id: each.step for each in sorted(alarms, key=lambda each: each.raised_at)}
        of = {kind: [each.subject_id for each in alarms if each.kind is kind] for kind in AlarmKind}
        endpoints = await self._database.rows(_ENDPOINTS, list(set(of[AlarmKind.ENDPOINT])))
        payments = await self._database.rows(_PAYMENTS, list(set(of[AlarmKind.PAYMENT])))
        return [
            *(_endpoint(row, steps[row["id"]]) for row in endpoints if row["since"] is not None),
            *(_payment(row) for row in payments if row["attention"] == steps[row["id"]]),
        ]

    async def mailed(self, alarms: Sequence[Alarm], now: datetime) -> None:
        """They were taken by the mail server."""
        await self._database.changed(_MAILED, [each.id for each in alarms], now)

    async def again(self, alarms: Sequence[tuple[Alarm, datetime | None]]) -> None:
        """They were not: when each is tried again, None for never."""
        await self._database.changed(_AGAIN, [each.id for each, _ in alarms], [at for _, at in alarms])

    async def unmailed(self, now: datetime) -> tuple[int, timedelta]:
        """How many are raised and not told, and since when the oldest is."""
        row = await self._database.row(_OLDEST)
        assert row is not None
        return row["unmailed"], now - (row["oldest"] or now)


def _alarm(row: Row) -> Alarm:
    return Alarm(**{**dict(row), "kind": AlarmKind(row["kind"])})


def _endpoint(row: Row, step: str) -> FailingEndpoint:
    answered = row["error"] or (f"{row['answer']} {row['excerpt'] or ''}" if row["answer"] else "")
    return FailingEndpoint(
        id=row["id"], store=row["store"], host=urlsplit(row["url"]).netloc, description=row["description"], step=step,
        since=row["since"], answered=answered.strip(), waiting=row["waiting"], oldest=row["oldest"],
        is_paused=row["is_paused"],
    )  # fmt: skip


def _payment(row: Row) -> CallingPayment:
    return CallingPayment(
        id=row["id"], store=row["store"], order_id=row["order_id"], amount=Money(row["amount_minor"], row["currency"]),
        gateway=row["gateway"], status=row["status"], attention=Attention(row["attention"]),
    )  # fmt: skip
