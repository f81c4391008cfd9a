"""The table of refunds. Their sums stand on the payment, where the database holds them against what was captured."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
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
from app.domain.states import REFUND_UNDECIDED, RefundStatus

refunds = Table(
    "refunds",
    metadata,
    Column("payment_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("no", Integer, nullable=False),
    Column("attempt_id", Uuid, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("taxed_minor", BigInteger, nullable=False),
    Column("tax_free_minor", BigInteger, nullable=False),
    Column("vat_minor", BigInteger),
    Column("cause", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("expected_minor", BigInteger),
    Column("request_key", LargeBinary),
    Column("request_print", LargeBinary),
    Column("account", JSON),
    Column("gateway_ref", Text),
    Column("failure", JSON),
    Column("is_held", Boolean, nullable=False, server_default=text("false")),
    Column("asks", Integer, nullable=False, server_default=text("0")),
    Column("asked_at", MOMENT),
    Column("is_lost", Boolean, nullable=False, server_default=text("false")),
    Column("accepted_at", MOMENT),
    Column("checks", Integer, nullable=False, server_default=text("0")),
    Column("next_check_at", MOMENT),
    Column("created_at", MOMENT, nullable=False),
    Column("updated_at", MOMENT, nullable=False),
    ForeignKeyConstraint(["payment_id", "attempt_id"], ["attempts.payment_id", "attempts.id"]),
    UniqueConstraint("payment_id", "no"),
    UniqueConstraint("payment_id", "request_key"),
    CheckConstraint("no >= 1", name="no"),
    CheckConstraint("amount_minor > 0", name="amount"),
    CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
    CheckConstraint(
        "taxed_minor >= 0 AND tax_free_minor >= 0 AND coalesce(vat_minor, 0) >= 0 "
        "AND taxed_minor + tax_free_minor + coalesce(vat_minor, 0) = amount_minor",
        name="parts",
    ),
    CheckConstraint(one_of("status", RefundStatus), name="status"),
    CheckConstraint("cause IN ('api', 'gateway', 'operator', 'rejected')", name="cause"),
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
