"""The table of the API keys. Keys are random and long, so a plain SHA-256 keeps them; the key itself is shown once."""

from sqlalchemy import ARRAY, CheckConstraint, Column, LargeBinary, Table, Text, UniqueConstraint, Uuid

from app.db.metadata import MOMENT, metadata

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("store", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("hint", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_at", MOMENT, nullable=False),
    Column("revoked_at", MOMENT),
    Column("expires_at", MOMENT),
    Column("last_used_at", MOMENT),
    Column("replaces", Uuid),
    UniqueConstraint("hash"),
    CheckConstraint("mode IN ('live', 'test')", name="mode"),
    CheckConstraint("octet_length(hash) = 32", name="hash"),
    CheckConstraint("cardinality(scopes) > 0", name="scopes"),
)
