"""The list of all tables: each module registers its own on the one metadata, which is compared with the migrations."""

import app.alarms.tables
import app.api_keys.tables
import app.ledger.tables
import app.notifications.tables
import app.webhooks.tables  # noqa: F401  imported for what it registers
from app.db.metadata import metadata

__all__ = ["metadata"]
