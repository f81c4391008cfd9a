"""Due work of payments: attempts to verify."""

from app.db.database import Database
from app.db.due_work import DueRow, DueTable, DueWork
from app.payments.service import PaymentService


def due_attempts(database: Database, payments: PaymentService, *, deadline_s: float, lease_s: float) -> DueWork:
    """Each attempt whose money may still move is verified when its schedule says so."""

    async def verify(row: DueRow) -> None:
        assert row.payment_id is not None
        await payments.verify(row.payment_id, trigger="sweep", attempt_id=row.id)

    return DueWork("attempts", DueTable(database, "attempts", due_at="next_check_at"), verify, deadline_s, lease_s)
