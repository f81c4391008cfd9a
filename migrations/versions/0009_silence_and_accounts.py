"""Attempts know their gateway's account, since when it is silent or they are unknown, their end, and the account for a deposit.

Run again after an interruption, it goes on.

Revision ID: 0009
Revises: 0008
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

UPGRADE = """
SET LOCAL lock_timeout = '5s';
ALTER TABLE attempts
    ADD COLUMN IF NOT EXISTS account text,
    ADD COLUMN IF NOT EXISTS deposit json,
    ADD COLUMN IF NOT EXISTS unanswered_since timestamptz,
    ADD COLUMN IF NOT EXISTS unknown_since timestamptz,
    ADD COLUMN IF NOT EXISTS ended_at timestamptz,
    DROP CONSTRAINT IF EXISTS attempts_deposit_check;
ALTER TABLE attempts ADD CONSTRAINT attempts_deposit_check
    CHECK (deposit IS NULL OR status = 'awaiting_deposit') NOT VALID;
-- Few rows, found by their index. Their last move made them unknown, or told of it.
UPDATE attempts SET unknown_since = updated_at WHERE status = 'unknown' AND unknown_since IS NULL
"""

DOWNGRADE = """
SET LOCAL lock_timeout = '5s';
ALTER TABLE attempts
    DROP CONSTRAINT attempts_deposit_check,
    DROP COLUMN account,
    DROP COLUMN deposit,
    DROP COLUMN unanswered_since,
    DROP COLUMN unknown_since,
    DROP COLUMN ended_at
"""


def upgrade() -> None:
    for statement in UPGRADE.split(";\n"):
        op.execute(statement)
    with op.get_context().autocommit_block():  # reads the whole table, beside running payments
        op.execute("ALTER TABLE attempts VALIDATE CONSTRAINT attempts_deposit_check")


def downgrade() -> None:
    for statement in DOWNGRADE.split(";\n"):
        op.execute(statement)
