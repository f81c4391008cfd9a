"""Events that are sent for the first time and those that were refused wait in two queues; what a refusal told is kept.

Revision ID: 0019
Revises: 0018
"""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

UPGRADE = """
ALTER TABLE notifications ADD COLUMN tried_at timestamptz,
    ADD COLUMN is_again boolean NOT NULL DEFAULT false, ADD COLUMN is_alone boolean NOT NULL DEFAULT false;
UPDATE notifications SET is_again = true, tried_at = created_at WHERE next_try_at IS NOT NULL AND delivery_attempts > 0;
DROP INDEX notifications_due_idx;
CREATE INDEX notifications_due_idx ON notifications (endpoint_id, is_again, next_try_at) WHERE next_try_at IS NOT NULL;
CREATE INDEX notifications_refused_idx ON notifications (endpoint_id, tried_at)
    WHERE next_try_at IS NOT NULL AND tried_at IS NOT NULL AND NOT is_alone
"""

DOWNGRADE = """
DROP INDEX notifications_refused_idx;
DROP INDEX notifications_due_idx;
CREATE INDEX notifications_due_idx ON notifications (endpoint_id, next_try_at) WHERE next_try_at IS NOT NULL;
ALTER TABLE notifications DROP COLUMN tried_at, DROP COLUMN is_again, DROP COLUMN is_alone
"""


def upgrade() -> None:
    for statement in UPGRADE.split(";"):
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWNGRADE.split(";"):
        op.execute(statement)
