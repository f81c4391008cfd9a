"""Every filter of a list, and every pair, from an index: two that hold gateway, status and attention take the place of three.

They are built beside running payments, each outside of a transaction. A build that was broken off leaves an index that
nobody uses; it is dropped first, so the revision can be run again.

Revision ID: 0006
Revises: 0005
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_NEWEST = "created_at DESC, id DESC"
_RUN = f"gateway, status, ((attention IS NOT NULL)::integer), {_NEWEST}"

BEFORE = {
    "payments_status_idx": f"(store, status, {_NEWEST})",
    "payments_customer_idx": f"(store, customer_id, {_NEWEST}) WHERE customer_id IS NOT NULL",
    "payments_attention_idx": f"(store, {_NEWEST}) WHERE attention IS NOT NULL",
}
AFTER = {
    "payments_gateway_status_idx": f"(store, {_RUN})",
    "payments_customer_gateway_status_idx": f"(store, customer_id, {_RUN}) WHERE customer_id IS NOT NULL",
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
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON payments {columns}")
        for name in old:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        op.execute("RESET lock_timeout")
