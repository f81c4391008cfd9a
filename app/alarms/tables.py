"""The alarms that are raised now. A row leaves when what it says no longer holds."""

from sqlalchemy import CheckConstraint, Column, Index, Integer, Table, Text, Uuid, text

from app.alarms.model import AlarmKind
from app.db.metadata import MOMENT, metadata, one_of

alarms = Table(
    "alarms",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("subject_id", Uuid, nullable=False),
    Column("step", Text, nullable=False),
    Column("raised_at", MOMENT, nullable=False),
    Column("mail_attempts", Integer, nullable=False, server_default=text("0")),
    Column("mailed_at", MOMENT),
    Column("due_at", MOMENT),
    Column("claimed_until", MOMENT),
    CheckConstraint(one_of("kind", AlarmKind), name="kind"),
    Index("alarms_due_idx", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    Index("alarms_unmailed_idx", "raised_at", postgresql_where=text("mailed_at IS NULL")),
)
