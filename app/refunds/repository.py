"""Reads of refunds that do not come with their payment. They are written as steps of the payment, by its repository."""

from datetime import datetime
from uuid import UUID

from app.db.database import Database
from app.domain.states import REFUND_UNDECIDED


class RefundRepository:
    """Finds refunds. Every method is one statement."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def payment_of(self, refund_id: UUID) -> UUID | None:
        """The payment that a refund belongs to."""
        row = await self._database.row("SELECT payment_id FROM refunds WHERE id = $1", refund_id)
        return row["payment_id"] if row else None

    async def backlog(self, now: datetime) -> tuple[int, float]:
        """How many refunds are not decided, and the age of the oldest of them in seconds. From a partial index."""
        row = await self._database.row(
            "SELECT count(*) AS n, coalesce(extract(epoch FROM $1 - min(created_at)), 0) AS age_s FROM refunds "
            "WHERE next_check_at IS NOT NULL AND status = ANY($2)",
            now,
            [str(status) for status in REFUND_UNDECIDED],
        )
        assert row is not None
        return row["n"], float(row["age_s"])
