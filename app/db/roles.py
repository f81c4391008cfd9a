"""The role that the processes run as, and who may take it. `onetill migrate` sees to both before it touches the schema.

An owner who may create roles is enough; he need not be a superuser. Since Postgres 16 whoever creates a role may give it to
himself but is no member of it yet; before 16 whoever may create roles may give any but a superuser's.
Source: PostgreSQL 18 documentation, §21.2 Role Membership and CREATE ROLE (`CREATEROLE`); the same pages of 15.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncpg

from app.db.database import DatabaseUnusable
from app.db.schema import APP_ROLE
from app.logs import get_logger

log = get_logger("database")

_SET_APART = 160000
"""From this version on, taking a role and inheriting from it are two rights of a member."""

_WHO = """
SELECT current_user::text AS name, current_setting('server_version_num')::int AS version,
    (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user) AS may_create,
    EXISTS (SELECT FROM pg_roles WHERE rolname = $1) AS has_role
"""

_MAY_TAKE = """
SELECT pg_has_role(rolname, $1, $2) FROM pg_roles WHERE rolname = $3
"""


@dataclass(frozen=True, slots=True)
class _Owner:
    name: str
    version: int
    may_create: bool
    has_role: bool


class RolesMissing(DatabaseUnusable):
    """The owner may not make the role, or not give it to the login of the processes; the text is what an administrator runs."""

    def __init__(self, owner: str, *statements: str) -> None:
        lines = "".join(f"\n  {statement};" for statement in statements)
        super().__init__(
            f"the owner {owner} may not create roles",
            f". Let an administrator of this Postgres run this, then run `onetill migrate` again:{lines}",
        )


async def prepare(connection: "asyncpg.Connection[Any]", app_url: str | None, *, one_role: bool) -> bool:
    """Make the role of the processes where it is missing, and let the login of `app_url` take it; None: nobody need.

    Returns whether there is such a role: with `one_role` an owner who may not create it does all himself. May be repeated.
    Raises RolesMissing with the statements for an administrator.
    """
    row = await connection.fetchrow(_WHO, APP_ROLE)
    assert row is not None
    owner = _Owner(**row)
    login = login_of(app_url) or owner.name if app_url else APP_ROLE
    if not owner.has_role:
        if not owner.may_create:
            if one_role:
                log.warning("one_role", role=owner.name, reason="nothing keeps the processes from changing the books")
                return False
            raise RolesMissing(owner.name, f"CREATE ROLE {APP_ROLE} NOLOGIN", *_given(login))
        await _create(connection)
    if login == APP_ROLE or await _may_take(connection, owner, login):
        return True
    try:
        await connection.execute(_grant(login))
    except asyncpg.InsufficientPrivilegeError as error:
        raise RolesMissing(owner.name, *_given(login)) from error
    return True


def login_of(url: str | None) -> str | None:
    """The user name in a URL; None where it names nobody."""
    name = urlsplit(url).username if url else None
    return unquote(name) if name else None


async def _create(connection: "asyncpg.Connection[Any]") -> None:
    # Another database of this cluster may be migrated at the same moment.
    with suppress(asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
        await connection.execute(f"CREATE ROLE {APP_ROLE} NOLOGIN")


async def _may_take(connection: "asyncpg.Connection[Any]", owner: _Owner, login: str) -> bool:
    """Whether a login may take the role. One that does not exist cannot log in: there is nothing to give it."""
    right = "SET" if owner.version >= _SET_APART else "MEMBER"
    return await connection.fetchval(_MAY_TAKE, APP_ROLE, right, login) is not False


def _given(login: str) -> tuple[str, ...]:
    return () if login == APP_ROLE else (_grant(login),)


def _grant(login: str) -> str:
    quoted = login.replace('"', '""')
    return f'GRANT {APP_ROLE} TO "{quoted}"'
