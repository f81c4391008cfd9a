"""Due work of payments: attempts to verify, each gateway's in a lane of its own."""

from collections.abc import Iterable

from app.db.database import Database
from app.db.due_work import DueRow, DueTable, DueWork, lanes
from app.payments.service import PaymentService


def due_attempts(
    database: Database, payments: PaymentService, gateways: Iterable[str], *, deadline_s: float, lease_s: float
) -> tuple[DueWork, ...]:
    """Each attempt whose money may still move is verified when its schedule says so."""

    async def verify(row: DueRow) -> None:
        assert row.payment_id is not None
        await payments.verify(row.payment_id, trigger="sweep", attempt_id=row.id)

    def lane(name: str, only: str) -> DueWork:
        rows = DueTable(database, "attempts", due_at="next_check_at", only=only)
        return DueWork(name, rows, verify, deadline_s, lease_s)

    return tuple(lane(name, only) for name, only in lanes("attempts", gateways, by="gateway"))
