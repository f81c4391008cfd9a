"""`GET /events` and the lists of notifications: reads, and sending again.

A page costs the same however long the history is (law 18). Notifications of one endpoint, status and type are a *run* of an
index, newest first; a filtered page is merged from the newest of every run that its filters admit, as payments' are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.db.database import Database, Row
from app.db.old_rows import BY_INDEX
from app.domain.clock import Now
from app.domain.errors import InvalidRequest
from app.domain.schedule import DOWN_AFTER
from app.ledger.outbox import EVENT_TYPES
from app.notifications.model import NotificationStatus
from app.notifications.relay import put_in_turn, take_turn

MOST_REPLAYED = 100_000
"""Notifications that one replay sends again."""

BITE = 1000
DELIVERIES_SHOWN = 20

_LISTED = (
    "n.payment_id, n.event_id, n.endpoint_id, n.id, n.type, n.sequence, n.created_at, n.status, n.delivery_attempts, "
    "n.next_try_at, n.delivered_at"
)
_DELIVERIES = """
SELECT event_id, endpoint_id, id, at, status, took_ms, error, excerpt FROM (
    SELECT d.*, row_number() OVER (PARTITION BY d.event_id, d.endpoint_id ORDER BY d.at DESC, d.id DESC) AS place
    FROM deliveries d WHERE d.payment_id = ANY($1) AND d.event_id = ANY($2)
) AS newest WHERE place <= $3 ORDER BY at, id
"""
_GAUGES = f"""
SELECT count(*) FILTER (WHERE paused_at IS NOT NULL) AS paused,
    count(*) FILTER (WHERE paused_at IS NULL AND failures >= {DOWN_AFTER}) AS failing,
    count(*) FILTER (WHERE key_missing_since IS NOT NULL) AS keyless,
    (SELECT created_at FROM outbox WHERE position IS NULL ORDER BY number LIMIT 1) AS oldest
FROM notification_endpoints WHERE deleted_at IS NULL
"""  # noqa: S608  our number


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


@dataclass(frozen=True, slots=True)
class ReplayQuery:
    """What is sent again: these events, or those of a time; to one endpoint, or to all that are told them."""

    store: str
    event_ids: tuple[UUID, ...] = ()
    endpoint_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


class Feed:
    """Reads what was told, and has it told again."""

    def __init__(self, database: Database, now: Now) -> None:
        self._database = database
        self._now = now

    async def events(self, query: FeedQuery) -> list[tuple[int, str]]:
        """Positions and bodies after a position, in the order in which they became visible."""
        sql, values = events_page(query)
        async with self._database.transaction() as connection:
            await connection.execute(
                BY_INDEX
            )  # without statistics, Postgres would sort all that is behind the position
            return [(row["position"], row["body"]) for row in await connection.fetch(sql, *values)]

    async def notifications(self, query: NotificationQuery) -> list[Row]:
        """One page, newest first."""
        sql, values = notifications_page(query)
        return await self._database.rows(sql, *values)

    async def deliveries(self, rows: Sequence[Row]) -> dict[tuple[UUID, UUID], list[Row]]:
        """The newest attempts of these notifications, oldest first, by event and endpoint."""
        found: dict[tuple[UUID, UUID], list[Row]] = {}
        if rows:
            payments, events = [row["payment_id"] for row in rows], [row["event_id"] for row in rows]
            for row in await self._database.rows(_DELIVERIES, payments, events, DELIVERIES_SHOWN):
                found.setdefault((row["event_id"], row["endpoint_id"]), []).append(row)
        return found

    async def count(self, query: ReplayQuery) -> int:
        """How many notifications a replay would send, up to one more than it may."""
        sql, values = _chosen(query, "count(*) AS n", MOST_REPLAYED + 1)
        row = await self._database.row(sql, *values)
        return row["n"] if row else 0

    async def replay(self, query: ReplayQuery) -> int:
        """Send again, with the ids and bodies of then, and return how many. Raises InvalidRequest for too many at once.

        An endpoint that was added later is told as well. What waits already stays as it is.
        """
        sql, values = _chosen(query, "c.*", MOST_REPLAYED + 1)
        rows = await self._database.rows(sql, *values)
        if len(rows) > MOST_REPLAYED:
            raise InvalidRequest(("since", f"chooses more than {MOST_REPLAYED} notifications; take a shorter time"))
        for start in range(0, len(rows), BITE):
            async with self._database.transaction() as connection:
                await take_turn(connection)
                wanted = [(row, row["endpoint_id"]) for row in rows[start : start + BITE]]
                await put_in_turn(connection, wanted, self._now())
        return len(rows)

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
    """The statement and values of one page of the feed. A payment has few events: they are all read, by their own key."""
    values: list[Any] = [query.store, query.after, query.limit]
    source, only = "outbox", ""
    if query.payment_id is not None:
        values.append(query.payment_id)
        source = f"(SELECT * FROM outbox WHERE payment_id = ${len(values)} OFFSET 0) AS outbox"  # noqa: S608  our names
    if query.event_type is not None:
        values.append(query.event_type)
        only = f" AND type = ${len(values)}"
    sql = (
        f"SELECT position, body FROM {source} WHERE store = $1 AND position > $2"  # noqa: S608  our names, values apart
        f"{only} ORDER BY position LIMIT $3"
    )
    return sql, values


def notifications_page(query: NotificationQuery) -> tuple[str, list[Any]]:
    """The statement and values of one page, newest first."""
    values: list[Any] = [query.store, query.limit]
    within = ""
    if query.since is not None:
        values.append(query.since)
        within += f" AND n.created_at >= ${len(values)}"
    if query.below is not None:
        values += query.below
        within += f" AND (n.created_at, n.id) < (${len(values) - 1}, ${len(values)})"
    newest = "ORDER BY n.created_at DESC, n.id DESC LIMIT $2"
    if query.status is None and query.endpoint_id is None and query.event_type is None:
        sql = f"SELECT {_LISTED} FROM notifications n WHERE n.store = $1{within} {newest}"  # noqa: S608  values apart
        return sql, values
    first = len(values) + 1
    values += [
        query.endpoint_id,
        list(NotificationStatus) if query.status is None else [query.status],
        list(EVENT_TYPES) if query.event_type is None else [query.event_type],
    ]
    sql = f"""
        SELECT n.* FROM (
            SELECT id FROM notification_endpoints WHERE store = $1 AND (${first}::uuid IS NULL OR id = ${first}) OFFSET 0
        ) AS e
        CROSS JOIN unnest(${first + 1}::text[]) AS s (status) CROSS JOIN unnest(${first + 2}::text[]) AS t (type)
        CROSS JOIN LATERAL (
            SELECT {_LISTED} FROM notifications n
            WHERE n.endpoint_id = e.id AND n.status = s.status AND n.type = t.type{within} {newest}
        ) AS n {newest}
    """  # noqa: S608  our names, values apart
    return sql, values


def _chosen(query: ReplayQuery, what: str, limit: int) -> tuple[str, list[Any]]:
    """The events × endpoints that a replay is about."""
    values: list[Any] = [query.store, limit]
    only = ""
    for condition, value in (
        ("o.id = ANY({})", list(query.event_ids) or None),
        ("e.id = {}", query.endpoint_id),
        ("o.created_at >= {}", query.since),
        ("o.created_at < {}", query.until),
    ):
        if value is not None:
            values.append(value)
            only += " AND " + condition.format(f"${len(values)}")
    sql = (
        f"SELECT {what} FROM (SELECT o.payment_id, o.id, e.id AS endpoint_id, o.store, o.type, o.sequence, "  # noqa: S608
        "o.created_at FROM outbox o JOIN notification_endpoints e ON e.store = o.store AND e.deleted_at IS NULL "
        "AND (cardinality(e.events) = 0 OR o.type = ANY(e.events)) "
        f"WHERE o.store = $1 AND o.position IS NOT NULL{only} LIMIT $2) AS c"
    )
    return sql, values
