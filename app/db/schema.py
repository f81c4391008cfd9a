"""What the running processes must know of the schema, without loading the tools that change it."""

REVISION = "0021"
"""The newest revision under `migrations/versions`; a test holds it against Alembic's own answer."""

APP_ROLE = "onetill_app"
"""What the processes run as: it may not alter the schema, nor change or delete an event."""

TIMEOUTS = {"lock_timeout": "3s", "statement_timeout": "10s", "idle_in_transaction_session_timeout": "10s"}
"""Every session of the app's role has these, so that nothing holds a row, a connection or a worker for ever."""
