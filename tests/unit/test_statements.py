"""SQL with named values, and the name of a broken constraint, as asyncpg and a distributed Postgres tell it."""

from dataclasses import dataclass

import asyncpg
import pytest
from sqlalchemy import Column, DateTime, Integer, MetaData, Table, Text

from app.db.database import broken_unique
from app.db.statements import Columns, Statement

CUPS = Table(
    "cups", MetaData(), Column("id", Integer), Column("size", Text), Column("sold_at", DateTime(timezone=True))
)
COLUMNS = Columns(CUPS, {"id": "id", "size": "kind.size", "sold_at": "sold_at"}, fixed="id")


@dataclass
class Kind:
    size: str


@dataclass
class Cup:
    id: int
    kind: Kind
    sold_at: None = None


def test_values_come_in_the_order_of_their_numbers_and_one_name_is_one_number() -> None:
    statement = Statement(
        "SELECT :cup.id::text, :limit, :other.id FROM cups WHERE size = :cup.kind.size AND id = :cup.id"
    )
    assert statement.sql == "SELECT $1::text, $3, $4 FROM cups WHERE size = $2 AND id = $1"
    cup, other = Cup(7, Kind("small")), Cup(8, Kind("large"))
    assert statement.values(other=other, cup=cup, limit=5) == [7, "small", 5, 8]


def test_a_part_that_is_not_there_is_nulls() -> None:
    statement = Statement("SELECT :cup.id, :cup.kind.size, :other.id")
    assert statement.values(cup=None, other=Cup(8, Kind("large"))) == [None, None, 8]


def test_a_part_that_was_forgotten_is_an_error() -> None:
    with pytest.raises(KeyError, match="other"):
        Statement("SELECT :cup.id, :other.id").values(cup=None)


def test_columns_are_said_once_for_every_use() -> None:
    assert str(COLUMNS) == "id, size, sold_at"
    assert COLUMNS.of("c") == "c.id, c.size, c.sold_at"
    assert COLUMNS.places("cup") == ":cup.id::INTEGER, :cup.kind.size::TEXT, :cup.sold_at::TIMESTAMP WITH TIME ZONE"
    assert COLUMNS.changes("cup") == "size = :cup.kind.size::TEXT, sold_at = :cup.sold_at::TIMESTAMP WITH TIME ZONE"
    assert COLUMNS.excluded() == "size = excluded.size, sold_at = excluded.sold_at"


def told(sqlstate: str, text: str, constraint: str | None = None) -> asyncpg.PostgresError:
    """An error as asyncpg makes it from what the server sends."""
    fields = {"C": sqlstate, "M": text} | ({"n": constraint} if constraint else {})
    error = asyncpg.PostgresError.new(fields)
    assert isinstance(error, asyncpg.PostgresError)
    return error


DUPLICATE = 'duplicate key value violates unique constraint "{}"'


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (told("23505", DUPLICATE.format("order_claims_pkey"), "order_claims_pkey"), "order_claims_pkey"),
        (told("23505", DUPLICATE.format("order_claims_pkey_102448")), "order_claims_pkey"),
        (told("23505", DUPLICATE.format("order_claims_pkey_102448"), "order_claims_pkey_102448"), "order_claims_pkey"),
        (told("XX000", DUPLICATE.format("gateway_refs_pkey_102448")), "gateway_refs_pkey"),
        (told("23503", "violates foreign key constraint", "refunds_payment_id_fkey"), None),
        (told("40P01", "deadlock detected"), None),
    ],
)
def test_a_broken_unique_constraint_is_known_by_its_own_name(error: asyncpg.PostgresError, name: str | None) -> None:
    assert broken_unique(error) == name
