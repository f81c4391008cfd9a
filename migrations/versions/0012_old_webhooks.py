"""What may go of the webhooks is found by an index of its own: rows that stay are never walked through again and again.

It is built beside running payments, outside of a transaction. A build that was broken off leaves an index that nobody uses; it
is dropped first, so the revision can be run again.

Revision ID: 0012
Revises: 0011
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

BEFORE = {"webhook_inbox_received_at_idx": "(received_at)"}
AFTER = {
    "webhook_inbox_old_idx": "(last_received_at) WHERE (applied_at IS NOT NULL OR (parked_at IS NOT NULL AND proof = 'hint'))"
}


def upgrade() -> None:
    _replace(BEFORE, AFTER)


def downgrade() -> None:
    _replace(AFTER, BEFORE)


def _replace(old: dict[str, str], new: dict[str, str]) -> None:
    """A concurrent build stops nobody, so it may wait for long transactions as long as they take."""
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        for name, columns in new.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON webhook_inbox {columns}")
        for name in old:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        op.execute("RESET lock_timeout")
