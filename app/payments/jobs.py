"""Due work of payments: attempts whose time to be looked at has come."""

from app.db.database import Database
from app.db.due_work import DueRow, DueTable, DueWork
from app.payments.service import PaymentService


def due_attempts(database: Database, payments: PaymentService, *, deadline_s: float, lease_s: float) -> DueWork:
    """Every attempt that may still bring or lose money is asked about when its schedule says so."""

    async def verify(row: DueRow) -> None:
        assert row.payment_id is not None
        await payments.verify(row.payment_id, trigger="sweep", attempt_id=row.id)

    return DueWork("attempts", DueTable(database, "attempts", due_at="next_check_at"), verify, deadline_s, lease_s)
