"""A payment's link may end before the payment does.

Revision ID: 0017
Revises: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("payments", sa.Column("link_expires_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.drop_column("payments", "link_expires_at")
