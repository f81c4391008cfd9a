"""Behind PgBouncer, with two connections for everybody: it works, or it is refused with the reason."""

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest

from app.db import migrate
from app.db.database import Database, DatabaseUnusable
from app.db.schema import APP_ROLE, REVISION, TIMEOUTS
from app.db.session import SessionRefused
from app.db.wake_up import WakeUp
from app.jobs.listener import Listener
from app.jobs.worker import Worker
from app.paths import ROOT
from app.services import build_services
from app.settings import Settings
from simulator.server import Simulator
from tests.support import MovableClock, Shop, app_of, lifespan
from tests.support.databases import Databases, Urls, name_of
from tests.support.pgbouncer import IGNORED, pgbouncer
from tests.support.settings import settings_for
from tests.unit.captured_logs import capture_logs

pytestmark = pytest.mark.servers

every_way = pytest.mark.parametrize(
    ("pool_mode", "ignored"),
    [("transaction", "extra_float_digits"), ("transaction", IGNORED), ("session", IGNORED)],
    ids=["transaction", "transaction-ignoring", "session"],
)


@pytest.fixture
async def urls(databases: Databases) -> AsyncIterator[Urls]:
    """A database that was migrated itself, for a login's settings are no part of a template."""
    urls = await databases.create()
    await migrate.upgrade(urls.owner)
    yield urls
    await databases.drop(urls)


@pytest.fixture
async def url(urls: Urls, pool_mode: str, ignored: str) -> AsyncIterator[str]:
    with pgbouncer(urls.app, pool_mode, ignored) as through:
        yield through


async def who(database: Database) -> dict[str, Any]:
    row = await database.row(
        "SELECT current_user AS role, " + ", ".join(f"current_setting('{name}') AS {name}" for name in TIMEOUTS)
    )
    assert row is not None
    return dict(row)


@every_way
async def test_many_clients_share_two_connections_and_each_is_the_apps_role(url: str, pool_mode: str) -> None:
    """Statements of eight connections meet on two: a name of one would be found taken, or missing, by another."""
    clients = 2 if pool_mode == "session" else 8  # in session mode each client keeps its own
    database = Database(url, connections=clients)
    await database.open()
    try:
        for _ in range(20):
            async with asyncio.timeout(30):
                answers = await asyncio.gather(*(who(database) for _ in range(clients)))
            assert all(each == {"role": APP_ROLE} | TIMEOUTS for each in answers)
        assert await database.revision() == REVISION
    finally:
        await database.close()


@every_way
async def test_payments_are_made_paid_and_found_by_the_sweep(
    url: str, urls: Urls, pool_mode: str, simulator: Simulator, clock: MovableClock
) -> None:
    settings = settings_for(urls, simulator, database_url=url, portone_v1=None, portone_v2=None, unifi_pay=None)
    settings = settings.model_copy(update={"database_connections": 1 if pool_mode == "session" else 8})
    services = build_services(settings, clock)
    await services.database.open()
    app = app_of(settings, clock)
    async with lifespan(app):
        _, secret = await services.keys.create(mode="test", scopes=["*"], store="main", name="tests")
        headers = {"Authorization": f"Bearer {secret}"}
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver", headers=headers) as client:
            shop = Shop(client, simulator, settings)
            payments = await asyncio.gather(*(shop.create() for _ in range(8)))
            for payment in payments:
                await shop.buyer_pays(payment)
            clock.advance(120)
            assert await Worker(services).sweep() >= 8
            assert {(await shop.get(payment))["status"] for payment in payments} == {"paid"}
            assert (await client.get("/readyz")).json() == {"status": "ready"}
    await services.close()


@pytest.mark.parametrize("ignored", ["extra_float_digits", IGNORED], ids=["refusing", "ignoring"])
async def test_a_login_that_is_not_the_apps_role_is_refused_with_the_reason(urls: Urls, ignored: str) -> None:
    """Before, its settings were dropped without a word, and the owner's privileges bound nobody."""
    with pgbouncer(urls.owner, "transaction", ignored) as url:
        database = Database(url, connections=2)
        await database.open()
        with pytest.raises(SessionRefused, match=f"log in as {APP_ROLE}"):
            await database.row("SELECT 1")
        with pytest.raises(DatabaseUnusable, match=f"logs in as another role than {APP_ROLE}"):
            await database.report()
        await database.close()
        app = app_of(Settings(database_url=url))  # without its start, which refuses: the pooler came later
        await app.state.database.open()
        headers = {"Authorization": f"Bearer sk_test_{'0' * 43}"}
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver", headers=headers) as client:
            ready, read = await client.get("/readyz"), await client.get("/payments")
        await app.state.database.close()
    assert ready.status_code == 503
    assert "a pooler stands before the database" in ready.json()["reason"]
    assert read.status_code == 503, read.text


async def test_sessions_without_timeouts_are_refused_with_the_statements_that_give_them(
    urls: Urls, databases: Databases
) -> None:
    """As after a migration by an owner who may not change the role."""
    owner = await asyncpg.connect(urls.owner)
    await owner.execute(f"ALTER ROLE {APP_ROLE} IN DATABASE {name_of(urls)} RESET ALL")
    with pgbouncer(urls.app) as url:
        database = Database(url, connections=2)
        await database.open()
        with pytest.raises(DatabaseUnusable) as refused:
            await database.report()
        assert "sessions have no lock_timeout, statement_timeout, idle_in_transaction_session_timeout" in str(
            refused.value
        )
        for statement in re.findall(r"ALTER ROLE [^;.]+", str(refused.value)):
            await owner.execute(statement.replace("<this database>", name_of(urls)))
        await owner.close()
    with pgbouncer(urls.app) as url:
        other = Database(url, connections=2)
        await other.open()
        await other.report()
        await other.close()
    await database.close()


async def test_a_pooler_without_transactions_is_refused_with_the_reason(urls: Urls) -> None:
    with pgbouncer(urls.app, "statement") as url:
        database = Database(url, connections=2)
        await database.open()
        with pytest.raises(DatabaseUnusable, match=r"for one statement.*set pool_mode = transaction"):
            await database.report()
        await database.close()


@pytest.mark.parametrize("ignored", ["extra_float_digits", IGNORED], ids=["refusing", "ignoring"])
async def test_a_migration_through_a_pooler_is_refused_with_the_reason(urls: Urls, ignored: str) -> None:
    way_out = "Set ONETILL_DATABASE_OWNER_URL to the address of Postgres itself"
    with pgbouncer(urls.owner, "transaction", ignored) as url, pytest.raises(DatabaseUnusable, match=way_out):
        await migrate.upgrade(url)


@pytest.mark.parametrize("ignored", ["extra_float_digits", IGNORED], ids=["refusing", "ignoring"])
async def test_a_listener_knows_that_nobody_speaks_to_it_there(urls: Urls, ignored: str) -> None:
    with pgbouncer(urls.app, "transaction", ignored) as url, capture_logs("warning") as logs:
        async with asyncio.timeout(20):
            await Listener(url, lambda _: None).run()
    (line,) = logs.lines()
    assert line["event"] == "nobody_to_listen_to"
    assert "ONETILL_DATABASE_DIRECT_URL" in line["way_out"]


async def test_a_notification_that_went_through_the_pooler_is_heard_around_it(urls: Urls) -> None:
    """As `ONETILL_DATABASE_DIRECT_URL` says where to listen."""
    heard, is_there = list[str](), asyncio.Event()

    def hear(kind: str) -> None:
        heard.append(kind)
        is_there.set()

    with pgbouncer(urls.app) as url:
        listening = asyncio.create_task(Listener(urls.app, hear).run())
        database = Database(url, connections=2)
        await database.open()
        wake_up = WakeUp(database)
        async with asyncio.timeout(20):
            await is_there.wait()
            is_there.clear()
            wake_up("webhooks")
            await is_there.wait()
        assert heard == ["", "webhooks"]
        listening.cancel()
        await asyncio.wait([listening])
        await wake_up.close()
        await database.close()


@pytest.mark.parametrize("command", ["serve", "worker"])
async def test_a_process_does_not_start_and_says_why(urls: Urls, command: str) -> None:
    with pgbouncer(urls.owner) as url:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "app.cli",
            command,
            cwd=ROOT,
            stderr=PIPE,
            env=os.environ | {"ONETILL_DATABASE_URL": url},
        )
        _, said = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 1
    text = " ".join(said.decode().split())
    assert f"a pooler stands before the database, and it logs in as another role than {APP_ROLE}" in text
    assert "Traceback" not in text
