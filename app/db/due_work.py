"""Rows that are jobs. A table's row says when it wants work, and until when somebody has claimed it; no queue stands beside it.

Whoever looks for due rows takes no lock. It then claims the rows by their ids, in one statement that sets the lease where a
row is still as it was seen: of two workers that saw the same row, one gets it. A row's lease ends with every write that
moves its time, and by itself where its worker died. Docs: docs/decisions/0015-the-row-is-the-job.md.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from app.db.database import Database

HANDS = 16
"""Rows of one kind under way in one worker, unless it says otherwise; bounds the load on gateways and the connection pool."""


@dataclass(frozen=True, slots=True)
class DueRow:
    """A row whose time has come, as it was seen."""

    payment_id: UUID | None
    """None in a webhook whose payment is not known yet."""
    id: UUID
    due_at: datetime
    claimed_until: datetime | None = None
    """Until when the caller has it; None: it was only seen."""


class DueTable:
    """One table of due rows. `due_at` names the column that holds the time, indexed where it is not NULL.

    `claimed_until` and that column are compared with the same clock, the caller's `now`. `only` is a condition on a column that
    stands before that one in the index, where one table holds several kinds. `payment_id` is what to read for a row's payment.
    """

    def __init__(
        self,
        database: Database,
        table: str,
        *,
        due_at: str,
        is_keyed_by_payment: bool = True,
        only: str = "true",
        payment_id: str = "payment_id",
    ) -> None:
        self._database = database
        free = "(claimed_until IS NULL OR claimed_until <= $1)"
        self.due_sql = (
            f"SELECT {payment_id} AS payment_id, id, {due_at} AS due_at FROM {table} "  # noqa: S608  our names, no value
            f"WHERE {only} AND {due_at} <= $1 AND {free} ORDER BY {due_at} LIMIT $2"
        )
        # The list of keys beside the join is for a spread-out table: only the shards of these rows are asked.
        by_payment = "t.payment_id = ANY($3) AND t.payment_id = seen.payment_id"
        same = f"{by_payment if is_keyed_by_payment else 't.id = ANY($4)'} AND t.id = seen.id"
        self._claim = (
            f"UPDATE {table} AS t SET claimed_until = $2 "  # noqa: S608  our names, no value
            "FROM unnest($3::uuid[], $4::uuid[], $5::timestamptz[]) AS seen (payment_id, id, due_at) "
            f"WHERE {same} AND t.{due_at} = seen.due_at AND {free} RETURNING t.id"
        )
        self._put_off = (
            f"UPDATE {table} SET {due_at} = $3, claimed_until = NULL "  # noqa: S608  our names, no value
            f"WHERE payment_id = $1 AND id = $2 AND {due_at} < $3"
        )

    async def due(self, now: datetime, limit: int) -> list[DueRow]:
        """Rows that nobody has claimed and whose time has come, longest waiting first. Takes no lock."""
        rows = await self._database.rows(self.due_sql, now, limit)
        return [DueRow(row["payment_id"], row["id"], row["due_at"]) for row in rows]

    async def claim(self, rows: Sequence[DueRow], now: datetime, until: datetime) -> list[DueRow]:
        """Those of the rows that are the caller's until then: nobody else gets them before that."""
        ordered = sorted(rows, key=lambda row: row.id)  # alike in every worker, so that two never wait for each other
        columns = zip(*((row.payment_id, row.id, row.due_at) for row in ordered), strict=True)
        won = await self._database.rows(self._claim, now, until, *map(list, columns))
        ids = {row["id"] for row in won}
        return [replace(row, claimed_until=until) for row in ordered if row.id in ids]

    async def put_off(self, row: DueRow, until: datetime) -> None:
        """Move a row's time away, unless it lies later by now, and give the claim back. For tables keyed by payment."""
        await self._database.changed(self._put_off, row.payment_id, row.id, until)


def lanes(kind: str, values: Iterable[str], *, by: str) -> tuple[tuple[str, str], ...]:
    """The lanes of one kind, each as its name and the condition on its rows: one for each value of `by`, one for all others.

    `by` is a gateway's name: one that answers slowly holds up its own rows and no other's (law 8). Those of gateways that are
    not configured here are in the last lane: they are put off, and call a person.
    """
    known = sorted(values)
    told = (
        f"({by} || '')"  # no index of gateways: it would lead to all that ever was, where the time leads to what is due
    )
    others = f"{told} NOT IN ({', '.join(map(_quoted, known))})" if known else "true"
    return (*((lane_of(kind, value), f"{told} = {_quoted(value)}") for value in known), (kind, others))


def lane_of(kind: str, value: str) -> str:
    """The name of the lane of this value."""
    return f"{kind}_{value}"


def _quoted(name: str) -> str:
    return f"'{name}'"


@dataclass(frozen=True, slots=True)
class DueWork:
    """One kind of due work, as its room registers it."""

    name: str
    rows: DueTable
    carry_out: Callable[[DueRow], Awaitable[object]]
    """Does what the row wants. It may be done twice; it moves the row's time, or leaves it claimed until the lease ends."""
    deadline_s: float
    """Longer than `carry_out` takes on its slowest road."""
    lease_s: float
    """How long a claim holds, and how long a row waits whose worker was killed: longer than the deadline, unless the work holds
    its claim anew."""
    put_off: Callable[[DueRow], Awaitable[object]] | None = None
    """Moves the row's time on after `carry_out` broke, so that it comes back and does not stand in the way of others. Without
    it, the row comes back after PUT_OFF_S."""
    hands: int = HANDS
    """How many rows of it may be under way in one worker."""
    is_cut_short: bool = False
    """Whether a worker that stops cancels what is under way, which then comes to an end by itself."""


@dataclass(frozen=True, slots=True)
class Chore:
    """Housekeeping: `forget` deletes at most so many old rows, or tidies so much, and returns how many; called again while
    there are more."""

    name: str
    forget: Callable[[int], Awaitable[int]]
    overdue_s: Callable[[], Awaitable[float]] | None = None
    """How long the oldest row that should be gone has been there too long."""


@dataclass(frozen=True, slots=True)
class Pump:
    """Work that is not one row's: `run` does a bounded part of what there is and returns how much that was, 0 for nothing."""

    name: str
    run: Callable[[], Awaitable[int]]
    then: str = ""
    """The kind of due work that it makes, which is looked for at once."""
