"""Due work of notifications: endpoints for which something waits."""

from collections.abc import Iterator
from datetime import timedelta

from app.db.database import Database
from app.db.due_work import DueTable, DueWork
from app.db.old_rows import OldRows
from app.domain.clock import Now
from app.domain.schedule import DELIVERY_DEADLINE_S, LEASE_MARGIN_S, LONGEST_SPELL_S, SENDER_LEASE_S
from app.notifications.sender import Sender

KIND = "notifications"

ENDPOINTS_AT_WORK = 256
"""Endpoints that one worker sends to at once: one that hangs holds its own place only."""


def due_endpoints(database: Database, sender: Sender) -> DueWork:
    """An endpoint is due while something waits for it, and by its own pace where it takes nothing."""
    deadline_s = LONGEST_SPELL_S + 2 * DELIVERY_DEADLINE_S + LEASE_MARGIN_S
    rows = DueTable(
        database, "notification_endpoints", due_at="due_at", payment_id="NULL::uuid", is_keyed_by_payment=False
    )
    return DueWork(
        *(KIND, rows, sender.send_due, deadline_s, SENDER_LEASE_S, sender.put_off),
        hands=ENDPOINTS_AT_WORK,
        is_cut_short=True,
    )


def old_rows(database: Database, keep: timedelta, now: Now) -> Iterator[tuple[str, OldRows]]:
    """What is deleted when it is old: events, what was to be told of them, the attempts, and endpoints that ended."""

    def old(table: str, *key: str, since: str, only: str = "true") -> tuple[str, OldRows]:
        return table, OldRows(database, table, key, since=since, keep=keep, now=now, only=only)

    yield old("outbox", "payment_id", "id", since="created_at", only="position IS NOT NULL")
    yield old("notifications", "payment_id", "event_id", "endpoint_id", since="created_at")
    yield old("deliveries", "payment_id", "id", since="at")
    yield old("notification_endpoints", "id", since="deleted_at", only="deleted_at IS NOT NULL")
