"""SQL with named values: `:payment.status` is the status of what is given as `payment`, and `:limit` what is given as `limit`.

A statement is turned once, when it is made, into what asyncpg runs. `Columns` says which columns of a table hold a model, so
that a statement names all of them at once, and a new one is in every statement that it belongs to.
"""

import re
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql

_PLACE = re.compile(r"(?<!:):([a-z_]+)(?:\.([\w.]+))?")


class Statement:
    """`sql` with `$1`, `$2`, …, in the order of the parts, and of each part's values, in which they are first named."""

    def __init__(self, sql: str) -> None:
        parts: dict[str, dict[str, None]] = {}
        for part, path in _PLACE.findall(sql):
            parts.setdefault(part, {})[path] = None
        self.names = tuple((part, path) for part, paths in parts.items() for path in paths)
        numbers = {name: number for number, name in enumerate(self.names, start=1)}
        self.sql = _PLACE.sub(lambda place: f"${numbers[place[1], place[2] or '']}", sql)
        self._parts = [(part, _reader(list(paths)), (None,) * len(paths)) for part, paths in parts.items()]

    def values(self, **parts: object) -> list[Any]:
        """The values in their order. A part that is None is as many NULLs."""
        values: list[Any] = []
        for part, read, nulls in self._parts:
            given = parts[part]
            values += nulls if given is None else read(given)
        return values


class Columns:
    """The columns of `table` that hold a model, each with the path of the attribute that it holds.

    `fixed` are those that never change after the row was inserted.
    """

    def __init__(self, table: Table, attributes: Mapping[str, str], *, fixed: str = "") -> None:
        self.names = tuple(attributes)
        self._changing = [name for name in self.names if name not in fixed.split()]
        dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's dialects are published without types
        self._places = {
            name: f"{path}::{table.c[name].type.compile(dialect=dialect)}" for name, path in attributes.items()
        }

    def __str__(self) -> str:
        return ", ".join(self.names)

    def of(self, alias: str) -> str:
        """The columns of one table among others."""
        return ", ".join(f"{alias}.{name}" for name in self.names)

    def places(self, part: str) -> str:
        """The values of a new row."""
        return ", ".join(f":{part}.{place}" for place in self._places.values())

    def changes(self, part: str) -> str:
        """What an update sets."""
        return ", ".join(f"{name} = :{part}.{self._places[name]}" for name in self._changing)

    def excluded(self) -> str:
        """What an insert sets in a row that is there."""
        return ", ".join(f"{name} = excluded.{name}" for name in self._changing)


def _reader(paths: list[str]) -> Callable[[object], tuple[Any, ...]]:
    """Reads all of them at once, which costs less than naming each."""
    if paths == [""]:
        return lambda given: (given,)
    read = attrgetter(*paths)
    return read if len(paths) > 1 else lambda given: (read(given),)
