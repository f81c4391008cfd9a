"""Payments, attempts, their story, claims, idempotency keys and API keys, and the app's role.

Revision ID: 0001
Revises:
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE payments (
    id uuid NOT NULL,
    store text NOT NULL,
    mode text NOT NULL,
    order_id text NOT NULL,
    order_name text NOT NULL,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    status text NOT NULL,
    captured_minor bigint NOT NULL DEFAULT 0,
    refunded_minor bigint NOT NULL DEFAULT 0,
    gateway text NOT NULL,
    method text,
    customer_id text,
    details json NOT NULL,
    return_url text,
    metadata json NOT NULL,
    attention text,
    last_seq integer NOT NULL,
    last_hash bytea NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    paid_at timestamptz,
    CONSTRAINT payments_pkey PRIMARY KEY (id),
    CONSTRAINT payments_amount_check CHECK (amount_minor > 0),
    CONSTRAINT payments_captured_check CHECK (captured_minor IN (0, amount_minor)),
    CONSTRAINT payments_refunded_check CHECK (refunded_minor BETWEEN 0 AND captured_minor),
    CONSTRAINT payments_status_check CHECK (status IN ('awaiting_deposit', 'canceled', 'expired', 'open', 'paid',
        'partially_refunded', 'processing', 'refunded', 'review')),
    CONSTRAINT payments_collected_check CHECK (
        NOT (status IN ('paid', 'partially_refunded', 'refunded')) OR captured_minor = amount_minor),
    CONSTRAINT payments_unpaid_check CHECK (
        NOT (status IN ('awaiting_deposit', 'open', 'processing')) OR captured_minor = 0),
    CONSTRAINT payments_mode_check CHECK (mode IN ('live', 'test')),
    CONSTRAINT payments_currency_check CHECK (currency ~ '^[A-Z]{3}$')
);
CREATE INDEX payments_list_idx ON payments (store, created_at DESC, id DESC);
CREATE INDEX payments_order_idx ON payments (store, order_id, created_at DESC, id DESC);
CREATE INDEX payments_status_idx ON payments (store, status, created_at DESC, id DESC);
CREATE INDEX payments_customer_idx ON payments (store, customer_id, created_at DESC, id DESC)
    WHERE customer_id IS NOT NULL;
CREATE INDEX payments_attention_idx ON payments (store, created_at DESC, id DESC) WHERE attention IS NOT NULL;

CREATE TABLE attempts (
    payment_id uuid NOT NULL,
    id uuid NOT NULL,
    no integer NOT NULL,
    gateway text NOT NULL,
    reference text NOT NULL,
    gateway_ref text,
    status text NOT NULL,
    next_action json,
    failure json,
    give_back text,
    confirmed_at timestamptz,
    checks integer NOT NULL DEFAULT 0,
    next_check_at timestamptz,
    busy_until timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT attempts_pkey PRIMARY KEY (payment_id, id),
    CONSTRAINT attempts_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES payments (id),
    CONSTRAINT attempts_payment_id_no_key UNIQUE (payment_id, no),
    CONSTRAINT attempts_status_check CHECK (status IN ('awaiting_deposit', 'canceled', 'captured', 'created', 'expired',
        'failed', 'pending', 'rejected', 'unknown')),
    CONSTRAINT attempts_no_check CHECK (no BETWEEN 1 AND 99999),
    CONSTRAINT attempts_reference_check CHECK (reference ~ '^[0-9A-Za-z]{1,40}$'),
    CONSTRAINT attempts_give_back_check CHECK (give_back IN ('owed', 'asked', 'done')),
    CONSTRAINT attempts_give_back_rejected_check CHECK (give_back IS NULL OR status = 'rejected'),
    CONSTRAINT attempts_undecided_is_due_check CHECK (next_check_at IS NOT NULL OR NOT (
        status IN ('awaiting_deposit', 'created', 'pending', 'unknown') OR give_back IN ('owed', 'asked')))
);
CREATE UNIQUE INDEX attempts_one_captured_idx ON attempts (payment_id) WHERE status = 'captured';
CREATE INDEX attempts_due_idx ON attempts (next_check_at) WHERE next_check_at IS NOT NULL;

CREATE TABLE payment_events (
    payment_id uuid NOT NULL,
    seq integer NOT NULL,
    prev_seq integer GENERATED ALWAYS AS (NULLIF(seq - 1, 0)) STORED,
    at timestamptz NOT NULL,
    cause text NOT NULL,
    reason text NOT NULL,
    payment_from text,
    payment_to text NOT NULL,
    attempt_id uuid,
    attempt_from text,
    attempt_to text,
    evidence json NOT NULL,
    prev_hash bytea NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT payment_events_pkey PRIMARY KEY (payment_id, seq),
    CONSTRAINT payment_events_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES payments (id),
    CONSTRAINT payment_events_payment_id_prev_seq_fkey FOREIGN KEY (payment_id, prev_seq)
        REFERENCES payment_events (payment_id, seq),
    CONSTRAINT payment_events_seq_check CHECK (seq >= 1),
    CONSTRAINT payment_events_cause_check CHECK (
        cause IN ('api', 'browser', 'operator', 'schedule', 'sweep', 'webhook')),
    CONSTRAINT payment_events_hash_check CHECK (octet_length(hash) = 32 AND octet_length(prev_hash) = 32)
);

CREATE TABLE order_claims (
    store text NOT NULL,
    order_id text NOT NULL,
    payment_id uuid NOT NULL,
    CONSTRAINT order_claims_pkey PRIMARY KEY (store, order_id)
);

CREATE TABLE gateway_refs (
    gateway text NOT NULL,
    ref text NOT NULL,
    payment_id uuid NOT NULL,
    attempt_id uuid NOT NULL,
    CONSTRAINT gateway_refs_pkey PRIMARY KEY (gateway, ref)
);

CREATE TABLE idempotency_keys (
    scope text NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    payment_id uuid NOT NULL,
    status smallint,
    answer bytea,
    lease_until timestamptz,
    created_at timestamptz NOT NULL,
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (scope, key),
    CONSTRAINT idempotency_keys_answer_check CHECK ((status IS NULL) = (answer IS NULL)),
    CONSTRAINT idempotency_keys_fingerprint_check CHECK (octet_length(fingerprint) = 32)
);
CREATE INDEX idempotency_keys_created_at_idx ON idempotency_keys (created_at);

CREATE TABLE api_keys (
    id uuid NOT NULL,
    store text NOT NULL,
    mode text NOT NULL,
    name text NOT NULL,
    hash bytea NOT NULL,
    hint text NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz,
    CONSTRAINT api_keys_pkey PRIMARY KEY (id),
    CONSTRAINT api_keys_hash_key UNIQUE (hash),
    CONSTRAINT api_keys_mode_check CHECK (mode IN ('live', 'test')),
    CONSTRAINT api_keys_hash_check CHECK (octet_length(hash) = 32),
    CONSTRAINT api_keys_scopes_check CHECK (cardinality(scopes) > 0)
);
"""


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    for table in (
        "api_keys",
        "idempotency_keys",
        "gateway_refs",
        "order_claims",
        "payment_events",
        "attempts",
        "payments",
    ):
        op.execute(f"DROP TABLE {table}")
