"""`onetill notifications`: what an operator sees and does in a terminal."""

import asyncio
import json
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import app
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
    for words in ([], ["--status", "pending"], ["--endpoint", made["id"]]):
        (row,) = await listed("list", *words)
        assert (row["type"], row["status"], row["attempts"], row["answered"]) == ("payment.paid", "pending", 1, 500)
    for words in (["--status", "failed"], ["--store", "other"]):
        assert await listed("list", *words) == []
    assert made["id"] in await terminal("endpoints"), "whole, as the next command takes it"
    await terminal("list", "--status", "lost", code=2)
    await terminal("pause", "pay_1", code=2)


@pytest.mark.usefixtures("variables")
async def test_it_stops_goes_on_and_sends_again(shop: Shop, parts: Services, receiver: Receiver) -> None:
    made = await endpoint(shop, receiver.url)
    await paid(shop)
    await Worker(parts).sweep()
    assert "paused" in await terminal("pause", made["id"])
    assert (await state(shop, made))["pause_reason"] == "asked"
    assert "1 would be" in await terminal("replay", "--since", "1h", "--preview")
    assert "1 are being" in await terminal("replay", "--since", "1h", "--endpoint", made["id"])
    await Worker(parts).sweep()
    assert len(receiver.taken) == 1
    assert "active" in await terminal("resume", made["id"])
    await Worker(parts).sweep()
    assert len({each.body for each in receiver.taken}) == 1
    assert len(receiver.taken) == 2
    await terminal("pause", made["id"], "--store", "other", code=2)
