"""What the running processes must know of the schema, without loading the tools that change it."""

REVISION = "0011"
"""The newest revision under `migrations/versions`; a test holds it against Alembic's own answer."""

APP_ROLE = "onetill_app"
"""What the processes run as: it may not alter the schema, nor change or delete an event."""
