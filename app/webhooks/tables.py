"""The table of webhooks as they came. `received` and `applied` are two facts: what is kept is not yet looked into."""

from sqlalchemy import CheckConstraint, Column, Index, Integer, LargeBinary, Table, Text, UniqueConstraint, Uuid, text
from sqlalchemy.dialects.postgresql import JSON

from app.db.metadata import MOMENT, metadata
from app.webhooks.inbox import MAY_GO, UNKNOWN_HINT

webhook_inbox = Table(
    "webhook_inbox",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("gateway", Text, nullable=False),
    Column("dedupe_key", Text, nullable=False),
    Column("proof", Text, nullable=False),
    Column("kind", Text),
    Column("headers", JSON, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("source", Text),
    Column("payment_id", Uuid),
    Column("reference", Text),
    Column("gateway_ref", Text),
    Column("received_at", MOMENT, nullable=False),
    Column("last_received_at", MOMENT, nullable=False),
    Column("times_received", Integer, nullable=False, server_default=text("1")),
    Column("apply_attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_try_at", MOMENT),
    Column("claimed_until", MOMENT),
    Column("applied_at", MOMENT),
    Column("parked_at", MOMENT),
    Column("note", Text),
    UniqueConstraint("gateway", "dedupe_key", name="webhook_inbox_dedupe_key"),
    CheckConstraint("proof IN ('hint', 'signature')", name="proof"),
    CheckConstraint(
        "(next_try_at IS NOT NULL)::int + (applied_at IS NOT NULL)::int + (parked_at IS NOT NULL)::int = 1",
        name="state",
    ),
    Index("webhook_inbox_lane_idx", "proof", "next_try_at", postgresql_where=text("next_try_at IS NOT NULL")),
    Index("webhook_inbox_payment_idx", "payment_id", postgresql_where=text("payment_id IS NOT NULL")),
    Index("webhook_inbox_unknown_idx", "gateway", "gateway_ref", postgresql_where=text(UNKNOWN_HINT)),
    Index("webhook_inbox_parked_idx", "parked_at", postgresql_where=text("parked_at IS NOT NULL")),
    Index("webhook_inbox_old_idx", "last_received_at", postgresql_where=text(MAY_GO)),
)
