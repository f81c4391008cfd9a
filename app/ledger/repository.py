"""The hot statements of payments: one round trip each, on asyncpg, each its own transaction.

Writes are one data-modifying statement per operation. They are called one at a time here; shared commits fit in behind
`create` and `apply` without any caller knowing.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from app.db.database import Database, Row, broken_unique
from app.domain import ids
from app.domain.attention import Attention
from app.domain.errors import NotFound
from app.domain.money import Money
from app.domain.states import REFUND_UNDECIDED, AttemptStatus, PaymentStatus, RefundStatus
from app.domain.tax import TaxBreakdown
from app.ledger.history_keys import HistoryKey
from app.ledger.model import Attempt, Payment, Refund, Search
from app.ledger.outbox import told
from app.ledger.search import list_payments
from app.ledger.sql import (
    APPLY,
    ATTEMPT,
    BACKLOG,
    CREATE,
    EVENTS,
    LOAD,
    PAYMENT,
    REFUND,
    REFUND_BACKLOG,
    RESCHEDULE,
    RESCHEDULE_REFUND,
    SEALED_SINCE,
)
from app.ledger.transitions import Event, Step

RELAY = "relay"
"""What hands new events on, as workers are woken for it."""

HISTORY_PAGE = 1000
"""Events that one read of an audit trail takes at most."""


class OrderAlreadyClaimed(Exception):
    """Another payment holds the order; nothing was written."""


class KeyAlreadyClaimed(Exception):
    """The idempotency key has a row already; nothing was written."""


class RefAlreadyClaimed(Exception):
    """Another payment holds this gateway reference; nothing was written."""


_LOST_RACES = frozenset(
    {
        "attempts_one_captured_idx",
        "refunds_one_unknown_idx",
        "refunds_gateway_ref_idx",
        "refunds_payment_id_number_key",
        "refunds_payment_id_request_key_key",
    }
)
"""Constraints that can only be broken by a write decided on an older reading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyState:
    """What becomes of the caller's idempotency key in the same commit.

    With `answer` the key is done and replays it. Without, it is left to whoever comes back with it after `lease_until`
    (None: at once).
    """

    scope: str
    key: str
    fingerprint: bytes
    status: int | None = None
    answer: bytes | None = None
    lease_until: datetime | None = None


class PaymentRepository:
    """Reads and writes payments. Every write carries the version it was decided on."""

    def __init__(
        self,
        database: Database,
        history_key: HistoryKey | None = None,
        wake: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`history_key` seals the events of the payments that are read here; without one they can only be read.

        `wake` is called after a commit that the shop is told of, with the name of what has work now.
        """
        self._database = database
        self.history_key = history_key
        self._wake = wake

    async def create(self, step: Step, key: KeyState) -> None:
        """Store a new payment with its first attempt, first event, order claim and idempotency key, all or nothing.

        Raises KeyAlreadyClaimed or OrderAlreadyClaimed. A lost connection leaves it unknown whether it was stored; the
        same key finds out.
        """
        values = CREATE.values(payment=step.after, attempt=step.attempt, event=step.event, key=key)
        try:
            await self._database.row(CREATE.sql, *values)
        except asyncpg.PostgresError as error:
            match broken_unique(error):
                case "idempotency_keys_pkey":
                    raise KeyAlreadyClaimed from error
                case "order_claims_pkey":
                    raise OrderAlreadyClaimed from error
            raise

    async def apply(self, step: Step, key: KeyState | None = None) -> bool:
        """Write one step. False: the payment has moved since it was read; nothing was written, read it again.

        Locks the payment's row, then the attempt's. Raises RefAlreadyClaimed, or OrderAlreadyClaimed for a late capture
        whose order another payment holds by now.
        """
        news = told(step)
        values = APPLY.values(
            payment=step.after,
            before=step.before,
            attempt=step.attempt,
            event=step.event,
            refund=step.refund,
            step=step,
            told=news,
            key=key,
        )
        try:
            is_written = await self._database.row(APPLY.sql, *values) is not None
        except asyncpg.PostgresError as error:
            match broken_unique(error):
                case "gateway_refs_pkey":
                    raise RefAlreadyClaimed from error
                case "order_claims_pkey":
                    raise OrderAlreadyClaimed from error
                case name if name in _LOST_RACES:
                    return False
            raise
        if is_written and news.ids:
            self._wake(RELAY)
        return is_written

    async def load(self, payment_id: UUID, store: str | None = None) -> Payment:
        """Read a payment with its attempts and refunds, without a lock. With `store`, only that store's. Raises NotFound."""
        row = await self._database.row(LOAD, payment_id)
        if row is None or store not in {None, row["store"]}:
            raise NotFound()
        return _payment(row, self.history_key)

    async def holder_of_order(self, store: str, order_id: str) -> UUID | None:
        """The payment that holds an order now."""
        sql = "SELECT payment_id FROM order_claims WHERE store = $1 AND order_id = $2"
        row = await self._database.row(sql, store, order_id)
        return row["payment_id"] if row else None

    async def free_order(self, payment: Payment) -> None:
        """Take the order from a payment whose money all went back, so that it can be bought again. Safe to repeat."""
        sql = "DELETE FROM order_claims WHERE store = $1 AND order_id = $2 AND payment_id = $3"
        await self._database.row(sql, payment.store, payment.order_id, payment.id)

    async def holder_of(self, gateway: str, reference: str | None, gateway_ref: str | None) -> UUID | None:
        """The payment that these names point at, in one indexed read: by our reference where it is one, else by the gateway's."""
        named = ids.payment_of_reference(reference) if reference else None
        if named is not None:
            sql = "SELECT payment_id FROM attempts WHERE payment_id = $1 AND gateway = $2 AND reference = $3"
            row = await self._database.row(sql, named, gateway, reference)
        elif gateway_ref:
            sql = "SELECT payment_id FROM gateway_refs WHERE gateway = $1 AND ref = $2"
            row = await self._database.row(sql, gateway, gateway_ref)
        else:
            row = None
        return row["payment_id"] if row else None

    async def payment_of_refund(self, refund_id: UUID) -> UUID | None:
        """The payment that a refund belongs to."""
        row = await self._database.row("SELECT payment_id FROM refunds WHERE id = $1", refund_id)
        return row["payment_id"] if row else None

    async def every_id(self, after: UUID | None, limit: int) -> list[UUID]:
        """Ids of payments in their order, which is that of their creation."""
        sql = "SELECT id FROM payments WHERE id > $1 ORDER BY id LIMIT $2"
        return [row["id"] for row in await self._database.rows(sql, after or UUID(int=0), limit)]

    async def about_how_many(self) -> int:
        """The planner's estimate: counting would read all of them. 0 before the table was first analyzed."""
        row = await self._database.row("SELECT reltuples::bigint AS n FROM pg_class WHERE relname = 'payments'")
        return max(0, row["n"]) if row else 0

    async def search(self, search: Search) -> list[Payment]:
        """One keyset page, newest first. Costs the same however long the history is."""
        sql, values = list_payments(search)
        return [_payment(row, self.history_key) for row in await self._database.rows(sql, *values)]

    async def events(self, payment_id: UUID, after_seq: int, limit: int) -> list[tuple[Event, bytes]]:
        """The audit trail in order, each event with its stored hash."""
        return [_event(row) for row in await self._database.rows(EVENTS, payment_id, after_seq, limit)]

    async def history(self, payment_id: UUID) -> tuple[Payment, list[tuple[Event, bytes]]]:
        """A payment with its whole audit trail, both as they were at one moment. Raises NotFound."""
        # One snapshot for all reads: a step between two of them would look like a forgery.
        async with self._database.snapshot() as connection:
            row = await connection.fetchrow(LOAD, payment_id)
            if row is None:
                raise NotFound()
            rows: list[tuple[Event, bytes]] = []
            while len(rows) % HISTORY_PAGE == 0:
                page = await connection.fetch(EVENTS, payment_id, len(rows), HISTORY_PAGE)
                rows += [_event(each) for each in page]
                if not page:
                    break
        return _payment(row, self.history_key), rows

    async def sealed_since(self) -> datetime | None:
        """The time of the oldest event that is sealed. Reads all events where there are unsealed ones: for checks only."""
        row = await self._database.row(SEALED_SINCE)
        return row["at"] if row else None

    async def backlog(self, now: datetime) -> tuple[float, float]:
        """Seconds since the oldest undecided attempt began, and since the longest overdue look was due."""
        row = await self._database.row(BACKLOG)
        assert row is not None
        waited = (now - (row[name] or now) for name in ("undecided_since", "due_since"))
        age_s, overdue_s = (max(0.0, each.total_seconds()) for each in waited)
        return age_s, overdue_s

    async def refund_backlog(self, now: datetime) -> tuple[int, float]:
        """How many refunds are not decided, and the age of the oldest of them in seconds. From a partial index."""
        row = await self._database.row(REFUND_BACKLOG, now, [str(status) for status in REFUND_UNDECIDED])
        assert row is not None
        return row["n"], float(row["age_s"])

    async def reschedule(self, payment_id: UUID, before: Attempt, after: Attempt) -> bool:
        """Note that a look decided nothing: when to look next, and who is busy. No event: nothing happened.

        False: the attempt was not as it was read, and nothing is noted.
        """
        values = RESCHEDULE.values(payment_id=payment_id, before=before, after=after)
        return await self._database.row(RESCHEDULE.sql, *values) is not None

    async def reschedule_refund(
        self, payment_id: UUID, refund: Refund, lookup_attempts: int, look_at: datetime | None
    ) -> None:
        """Note that a look decided nothing about a refund. No event: nothing happened."""
        values = RESCHEDULE_REFUND.values(
            payment_id=payment_id, refund=refund, lookup_attempts=lookup_attempts, look_at=look_at
        )
        await self._database.row(RESCHEDULE_REFUND.sql, *values)


def _payment(row: Row, history_key: HistoryKey | None) -> Payment:
    fields = {name: row[name] for name in PAYMENT.names}
    fields["attention"] = Attention(row["attention"]) if row["attention"] else None
    return Payment(
        **_with_money(fields, PaymentStatus),
        attempts=tuple(_attempt(each) for each in row["attempts"]),
        refunds=tuple(_refund(each) for each in row.get("refunds") or ()),
        history_key=history_key,
    )


def _event(row: Row) -> tuple[Event, bytes]:
    return Event(**{name: row[name] for name in Event.__slots__}), row["hash"]


def _attempt(values: Iterable[Any]) -> Attempt:
    fields = dict(zip(ATTEMPT.names, values, strict=True))
    fields["status"] = AttemptStatus(fields["status"])
    return Attempt(**fields)


def _refund(values: Iterable[Any]) -> Refund:
    fields = dict(zip(REFUND.names, values, strict=True))
    parts = TaxBreakdown(fields.pop("taxed_minor"), fields.pop("tax_free_minor"), fields.pop("vat_minor"))
    return Refund(**_with_money(fields, RefundStatus), parts=parts)


def _with_money(fields: dict[str, Any], status: type[PaymentStatus | RefundStatus]) -> dict[str, Any]:
    """The columns of an amount and a status as the values that they are."""
    fields["amount"] = Money(fields.pop("amount_minor"), fields.pop("currency"))
    fields["status"] = status(fields["status"])
    return fields
