"""Postgres: the pool and unit of work, the table metadata, migrations, and a server from a wheel for development."""
