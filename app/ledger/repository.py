"""The hot statements of payments: one round trip each, on asyncpg, each its own transaction.

Writes are one data-modifying statement per operation. They are called one at a time here; shared commits fit in behind
`create` and `apply` without any caller knowing (performance notes, design point 4).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from app.db.database import Database, Row
from app.domain.money import Money
from app.domain.states import AttemptStatus, PaymentStatus, RefundStatus
from app.domain.tax import TaxBreakdown
from app.ledger.model import Attempt, Payment, Refund, Search
from app.ledger.sql import (
    APPLY,
    BACKLOG,
    CREATE,
    EVENTS,
    LOAD,
    LOAD_REFUNDS,
    RESCHEDULE,
    RESCHEDULE_REFUND,
    list_payments,
)
from app.ledger.transitions import Event, Step


class OrderAlreadyClaimed(Exception):
    """Another payment holds the order; nothing was written."""


class KeyAlreadyClaimed(Exception):
    """The idempotency key has a row already; nothing was written."""


class RefAlreadyClaimed(Exception):
    """Another payment holds this gateway reference; nothing was written."""


_REFUND_COLUMNS = 24
"""Values of `_refund_columns`; as many are NULL where a step moves no refund."""

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

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, step: Step, key: KeyState) -> None:
        """Store a new payment with its first attempt, first event, order claim and idempotency key, all or nothing.

        Raises KeyAlreadyClaimed or OrderAlreadyClaimed. A lost connection leaves it unknown whether it was stored; the
        same key finds out.
        """
        payment, attempt = step.after, step.attempt
        try:
            await self._database.row(
                CREATE,
                payment.id,
                payment.store,
                payment.mode,
                payment.order_id,
                payment.order_name,
                payment.amount.minor,
                payment.amount.currency,
                payment.status,
                payment.gateway,
                payment.method,
                payment.customer_id,
                payment.details,
                payment.return_url,
                payment.metadata,
                payment.last_hash,
                payment.created_at,
                payment.expires_at,
                attempt.id,
                attempt.reference,
                attempt.gateway_ref,
                attempt.status,
                attempt.next_action,
                attempt.next_check_at,
                attempt.busy_until,
                step.event.trigger,
                step.event.reason,
                step.event.evidence,
                step.event.prev_hash,
                key.scope,
                key.key,
                key.fingerprint,
                key.status,
                key.answer,
                key.lease_until,
            )
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name == "idempotency_keys_pkey":
                raise KeyAlreadyClaimed from error
            if error.constraint_name == "order_claims_pkey":
                raise OrderAlreadyClaimed from error
            raise

    async def apply(self, step: Step, key: KeyState | None = None) -> bool:
        """Write one step. False: the payment has moved since it was read; nothing was written, read it again.

        Locks the payment's row, then the attempt's. Raises RefAlreadyClaimed, or OrderAlreadyClaimed for late money whose
        order another payment holds by now.
        """
        payment, attempt, event, refund = step.after, step.attempt, step.event, step.refund
        try:
            row = await self._database.row(
                APPLY,
                payment.id,
                step.before.last_seq,
                payment.status,
                payment.gateway,
                payment.captured_minor,
                payment.paid_at,
                payment.attention,
                payment.last_seq,
                payment.last_hash,
                event.at,
                attempt.id,
                attempt.number,
                attempt.gateway,
                attempt.reference,
                attempt.gateway_ref,
                attempt.status,
                attempt.next_action,
                attempt.failure,
                attempt.is_deposit,
                attempt.lookup_attempts,
                attempt.next_check_at,
                attempt.busy_until,
                attempt.created_at,
                event.trigger,
                event.reason,
                event.payment_from,
                event.attempt_from,
                event.evidence,
                event.prev_hash,
                step.binds_ref,
                step.frees_order,
                step.reclaims_order,
                key.scope if key else None,
                key.key if key else None,
                key.status if key else None,
                key.answer if key else None,
                key.lease_until if key else None,
                attempt.capture_accepted_at,
                payment.refunded_minor,
                payment.refunding_minor,
                payment.refund_count,
                *(_refund_columns(refund) if refund else (None,) * _REFUND_COLUMNS),
            )
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name == "gateway_refs_pkey":
                raise RefAlreadyClaimed from error
            if error.constraint_name in _LOST_RACES:
                return False
            if error.constraint_name == "order_claims_pkey":
                raise OrderAlreadyClaimed from error
            raise
        return row is not None

    async def load(self, payment_id: UUID, store: str | None = None) -> Payment | None:
        """Read a payment with its attempts and refunds, without a lock. With `store`, only that store's.

        Refunds are a second reading, made where there are any, and both are made again when a step came between them.
        """
        while True:
            found = _payments(await self._database.rows(LOAD, payment_id))
            if not found or store not in {None, found[0].store}:
                return None
            if not found[0].refund_count:
                return found[0]
            rows = await self._database.rows(LOAD_REFUNDS, payment_id)
            if all(row["of_seq"] == found[0].last_seq for row in rows):
                return replace(found[0], refunds=tuple(_refund(row) for row in rows))

    async def holder_of_order(self, store: str, order_id: str) -> UUID | None:
        """The payment that holds an order now."""
        sql = "SELECT payment_id FROM order_claims WHERE store = $1 AND order_id = $2"
        row = await self._database.row(sql, store, order_id)
        return row["payment_id"] if row else None

    async def holder_of_ref(self, gateway: str, ref: str) -> UUID | None:
        """The payment that a gateway's reference is bound to."""
        row = await self._database.row(
            "SELECT payment_id FROM gateway_refs WHERE gateway = $1 AND ref = $2", gateway, ref
        )
        return row["payment_id"] if row else None

    async def every_id(self, after: UUID | None, limit: int) -> list[UUID]:
        """Ids of payments in their order, which is that of their creation."""
        sql = "SELECT id FROM payments WHERE id > $1 ORDER BY id LIMIT $2"
        return [row["id"] for row in await self._database.rows(sql, after or UUID(int=0), limit)]

    async def about_how_many(self) -> int:
        """The planner's estimate: counting would read all of them."""
        row = await self._database.row("SELECT reltuples::bigint AS n FROM pg_class WHERE relname = 'payments'")
        return max(0, row["n"]) if row else 0

    async def search(self, search: Search) -> list[Payment]:
        """One keyset page, newest first. Costs the same however long the history is."""
        sql, values = list_payments(search)
        return _payments(await self._database.rows(sql, *values))

    async def events(self, payment_id: UUID, after_seq: int, limit: int) -> list[tuple[Event, bytes]]:
        """The story in order, each event with its stored hash."""
        rows = await self._database.rows(EVENTS, payment_id, after_seq, limit)
        return [(Event(**{name: row[name] for name in Event.__slots__}), row["hash"]) for row in rows]

    async def backlog(self, now: datetime) -> tuple[float, float]:
        """Seconds since the oldest undecided attempt began, and since the longest overdue look was due."""
        row = await self._database.row(BACKLOG)
        assert row is not None
        waited = (now - (row[name] or now) for name in ("undecided_since", "due_since"))
        age_s, overdue_s = (max(0.0, each.total_seconds()) for each in waited)
        return age_s, overdue_s

    async def reschedule(self, payment_id: UUID, before: Attempt, after: Attempt) -> None:
        """Note that a look decided nothing: when to look next, and who is busy. No event: nothing happened."""
        await self._database.row(
            RESCHEDULE,
            payment_id,
            before.id,
            before.status,
            before.lookup_attempts,
            before.busy_until,
            after.lookup_attempts,
            after.next_check_at,
            after.busy_until,
        )

    async def reschedule_refund(
        self, payment_id: UUID, refund: Refund, lookup_attempts: int, look_at: datetime | None
    ) -> None:
        """Note that a look decided nothing about a refund. No event: nothing happened."""
        await self._database.row(
            RESCHEDULE_REFUND,
            payment_id,
            refund.id,
            refund.status,
            refund.lookup_attempts,
            lookup_attempts,
            look_at,
            refund.refund_attempts,
        )


def _payments(rows: Iterable[Row]) -> list[Payment]:
    """Group the rows of payment ⟕ attempts, which come ordered, into payments."""
    grouped: dict[UUID, tuple[Row, list[Attempt]]] = {}
    for row in rows:
        _, attempts = grouped.setdefault(row["id"], (row, []))
        attempts.append(_attempt(row))
    return [_payment(row, tuple(attempts)) for row, attempts in grouped.values()]


def _payment(row: Row, attempts: tuple[Attempt, ...]) -> Payment:
    return Payment(
        id=row["id"],
        store=row["store"],
        mode=row["mode"],
        order_id=row["order_id"],
        order_name=row["order_name"],
        amount=Money(row["amount_minor"], row["currency"]),
        status=PaymentStatus(row["status"]),
        gateway=row["gateway"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        captured_minor=row["captured_minor"],
        refunded_minor=row["refunded_minor"],
        refunding_minor=row["refunding_minor"],
        refund_count=row["refund_count"],
        method=row["method"],
        customer_id=row["customer_id"],
        details=row["details"],
        return_url=row["return_url"],
        metadata=row["metadata"],
        attention=row["attention"],
        last_seq=row["last_seq"],
        last_hash=row["last_hash"],
        paid_at=row["paid_at"],
        attempts=attempts,
    )


def _attempt(row: Row) -> Attempt:
    fields: dict[str, Any] = {name: row[f"a_{name}"] for name in Attempt.__slots__}
    return Attempt(**fields | {"status": AttemptStatus(fields["status"])})


def _refund(row: Row) -> Refund:
    """One row of `REFUND_COLUMNS` as a value."""
    fields: dict[str, Any] = {name: row[name] for name in Refund.__slots__ if name not in {"amount", "parts"}}
    return Refund(
        **fields | {"status": RefundStatus(row["status"])},
        amount=Money(row["amount_minor"], row["currency"]),
        parts=TaxBreakdown(row["taxed_minor"], row["tax_free_minor"], row["vat_minor"]),
    )


def _refund_columns(refund: Refund) -> tuple[Any, ...]:
    return (
        refund.id,
        refund.number,
        refund.amount.minor,
        refund.amount.currency,
        refund.parts.taxed,
        refund.parts.tax_free,
        refund.parts.vat,
        refund.initiator,
        refund.reason,
        refund.status,
        refund.expected_minor,
        refund.request_key,
        refund.request_print,
        refund.account,
        refund.gateway_ref,
        refund.failure,
        refund.is_held,
        refund.refund_attempts,
        refund.asked_at,
        refund.is_lost,
        refund.accepted_at,
        refund.lookup_attempts,
        refund.next_check_at,
        refund.created_at,
    )
