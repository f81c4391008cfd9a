"""`onetill demo` as a newcomer runs it: it sells, it survives the death of a part, and it leaves nothing behind."""

import asyncio
import json
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from app.paths import ROOT
from tests.browser.driver import PATIENCE_MS

START_TIMEOUT_S = 120
STOP_TIMEOUT_S = 120
TIME_SCALE = "20"


@dataclass(frozen=True)
class Demo:
    """A running demo, as somebody sees it who started it in a terminal."""

    process: Process
    facts: dict[str, Any]
    errors: Path

    def children(self) -> dict[int, str]:
        """The processes below it, by pid: their commands."""
        found: dict[int, str] = {}
        parents = [self.process.pid]
        table = list(processes())
        while parents:
            below = [(pid, command) for pid, parent, command in table if parent in parents]
            found |= dict(below)
            parents = [pid for pid, _ in below]
        return found

    def child(self, word: str) -> int | None:
        """The pid of the one of our own commands that has this word, if it runs."""
        return next((pid for pid, command in self.children().items() if f"app.cli {word}" in command), None)

    async def journal(self) -> list[dict[str, Any]]:
        """What really moved."""
        async with httpx.AsyncClient() as client:
            return list((await client.get(f"{self.facts['simulator']}/_sim/journal")).json())

    async def plan(self, scenario: str) -> None:
        """How the next matching call of the gateway behaves."""
        body = {"gateway": "point3", "scenario": scenario, "call": "confirm"}
        async with httpx.AsyncClient() as client:
            assert (await client.post(f"{self.facts['simulator']}/_sim/scenario", json=body)).status_code == 200


def processes() -> list[tuple[int, int, str]]:
    """(pid, parent, command) of every process of this machine that has not ended."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it ended while we looked
        if state != "Z":
            found.append((int(folder.name), int(parent), command))
    return found


async def until(is_true: Callable[[], Awaitable[bool]]) -> None:
    """Return as soon as it is true."""
    async with asyncio.timeout(PATIENCE_MS / 1000):
        while not await is_true():  # noqa: ASYNC110  it becomes true in other processes, which set no event here
            await asyncio.sleep(0.02)


@pytest.fixture(scope="module")
async def demo(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Demo]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ONETILL_")}
    environment["ONETILL_TIME_SCALE"] = TIME_SCALE
    errors = tmp_path_factory.mktemp("demo") / "stderr"
    with errors.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "app.cli", "demo", "--json", "--port", "0",
            cwd=ROOT, env=environment, stdout=PIPE, stderr=stderr,
        )  # fmt: skip
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), START_TIMEOUT_S)
        assert line, errors.read_text()
        yield Demo(process, json.loads(line), errors)
    finally:
        if process.returncode is None:
            process.terminate()
            await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)


@pytest.fixture
async def page(chromium: Browser) -> AsyncIterator[Page]:
    context = await chromium.new_context(locale="en-US")
    yield await context.new_page()
    await context.close()


async def buys(page: Page, demo: Demo) -> None:
    """Choose a mug and pay it in the gateway's window."""
    await page.goto(demo.facts["shop"])
    await page.get_by_role("button", name="Buy: Ceramic mug").click()
    await page.frame_locator("#point3-widget-iframe").locator("#pay").click()


async def sees_a_paid_order(page: Page, demo: Demo) -> None:
    """The page says so, and so does the shop."""
    await expect(page.locator("#checkout")).to_have_attribute("data-state", "paid")
    await page.get_by_role("link", name="Back to the shop").click()
    await page.wait_for_url(f"{demo.facts['shop']}/orders/*")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Paid ✓")


async def test_the_facts_are_those_that_tools_rely_on(demo: Demo) -> None:
    assert {"api", "api_key", "simulator", "shop", "database_url", "gateways"} <= demo.facts.keys()
    assert demo.facts["gateways"]["point3"].keys() == {"base_url", "secret"}
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{demo.facts['api']}/readyz")).status_code == 200
        headers = {"Authorization": f"Bearer {demo.facts['api_key']}"}
        assert (await client.get(f"{demo.facts['api']}/payments", headers=headers)).json()["data"] == []


async def test_a_newcomer_buys_something(demo: Demo, page: Page) -> None:
    await buys(page, demo)
    await sees_a_paid_order(page, demo)
    assert [row["captures"] for row in await demo.journal()] == [1]


async def test_the_shops_staff_gives_the_money_back_and_sees_what_the_gateway_allows(demo: Demo, page: Page) -> None:
    await buys(page, demo)
    await sees_a_paid_order(page, demo)
    staff = page.locator(".staff")
    await expect(staff.get_by_role("button")).to_have_text(["Give all ₩24,000 back"])  # Point3 gives no part back
    await staff.get_by_role("button").click()
    await expect(staff.locator("li")).to_have_text(re.compile(r"₩24,000\s+(under way|done)"))
    await expect(staff.get_by_role("button")).to_have_count(0)
    row = (await demo.journal())[-1]
    assert (row["captures"], row["status"] in {"CANCEL_REQUESTED", "CANCELLED"}) == (1, True)


async def test_an_api_that_is_killed_in_the_middle_comes_back_and_the_purchase_ends_paid(
    demo: Demo, page: Page
) -> None:
    before = len(await demo.journal())
    await demo.plan("accept_then_hang")
    await buys(page, demo)

    async def money_was_taken() -> bool:
        return any(row["captures"] for row in (await demo.journal())[before:])

    await until(money_was_taken)
    killed = demo.child("serve")
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    await expect(page.locator("#checkout")).to_have_attribute("data-state", "confirming")

    async def another_one_runs() -> bool:
        return demo.child("serve") not in (None, killed)

    await until(another_one_runs)
    await sees_a_paid_order(page, demo)
    (row,) = (await demo.journal())[before:]
    assert (row["captures"], row["confirms"]) == (1, 1)


async def test_sigterm_ends_all_of_it(demo: Demo) -> None:
    children = demo.children()
    commands = " ".join(children.values())
    for part in ("app.cli serve", "app.cli worker", "postgres"):
        assert part in commands
    demo.process.terminate()
    assert await asyncio.wait_for(demo.process.wait(), STOP_TIMEOUT_S) == 0
    left = {pid: command for pid, _, command in processes() if pid in children}
    assert left == {}
    for name in ("api", "shop", "simulator"):
        async with httpx.AsyncClient() as client:
            with pytest.raises(httpx.ConnectError):
                await client.get(demo.facts[name])
    said = demo.errors.read_text()
    assert "Stopping" in said
    assert "Traceback" not in said
