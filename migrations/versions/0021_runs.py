"""Lists and replays read runs of an index that is made for them; endpoints that ended are in no look for those that are there.

Revision ID: 0021
Revises: 0020
"""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_RUNS_IDX = "notifications_runs_idx"
BEFORE = {
    "notification_endpoints_store_idx": "notification_endpoints (store, created_at, id)",
    _RUNS_IDX: "notifications (endpoint_id, status, type, created_at DESC, id DESC)",
}
AFTER = {
    "notification_endpoints_live_idx": "notification_endpoints (store, created_at, id) WHERE deleted_at IS NULL",
    _RUNS_IDX: "notifications (endpoint_id, status, type, created_at, id)",
    "notifications_store_runs_idx": "notifications (store, status, type, created_at, id)",
    "outbox_time_idx": "outbox (store, type, created_at) WHERE position IS NOT NULL",
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
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {columns}")
        for name in old.keys() - new.keys():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        op.execute("RESET lock_timeout")
