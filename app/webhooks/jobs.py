"""Due work of webhooks: those that wait to be applied, each gateway's in lanes of its own."""

from collections.abc import Iterable

from app.db.database import Database
from app.db.due_work import HANDS, DueRow, DueTable, DueWork, lanes
from app.webhooks.model import Proof
from app.webhooks.service import DUE_KINDS, WebhookService

HINTS_AT_WORK = 4
"""Unsigned hints of one gateway under way in a worker: anybody may send thousands, and they take no hand from what is signed."""


def due_webhooks(
    database: Database, webhooks: WebhookService, gateways: Iterable[str], *, deadline_s: float, lease_s: float
) -> tuple[DueWork, ...]:
    """Each webhook is applied as soon as it has come, and again by its schedule until its gateway has answered.

    Signed ones, and in small lanes of their own the unsigned.
    """

    async def apply(row: DueRow) -> None:
        await webhooks.apply(row.id)

    async def put_off(row: DueRow) -> None:
        await webhooks.put_off(row.id, "looking into it broke; see the log")

    def of(proof: Proof, hands: int) -> Iterable[DueWork]:
        for name, only in lanes(DUE_KINDS[proof], gateways, by="gateway"):
            by_proof = f"proof = '{proof}' AND {only}"
            rows = DueTable(database, "webhook_inbox", due_at="next_try_at", is_keyed_by_payment=False, only=by_proof)
            yield DueWork(name, rows, apply, deadline_s, lease_s, put_off, hands)

    return (*of("signature", HANDS), *of("hint", HINTS_AT_WORK))
