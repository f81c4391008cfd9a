"""Events are sealed with a key from outside the database, over what is money in the payment; anchors say where trails ended.

Rows from before stay as they are, and verify by their plain hash. No new one comes without a seal, so processes of the
version before must have ended by now.

Revision ID: 0013
Revises: 0012
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

UPGRADE = """
SET LOCAL lock_timeout = '5s';
ALTER TABLE payment_events ADD COLUMN facts json, ADD COLUMN key_id text;
ALTER TABLE payment_events ADD CONSTRAINT payment_events_sealed_check CHECK (key_id IS NOT NULL AND facts IS NOT NULL) NOT VALID;
CREATE TABLE history_anchors (
    number integer NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    trails integer NOT NULL,
    ends bytea NOT NULL,
    key_id text NOT NULL,
    prev_mac bytea NOT NULL,
    mac bytea NOT NULL,
    CONSTRAINT history_anchors_pkey PRIMARY KEY (number),
    CONSTRAINT history_anchors_number_check CHECK (number >= 1),
    CONSTRAINT history_anchors_until_check CHECK (since < until),
    CONSTRAINT history_anchors_mac_check CHECK (octet_length(mac) = 32 AND octet_length(prev_mac) = 32)
)
"""

INDEX_GONE = "DROP INDEX CONCURRENTLY IF EXISTS payment_events_at_idx"
INDEX = "CREATE INDEX CONCURRENTLY payment_events_at_idx ON payment_events USING brin (at)"

DOWNGRADE = """
DROP TABLE history_anchors;
ALTER TABLE payment_events DROP CONSTRAINT payment_events_sealed_check;
ALTER TABLE payment_events DROP COLUMN facts, DROP COLUMN key_id
"""


def upgrade() -> None:
    with op.get_context().autocommit_block():  # first, so that what is interrupted here can be run again
        op.execute(INDEX_GONE)
        op.execute(INDEX)
    for statement in UPGRADE.split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute(INDEX_GONE)
    for statement in DOWNGRADE.split(";\n"):
        op.execute(statement)
