"""Due work of refunds: those to look at, or to request again."""

from app.db.database import Database
from app.db.due_work import DueRow, DueTable, DueWork
from app.refunds.service import RefundService


def due_refunds(database: Database, refunds: RefundService, *, deadline_s: float, lease_s: float) -> DueWork:
    """Each undecided refund is processed when its schedule says so."""

    async def process(row: DueRow) -> None:
        assert row.payment_id is not None
        await refunds.process(row.payment_id, row.id)

    return DueWork("refunds", DueTable(database, "refunds", due_at="next_check_at"), process, deadline_s, lease_s)
