"""Who may work with the database: the app's role, with its timeouts, and in live mode no superuser (law 12)."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE

import asyncpg
import httpx
import pytest

from app.db.database import Database, DatabaseUnusable
from app.db.schema import APP_ROLE, TIMEOUTS
from app.db.session import SessionRefused, Sessions, ask_who
from app.paths import ROOT
from app.settings import Settings
from tests.support import app_of
from tests.support.databases import Urls

LIVE = {
    "ONETILL_MODE": "live",
    "ONETILL_SECRET_KEY": "3f9c0b7be1d84a6c92d5770cfa1e6b48",
    "ONETILL_HISTORY_KEYS": "84b6e1afc0775d29c6a48d1eb7b0c9f3",
    "ONETILL_PUBLIC_URL": "https://pay.shop.example",
}


@pytest.mark.parametrize(("login", "is_live"), [("app", True), ("app", False), ("owner", False)])
async def test_a_session_is_the_apps_role_with_its_timeouts_whoever_logs_in(
    urls: Urls, login: str, is_live: bool
) -> None:
    connection = await Sessions(getattr(urls, login), is_live=is_live).open()
    found = dict(await ask_who(connection))
    assert found["role"] == APP_ROLE
    assert {name: found[name] for name in TIMEOUTS} == TIMEOUTS
    await connection.close()


async def test_live_mode_refuses_a_superuser_and_leaves_no_session_behind(urls: Urls) -> None:
    sessions = Sessions(urls.owner, is_live=True)
    with pytest.raises(SessionRefused, match=f"log in as {APP_ROLE}"):
        await sessions.open()
    owner = await asyncpg.connect(urls.owner)
    open_ones = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'onetill' AND datname = current_database()"
    )
    async with asyncio.timeout(10):
        while await owner.fetchval(open_ones):  # noqa: ASYNC110  the server knows, nobody tells
            await asyncio.sleep(0.02)
    await owner.close()


async def test_a_process_that_meets_one_later_is_not_ready_and_says_why(urls: Urls) -> None:
    settings = {name.removeprefix("ONETILL_").lower(): text for name, text in LIVE.items()} | {
        "database_url": urls.owner
    }
    app = app_of(Settings.model_validate(settings))
    await app.state.database.open()
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()["reason"]) == (503, "live mode refuses a superuser's login")
    await app.state.database.close()


async def test_a_database_that_is_away_is_waited_for_and_one_that_is_refused_is_not(urls: Urls) -> None:
    away = Database(urls.app.replace("127.0.0.1", "127.0.0.9"), connections=1, is_live=True)
    refused = Database(urls.owner, connections=1, is_live=True)
    for each in (away, refused):
        await each.open()
    await away.report()
    with pytest.raises(DatabaseUnusable):
        await refused.report()
    for each in (away, refused):
        await each.close()


@pytest.mark.parametrize("command", ["serve", "worker", "keys list"])
async def test_a_process_of_live_mode_does_not_start_as_a_superuser(urls: Urls, command: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app.cli", *command.split(), cwd=ROOT, stderr=PIPE,
        env=os.environ | LIVE | {"ONETILL_DATABASE_URL": urls.owner},
    )  # fmt: skip
    _, said = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 1
    assert f"live mode refuses a superuser's login: no privilege binds a superuser; log in as {APP_ROLE}" in " ".join(
        said.decode().split()
    )
    assert b"Traceback" not in said
