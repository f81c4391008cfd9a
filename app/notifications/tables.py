"""Where a shop is told, what is sent there, and each try. The events themselves are the ledger's `outbox`."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON

from app.db.metadata import MOMENT, metadata, one_of
from app.notifications.model import NotificationStatus, PauseReason

notification_endpoints = Table(
    "notification_endpoints",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("store", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("events", ARRAY(Text), nullable=False),
    Column("secrets", JSON, nullable=False),
    Column("rate_per_s", Integer),
    Column("created_at", MOMENT, nullable=False),
    Column("updated_at", MOMENT, nullable=False),
    Column("paused_at", MOMENT),
    Column("pause_reason", Text),
    Column("deleted_at", MOMENT),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("failing_since", MOMENT),
    Column("alarmed_percent", SmallInteger, nullable=False, server_default=text("0")),
    Column("delivered_at", MOMENT),
    Column("due_at", MOMENT),
    Column("claimed_until", MOMENT),
    Column("key_missing_since", MOMENT),
    CheckConstraint("(paused_at IS NULL) = (pause_reason IS NULL)", name="paused"),
    CheckConstraint(one_of("pause_reason", PauseReason), name="pause_reason"),
    CheckConstraint("rate_per_s BETWEEN 1 AND 10000", name="rate"),
    Index("notification_endpoints_live_idx", "store", "created_at", "id", postgresql_where=text("deleted_at IS NULL")),
    Index("notification_endpoints_old_idx", "deleted_at", postgresql_where=text("deleted_at IS NOT NULL")),
    Index(
        "notification_endpoints_alarm_idx",
        "id",
        postgresql_where=text("alarmed_percent > 0 OR pause_reason = 'gone'"),
    ),
    Index("notification_endpoints_due_idx", "due_at", postgresql_where=text("due_at IS NOT NULL")),
)

_NEWEST = (text("created_at DESC"), text("id DESC"))

notifications = Table(
    "notifications",
    metadata,
    Column("payment_id", Uuid, primary_key=True),
    Column("event_id", Uuid, primary_key=True),
    Column("endpoint_id", Uuid, primary_key=True),
    Column("id", Uuid, nullable=False),
    Column("store", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("created_at", MOMENT, nullable=False),
    Column("status", Text, nullable=False),
    Column("delivery_attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_try_at", MOMENT),
    Column("tried_at", MOMENT),
    Column("is_again", Boolean, nullable=False, server_default=text("false")),
    Column("is_alone", Boolean, nullable=False, server_default=text("false")),
    Column("delivered_at", MOMENT),
    CheckConstraint(one_of("status", NotificationStatus), name="status"),
    CheckConstraint("(status = 'pending') = (next_try_at IS NOT NULL)", name="pending_is_due"),
    Index(
        "notifications_queue_idx",
        "endpoint_id",
        "is_again",
        "next_try_at",
        postgresql_where=text("next_try_at IS NOT NULL"),
    ),
    Index(
        "notifications_refused_idx",
        "endpoint_id",
        "tried_at",
        postgresql_where=text("next_try_at IS NOT NULL AND tried_at IS NOT NULL AND NOT is_alone"),
    ),
    Index(
        "notifications_head_idx",
        "endpoint_id",
        "payment_id",
        "sequence",
        postgresql_where=text("next_try_at IS NOT NULL"),
    ),
    Index("notifications_list_idx", "store", *_NEWEST),
    Index("notifications_runs_idx", "endpoint_id", "status", "type", "created_at", "id"),
    Index("notifications_store_runs_idx", "store", "status", "type", "created_at", "id"),
    Index("notifications_old_idx", "created_at"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("payment_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("event_id", Uuid, nullable=False),
    Column("endpoint_id", Uuid, nullable=False),
    Column("at", MOMENT, nullable=False),
    Column("status", SmallInteger),
    Column("took_ms", Double, nullable=False),
    Column("error", Text),
    Column("excerpt", Text),
    Index("deliveries_event_idx", "payment_id", "event_id", "endpoint_id", "at"),
    Index("deliveries_at_idx", "at"),
)
