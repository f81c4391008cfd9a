"""Unsigned webhooks are counted, by payment and those that nobody knows, and what names one unknown reference is found together.

Built beside running webhooks, outside of a transaction; one that was broken off is dropped first, so it can be run again.

Revision ID: 0015
Revises: 0014
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

BEFORE = {"webhook_inbox_waiting_idx": "(payment_id) WHERE next_try_at IS NOT NULL AND payment_id IS NOT NULL"}
AFTER = {
    "webhook_inbox_payment_idx": "(payment_id) WHERE payment_id IS NOT NULL",
    "webhook_inbox_unknown_idx": "(gateway, gateway_ref) "
    "WHERE proof = 'hint' AND payment_id IS NULL AND next_try_at IS NOT NULL",
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
