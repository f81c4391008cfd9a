"""Due work of webhooks: those that wait to be applied."""

from app.db.database import Database
from app.db.due_work import HANDS, DueRow, DueTable, DueWork
from app.webhooks.model import Proof
from app.webhooks.service import DUE_KINDS, WebhookService

HINTS_AT_WORK = 4
"""Unsigned hints under way in one worker: anybody may send thousands, and they take no hand from what is signed."""


def due_webhooks(
    database: Database, webhooks: WebhookService, *, deadline_s: float, lease_s: float
) -> tuple[DueWork, ...]:
    """Each webhook is applied as soon as it has come, and again by its schedule until its gateway has answered.

    Signed ones, and in a small lane of their own the unsigned.
    """

    async def apply(row: DueRow) -> None:
        await webhooks.apply(row.id)

    async def put_off(row: DueRow) -> None:
        await webhooks.put_off(row.id, "looking into it broke; see the log")

    def lane(proof: Proof, hands: int) -> DueWork:
        only = f"proof = '{proof}'"
        rows = DueTable(database, "webhook_inbox", due_at="next_try_at", is_keyed_by_payment=False, only=only)
        return DueWork(DUE_KINDS[proof], rows, apply, deadline_s, lease_s, put_off, hands)

    return lane("signature", HANDS), lane("hint", HINTS_AT_WORK)
