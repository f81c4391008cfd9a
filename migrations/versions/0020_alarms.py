"""The alarms that are raised, for whom is told by mail, and the payments that call a person by an index.

Revision ID: 0020
Revises: 0019
"""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE alarms (
    id uuid NOT NULL,
    kind text NOT NULL,
    subject_id uuid NOT NULL,
    step text NOT NULL,
    raised_at timestamptz NOT NULL,
    mail_attempts integer NOT NULL DEFAULT 0,
    mailed_at timestamptz,
    due_at timestamptz,
    claimed_until timestamptz,
    CONSTRAINT alarms_pkey PRIMARY KEY (id),
    CONSTRAINT alarms_kind_check CHECK (kind IN ('endpoint', 'payment'))
);
CREATE INDEX alarms_due_idx ON alarms (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX alarms_unmailed_idx ON alarms (raised_at) WHERE mailed_at IS NULL
"""
INDEXES = {
    "payments_attention_idx": "payments (id) WHERE attention IS NOT NULL",
    "notification_endpoints_alarm_idx": "notification_endpoints (id) WHERE alarmed_percent > 0 OR pause_reason = 'gone'",
}


def upgrade() -> None:
    """The indexes first: a build that was broken off is dropped and made anew when the revision runs again."""
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        for name, what in INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {what}")
        op.execute("RESET lock_timeout")
    for statement in TABLE.split(";"):
        op.execute(statement)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        for name in INDEXES:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        op.execute("RESET lock_timeout")
    op.execute("DROP TABLE IF EXISTS alarms")
