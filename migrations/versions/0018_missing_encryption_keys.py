"""Since when none of an endpoint's signing secrets opens.

Revision ID: 0018
Revises: 0017
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("notification_endpoints", sa.Column("key_missing_since", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.drop_column("notification_endpoints", "key_missing_since")
