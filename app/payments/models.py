"""The tables of payments. Rules that must hold whatever the code does stand here as constraints (law 9).

Everything that grows carries `payment_id`; only the two claim tables are unique across payments. So the schema spreads
over a distributed Postgres by `payment_id` without a rewrite: no trigger, no constraint across payments.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSON

from app.db.metadata import MOMENT, metadata, one_of
from app.domain.states import ATTEMPT_UNDECIDED, PAYMENT_COLLECTED, PAYMENT_UNPAID, AttemptStatus, PaymentStatus

payments = Table(
    "payments",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("store", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("order_name", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("captured_minor", BigInteger, nullable=False, server_default=text("0")),
    Column("refunded_minor", BigInteger, nullable=False, server_default=text("0")),
    Column("refunding_minor", BigInteger, nullable=False, server_default=text("0")),
    Column("refund_count", Integer, nullable=False, server_default=text("0")),
    Column("gateway", Text, nullable=False),
    Column("method", Text),
    Column("customer_id", Text),
    Column("details", JSON, nullable=False),
    Column("return_url", Text),
    Column("metadata", JSON, nullable=False),
    Column("attention", Text),
    Column("last_seq", Integer, nullable=False),
    Column("last_hash", LargeBinary, nullable=False),
    Column("created_at", MOMENT, nullable=False),
    Column("updated_at", MOMENT, nullable=False),
    Column("expires_at", MOMENT, nullable=False),
    Column("paid_at", MOMENT),
    CheckConstraint("amount_minor > 0", name="amount"),
    CheckConstraint("captured_minor IN (0, amount_minor)", name="captured"),
    CheckConstraint(
        "refunded_minor >= 0 AND refunding_minor >= 0 AND refunded_minor + refunding_minor <= captured_minor",
        name="refunded",
    ),
    CheckConstraint(one_of("status", PaymentStatus), name="status"),
    CheckConstraint(f"NOT ({one_of('status', PAYMENT_COLLECTED)}) OR captured_minor = amount_minor", name="collected"),
    CheckConstraint(f"NOT ({one_of('status', PAYMENT_UNPAID)}) OR captured_minor = 0", name="unpaid"),
    CheckConstraint("mode IN ('live', 'test')", name="mode"),
    CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
    Index("payments_list_idx", "store", text("created_at DESC"), text("id DESC")),
    Index("payments_order_idx", "store", "order_id", text("created_at DESC"), text("id DESC")),
    Index("payments_status_idx", "store", "status", text("created_at DESC"), text("id DESC")),
    Index(
        "payments_customer_idx",
        "store",
        "customer_id",
        text("created_at DESC"),
        text("id DESC"),
        postgresql_where=text("customer_id IS NOT NULL"),
    ),
    Index(
        "payments_attention_idx",
        "store",
        text("created_at DESC"),
        text("id DESC"),
        postgresql_where=text("attention IS NOT NULL"),
    ),
)

attempts = Table(
    "attempts",
    metadata,
    Column("payment_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("no", Integer, nullable=False),
    Column("gateway", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("gateway_ref", Text),
    Column("status", Text, nullable=False),
    Column("next_action", JSON),
    Column("failure", JSON),
    Column("confirmed_at", MOMENT),
    Column("checks", Integer, nullable=False, server_default=text("0")),
    Column("next_check_at", MOMENT),
    Column("busy_until", MOMENT),
    Column("is_deposit", Boolean, nullable=False, server_default=text("false")),
    Column("created_at", MOMENT, nullable=False),
    Column("updated_at", MOMENT, nullable=False),
    ForeignKeyConstraint(["payment_id"], ["payments.id"]),
    UniqueConstraint("payment_id", "no"),
    CheckConstraint(one_of("status", AttemptStatus), name="status"),
    CheckConstraint("no BETWEEN 1 AND 99999", name="no"),
    CheckConstraint("reference ~ '^[0-9A-Za-z]{1,40}$'", name="reference"),
    CheckConstraint(
        f"next_check_at IS NOT NULL OR NOT ({one_of('status', ATTEMPT_UNDECIDED)})", name="undecided_is_due"
    ),
    Index("attempts_one_captured_idx", "payment_id", unique=True, postgresql_where=text("status = 'captured'")),
    Index("attempts_due_idx", "next_check_at", postgresql_where=text("next_check_at IS NOT NULL")),
)

payment_events = Table(
    "payment_events",
    metadata,
    Column("payment_id", Uuid, primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("prev_seq", Integer, Computed("NULLIF(seq - 1, 0)", persisted=True)),
    Column("at", MOMENT, nullable=False),
    Column("cause", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("payment_from", Text),
    Column("payment_to", Text, nullable=False),
    Column("attempt_id", Uuid),
    Column("attempt_from", Text),
    Column("attempt_to", Text),
    Column("evidence", JSON, nullable=False),
    Column("prev_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    ForeignKeyConstraint(["payment_id"], ["payments.id"]),
    # The row before must exist: no gap in seq, kept by the database.
    ForeignKeyConstraint(["payment_id", "prev_seq"], ["payment_events.payment_id", "payment_events.seq"]),
    CheckConstraint("seq >= 1", name="seq"),
    CheckConstraint(one_of("cause", ("api", "browser", "webhook", "sweep", "operator", "schedule")), name="cause"),
    CheckConstraint("octet_length(hash) = 32 AND octet_length(prev_hash) = 32", name="hash"),
)

order_claims = Table(
    "order_claims",
    metadata,
    Column("store", Text, primary_key=True),
    Column("order_id", Text, primary_key=True),
    Column("payment_id", Uuid, nullable=False),
)

gateway_refs = Table(
    "gateway_refs",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("ref", Text, primary_key=True),
    Column("payment_id", Uuid, nullable=False),
    Column("attempt_id", Uuid, nullable=False),
)

gateway_exchanges = Table(
    "gateway_exchanges",
    metadata,
    Column("payment_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("at", MOMENT, nullable=False),
    Column("gateway", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("took_ms", Double, nullable=False),
    Column("sent", Text),
    Column("received", Text),
    Index("gateway_exchanges_at_idx", "at"),
)
