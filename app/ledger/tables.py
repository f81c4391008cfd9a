"""The tables of the aggregate, and of what is written in its statements. What must always hold stands here as constraints.

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
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSON

from app.db.metadata import MOMENT, metadata, one_of
from app.domain.states import (
    ATTEMPT_UNDECIDED,
    PAYMENT_COLLECTED,
    PAYMENT_UNPAID,
    REFUND_UNDECIDED,
    AttemptStatus,
    PaymentStatus,
    RefundStatus,
)

_NEWEST = (text("created_at DESC"), text("id DESC"))
_RUN = ("gateway", "status", text("((attention IS NOT NULL)::integer)"), *_NEWEST)
"""See `search.py`, which reads by them."""

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
    Column("link_expires_at", MOMENT),
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
    Index("payments_list_idx", "store", *_NEWEST),
    Index("payments_attention_idx", "id", postgresql_where=text("attention IS NOT NULL")),
    Index("payments_order_idx", "store", "order_id", *_NEWEST),
    Index("payments_gateway_status_idx", "store", *_RUN),
    Index(
        "payments_customer_gateway_status_idx",
        "store",
        "customer_id",
        *_RUN,
        postgresql_where=text("customer_id IS NOT NULL"),
    ),
)

attempts = Table(
    "attempts",
    metadata,
    Column("payment_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("gateway", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("gateway_ref", Text),
    Column("status", Text, nullable=False),
    Column("next_action", JSON),
    Column("failure", JSON),
    Column("capture_accepted_at", MOMENT),
    Column("returned_at", MOMENT),
    Column("lookup_attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_check_at", MOMENT),
    Column("busy_until", MOMENT),
    Column("is_deposit", Boolean, nullable=False, server_default=text("false")),
    Column("claimed_until", MOMENT),
    Column("account", Text),
    Column("deposit", JSON),
    Column("unanswered_since", MOMENT),
    Column("unknown_since", MOMENT),
    Column("ended_at", MOMENT),
    Column("created_at", MOMENT, nullable=False),
    Column("updated_at", MOMENT, nullable=False),
    ForeignKeyConstraint(["payment_id"], ["payments.id"]),
    UniqueConstraint("payment_id", "number"),
    CheckConstraint(one_of("status", AttemptStatus), name="status"),
    CheckConstraint("number BETWEEN 1 AND 99999", name="number"),
    CheckConstraint("reference ~ '^[0-9A-Za-z]{1,40}$'", name="reference"),
    CheckConstraint(
        f"next_check_at IS NOT NULL OR NOT ({one_of('status', ATTEMPT_UNDECIDED)})", name="undecided_is_due"
    ),
    CheckConstraint("deposit IS NULL OR status = 'awaiting_deposit'", name="deposit"),
    Index("attempts_one_captured_idx", "payment_id", unique=True, postgresql_where=text("status = 'captured'")),
    Index("attempts_due_idx", "next_check_at", postgresql_where=text("next_check_at IS NOT NULL")),
    Index("attempts_undecided_idx", "created_at", postgresql_where=text(one_of("status", ATTEMPT_UNDECIDED))),
)

payment_events = Table(
    "payment_events",
    metadata,
    Column("payment_id", Uuid, primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("prev_seq", Integer, Computed("NULLIF(seq - 1, 0)", persisted=True)),
    Column("at", MOMENT, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("payment_from", Text),
    Column("payment_to", Text, nullable=False),
    Column("attempt_id", Uuid),
    Column("attempt_from", Text),
    Column("attempt_to", Text),
    Column("evidence", JSON, nullable=False),
    Column("facts", JSON),
    Column("key_id", Text),
    Column("prev_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    ForeignKeyConstraint(["payment_id"], ["payments.id"]),
    # The row before must exist: no gap in seq, kept by the database.
    ForeignKeyConstraint(["payment_id", "prev_seq"], ["payment_events.payment_id", "payment_events.seq"]),
    CheckConstraint("seq >= 1", name="seq"),
    CheckConstraint(one_of("trigger", ("api", "browser", "webhook", "sweep", "operator", "schedule")), name="trigger"),
    CheckConstraint("octet_length(hash) = 32 AND octet_length(prev_hash) = 32", name="hash"),
    # Not valid: rows from before there were keys stay, and no new one comes without.
    CheckConstraint("key_id IS NOT NULL AND facts IS NOT NULL", name="sealed"),
    Index("payment_events_at_idx", "at", postgresql_using="brin"),
)

history_anchors = Table(
    "history_anchors",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("since", MOMENT, nullable=False),
    Column("until", MOMENT, nullable=False),
    Column("trails", Integer, nullable=False),
    Column("ends", LargeBinary, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("prev_mac", LargeBinary, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    CheckConstraint("number >= 1", name="number"),
    CheckConstraint("since < until", name="until"),
    CheckConstraint("octet_length(mac) = 32 AND octet_length(prev_mac) = 32", name="mac"),
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

refunds = Table(
    "refunds",
    metadata,
    Column("payment_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("attempt_id", Uuid, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("taxed_minor", BigInteger, nullable=False),
    Column("tax_free_minor", BigInteger, nullable=False),
    Column("vat_minor", BigInteger),
    Column("initiator", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("returned_minor", BigInteger),
    Column("expected_minor", BigInteger),
    Column("request_key", LargeBinary),
    Column("request_print", LargeBinary),
    Column("account", JSON),
    Column("gateway_ref", Text),
    Column("failure", JSON),
    Column("is_held", Boolean, nullable=False, server_default=text("false")),
    Column("refund_attempts", Integer, nullable=False, server_default=text("0")),
    Column("asked_at", MOMENT),
    Column("is_lost", Boolean, nullable=False, server_default=text("false")),
    Column("accepted_at", MOMENT),
    Column("lookup_attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_check_at", MOMENT),
    Column("claimed_until", MOMENT),
    Column("created_at", MOMENT, nullable=False),
    Column("updated_at", MOMENT, nullable=False),
    ForeignKeyConstraint(["payment_id", "attempt_id"], ["attempts.payment_id", "attempts.id"]),
    UniqueConstraint("payment_id", "number"),
    UniqueConstraint("payment_id", "request_key"),
    CheckConstraint("number >= 1", name="number"),
    CheckConstraint("amount_minor > 0", name="amount"),
    CheckConstraint("returned_minor > 0", name="returned"),
    CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
    CheckConstraint(
        "taxed_minor >= 0 AND tax_free_minor >= 0 AND coalesce(vat_minor, 0) >= 0 "
        "AND taxed_minor + tax_free_minor + coalesce(vat_minor, 0) = amount_minor",
        name="parts",
    ),
    CheckConstraint(one_of("status", RefundStatus), name="status"),
    CheckConstraint("initiator IN ('api', 'gateway', 'operator', 'rejected')", name="initiator"),
    CheckConstraint(
        f"next_check_at IS NOT NULL OR NOT ({one_of('status', REFUND_UNDECIDED)})", name="undecided_is_due"
    ),
    CheckConstraint(f"account IS NULL OR {one_of('status', REFUND_UNDECIDED)}", name="account"),
    CheckConstraint(
        "(request_key IS NULL) = (request_print IS NULL) AND octet_length(request_key) = 32 "
        "AND octet_length(request_print) = 32",
        name="request_key",
    ),
    Index("refunds_id_idx", "id"),
    Index("refunds_due_idx", "next_check_at", postgresql_where=text("next_check_at IS NOT NULL")),
    Index(
        "refunds_one_unknown_idx", "payment_id", "attempt_id", unique=True, postgresql_where=text("status = 'unknown'")
    ),
    Index(
        "refunds_gateway_ref_idx",
        "payment_id",
        "attempt_id",
        "gateway_ref",
        unique=True,
        postgresql_where=text("gateway_ref IS NOT NULL"),
    ),
)

outbox = Table(
    "outbox",
    metadata,
    Column("payment_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("store", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("created_at", MOMENT, nullable=False),
    Column("body", Text, nullable=False),
    Column("number", BigInteger, Identity(always=False), nullable=False),
    Column("position", BigInteger),
    UniqueConstraint("payment_id", "sequence"),
    Index("outbox_new_idx", "number", postgresql_where=text("position IS NULL")),
    Index("outbox_feed_idx", "store", "position", postgresql_where=text("position IS NOT NULL")),
    Index("outbox_type_idx", "store", "type", "position", postgresql_where=text("position IS NOT NULL")),
    Index("outbox_time_idx", "store", "type", "created_at", postgresql_where=text("position IS NOT NULL")),
    Index("outbox_id_idx", "id"),
    Index("outbox_old_idx", "created_at", postgresql_where=text("position IS NOT NULL")),
)

outbox_head = Table(
    "outbox_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="one"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("payment_id", Uuid, nullable=False),
    Column("status", SmallInteger),
    Column("answer", LargeBinary),
    Column("lease_until", MOMENT),
    Column("created_at", MOMENT, nullable=False),
    CheckConstraint("(status IS NULL) = (answer IS NULL)", name="answer"),
    CheckConstraint("octet_length(fingerprint) = 32", name="fingerprint"),
    Index("idempotency_keys_created_at_idx", "created_at"),
)
"""`payment_id` is what the key's call is about; of a call about a notification endpoint, that endpoint's id."""
