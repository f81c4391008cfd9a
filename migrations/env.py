"""Alembic's entry: runs the revisions on the connection that `app/db/migrate.py` hands over."""

from alembic import context

from migrations.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
