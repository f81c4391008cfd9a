"""Attempts keep when their buyer came back, so that they are looked at soon after, whatever brought the news.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("attempts", sa.Column("returned_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.drop_column("attempts", "returned_at")
