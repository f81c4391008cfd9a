"""What the role of the processes may do: each column of each table was decided, and Postgres says the same."""

from typing import Any

import asyncpg
import pytest

from app.api_keys.service import ApiKeyService
from app.db.database import Database
from app.db.schema import APP_ROLE
from app.domain.errors import Forbidden
from migrations.privileges import RIGHTS
from migrations.tables import metadata
from tests.support.databases import Urls

COLUMNS = [(table.name, column.name) for table in metadata.sorted_tables for column in table.columns]

STORED = """
SELECT table_name, column_name, has_column_privilege($1, table_name, column_name, 'UPDATE') AS may_update,
    has_column_privilege($1, table_name, column_name, 'SELECT') AS may_read
FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'
"""


def test_every_column_of_every_table_was_decided() -> None:
    """A new column fails here until `migrations/privileges.py` says whether it may move, and why."""
    decided = {
        (table, name) for table, rights in RIGHTS.items() for name in rights.fixed_columns | rights.moving_columns
    }
    assert decided == set(COLUMNS)
    assert not [table for table, rights in RIGHTS.items() if rights.fixed_columns & rights.moving_columns]


async def test_postgres_lets_exactly_the_moving_columns_move(urls: Urls) -> None:
    owner = await asyncpg.connect(urls.owner)
    stored = await owner.fetch(STORED, APP_ROLE)
    await owner.close()
    assert {(row["table_name"], row["column_name"]) for row in stored} == set(COLUMNS)
    for row in stored:
        rights = RIGHTS[row["table_name"]]
        assert row["may_update"] == (row["column_name"] in rights.moving_columns), tuple(row)
        assert row["may_read"], tuple(row)


@pytest.mark.parametrize(
    ("table", "column"),
    [(t, c) for t, c in COLUMNS if c in RIGHTS[t].fixed_columns and metadata.tables[t].c[c].computed is None],
)
async def test_the_app_cannot_update_a_fixed_column(urls: Urls, table: str, column: str) -> None:
    app = await asyncpg.connect(urls.app)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute(f"UPDATE {table} SET {column} = {column}")  # noqa: S608  our own names
    finally:
        await app.close()


@pytest.mark.parametrize("table", sorted(RIGHTS))
@pytest.mark.parametrize("right", ["INSERT", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"])
async def test_the_app_may_do_no_more_with_a_table(urls: Urls, table: str, right: str) -> None:
    owner = await asyncpg.connect(urls.owner)
    may = await owner.fetchval("SELECT has_table_privilege($1, $2, $3)", APP_ROLE, table, right)
    await owner.close()
    assert may == (right in RIGHTS[table].may.split(", "))


async def test_the_processes_end_keys_and_only_the_owner_makes_them(urls: Urls, database: Database) -> None:
    keys = ApiKeyService(database, "test")
    wanted: dict[str, Any] = {"mode": "test", "scopes": ["*"], "store": "main", "name": "mine"}
    with pytest.raises(Forbidden) as refused:
        await keys.create(**wanted)
    assert "ONETILL_DATABASE_OWNER_URL" in str(refused.value.details["hint"])
    assert await keys.list() == []
    made, text = await ApiKeyService(database, "test", owner_url=urls.owner).create(**wanted)
    assert await keys.find(text) == made
    await keys.revoke(made.public_id)
    assert await keys.find(text) is None
