"""A managed Postgres: its owner is no superuser, and may or may not create roles. Embedded 18, and Debian's own 15 or later."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.api_keys.service import ApiKeyService
from app.db import migrate, roles
from app.db.database import Database, DatabaseUnusable
from app.db.embedded import EmbeddedPostgres
from app.db.schema import APP_ROLE, REVISION
from app.db.session import Sessions
from app.jobs.listener import Listener
from tests.unit.captured_logs import capture_logs

_numbers = count(1)


class DebianPostgres(EmbeddedPostgres):
    """The newest of Debian's servers on this machine, run as the embedded one is."""

    def _installed(self) -> Path:
        return max(Path("/usr/lib/postgresql").glob("*/bin/initdb")).parents[1]


@pytest.fixture(scope="module", params=[EmbeddedPostgres, pytest.param(DebianPostgres, marks=pytest.mark.servers)])
def server(request: pytest.FixtureRequest) -> Iterator[EmbeddedPostgres]:
    """A server of its own: roles are a cluster's, and here the processes' role must be missing at first."""
    with request.param(durable=False) as server:
        yield server


@dataclass(frozen=True, slots=True)
class Managed:
    """A database whose owner is no superuser."""

    name: str
    port: int
    administrator: "asyncpg.Connection[Any]"

    def url(self, user: str) -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{self.name}"


@pytest.fixture
async def managed(server: EmbeddedPostgres) -> AsyncIterator[Callable[[str], Any]]:
    """Makes a database for an owner with these rights, in a cluster without the processes' role."""
    administrator = await asyncpg.connect(server.owner_url("postgres"))
    made: list[str] = []

    async def make(rights: str) -> Managed:
        name = f"managed_{next(_numbers)}"
        await administrator.execute(f"DROP ROLE IF EXISTS {APP_ROLE}")
        await administrator.execute(f"CREATE ROLE {name} LOGIN {rights}")
        await administrator.execute(f"CREATE DATABASE {name} OWNER {name}")
        made.append(name)
        return Managed(name, server.port, administrator)

    yield make
    for name in made:
        await administrator.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await administrator.execute(f"DROP ROLE IF EXISTS {', '.join([APP_ROLE, *made])}")
    await administrator.close()


async def works(url: str, *, one_role: bool = False, owner_url: str | None = None) -> str:
    """Run what the processes run there, and return as whom."""
    database = Database(url, connections=2, one_role=one_role)
    await database.open()
    try:
        assert await database.revision() == REVISION
        key, text = await ApiKeyService(database, "test", owner_url=owner_url).create(
            mode="test", scopes=["*"], store="main", name="managed"
        )
        assert await ApiKeyService(database, "test").find(text) == key
        row = await database.row("SELECT current_user::text AS role")
        assert row is not None
        return str(row["role"])
    finally:
        await database.close()


async def test_an_owner_who_may_create_roles_is_enough(managed: Callable[[str], Any]) -> None:
    """`permission denied to set role` came of it before: whoever creates a role is no member of it yet."""
    place = await managed("CREATEROLE")
    owner = place.url(place.name)
    assert await migrate.upgrade(owner, owner) == REVISION
    assert await works(owner) == APP_ROLE
    assert await migrate.upgrade(owner, owner) == REVISION, "it can be run again"


@pytest.mark.parametrize("login", ["the owner", "its own"])
async def test_live_mode_says_when_its_login_owns_the_tables(managed: Callable[[str], Any], login: str) -> None:
    place = await managed("CREATEROLE")
    await migrate.upgrade(place.url(place.name), place.url(place.name))
    user = place.name if login == "the owner" else APP_ROLE
    await place.administrator.execute(f"ALTER ROLE {APP_ROLE} LOGIN")
    sessions = Sessions(place.url(user), is_live=True)
    with capture_logs("warning") as logs:
        for _ in range(2):
            await (await sessions.open()).close()
    assert logs.text.count("login_owns_the_tables") == (1 if login == "the owner" else 0)


async def test_two_databases_of_a_server_may_be_migrated_at_once(managed: Callable[[str], Any]) -> None:
    """The role is the server's: the second finds it made between its look and its statement."""
    one, other = await managed("CREATEROLE"), await managed("CREATEROLE SUPERUSER")
    first = await asyncpg.connect(one.url(one.name))
    async with first.transaction():
        await first.execute(f"CREATE ROLE {APP_ROLE} NOLOGIN")
        second = asyncio.create_task(migrate.upgrade(other.url(other.name), other.url(other.name)))
        await _waits_for_a_lock(other.administrator)
    await first.close()
    assert await second == REVISION


async def _waits_for_a_lock(administrator: "asyncpg.Connection[Any]") -> None:
    sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'CREATE ROLE%'"
    for _ in range(500):
        if await administrator.fetchval(sql):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it waits for nothing")


async def test_the_processes_may_log_in_as_somebody_else(managed: Callable[[str], Any]) -> None:
    place = await managed("CREATEROLE")
    login = f"{place.name}_web"
    owner = await asyncpg.connect(place.url(place.name))
    await owner.execute(f"CREATE ROLE {login} LOGIN")
    await owner.close()
    try:
        await migrate.upgrade(place.url(place.name), place.url(login))
        assert await works(place.url(login), owner_url=place.url(place.name)) == APP_ROLE
    finally:
        await place.administrator.execute(f"DROP ROLE {login}")


async def test_an_owner_who_may_create_no_role_is_told_what_his_administrator_runs(
    managed: Callable[[str], Any],
) -> None:
    place = await managed("NOCREATEROLE")
    owner = place.url(place.name)
    with pytest.raises(roles.RolesMissing) as refused:
        await migrate.upgrade(owner, owner)
    statements = [line.strip() for line in str(refused.value).splitlines() if line.endswith(";")]
    assert statements == [f"CREATE ROLE {APP_ROLE} NOLOGIN;", f'GRANT {APP_ROLE} TO "{place.name}";']
    for statement in statements:
        await place.administrator.execute(statement)
    assert await migrate.upgrade(owner, owner) == REVISION
    assert await works(owner) == APP_ROLE


async def test_a_role_that_the_owner_may_not_give_is_told_too(managed: Callable[[str], Any]) -> None:
    """The administrator made the role, and forgot who takes it. Processes that log in as the role itself need nobody."""
    place = await managed("NOCREATEROLE")
    owner = place.url(place.name)
    await place.administrator.execute(f"CREATE ROLE {APP_ROLE} LOGIN")
    with pytest.raises(roles.RolesMissing, match=f'GRANT {APP_ROLE} TO "{place.name}"'):
        await migrate.upgrade(owner, owner)
    assert await migrate.upgrade(owner, place.url(APP_ROLE)) == REVISION
    assert await works(place.url(APP_ROLE), owner_url=owner) == APP_ROLE
    database = Database(owner, connections=2)
    await database.open()
    with pytest.raises(DatabaseUnusable, match=f"may not take the role {APP_ROLE}"):
        await database.revision()
    await database.close()


async def test_one_role_alone_works_in_test_mode(managed: Callable[[str], Any]) -> None:
    place = await managed("NOCREATEROLE")
    owner = place.url(place.name)
    assert await migrate.upgrade(owner, owner, one_role=True) == REVISION
    assert await works(owner, one_role=True) == place.name
    with pytest.raises(DatabaseUnusable):
        await works(owner)
    woken = asyncio.Event()
    listening = asyncio.create_task(Listener(owner, lambda _: woken.set(), one_role=True).run())
    await asyncio.wait_for(woken.wait(), 30)
    listening.cancel()
    await asyncio.wait([listening])
