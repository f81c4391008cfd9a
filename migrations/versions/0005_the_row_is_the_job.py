"""The row is the job: a lease on rows that are due, and the tables of the job engine beside them leave.

Revision ID: 0005
Revises: 0004
"""

import re
from pathlib import Path

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

INDEX_GONE = "DROP INDEX CONCURRENTLY IF EXISTS attempts_undecided_idx"

INDEX = """
CREATE INDEX CONCURRENTLY attempts_undecided_idx ON attempts (created_at)
    WHERE status IN ('awaiting_deposit', 'created', 'pending', 'unknown')
"""

UPGRADE = """
SET LOCAL lock_timeout = '5s';
ALTER TABLE attempts ADD COLUMN claimed_until timestamptz;
ALTER TABLE refunds ADD COLUMN claimed_until timestamptz;
ALTER TABLE webhook_inbox ADD COLUMN claimed_until timestamptz;
-- A webhook with a job in the queue was wanted at once; its row alone says so now.
UPDATE webhook_inbox SET next_try_at = least(next_try_at, now())
WHERE next_try_at IS NOT NULL AND id IN (
    SELECT convert_from(payload, 'UTF8')::uuid FROM pgqueuer WHERE entrypoint = 'apply_webhook');
DROP TRIGGER tg_pgqueuer_changed ON pgqueuer;
DROP FUNCTION fn_pgqueuer_changed;
DROP TABLE pgqueuer, pgqueuer_log, pgqueuer_schedules, pgqueuer_statistics;
DROP TYPE pgqueuer_status
"""

JOB_TABLES = Path(__file__).parents[1] / "frozen" / "pgqueuer_1_6.sql"

DOWNGRADE = """
GRANT SELECT, INSERT, UPDATE, DELETE ON pgqueuer, pgqueuer_log, pgqueuer_schedules, pgqueuer_statistics TO onetill_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO onetill_app;
SET LOCAL lock_timeout = '5s';
ALTER TABLE attempts DROP COLUMN claimed_until;
ALTER TABLE refunds DROP COLUMN claimed_until;
ALTER TABLE webhook_inbox DROP COLUMN claimed_until
"""
"""What is due says so in its own row, which is where the engine before looked for what had no job."""


def upgrade() -> None:
    with op.get_context().autocommit_block():  # first, so that what is interrupted here can be run again
        op.execute(INDEX_GONE)
        op.execute(INDEX)
    for statement in UPGRADE.split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute(INDEX_GONE)
    job_tables = re.split(r";\n\n(?=CREATE )", JOB_TABLES.read_text())
    for statement in (*job_tables, *DOWNGRADE.split(";\n")):
        op.execute(statement)
