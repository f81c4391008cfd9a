"""Anchors: where the audit trails of a while ended, sealed. A trail proves its rows; an anchor, that its last ones were there.

Every hour the worker anchors what has settled since the last anchor, in windows of a few minutes, each over the one before. The
newest one's number and seal are in its log (`history_anchored`): kept outside, they show when anchors themselves were cut.
"""

import hashlib
import struct
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec

from app.db.database import Database, Row, broken_unique
from app.db.pool import Connection
from app.db.statements import Statement
from app.domain import ids
from app.domain.clock import Now
from app.domain.errors import InvalidRequest
from app.ledger.history_keys import HistoryKey, HistoryKeys
from app.logs import get_logger

WINDOW = timedelta(minutes=5)
"""An anchor covers at most so much time, which bounds what one statement reads."""

FIRST_SPAN = timedelta(hours=1)
"""So much is looked through first for the next event, then twice as much each time."""

SETTLED = timedelta(minutes=10)
"""Events younger than this may have older ones still uncommitted beside them; no statement of ours takes so long."""

FIRST_MAC = bytes(32)
_END = struct.Struct(">16sI8s")
"""Where one trail ended: the payment, its last step, and the first 8 bytes of that step's seal."""

log = get_logger("history")

NEWEST = "SELECT * FROM history_anchors ORDER BY number DESC LIMIT 1"
PAGE = "SELECT * FROM history_anchors WHERE number > $1 ORDER BY number LIMIT $2"
BEGINNING = "SELECT created_at FROM payments ORDER BY id LIMIT 1"
NEXT_EVENT = "SELECT min(at) AS at FROM payment_events WHERE at >= $1 AND at < $2"
BY_INDEX = "SET LOCAL enable_seqscan = off"
"""Without fresh statistics Postgres would read all events for each anchor."""
ENDS = """
SELECT DISTINCT ON (payment_id) payment_id, seq, hash FROM payment_events WHERE at >= $1 AND at < $2
ORDER BY payment_id, seq DESC
"""
THERE = """
SELECT payment_id, seq, hash FROM payment_events
WHERE payment_id = ANY($1) AND (payment_id, seq) IN (SELECT * FROM unnest($1::uuid[], $2::int[]))
"""
INSERT = Statement("""
INSERT INTO history_anchors (number, since, until, trails, ends, key_id, prev_mac, mac)
VALUES (:anchor.number, :anchor.since, :anchor.until, :anchor.trails, :anchor.ends, :anchor.key_id, :anchor.prev_mac, :mac)
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """One row: `trails` audit trails that grew from `since` to `until`, and where they ended."""

    number: int
    since: datetime
    until: datetime
    trails: int
    ends: bytes
    key_id: str
    prev_mac: bytes

    def seal(self, key: HistoryKey) -> bytes:
        """HMAC-SHA-256 over every column, and so over the anchor before."""
        moments = [round(each.timestamp() * 1_000_000) for each in (self.since, self.until)]
        ends = hashlib.sha256(self.ends).hexdigest()
        content = ["anchor", self.number, *moments, self.trails, ends, self.key_id, self.prev_mac.hex()]
        return key.seal(msgspec.json.encode(content))

    def each_end(self) -> Iterator[tuple[UUID, int, bytes]]:
        """Payment, step, and how that step's seal begins."""
        for payment_id, seq, begins in _END.iter_unpack(self.ends):
            yield UUID(bytes=payment_id), seq, begins


class Anchors:
    """Writes and checks anchors."""

    def __init__(self, database: Database, keys: HistoryKeys, now: Now) -> None:
        self._database = database
        self._keys = keys
        self._now = now

    async def advance(self, limit: int) -> int:
        """Write one anchor over what has settled, if there is anything. Returns `limit` while there is more, else 0.

        Safe to repeat, and beside another worker: one of them writes it.
        """
        newest = await self._database.row(NEWEST)
        since = newest["until"] if newest else await self._beginning()
        settled = self._now() - SETTLED
        if since is None or since >= settled:
            return 0
        async with self._database.transaction() as connection:
            await connection.execute(BY_INDEX)
            first = await _first_event(connection, since, settled)
            if first is None:
                return 0
            until = min(first + WINDOW, settled)
            rows = await connection.fetch(ENDS, first, until)
        key = self._keys.first
        anchor = Anchor(
            number=newest["number"] + 1 if newest else 1,
            since=since,
            until=until,
            trails=len(rows),
            ends=b"".join(_END.pack(row["payment_id"].bytes, row["seq"], row["hash"][:8]) for row in rows),
            key_id=key.id,
            prev_mac=newest["mac"] if newest else FIRST_MAC,
        )
        mac = anchor.seal(key)
        try:
            await self._database.row(INSERT.sql, *INSERT.values(anchor=anchor, mac=mac))
        except asyncpg.PostgresError as error:
            if broken_unique(error) is None:
                raise
            return 0  # another worker's is there
        log.info("history_anchored", anchor=name_of(anchor.number, mac), until=until.isoformat(), trails=len(rows))
        return limit

    async def count(self) -> int:
        """How many there are."""
        row = await self._database.row(NEWEST)
        return row["number"] if row else 0

    async def faults(self, kept: str | None = None) -> AsyncIterator[list[str]]:
        """What is wrong, anchor by anchor, in sentences: anchors that are missing or forged, trails that lost their end.

        `kept` is the name of one that was kept outside, `number:seal`. Raises InvalidRequest where it is no such name.
        """
        wanted = _read_name(kept) if kept else None
        number, before = 0, FIRST_MAC
        while rows := await self._database.rows(PAGE, number, 100):
            for row in rows:
                anchor, mac = _anchor(row), row["mac"]
                found = list(self._of_the_chain(anchor, mac, number + 1, before))
                if wanted and wanted[0] == anchor.number and mac != wanted[1]:
                    found.append(f"anchor {anchor.number} is not the one that was kept outside")
                yield found or await self._of_the_ends(anchor)
                number, before = anchor.number, mac
        if wanted and wanted[0] > number:
            yield [f"anchor {wanted[0]} was kept outside and is gone: the last one is {number}"]

    def _of_the_chain(self, anchor: Anchor, mac: bytes, expected: int, before: bytes) -> Iterator[str]:
        if anchor.number != expected:
            yield f"anchor {expected} is missing: the next one is {anchor.number}"
        key = self._keys.get(anchor.key_id)
        if key is None:
            yield f"anchor {anchor.number} was sealed with the key {anchor.key_id!r}, which ONETILL_HISTORY_KEYS does not hold"
        elif anchor.seal(key) != mac:
            yield f"anchor {anchor.number} was changed after it was written"
        elif anchor.number == expected and anchor.prev_mac != before:
            yield f"anchor {anchor.number} does not follow from the one before"

    async def _of_the_ends(self, anchor: Anchor) -> list[str]:
        """Steps that were there when the anchor was written, and are not any more, or are others."""
        ends = list(anchor.each_end())
        found: list[str] = []
        for start in range(0, len(ends), 1000):
            some = ends[start : start + 1000]
            rows = await self._database.rows(THERE, [each[0] for each in some], [each[1] for each in some])
            there = {(row["payment_id"], row["seq"]): row["hash"][:8] for row in rows}
            for payment_id, seq, begins in some:
                if there.get((payment_id, seq)) != begins:
                    lost = "is another one now" if (payment_id, seq) in there else "is gone"
                    public_id = ids.show(ids.Prefix.PAYMENT, payment_id)
                    found.append(f"{public_id}: step {seq}, which anchor {anchor.number} saw, {lost}")
        return found

    async def _beginning(self) -> datetime | None:
        row = await self._database.row(BEGINNING)
        return row["created_at"] if row else None


def name_of(number: int, mac: bytes) -> str:
    """How an anchor is named outside: its number and its seal."""
    return f"{number}:{mac.hex()}"


def _read_name(text: str) -> tuple[int, bytes]:
    number, _, mac = text.partition(":")
    try:
        return int(number), bytes.fromhex(mac)
    except ValueError as error:
        raise InvalidRequest(("anchor", f"{text!r} is none; it looks like 12:9f… as the log has it")) from error


async def _first_event(connection: Connection, since: datetime, until: datetime) -> datetime | None:
    """The time of the first event of a range, looked for in growing parts of it: no statement reads years at once."""
    span = FIRST_SPAN
    while since < until:
        end = min(since + span, until)
        found: datetime | None = await connection.fetchval(NEXT_EVENT, since, end)
        if found is not None:
            return found
        since, span = end, span * 2
    return None


def _anchor(row: Row) -> Anchor:
    return Anchor(**{name: row[name] for name in Anchor.__slots__})
