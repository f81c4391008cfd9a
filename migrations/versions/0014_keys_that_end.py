"""API keys may end by themselves, show when they were last used, and name the key that they replace.

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("expires_at", sa.DateTime(timezone=True)))
    op.add_column("api_keys", sa.Column("last_used_at", sa.DateTime(timezone=True)))
    op.add_column("api_keys", sa.Column("replaces", sa.Uuid()))


def downgrade() -> None:
    for name in ("replaces", "last_used_at", "expires_at"):
        op.drop_column("api_keys", name)
