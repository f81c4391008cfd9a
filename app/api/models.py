"""The table of the idempotency keys: one row per intent, with the lease of who works on it and the answer it got."""

from sqlalchemy import CheckConstraint, Column, Index, LargeBinary, SmallInteger, Table, Text, Uuid

from app.db.metadata import MOMENT, metadata

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
