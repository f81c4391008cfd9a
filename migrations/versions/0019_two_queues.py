"""Events that are sent for the first time and those that were refused wait in two queues; what a refusal told is kept.

Revision ID: 0019
Revises: 0018
"""

from alembic import op
from sqlalchemy import text

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

COLUMNS = """
ALTER TABLE notifications ADD COLUMN IF NOT EXISTS tried_at timestamptz,
    ADD COLUMN IF NOT EXISTS is_again boolean NOT NULL DEFAULT false,
    ADD COLUMN IF NOT EXISTS is_alone boolean NOT NULL DEFAULT false
"""
REFUSED = """
UPDATE notifications SET is_again = true, tried_at = created_at WHERE (payment_id, event_id, endpoint_id) IN (
    SELECT payment_id, event_id, endpoint_id FROM notifications
    WHERE next_try_at IS NOT NULL AND delivery_attempts > 0 AND tried_at IS NULL LIMIT 5000
)
"""
INDEXES = {
    "notifications_queue_idx": "notifications (endpoint_id, is_again, next_try_at, sequence) WHERE next_try_at IS NOT NULL",
    "notifications_refused_idx": """notifications (endpoint_id, tried_at)
        WHERE next_try_at IS NOT NULL AND tried_at IS NOT NULL AND NOT is_alone""",
}
BEFORE = {"notifications_due_idx": "notifications (endpoint_id, next_try_at) WHERE next_try_at IS NOT NULL"}


def upgrade() -> None:
    with op.get_context().autocommit_block():  # each by itself: nobody waits for all of them
        op.execute(COLUMNS)
        while op.get_bind().execute(text(REFUSED)).rowcount:
            pass
    _replace(BEFORE, INDEXES)


def downgrade() -> None:
    _replace(INDEXES, BEFORE)
    op.execute("ALTER TABLE notifications DROP COLUMN tried_at, DROP COLUMN is_again, DROP COLUMN is_alone")


def _replace(old: dict[str, str], new: dict[str, str]) -> None:
    """A build that was broken off is dropped and made anew when the revision runs again."""
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        for name, what in new.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {what}")
        for name in old:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        op.execute("RESET lock_timeout")
