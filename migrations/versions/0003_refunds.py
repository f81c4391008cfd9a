"""Refunds as rows of their own, with what they reserve on the payment; money of rejected attempts moves over to them.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

UPGRADE = """
SET LOCAL lock_timeout = '5s';
CREATE TABLE refunds (
    payment_id uuid NOT NULL,
    id uuid NOT NULL,
    no integer NOT NULL,
    attempt_id uuid NOT NULL,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    taxed_minor bigint NOT NULL,
    tax_free_minor bigint NOT NULL,
    vat_minor bigint,
    cause text NOT NULL,
    reason text NOT NULL,
    status text NOT NULL,
    expected_minor bigint,
    request_key bytea,
    request_print bytea,
    account json,
    gateway_ref text,
    failure json,
    is_held boolean NOT NULL DEFAULT false,
    asks integer NOT NULL DEFAULT 0,
    asked_at timestamptz,
    is_lost boolean NOT NULL DEFAULT false,
    accepted_at timestamptz,
    checks integer NOT NULL DEFAULT 0,
    next_check_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT refunds_pkey PRIMARY KEY (payment_id, id),
    CONSTRAINT refunds_payment_id_attempt_id_fkey FOREIGN KEY (payment_id, attempt_id)
        REFERENCES attempts (payment_id, id),
    CONSTRAINT refunds_payment_id_no_key UNIQUE (payment_id, no),
    CONSTRAINT refunds_payment_id_request_key_key UNIQUE (payment_id, request_key),
    CONSTRAINT refunds_no_check CHECK (no >= 1),
    CONSTRAINT refunds_amount_check CHECK (amount_minor > 0),
    CONSTRAINT refunds_currency_check CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT refunds_parts_check CHECK (taxed_minor >= 0 AND tax_free_minor >= 0 AND coalesce(vat_minor, 0) >= 0
        AND taxed_minor + tax_free_minor + coalesce(vat_minor, 0) = amount_minor),
    CONSTRAINT refunds_status_check CHECK (status IN ('created', 'failed', 'pending', 'succeeded', 'unknown')),
    CONSTRAINT refunds_cause_check CHECK (cause IN ('api', 'gateway', 'operator', 'rejected')),
    CONSTRAINT refunds_undecided_is_due_check CHECK (
        next_check_at IS NOT NULL OR NOT (status IN ('created', 'pending', 'unknown'))),
    CONSTRAINT refunds_account_check CHECK (account IS NULL OR status IN ('created', 'pending', 'unknown')),
    CONSTRAINT refunds_request_key_check CHECK ((request_key IS NULL) = (request_print IS NULL)
        AND octet_length(request_key) = 32 AND octet_length(request_print) = 32)
);
CREATE INDEX refunds_id_idx ON refunds (id);
CREATE INDEX refunds_due_idx ON refunds (next_check_at) WHERE next_check_at IS NOT NULL;
CREATE UNIQUE INDEX refunds_one_unknown_idx ON refunds (payment_id, attempt_id) WHERE status = 'unknown';
CREATE UNIQUE INDEX refunds_gateway_ref_idx ON refunds (payment_id, attempt_id, gateway_ref)
    WHERE gateway_ref IS NOT NULL;

ALTER TABLE payments
    ADD COLUMN refunding_minor bigint NOT NULL DEFAULT 0,
    ADD COLUMN refund_count integer NOT NULL DEFAULT 0,
    DROP CONSTRAINT payments_refunded_check;
ALTER TABLE payments ADD CONSTRAINT payments_refunded_check CHECK (
    refunded_minor >= 0 AND refunding_minor >= 0 AND refunded_minor + refunding_minor <= captured_minor) NOT VALID;
ALTER TABLE payments VALIDATE CONSTRAINT payments_refunded_check;

ALTER TABLE attempts ADD COLUMN is_deposit boolean NOT NULL DEFAULT false;
INSERT INTO refunds (payment_id, id, no, attempt_id, amount_minor, currency, taxed_minor, tax_free_minor, cause, reason,
    status, asks, accepted_at, next_check_at, created_at, updated_at)
SELECT a.payment_id, a.id, row_number() OVER (PARTITION BY a.payment_id ORDER BY a.no), a.id, p.amount_minor, p.currency,
    p.amount_minor, 0, 'rejected', coalesce(a.failure ->> 'code', 'rejected'),
    CASE a.give_back WHEN 'owed' THEN 'created' WHEN 'asked' THEN 'pending' ELSE 'succeeded' END,
    CASE a.give_back WHEN 'owed' THEN 0 ELSE 1 END,
    CASE WHEN a.give_back <> 'owed' THEN a.updated_at END,
    CASE WHEN a.give_back <> 'done' THEN coalesce(a.next_check_at, now()) END, a.updated_at, a.updated_at
FROM attempts a JOIN payments p ON p.id = a.payment_id WHERE a.give_back IS NOT NULL;
UPDATE payments p SET refund_count = counted.n
FROM (SELECT payment_id, count(*) AS n FROM refunds GROUP BY payment_id) counted WHERE counted.payment_id = p.id;
ALTER TABLE attempts
    DROP CONSTRAINT attempts_give_back_check,
    DROP CONSTRAINT attempts_give_back_rejected_check,
    DROP CONSTRAINT attempts_undecided_is_due_check,
    DROP COLUMN give_back;
ALTER TABLE attempts ADD CONSTRAINT attempts_undecided_is_due_check CHECK (
    next_check_at IS NOT NULL OR NOT (status IN ('awaiting_deposit', 'created', 'pending', 'unknown'))) NOT VALID;
ALTER TABLE attempts VALIDATE CONSTRAINT attempts_undecided_is_due_check;
-- An attempt whose money must go back was due for that alone; its refund is due by itself now.
UPDATE attempts SET next_check_at = NULL FROM payments p
WHERE p.id = payment_id AND attempts.status = 'rejected' AND p.status NOT IN ('open', 'processing', 'awaiting_deposit')
"""

DOWNGRADE = """
ALTER TABLE attempts DROP CONSTRAINT attempts_undecided_is_due_check, ADD COLUMN give_back text;
UPDATE attempts a SET give_back = CASE r.status WHEN 'succeeded' THEN 'done' WHEN 'pending' THEN 'asked' ELSE 'owed' END,
    next_check_at = coalesce(a.next_check_at, r.next_check_at)
FROM refunds r WHERE r.payment_id = a.payment_id AND r.attempt_id = a.id AND r.cause = 'rejected';
ALTER TABLE attempts DROP COLUMN is_deposit,
    ADD CONSTRAINT attempts_give_back_check CHECK (give_back IN ('owed', 'asked', 'done')),
    ADD CONSTRAINT attempts_give_back_rejected_check CHECK (give_back IS NULL OR status = 'rejected'),
    ADD CONSTRAINT attempts_undecided_is_due_check CHECK (next_check_at IS NOT NULL OR NOT (
        status IN ('awaiting_deposit', 'created', 'pending', 'unknown') OR give_back IN ('owed', 'asked')));
DROP TABLE refunds;
ALTER TABLE payments
    DROP CONSTRAINT payments_refunded_check, DROP COLUMN refunding_minor, DROP COLUMN refund_count,
    ADD CONSTRAINT payments_refunded_check CHECK (refunded_minor BETWEEN 0 AND captured_minor)
"""


def upgrade() -> None:
    for statement in UPGRADE.split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWNGRADE.split(";\n"):
        op.execute(statement)
