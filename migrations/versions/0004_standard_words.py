"""The payment field's words for columns: renamed, nothing else. What was hashed is values, so stored histories still verify.

Revision ID: 0004
Revises: 0003
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

COLUMNS = (
    ("payment_events", "cause", "trigger"),
    ("attempts", "no", "number"),
    ("attempts", "checks", "lookup_attempts"),
    ("attempts", "confirmed_at", "capture_accepted_at"),
    ("refunds", "no", "number"),
    ("refunds", "cause", "initiator"),
    ("refunds", "asks", "refund_attempts"),
    ("refunds", "checks", "lookup_attempts"),
    ("webhook_inbox", "tries", "apply_attempts"),
)

CONSTRAINTS = (
    ("payment_events", "payment_events_cause_check", "payment_events_trigger_check"),
    ("attempts", "attempts_payment_id_no_key", "attempts_payment_id_number_key"),
    ("attempts", "attempts_no_check", "attempts_number_check"),
    ("refunds", "refunds_payment_id_no_key", "refunds_payment_id_number_key"),
    ("refunds", "refunds_no_check", "refunds_number_check"),
    ("refunds", "refunds_cause_check", "refunds_initiator_check"),
)


def upgrade() -> None:
    for table, old, new in COLUMNS:
        op.execute(f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")
    for table, old, new in CONSTRAINTS:
        op.execute(f"ALTER TABLE {table} RENAME CONSTRAINT {old} TO {new}")


def downgrade() -> None:
    for table, old, new in CONSTRAINTS:
        op.execute(f"ALTER TABLE {table} RENAME CONSTRAINT {new} TO {old}")
    for table, old, new in COLUMNS:
        op.execute(f"ALTER TABLE {table} RENAME COLUMN {new} TO {old}")
