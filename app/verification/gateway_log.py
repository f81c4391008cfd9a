"""Stores calls to gateways, masked, for operators, for a while. Nothing is decided by them, so a loss does no harm."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import asyncpg

from app.db.database import DATABASE_AWAY, Database
from app.db.old_rows import OldRows
from app.domain import ids
from app.domain.clock import Now
from app.gateways.gateway_log import GatewayCall, record_calls
from app.logs import get_logger

KEEP = """
INSERT INTO gateway_exchanges (payment_id, id, at, gateway, operation, outcome, took_ms, sent, received)
SELECT $1, * FROM unnest($2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::float8[], $8::text[],
    $9::text[])
"""

log = get_logger("gateway_log")


class GatewayLog:
    """Writes in the background: no verification waits for it."""

    def __init__(self, database: Database, now: Now, keep: timedelta) -> None:
        self._database = database
        self.old = OldRows(database, "gateway_exchanges", ("payment_id", "id"), since="at", keep=keep, now=now)
        self._under_way: set[asyncio.Task[None]] = set()

    @contextmanager
    def keeping(self, payment_id: UUID) -> Iterator[None]:
        """A block whose calls to gateways, in this task, are stored soon after it ends, however it ends."""
        with record_calls() as calls:
            try:
                yield
            finally:
                if calls:
                    task = asyncio.create_task(self._keep(payment_id, calls))
                    self._under_way.add(task)
                    task.add_done_callback(self._under_way.discard)

    async def of(self, payment_id: UUID) -> list[GatewayCall]:
        """What is kept about a payment, oldest first."""
        sql = (
            "SELECT at, gateway, operation, outcome, took_ms, sent, received FROM gateway_exchanges "
            "WHERE payment_id = $1 ORDER BY at"
        )
        return [GatewayCall(**dict(row)) for row in await self._database.rows(sql, payment_id)]

    async def close(self) -> None:
        """Wait for what is being written."""
        await asyncio.gather(*self._under_way)

    async def _keep(self, payment_id: UUID, calls: Sequence[GatewayCall]) -> None:
        columns = zip(
            *((ids.uuid7(), e.at, e.gateway, e.operation, e.outcome, e.took_ms, e.sent, e.received) for e in calls),
            strict=True,
        )
        try:
            await self._database.row(KEEP, payment_id, *map(list, columns))
        except (asyncpg.PostgresError, *DATABASE_AWAY) as error:
            log.warning("gateway_calls_not_kept", error=type(error).__name__)
