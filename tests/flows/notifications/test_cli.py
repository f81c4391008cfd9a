"""`onetill notifications`: what an operator sees and does in a terminal."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.domain import ids
from app.jobs.worker import Worker
from app.services import Services
from app.settings import Settings
from tests.flows.notifications.house import endpoint, paid, state
from tests.support import Shop
from tests.support.receiver import Receiver


@pytest.fixture
def variables(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONETILL_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("ONETILL_SECRET_KEY", settings.secret_key.get_secret_value())


async def terminal(*words: str, code: int = 0) -> str:
    """One command, in a loop of its own as a process has it."""
    result = await asyncio.to_thread(CliRunner().invoke, app, ["notifications", *words])
    assert result.exit_code == code, result.output
    return result.stdout


async def listed(*words: str) -> list[dict[str, Any]]:
    return list(json.loads(await terminal(*words, "--json")))


@pytest.mark.usefixtures("variables")
async def test_it_shows_where_the_shop_is_told_and_how_that_went(
    shop: Shop, parts: Services, receiver: Receiver
) -> None:
    assert await listed("endpoints") == []
    made = await endpoint(shop, receiver.url, events=["payment.paid"])
    receiver.status = 500
    await paid(shop)
    await Worker(parts).sweep()
    (shown,) = await listed("endpoints")
    assert (shown["id"], shown["events"], shown["status"]) == (made["id"], ["payment.paid"], "active")
    assert made["secret"] not in str(shown)
    assert shown == await state(shop, made), "--json is the API's own"
    (told,) = (await shop.client.get("/notifications")).json()["data"]
    a_moment_ago = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    own = [
        ["--status", "pending"], ["--endpoint", made["id"]], ["--event", "payment.paid"], ["--since", "1h"],
        ["--since", a_moment_ago],
    ]  # fmt: skip
    for words in ([], *own):
        assert await listed("list", *words) == [told]
    assert (told["type"], told["status"], told["deliveries"][-1]["status"]) == ("payment.paid", "pending", 500)
    table = await terminal("list")
    assert told["event_id"] in table
    assert "500" in table
    others = [["--status", "failed"], ["--store", "other"], ["--event", "payment.failed"], ["--since", "0m"]]
    for words in others:
        assert await listed("list", *words) == []
    assert made["id"] in await terminal("endpoints"), "whole, as the next command takes it"
    for words in (
        ["--status", "lost"],
        ["--event", "payment.lost"],
        ["--since", "2026-11-21"],
        ["--since", "2026-11-21T08:30:00"],
    ):
        await terminal("list", *words, code=2)
    await terminal("pause", "pay_1", code=2)
    await terminal("list", "--endpoint", ids.show(ids.Prefix.ENDPOINT, ids.uuid7()), code=2)


@pytest.mark.usefixtures("variables")
async def test_it_stops_goes_on_and_sends_again(shop: Shop, parts: Services, receiver: Receiver) -> None:
    made = await endpoint(shop, receiver.url)
    await paid(shop)
    await Worker(parts).sweep()
    assert "paused" in await terminal("pause", made["id"])
    assert (await state(shop, made))["pause_reason"] == "asked"
    (told,) = await listed("list")
    for words in (["--since", "1h"], ["--until", "0m"], [told["event_id"]], [told["event_id"], "--since", "1h"]):
        assert "1 would be" in await terminal("replay", *words, "--preview"), words
    for words in (["--until", "1h"], ["--since", "0m"], ["evt_" + "0" * 32]):
        assert "0 would be" in await terminal("replay", *words, "--preview"), words
    assert json.loads(await terminal("replay", "--since", "1h", "--preview", "--json")) == {"count": 1}, "the API's own"
    for command in (["list"], ["replay", "--since", "1h"]):
        await terminal(*command, "--endpoint", made["id"], "--store", "other", code=2)
    for words in ([], ["evt_1"], ["--until", "yesterday"]):
        await terminal("replay", *words, "--preview", code=2)
    assert "1 are being" in await terminal("replay", "--since", "1h", "--endpoint", made["id"])
    await Worker(parts).sweep()
    assert len(receiver.taken) == 1
    assert "active" in await terminal("resume", made["id"])
    await Worker(parts).sweep()
    assert len({each.body for each in receiver.taken}) == 1
    assert len(receiver.taken) == 2
    await terminal("pause", made["id"], "--store", "other", code=2)
