"""Due work of refunds: those whose time to be looked at, or asked for again, has come."""

from app.db.database import Database
from app.db.due_work import DueRow, DueTable, DueWork
from app.refunds.service import RefundService


def due_refunds(database: Database, refunds: RefundService, *, deadline_s: float, lease_s: float) -> DueWork:
    """Every refund that is not decided is carried a step further when its schedule says so."""

    async def process(row: DueRow) -> None:
        assert row.payment_id is not None
        await refunds.process(row.payment_id, row.id)

    return DueWork("refunds", DueTable(database, "refunds", due_at="next_check_at"), process, deadline_s, lease_s)
