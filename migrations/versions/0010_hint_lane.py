"""Due webhooks by their proof: unsigned hints have a lane of their own, and whoever looks for signed ones reads past none.

Built beside running webhooks, outside of a transaction; one that was broken off is dropped first, so it can be run again.

Revision ID: 0010
Revises: 0009
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

OLD = {"webhook_inbox_due_idx": "(next_try_at)"}
NEW = {"webhook_inbox_lane_idx": "(proof, next_try_at)"}


def upgrade() -> None:
    _replace(OLD, NEW)


def downgrade() -> None:
    _replace(NEW, OLD)


def _replace(old: dict[str, str], new: dict[str, str]) -> None:
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")  # a concurrent build stops nobody
        for name, columns in new.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON webhook_inbox {columns} WHERE next_try_at IS NOT NULL")
        for name in old:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        op.execute("RESET lock_timeout")
