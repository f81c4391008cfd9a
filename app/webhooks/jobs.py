"""Due work of webhooks: those that wait to be applied."""

from app.db.database import Database
from app.db.due_work import DueRow, DueTable, DueWork
from app.webhooks.service import DUE_KIND, WebhookService


def due_webhooks(database: Database, webhooks: WebhookService, *, deadline_s: float, lease_s: float) -> DueWork:
    """Each webhook is applied as soon as it has come, and again by its schedule until its gateway has answered."""

    async def apply(row: DueRow) -> None:
        await webhooks.apply(row.id)

    async def put_off(row: DueRow) -> None:
        await webhooks.put_off(row.id, "looking into it broke; see the log")

    rows = DueTable(database, "webhook_inbox", due_at="next_try_at", is_keyed_by_payment=False)
    return DueWork(DUE_KIND, rows, apply, deadline_s, lease_s, put_off)
