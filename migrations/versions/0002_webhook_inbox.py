"""The inbox of webhooks, what was said with gateways, and the tables of the job engine.

Revision ID: 0002
Revises: 0001
"""

import re

from alembic import op
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment

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
GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_inbox TO onetill_app;

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
CREATE INDEX gateway_exchanges_at_idx ON gateway_exchanges (at);
GRANT SELECT, INSERT, DELETE ON gateway_exchanges TO onetill_app
"""

JOB_TABLES = ("pgqueuer", "pgqueuer_log", "pgqueuer_schedules", "pgqueuer_statistics")

JOB_GRANTS = f"""
GRANT SELECT, INSERT, UPDATE, DELETE ON {", ".join(JOB_TABLES)} TO onetill_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO onetill_app
"""


def upgrade() -> None:
    for statement in INBOX.split(";\n"):
        op.execute(statement)
    for statement in _statements(QueryBuilderEnvironment().build_install_query()):
        op.execute(statement)
    for statement in JOB_GRANTS.split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    for statement in _statements(QueryBuilderEnvironment().build_uninstall_query()):
        op.execute(statement)
    op.execute("DROP TABLE gateway_exchanges")
    op.execute("DROP TABLE webhook_inbox")


def _statements(script: str) -> list[str]:
    """One by one, as the driver wants them; a function's body between `$$` stays whole."""
    parts = re.split(r"(\$\$.*?\$\$)", re.sub(r"^--.*$", "", script, flags=re.MULTILINE), flags=re.DOTALL)
    marked = "".join(part if index % 2 else part.replace(";", "\0") for index, part in enumerate(parts))
    return [statement.strip() for statement in marked.split("\0") if statement.strip()]
