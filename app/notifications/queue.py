"""What waits for an endpoint, in Postgres. Each method is one statement; the endpoint's row is locked before its notifications.

Two queues stand beside each other: events that are to be sent for the first time, and those that were refused (`is_again`), so
that no event waits for another's repetition. Of a payment's events only the first that waits has its turn: one that comes to the
front behind an earlier one is parked where that one stands, so it is read once and not at each look.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.db.database import Database, Row
from app.db.old_rows import BY_INDEX
from app.db.statements import Statement
from app.domain import ids
from app.domain.clock import Now
from app.notifications.decisions import Standing
from app.notifications.model import Attempt, Endpoint, Pending

_FRONT = """
SELECT * FROM notifications n
WHERE n.endpoint_id = :endpoint_id AND {queue} AND n.next_try_at <= :until AND n.payment_id <> ALL(:busy::uuid[])
ORDER BY n.next_try_at, n.sequence LIMIT {limit}
"""
_HAS_TO_WAIT = "(f.head_at > f.next_try_at OR (f.head_is_again AND NOT f.is_again))"
READY = Statement(f"""
WITH front AS (
    SELECT n.*, head.sequence AS head_sequence, head.next_try_at AS head_at, head.is_again AS head_is_again
    FROM (
        ({_FRONT.format(queue="NOT n.is_again", limit=":fresh::integer")})
        UNION ALL ({_FRONT.format(queue="n.is_again", limit=":again::integer")})
    ) AS n CROSS JOIN LATERAL (
        SELECT e.sequence, e.next_try_at, e.is_again FROM notifications e
        WHERE e.endpoint_id = :endpoint_id AND e.payment_id = n.payment_id AND e.next_try_at IS NOT NULL
        ORDER BY e.sequence LIMIT 1
    ) AS head
), parked AS (
    UPDATE notifications AS n SET next_try_at = greatest(f.head_at, f.next_try_at), is_again = f.head_is_again
    FROM front AS f
    WHERE n.payment_id = f.payment_id AND n.event_id = f.event_id AND n.endpoint_id = :endpoint_id AND {_HAS_TO_WAIT}
)
SELECT f.payment_id, f.event_id, f.sequence, f.created_at, f.next_try_at, f.delivery_attempts, f.tried_at, f.is_alone, f.is_again,
    o.body, f.sequence = f.head_sequence AS is_first, {_HAS_TO_WAIT} AS is_parked
FROM front AS f
LEFT JOIN LATERAL (SELECT body FROM outbox WHERE payment_id = f.payment_id AND id = f.event_id OFFSET 0) AS o ON true
ORDER BY f.is_again, f.next_try_at, f.sequence
""")  # noqa: S608  only constants of the code are put in; values are bound

RECORD = Statement("""
WITH asked AS (
    SELECT id, url = :asked.url AS is_there, url = :asked.url AND updated_at = :asked.updated_at AND deleted_at IS NULL AS is_same
    FROM notification_endpoints WHERE id = :asked.id FOR UPDATE
), fares AS (
    UPDATE notification_endpoints AS e SET failures = :after.failures::integer,
        failing_since = :after.failing_since::timestamptz, alarmed_percent = :after.alarmed_percent,
        delivered_at = coalesce(:after.delivered_at::timestamptz, e.delivered_at)
    FROM asked WHERE e.id = asked.id AND (asked.is_same OR (asked.is_there AND :after.failures = 0))
), made AS (
    SELECT * FROM unnest(:made.payment_ids::uuid[], :made.event_ids::uuid[], :made.ids::uuid[], :made.statuses::text[],
        :made.next_times::timestamptz[], :made.attempts::integer[], :made.alone::boolean[], :made.times::timestamptz[],
        :made.answers::smallint[], :made.took_ms::float8[], :made.errors::text[], :made.excerpts::text[],
        :made.seen_times::timestamptz[])
        AS m (payment_id, event_id, id, status, next_try_at, attempts, is_alone, at, answer, took_ms, error, excerpt, seen_at)
), noted AS (
    UPDATE notifications AS n SET
        status = CASE WHEN m.stands THEN m.status ELSE 'pending' END,
        next_try_at = CASE WHEN m.stands THEN m.next_try_at ELSE :now::timestamptz END,
        delivery_attempts = CASE WHEN m.stands THEN m.attempts ELSE n.delivery_attempts END,
        is_again = n.is_again OR m.stands,
        is_alone = CASE WHEN m.stands THEN m.is_alone ELSE n.is_alone END,
        tried_at = CASE WHEN m.stands THEN m.at ELSE n.tried_at END,
        delivered_at = CASE WHEN m.status = 'delivered' THEN m.at ELSE n.delivered_at END
    FROM (SELECT made.*, asked.is_same OR made.status = 'delivered' AS stands FROM made, asked) AS m
    WHERE n.payment_id = ANY(:made.payment_ids) AND n.payment_id = m.payment_id AND n.event_id = m.event_id
        AND n.endpoint_id = :asked.id AND (m.status = 'delivered' OR n.next_try_at = m.seen_at)
    RETURNING n.payment_id, n.event_id, n.sequence, n.status
), promoted AS (
    UPDATE notifications AS f SET next_try_at = least(f.next_try_at, :now), is_again = false
    FROM noted
    WHERE noted.status <> 'pending' AND f.payment_id = ANY(:made.payment_ids) AND f.payment_id = noted.payment_id
        AND f.endpoint_id = :asked.id AND f.sequence > noted.sequence AND f.is_again AND f.tried_at IS NULL
        AND f.next_try_at IS NOT NULL
), kept AS (
    INSERT INTO deliveries (payment_id, id, event_id, endpoint_id, at, status, took_ms, error, excerpt)
    SELECT payment_id, id, event_id, :asked.id, at, answer, took_ms, error, excerpt FROM made
    ON CONFLICT (payment_id, id) DO NOTHING
)
SELECT is_same, ARRAY(SELECT event_id FROM noted WHERE status = 'failed') AS failed FROM asked
""")
"""A refusal stands only where the shop changed nothing of the endpoint since it was read, and nobody moved the event: else it was
of what the endpoint is no more, and the event is tried again at once. What was taken is taken, and tells of its URL."""

NEXT = Statement("""
UPDATE notification_endpoints AS e SET claimed_until = NULL, due_at = CASE
    WHEN e.deleted_at IS NOT NULL THEN CASE WHEN first.next_try_at IS NOT NULL THEN :seen::timestamptz END
    WHEN e.paused_at IS NULL THEN coalesce(:rest::timestamptz, first.next_try_at) END
FROM (
    SELECT min(each.next_try_at) AS next_try_at FROM unnest('{false,true}'::boolean[]) AS q (is_again) CROSS JOIN LATERAL (
        SELECT n.next_try_at FROM notifications n
        WHERE n.endpoint_id = :endpoint_id AND n.is_again = q.is_again AND n.next_try_at IS NOT NULL
        ORDER BY n.next_try_at LIMIT 1
    ) AS each
) AS first
WHERE e.id = :endpoint_id AND e.due_at = :seen AND e.claimed_until = :held::timestamptz
""")
"""Only where nothing came meanwhile: the relay moves the time with every new event, the shop with every change. One that ended is
due until all that waits for it is dropped."""

HOLD = Statement("""
UPDATE notification_endpoints SET claimed_until = :until::timestamptz
WHERE id = :endpoint_id AND claimed_until = :held::timestamptz RETURNING due_at
""")
RELEASE = Statement(
    "UPDATE notification_endpoints SET claimed_until = NULL WHERE id = :endpoint_id AND claimed_until = :held"
)
PUT_OFF = Statement("UPDATE notification_endpoints SET due_at = :until WHERE id = :endpoint_id AND due_at IS NOT NULL")
BRING = Statement("""
WITH taker AS MATERIALIZED (SELECT id FROM notification_endpoints WHERE id = :endpoint_id FOR UPDATE)
UPDATE notifications SET next_try_at = :now, delivery_attempts = 0, is_again = false
WHERE endpoint_id = (SELECT id FROM taker) AND next_try_at IS NOT NULL AND NOT is_alone AND tried_at IS NOT NULL
""")
HURRY = Statement("""
WITH taker AS MATERIALIZED (SELECT id FROM notification_endpoints WHERE id = :endpoint_id FOR UPDATE)
UPDATE notifications SET next_try_at = :now WHERE (payment_id, event_id, endpoint_id) IN (
    SELECT n.payment_id, n.event_id, n.endpoint_id FROM notifications n
    WHERE n.endpoint_id = (SELECT id FROM taker) AND n.is_again AND n.next_try_at > :now
    ORDER BY n.next_try_at LIMIT :bite::integer
)
""")
_BITE = 1000


@dataclass(frozen=True, slots=True)
class Front:
    """What stands at the front of an endpoint's queues."""

    ready: list[tuple[Pending, bool]]
    """What may be sent now, each with whether it was refused before; first those that were not."""
    has_moved: bool
    """Something was parked: behind it there may be more."""


@dataclass(frozen=True, slots=True)
class Made:
    """Attempts by column."""

    payment_ids: list[UUID]
    event_ids: list[UUID]
    ids: list[UUID]
    statuses: list[str]
    next_times: list[datetime | None]
    attempts: list[int]
    alone: list[bool]
    times: list[datetime]
    answers: list[int | None]
    took_ms: list[float]
    errors: list[str | None]
    excerpts: list[str | None]
    seen_times: list[datetime]

    @classmethod
    def of(cls, ended: Sequence[tuple[Attempt, Standing]]) -> "Made":
        """Each attempt with where its event stands after it."""
        rows = [
            (
                *(of.pending.payment_id, of.pending.event_id, ids.uuid7()),
                *(stands.status, stands.next_try_at, stands.delivery_attempts, stands.is_alone),
                *(of.made.at, of.made.status, of.made.took_ms, of.made.error, of.made.excerpt, of.pending.next_try_at),
            )
            for of, stands in ended
        ]
        return cls(*map(list, zip(*rows, strict=True)))


class Queue:
    """The notifications that wait, by endpoint."""

    def __init__(self, database: Database, now: Now) -> None:
        self._database = database
        self._now = now

    async def front(self, endpoint_id: UUID, until: datetime, busy: Sequence[UUID], *, fresh: int, again: int) -> Front:
        """What is due until then, of other payments than the busy ones: so many at most of each queue."""
        values = READY.values(endpoint_id=endpoint_id, until=until, busy=list(busy), fresh=fresh, again=again)
        rows = [dict(row) for row in await self._database.rows(READY.sql, *values)]
        ready = list[tuple[Pending, bool]]()
        has_moved = False
        for row in rows:
            is_first, is_again, is_parked = row.pop("is_first"), row.pop("is_again"), row.pop("is_parked")
            has_moved = has_moved or is_parked
            if is_first:
                ready.append((Pending(**row), is_again))
        return Front(ready, has_moved)

    async def record(self, asked: Endpoint, after: Endpoint, ended: Sequence[tuple[Attempt, Standing]]) -> Row | None:
        """Keep how attempts ended that were made to the endpoint as `asked`, and how it fares after them. `is_same`: it is that
        one still; `failed`: the events that were given up. None: it is not there any more."""
        values = RECORD.values(asked=asked, after=after, made=Made.of(ended), now=self._now())
        return await self._database.row(RECORD.sql, *values)

    async def bring(self, endpoint_id: UUID) -> None:
        """Have sent at once, and as if for the first time, what was refused, but not beside others that were taken. Few rows:
        what was never tried waits for nothing, and what is refused beside others is soon known for that."""
        await self._database.changed(BRING.sql, *BRING.values(endpoint_id=endpoint_id, now=self._now()))

    async def hurry(self, endpoint_id: UUID) -> None:
        """Have sent at once all that was refused, whatever is known of it. In bites: it may be very much."""
        now, hurried = self._now(), _BITE
        while hurried == _BITE:
            async with self._database.transaction() as connection:
                await connection.execute(BY_INDEX)
                values = HURRY.values(endpoint_id=endpoint_id, now=now, bite=_BITE)
                hurried = int((await connection.execute(HURRY.sql, *values)).rpartition(" ")[2])

    async def hold(self, endpoint_id: UUID, until: datetime, held: datetime) -> Row | None:
        """Hold the claim until then, which was held until `held`. Returns when the endpoint is due, as `due_at`, or None where it
        is somebody else's by now."""
        return await self._database.row(HOLD.sql, *HOLD.values(endpoint_id=endpoint_id, until=until, held=held))

    async def let_go(self, endpoint_id: UUID, held: datetime, seen: datetime, rest: datetime | None) -> bool:
        """End the claim, and say when the endpoint is due again: not before `rest`. False: something came since it was due as
        `seen`."""
        values = NEXT.values(endpoint_id=endpoint_id, held=held, seen=seen, rest=rest)
        return await self._database.changed(NEXT.sql, *values) == 1

    async def release(self, endpoint_id: UUID, held: datetime) -> None:
        """End the claim; the endpoint stays due."""
        await self._database.changed(RELEASE.sql, *RELEASE.values(endpoint_id=endpoint_id, held=held))

    async def put_off(self, endpoint_id: UUID, until: datetime) -> None:
        """Come back to the endpoint then. Its claim ends by itself."""
        await self._database.changed(PUT_OFF.sql, *PUT_OFF.values(endpoint_id=endpoint_id, until=until))
