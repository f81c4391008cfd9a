"""Due work of refunds: those to look at, or to request again, each gateway's in a lane of its own."""

from collections.abc import Iterable

from app.db.database import Database
from app.db.due_work import DueRow, DueTable, DueWork, lanes
from app.refunds.service import RefundService

GATEWAY = """(
    SELECT a.gateway FROM attempts AS a WHERE a.payment_id = refunds.payment_id AND a.id = refunds.attempt_id
)"""
"""Of a refund, which does not say it itself: one row by its key for each due refund, and never a join of all."""


def due_refunds(
    database: Database, refunds: RefundService, gateways: Iterable[str], *, deadline_s: float, lease_s: float
) -> tuple[DueWork, ...]:
    """Each undecided refund is processed when its schedule says so."""

    async def process(row: DueRow) -> None:
        assert row.payment_id is not None
        await refunds.process(row.payment_id, row.id)

    def lane(name: str, only: str) -> DueWork:
        rows = DueTable(database, "refunds", due_at="next_check_at", only=only)
        return DueWork(name, rows, process, deadline_s, lease_s)

    return tuple(lane(name, only) for name, only in lanes("refunds", gateways, by=GATEWAY))
