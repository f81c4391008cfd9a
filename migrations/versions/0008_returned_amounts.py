"""A refund keeps what was asked for, and beside it what the gateway named in its yes, where that is another amount.

Revision ID: 0008
Revises: 0007
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

CHECK = "ALTER TABLE refunds ADD CONSTRAINT refunds_returned_check CHECK (returned_minor > 0) NOT VALID"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("ALTER TABLE refunds ADD COLUMN returned_minor bigint")
    op.execute(CHECK)
    op.execute("ALTER TABLE refunds VALIDATE CONSTRAINT refunds_returned_check")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("ALTER TABLE refunds DROP COLUMN returned_minor")
