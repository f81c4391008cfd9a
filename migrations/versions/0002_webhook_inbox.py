"""The inbox of webhooks, what was said with gateways, and the tables of the job engine.

Revision ID: 0002
Revises: 0001
"""

import re
from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INBOX = """
CREATE TABLE webhook_inbox (
    id uuid NOT NULL,
    gateway text NOT NULL,
    dedupe_key text NOT NULL,
    proof text NOT NULL,
    kind text,
    headers json NOT NULL,
    body bytea NOT NULL,
    source text,
    payment_id uuid,
    reference text,
    gateway_ref text,
    received_at timestamptz NOT NULL,
    last_received_at timestamptz NOT NULL,
    times_received integer NOT NULL DEFAULT 1,
    tries integer NOT NULL DEFAULT 0,
    next_try_at timestamptz,
    applied_at timestamptz,
    parked_at timestamptz,
    note text,
    CONSTRAINT webhook_inbox_pkey PRIMARY KEY (id),
    CONSTRAINT webhook_inbox_dedupe_key UNIQUE (gateway, dedupe_key),
    CONSTRAINT webhook_inbox_proof_check CHECK (proof IN ('hint', 'signature')),
    CONSTRAINT webhook_inbox_state_check CHECK (
        (next_try_at IS NOT NULL)::int + (applied_at IS NOT NULL)::int + (parked_at IS NOT NULL)::int = 1)
);
CREATE INDEX webhook_inbox_due_idx ON webhook_inbox (next_try_at) WHERE next_try_at IS NOT NULL;
CREATE INDEX webhook_inbox_waiting_idx ON webhook_inbox (payment_id)
    WHERE next_try_at IS NOT NULL AND payment_id IS NOT NULL;
CREATE INDEX webhook_inbox_parked_idx ON webhook_inbox (parked_at) WHERE parked_at IS NOT NULL;
CREATE INDEX webhook_inbox_received_at_idx ON webhook_inbox (received_at);

CREATE TABLE gateway_exchanges (
    payment_id uuid NOT NULL,
    id uuid NOT NULL,
    at timestamptz NOT NULL,
    gateway text NOT NULL,
    operation text NOT NULL,
    outcome text NOT NULL,
    took_ms double precision NOT NULL,
    sent text,
    received text,
    CONSTRAINT gateway_exchanges_pkey PRIMARY KEY (payment_id, id)
);
CREATE INDEX gateway_exchanges_at_idx ON gateway_exchanges (at)
"""

JOB_TABLES = Path(__file__).parents[1] / "frozen" / "pgqueuer_1_6.sql"
"""What PgQueuer 1.6 installed. Revision 0005 drops it, and its downgrade makes it again."""


JOB_TABLES_GONE = """
DROP TRIGGER tg_pgqueuer_changed ON pgqueuer;
DROP FUNCTION fn_pgqueuer_changed;
DROP TABLE pgqueuer, pgqueuer_log, pgqueuer_schedules, pgqueuer_statistics;
DROP TYPE pgqueuer_status
"""


def upgrade() -> None:
    job_tables = re.split(r";\n\n(?=CREATE )", JOB_TABLES.read_text())
    for statement in (*INBOX.split(";\n"), *job_tables):
        op.execute(statement)


def downgrade() -> None:
    for statement in (*JOB_TABLES_GONE.split(";\n"), "DROP TABLE gateway_exchanges", "DROP TABLE webhook_inbox"):
        op.execute(statement)
