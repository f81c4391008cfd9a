"""The one SQLAlchemy metadata. It names constraints, feeds Alembic, and lets a test find drift from the migrations."""

from collections.abc import Iterable

from sqlalchemy import DateTime, MetaData

MOMENT = DateTime(timezone=True)

metadata = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "pk": "%(table_name)s_pkey",
    }
)


def one_of(column: str, values: Iterable[str]) -> str:
    """The condition that a column holds one of these words."""
    return f"{column} IN ({', '.join(repr(str(value)) for value in sorted(values))})"
