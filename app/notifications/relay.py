"""The relay: gives each new event its position in the feed, and makes a notification of it for each endpoint that wants it.

One relay works at a time: the row of `outbox_head` is its lock until it commits. So positions are given in the order in which
they become visible, and whoever has read up to one has seen all before it. A payment's events keep their order, because the next
one is written after the one before was committed. Docs: docs/decisions/0024-the-outbox.md.
"""

import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from app.db.database import Database, Row
from app.db.pool import Connection
from app.domain import ids
from app.domain.clock import Now
from app.domain.schedule import DOWN_AFTER, LOOK_BEHIND_S, PUT_AT_ONCE, RELAYED_AT_ONCE
from app.metrics import EVENTS_RELAYED

_IS_NEW = "SELECT FROM outbox WHERE position IS NULL AND number > $1 ORDER BY number LIMIT 1"
_LOCK = "SELECT position FROM outbox_head WHERE id = 1 FOR UPDATE"
_BEGIN = "INSERT INTO outbox_head (id, position) VALUES (1, 0) ON CONFLICT DO NOTHING"
_NEW = """
SELECT payment_id, id, store, type, sequence, created_at, number FROM outbox WHERE position IS NULL AND number > $1
ORDER BY number LIMIT $2
"""
_PLACE = """
UPDATE outbox AS o SET position = placed.position
FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS placed (payment_id, id, position)
WHERE o.payment_id = ANY($1) AND o.payment_id = placed.payment_id AND o.id = placed.id
"""
_ADVANCE = "UPDATE outbox_head SET position = $1 WHERE id = 1"
_ENDPOINTS = "SELECT id, store, events FROM notification_endpoints WHERE deleted_at IS NULL AND store = ANY($1)"
_PUT = """
INSERT INTO notifications (payment_id, event_id, endpoint_id, id, store, type, sequence, created_at, status, next_try_at)
SELECT n.payment_id, n.event_id, n.endpoint_id, n.id, n.store, n.type, n.sequence, n.created_at, 'pending', $9
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::bigint[], $8::timestamptz[])
    AS n (payment_id, event_id, endpoint_id, id, store, type, sequence, created_at)
ON CONFLICT (payment_id, event_id, endpoint_id)
DO UPDATE SET status = 'pending', delivery_attempts = 0, tried_at = NULL, is_again = false, is_alone = false,
    next_try_at = least(notifications.next_try_at, excluded.next_try_at)
"""
"""One that waits already is sent now: whoever has it sent again has mended something."""
_DUE = """
WITH locked AS MATERIALIZED (
    SELECT id FROM notification_endpoints WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE
)
UPDATE notification_endpoints AS e
SET due_at = CASE
    WHEN paused_at IS NOT NULL THEN NULL
    WHEN failures < $3 OR due_at IS NULL THEN $2
    ELSE due_at + interval '1 microsecond' END
FROM locked WHERE e.id = ANY($1) AND e.id = locked.id AND deleted_at IS NULL RETURNING e.id
"""
"""In the order of their ids, since a replay does so beside the relay.

Also where somebody is sending there just now: he sees that the time moved, and looks again. A down one keeps its pace.
A paused one is written, too, so that who resumes it waits for what is handed on at this moment."""


class Done:
    """Up to which number nothing new is looked for.

    While a long transaction runs elsewhere (a dump, a report), Postgres keeps in the index of what is new all that was new since
    it began, and each look from the beginning would read that. Whoever drew a number has committed long before `look_behind_s` is
    over. All the same, one look in that time is from the beginning.
    """

    def __init__(self, look_behind_s: float) -> None:
        self.number = 0
        self._look_behind_s = look_behind_s
        self._before = self._newest = 0
        self._since = time.monotonic()

    def next_look(self) -> int:
        """Behind which number to look now."""
        if time.monotonic() - self._since < self._look_behind_s:
            return self.number
        self._since = time.monotonic()
        self.number, self._before = self._before, self._newest
        return 0

    def note(self, first: int, last: int) -> None:
        """Events of these numbers were handed on. Was one of them looked for no more, there may be others."""
        if first <= self.number:
            self.number = self._before = 0
        self._newest = max(self._newest, last)


class Relay:
    """Hands new events on. Safe to run in several workers: they take turns."""

    def __init__(self, database: Database, now: Now, look_behind_s: float = LOOK_BEHIND_S) -> None:
        self._database = database
        self._now = now
        self.done = Done(look_behind_s)

    async def __call__(self) -> int:
        """Hand on the events that are new, a bounded number of them, and return how many. All or nothing."""
        after = self.done.next_look()
        if await self._database.row(_IS_NEW, after) is None:
            return 0
        async with self._database.transaction() as connection:
            last = await take_turn(connection)
            events = await connection.fetch(_NEW, after, RELAYED_AT_ONCE)
            if not events:
                return 0
            endpoints = await connection.fetch(_ENDPOINTS, list({each["store"] for each in events}))
            events, wanted = _one_turn(events, endpoints)
            now = self._now()
            first = max(last + 1, int(now.timestamp() * 1_000_000))
            positions = list(range(first, first + len(events)))
            await connection.execute(
                _PLACE, [each["payment_id"] for each in events], [each["id"] for each in events], positions
            )
            await connection.execute(_ADVANCE, positions[-1])
            if wanted:
                await put_in_turn(connection, wanted, now)
        self.done.note(events[0]["number"], events[-1]["number"])
        EVENTS_RELAYED.inc(len(events))
        return len(events)


async def take_turn(connection: Connection) -> int:
    """Wait until nobody else hands events on, until the transaction ends. Returns the last position that was given."""
    last: int | None = await connection.fetchval(_LOCK)
    if last is None:
        await connection.execute(_BEGIN)
        last = await connection.fetchval(_LOCK)
        assert last is not None
    return last


def _one_turn(events: list[Row], endpoints: list[Row]) -> tuple[list[Row], list[tuple[Row, UUID]]]:
    """The first events, with each endpoint of their store that is told their type: no more than one turn takes, one at least."""
    by_store = defaultdict[str, list[Row]](list)
    for to in endpoints:
        by_store[to["store"]].append(to)
    wanted = list[tuple[Row, UUID]]()
    for number, each in enumerate(events):
        told = [(each, to["id"]) for to in by_store[each["store"]] if not to["events"] or each["type"] in to["events"]]
        if number and len(wanted) + len(told) > PUT_AT_ONCE:
            return events[:number], wanted
        wanted += told
    return events, wanted


async def put_in_turn(connection: Connection, wanted: Sequence[tuple[Row, UUID]], now: datetime) -> None:
    """Have these events sent to these endpoints, from now on; one that waits there already goes on waiting.

    An endpoint that ended meanwhile gets none. Whoever ends one now waits for this, and drops it.
    """
    # Endpoints first, then their notifications, as the sender locks them.
    due = await connection.fetch(_DUE, sorted({to for _, to in wanted}), now, DOWN_AFTER)
    there = {row["id"] for row in due}
    put = [(each, to) for each, to in wanted if to in there]
    await connection.execute(
        _PUT,
        [each["payment_id"] for each, _ in put],
        [each["id"] for each, _ in put],
        [to for _, to in put],
        [ids.uuid7() for _ in put],
        [each["store"] for each, _ in put],
        [each["type"] for each, _ in put],
        [each["sequence"] for each, _ in put],
        [each["created_at"] for each, _ in put],
        now,
    )
