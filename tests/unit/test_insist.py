"""Which refusals of the database are waited out where a gateway's answer is to be written: all that a second try may mend."""

import asyncpg
import pytest

from app.db.database import DATABASE_AWAY
from app.db.insist import is_about_content
from app.db.session import SessionRefused
from app.domain.errors import Overloaded

WAITED_OUT = [
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,  # statement_timeout
    asyncpg.TooManyConnectionsError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.DiskFullError,
    asyncpg.OutOfMemoryError,
    asyncpg.PostgresIOError,
    asyncpg.InternalServerError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InvalidPasswordError,  # it is being changed
    asyncpg.PostgresError,  # a SQLSTATE of a later version, or of an extension
    *(each for each in DATABASE_AWAY if each is not Overloaded),
]
OF_CONTENT = [
    asyncpg.UniqueViolationError,
    asyncpg.CheckViolationError,
    asyncpg.NumericValueOutOfRangeError,
    asyncpg.CharacterNotInRepertoireError,
    asyncpg.UndefinedColumnError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.RaiseError,  # a trigger's word
    asyncpg.ProgramLimitExceededError,
    asyncpg.CardinalityViolationError,
    asyncpg.DataError,  # asyncpg's own, an InterfaceError: a value that no column takes
]


@pytest.mark.parametrize("kind", WAITED_OUT, ids=lambda kind: kind.__name__)
def test_what_is_about_the_server_is_waited_out(kind: type[Exception]) -> None:
    assert not is_about_content(kind("no"))


@pytest.mark.parametrize(
    "error", [SessionRefused("a", "b"), Overloaded(retry_after_s=1)], ids=lambda each: type(each).__name__
)
def test_so_is_what_we_say_of_it_ourselves(error: Exception) -> None:
    assert not is_about_content(error)


@pytest.mark.parametrize("kind", OF_CONTENT, ids=lambda kind: kind.__name__)
def test_what_is_about_the_statement_is_raised_at_once(kind: type[Exception]) -> None:
    assert is_about_content(kind("no"))
