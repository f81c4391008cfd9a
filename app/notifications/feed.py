"""`GET /events` and the lists of notifications: reads, and sending again.

A page costs the same however long the history is (law 18). What an index has together by its first columns and in order by the
others is a *run*: the events of a store and type, the notifications of an endpoint, status and type. A filtered page is merged
from the newest of every run that its filters admit. A run is asked for by comparing rows of all columns of its index, in their
order, which no other index has: else Postgres may prefer one that is in order of time, and walk through what all others have.
So it does not depend on what Postgres knows of the tables.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from app.db.database import Database, Row
from app.db.old_rows import BY_INDEX
from app.db.statements import Statement
from app.domain.clock import Now
from app.domain.errors import InvalidRequest
from app.domain.schedule import DOWN_AFTER
from app.ledger.outbox import EVENT_TYPES
from app.notifications.model import Notification, NotificationStatus
from app.notifications.relay import put_in_turn

MOST_REPLAYED = 100_000
"""Notifications that one replay sends again."""

BITE = 1000
DELIVERIES_SHOWN = 20

_FIRST, _LAST = UUID(int=0), UUID(int=2**128 - 1)
_BEFORE_ALL, _AFTER_ALL = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class FeedQuery:
    """What of the feed is read: what stands after a position."""

    store: str
    after: int
    limit: int
    payment_id: UUID | None = None
    event_type: str | None = None


@dataclass(frozen=True, slots=True)
class NotificationQuery:
    """Which notifications are listed: newest first, below a cursor."""

    store: str
    limit: int
    below: tuple[datetime, UUID] | None = None
    status: NotificationStatus | None = None
    endpoint_id: UUID | None = None
    event_type: str | None = None
    since: datetime | None = None

    @property
    def first(self) -> datetime:
        """From when on."""
        return self.since or _BEFORE_ALL

    @property
    def last(self) -> datetime:
        """Up to when; of that moment, those below `last_id`."""
        return self.below[0] if self.below else _AFTER_ALL

    @property
    def last_id(self) -> UUID:
        """See `last`."""
        return self.below[1] if self.below else _LAST

    @property
    def statuses(self) -> list[str]:
        """Those that the filter admits."""
        return [self.status] if self.status else list(NotificationStatus)

    @property
    def types(self) -> list[str]:
        """Those that the filter admits."""
        return [self.event_type] if self.event_type else list(EVENT_TYPES)


@dataclass(frozen=True, slots=True)
class ReplayQuery:
    """What is sent again: these events, or those of a time; to one endpoint, or to all that are told them."""

    store: str
    event_ids: tuple[UUID, ...] = ()
    endpoint_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def ids(self) -> list[UUID]:
        """Each once."""
        return list(set(self.event_ids))

    @property
    def first(self) -> datetime:
        """From when on."""
        return self.since or _BEFORE_ALL

    @property
    def end(self) -> datetime:
        """Before when."""
        return self.until or _AFTER_ALL


EVENTS = Statement("""
SELECT position, body FROM outbox WHERE store = :query.store AND position > :query.after ORDER BY position LIMIT :query.limit
""")
EVENTS_OF_TYPE = Statement(f"""
SELECT position, body FROM outbox WHERE position IS NOT NULL
    AND (store, type, position) > (:query.store, :query.event_type, :query.after)
    AND (store, type, position) <= (:query.store, :query.event_type, {2**63 - 1})
ORDER BY store, type, position LIMIT :query.limit
""")  # noqa: S608  only constants of the code are put in; values are bound
EVENTS_OF_PAYMENT = Statement("""
SELECT position, body FROM (SELECT * FROM outbox WHERE payment_id = :query.payment_id OFFSET 0) AS o
WHERE store = :query.store AND position > :query.after AND type = coalesce(:query.event_type::text, type)
ORDER BY position LIMIT :query.limit
""")
"""A payment has few events: they are all read, by their own key."""

_LISTED = (
    "n.payment_id, n.event_id, n.endpoint_id, n.id, n.type, n.sequence, n.created_at, n.status, n.delivery_attempts, "
    "n.next_try_at, n.delivered_at"
)
_NEWEST = "ORDER BY n.created_at DESC, n.id DESC LIMIT :query.limit"
_RUN = """
    CROSS JOIN unnest(:query.statuses::text[]) AS s (status) CROSS JOIN unnest(:query.types::text[]) AS t (type)
    CROSS JOIN LATERAL (
        SELECT {listed} FROM notifications n
        WHERE (n.{of}, n.status, n.type, n.created_at, n.id) < (e.{of}, s.status, t.type, :query.last, :query.last_id)
            AND (n.{of}, n.status, n.type, n.created_at, n.id) >= (e.{of}, s.status, t.type, :query.first, '{first_id}')
        ORDER BY n.{of} DESC, n.status DESC, n.type DESC, n.created_at DESC, n.id DESC LIMIT :query.limit
    ) AS n
"""
LIST = Statement(f"""
SELECT {_LISTED} FROM notifications n
WHERE n.store = :query.store AND n.created_at >= :query.first AND (n.created_at, n.id) < (:query.last, :query.last_id) {_NEWEST}
""")  # noqa: S608  only constants of the code are put in; values are bound
LIST_OF_STORE = Statement(f"""
SELECT n.* FROM (SELECT :query.store::text AS store) AS e {_RUN.format(of="store", listed=_LISTED, first_id=_FIRST)} {_NEWEST}
""")  # noqa: S608  only constants of the code are put in; values are bound
"""So that endpoints that have ended, however many, cost nothing."""
LIST_OF_ENDPOINT = Statement(f"""
SELECT n.* FROM (
    SELECT id AS endpoint_id FROM notification_endpoints WHERE id = :query.endpoint_id AND store = :query.store OFFSET 0
) AS e {_RUN.format(of="endpoint_id", listed=_LISTED, first_id=_FIRST)} {_NEWEST}
""")  # noqa: S608  only constants of the code are put in; values are bound
DELIVERIES = Statement(f"""
SELECT d.* FROM unnest(:listed.payment_ids::uuid[], :listed.event_ids::uuid[], :listed.endpoint_ids::uuid[])
    AS n (payment_id, event_id, endpoint_id)
CROSS JOIN LATERAL (
    SELECT d.event_id, d.endpoint_id, d.id, d.at, d.status, d.took_ms, d.error, d.excerpt FROM deliveries d
    WHERE (d.payment_id, d.event_id, d.endpoint_id) >= (n.payment_id, n.event_id, n.endpoint_id)
        AND (d.payment_id, d.event_id, d.endpoint_id) <= (n.payment_id, n.event_id, n.endpoint_id)
    ORDER BY d.payment_id DESC, d.event_id DESC, d.endpoint_id DESC, d.at DESC LIMIT {DELIVERIES_SHOWN}
) AS d ORDER BY d.at, d.id
""")  # noqa: S608  only constants of the code are put in; values are bound

_ENDPOINTS = """(
    SELECT id, events FROM notification_endpoints
    WHERE store = :query.store AND deleted_at IS NULL AND id = coalesce(:query.endpoint_id::uuid, id)
)"""
_CHOSEN = "o.payment_id, o.id, o.store, o.type, o.sequence, o.created_at, o.position"
_BY_ID = f"""(
WITH e AS MATERIALIZED {_ENDPOINTS}
SELECT {_CHOSEN}, e.id AS endpoint_id FROM unnest(:query.ids::uuid[]) AS w (id)
CROSS JOIN LATERAL (SELECT * FROM outbox WHERE id = w.id OFFSET 0) AS o
CROSS JOIN e
WHERE o.store = :query.store AND o.position IS NOT NULL AND o.created_at >= :query.first AND o.created_at < :query.end
    AND (cardinality(e.events) = 0 OR o.type = ANY(e.events))
LIMIT :most
) AS c"""  # noqa: S608  our names
_BY_TIME = f"""(
WITH e AS MATERIALIZED {_ENDPOINTS}, wanted AS MATERIALIZED (
    SELECT e.id, t.type FROM e CROSS JOIN unnest(:types::text[]) AS t (type)
    WHERE cardinality(e.events) = 0 OR t.type = ANY(e.events)
)
SELECT {_CHOSEN}, wanted.id AS endpoint_id FROM wanted CROSS JOIN LATERAL (
    SELECT {_CHOSEN} FROM outbox o WHERE o.position IS NOT NULL
        AND (o.store, o.type, o.created_at) >= (:query.store, wanted.type, :query.first)
        AND (o.store, o.type, o.created_at) < (:query.store, wanted.type, :query.end)
    ORDER BY o.store, o.type, o.created_at LIMIT :most
) AS o LIMIT :most
) AS c"""  # noqa: S608  our names
"""Each event that is read is one for its endpoint, so nothing is read in vain, however rare what an endpoint wants."""


COUNT_BY_ID, COUNT_BY_TIME = (Statement(f"SELECT count(*) AS n FROM {each}") for each in (_BY_ID, _BY_TIME))  # noqa: S608  ours
REPLAY_BY_ID, REPLAY_BY_TIME = (Statement(f"SELECT * FROM {each} ORDER BY position") for each in (_BY_ID, _BY_TIME))  # noqa: S608  ours

_GAUGES = f"""
SELECT count(*) FILTER (WHERE paused_at IS NOT NULL) AS paused,
    count(*) FILTER (WHERE paused_at IS NULL AND failures >= {DOWN_AFTER}) AS failing,
    count(*) FILTER (WHERE key_missing_since IS NOT NULL) AS keyless,
    (SELECT created_at FROM outbox WHERE position IS NULL ORDER BY number LIMIT 1) AS oldest
FROM notification_endpoints WHERE deleted_at IS NULL
"""  # noqa: S608  only constants of the code are put in; values are bound


class Feed:
    """Reads what was told, and has it told again."""

    def __init__(self, database: Database, now: Now, most_replayed: int = MOST_REPLAYED) -> None:
        self._database = database
        self._now = now
        self._most_replayed = most_replayed

    async def events(self, query: FeedQuery) -> list[tuple[int, str]]:
        """Positions and bodies after a position, in the order in which they became visible."""
        sql, values = events_page(query)
        async with self._database.transaction() as connection:
            await connection.execute(BY_INDEX)
            return [(row["position"], row["body"]) for row in await connection.fetch(sql, *values)]

    async def notifications(self, query: NotificationQuery) -> list[Notification]:
        """One page, newest first, each with its newest attempts."""
        sql, values = notifications_page(query)
        async with self._database.transaction() as connection:
            await connection.execute(BY_INDEX)
            rows = await connection.fetch(sql, *values)
            made = list[Row]()
            if rows:
                sql, values = deliveries_of([(row["payment_id"], row["event_id"], row["endpoint_id"]) for row in rows])
                made = list(await connection.fetch(sql, *values))
        attempts: dict[tuple[UUID, UUID], list[Row]] = {}
        for each in made:
            attempts.setdefault((each["event_id"], each["endpoint_id"]), []).append(each)
        return [Notification.of(row, attempts.get((row["event_id"], row["endpoint_id"]), [])) for row in rows]

    async def count(self, query: ReplayQuery) -> int:
        """How many notifications a replay would send, up to one more than it may."""
        (row,) = await self._read(*replayed(query, self._most_replayed + 1, is_counted=True))
        return int(row["n"])

    async def replay(self, query: ReplayQuery) -> int:
        """Send again, with the ids and bodies of then, and return how many. Raises InvalidRequest for too many at once.

        An endpoint that was added later is told as well.
        """
        rows = await self._read(*replayed(query, self._most_replayed + 1))
        if len(rows) > self._most_replayed:
            why = f"chooses more than {self._most_replayed} notifications; take a shorter time"
            raise InvalidRequest(("since", why))
        for start in range(0, len(rows), BITE):
            async with self._database.transaction() as connection:
                wanted = [(row, row["endpoint_id"]) for row in rows[start : start + BITE]]
                await put_in_turn(connection, wanted, self._now())
        return len(rows)

    async def _read(self, sql: str, values: list[Any]) -> list[Row]:
        async with self._database.transaction() as connection:
            await connection.execute(BY_INDEX)
            return list(await connection.fetch(sql, *values))

    async def gauges(self) -> dict[str, tuple[str, float]]:
        """How the endpoints fare, and whether the relay keeps up."""
        row = await self._database.row(_GAUGES)
        assert row is not None
        waited_s = max(0.0, (self._now() - row["oldest"]).total_seconds()) if row["oldest"] else 0.0
        return {
            "onetill_endpoints_paused": ("Notification endpoints to which nothing is sent.", float(row["paused"])),
            "onetill_endpoints_failing": ("Notification endpoints that take nothing.", float(row["failing"])),
            "onetill_endpoints_key_missing": (
                "Notification endpoints that nothing can be signed for: a key of ONETILL_ENCRYPTION_KEYS is missing.",
                float(row["keyless"]),
            ),
            "onetill_oldest_unrelayed_seconds": ("How long the oldest event waits for its position.", waited_s),
        }


def events_page(query: FeedQuery) -> tuple[str, list[Any]]:
    """The statement and values of one page of the feed."""
    by_type = EVENTS if query.event_type is None else EVENTS_OF_TYPE
    statement = by_type if query.payment_id is None else EVENTS_OF_PAYMENT
    return statement.sql, statement.values(query=query)


def notifications_page(query: NotificationQuery) -> tuple[str, list[Any]]:
    """The statement and values of one page, newest first."""
    by_store = LIST if query.status is None and query.event_type is None else LIST_OF_STORE
    statement = by_store if query.endpoint_id is None else LIST_OF_ENDPOINT
    return statement.sql, statement.values(query=query)


def deliveries_of(keys: Sequence[tuple[UUID, UUID, UUID]]) -> tuple[str, list[Any]]:
    """The statement and values for the newest attempts of these payments', events' and endpoints' notifications, oldest first."""
    return DELIVERIES.sql, DELIVERIES.values(listed=_Listed(*map(list, zip(*keys, strict=True))))


def replayed(query: ReplayQuery, most: int, *, is_counted: bool = False) -> tuple[str, list[Any]]:
    """The statement and values for the events × endpoints that a replay is about, so many at most, in the feed's order."""
    if query.event_ids:
        statement, more = COUNT_BY_ID if is_counted else REPLAY_BY_ID, {}
    else:
        statement, more = COUNT_BY_TIME if is_counted else REPLAY_BY_TIME, {"types": list(EVENT_TYPES)}
    return statement.sql, statement.values(query=query, most=most, **more)


@dataclass(frozen=True, slots=True)
class _Listed:
    payment_ids: list[UUID]
    event_ids: list[UUID]
    endpoint_ids: list[UUID]
