"""`docs/quickstart.md`, word for word: its terminals, its files, its browser, and a verified `payment.paid` at the end.

Only what a reader would change is changed: the ports, and the key that the demo prints.
"""

import asyncio
import json
import os
import re
import shutil
import signal
import sysconfig
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.async_api import Browser
from standardwebhooks import Webhook

from app.paths import ROOT
from app.ports import free_ports

PAGE = (ROOT / "docs/quickstart.md").read_text(encoding="utf-8")
PATIENCE_S = 240.0
PORTS = 8
"""As many in a row as the demo takes."""


def block(before: str, language: str = "sh") -> str:
    """The first block of a language after these words."""
    _, _, rest = PAGE.partition(before)
    found = re.search(rf"```{language}\n(.*?)```", rest, re.DOTALL)
    assert found, f"docs/quickstart.md has no {language} block after {before!r}"
    return found[1]


@dataclass
class Terminal:
    """One terminal of the reader, in a folder, after the lines that every one begins with."""

    folder: Path
    environment: dict[str, str]
    changes: dict[str, str]
    first: str = ""
    opened: list[Process] = field(default_factory=list)

    def text(self, commands: str) -> str:
        """What the reader types."""
        for shown, meant in self.changes.items():
            commands = commands.replace(shown, meant)
        return commands

    async def runs(self, commands: str) -> str:
        """Type commands and wait for their end; what they print."""
        process = await self.starts(commands)
        said, _ = await asyncio.wait_for(process.communicate(), PATIENCE_S)
        assert process.returncode == 0, said.decode()
        return said.decode()

    async def starts(self, commands: str) -> Process:
        """Type commands and leave them running."""
        process = await asyncio.create_subprocess_exec(
            "sh", "-ec", self.text(self.first + commands),
            cwd=self.folder, env=self.environment, stdout=PIPE, stderr=STDOUT, start_new_session=True,
        )  # fmt: skip
        self.opened.append(process)
        return process

    async def close(self) -> None:
        """Press Ctrl-C in all of them, the newest first."""
        for process in reversed(self.opened):
            with suppress(ProcessLookupError):  # it has ended by itself
                os.killpg(process.pid, signal.SIGINT)
            await asyncio.wait_for(process.communicate(), PATIENCE_S)


async def until(process: Process, words: str) -> str:
    """Read on until a line has these words, which are a pattern; the line."""
    assert process.stdout
    said = ""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while line := (await process.stdout.readline()).decode():
                said += line
                if re.search(words, line):
                    return line
    except TimeoutError:
        said += "(and then it said nothing more)"
    raise AssertionError(f"it did not say {words!r}:\n{said}")


def checkout(folder: Path) -> None:
    """The repository as a reader has it after `make setup`, with clients of its own, in which npm may install."""
    folder.mkdir()
    for each in ROOT.iterdir():
        if each.name not in {"clients", ".git"}:
            (folder / each.name).symlink_to(each)
    shutil.copytree(
        ROOT / "clients", folder / "clients", ignore=shutil.ignore_patterns("node_modules", "dist", "__pycache__")
    )


@asynccontextmanager
async def reader(tmp_path: Path) -> AsyncIterator[Terminal]:
    """Somebody who has started Onetill as the page says, and opens further terminals."""
    checkout(tmp_path / "onetill")
    clean = {name: text for name, text in os.environ.items() if not name.startswith(("ONETILL_", "PYTEST_", "npm_"))}
    clean |= {"npm_config_prefer_offline": "true", "PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    api, shop = free_ports(PORTS), free_ports()
    demo = f"make --old-file=.venv/.ready demo ARGS='--port {api}'"  # which installs nothing into the folder that is linked
    changes = {"make demo": demo, ":8000": f":{api}", "3000": str(shop)}
    async with AsyncExitStack() as stack:
        onetill = Terminal(tmp_path / "onetill", clean, changes)
        stack.push_async_callback(onetill.close)
        running = await onetill.starts(block("make:\n"))
        (key,) = re.findall(r"sk_test_[\w-]+", await until(running, "sk_test_"))
        changes |= {"sk_test_…": key}
        elsewhere = clean | {"ONETILL_API": f"http://127.0.0.1:{api}"}
        further = Terminal(tmp_path, elsewhere, changes, first=block("which secret signs your webhooks:"))
        stack.push_async_callback(further.close)
        yield further


async def status(terminal: Terminal, request: str) -> str:
    """What a request is answered with; 000 where nothing answers."""
    return await terminal.runs(f"curl -s -o /dev/null -w '%{{http_code}}' {request} || true")


async def walks_the_roads_of_errors(terminal: Terminal) -> None:
    """Whatever a stranger sends, and whatever Onetill refuses, is answered, and the shop lives on."""
    listens = "--retry 60 --retry-delay 1 --retry-connrefused http://127.0.0.1:3000/"  # Node does not say when it does
    assert await status(terminal, listens) in {"401", "404"}
    for unknown in ("2", "constructor", "__proto__"):
        assert await status(terminal, f"-X POST http://127.0.0.1:3000/orders/{unknown}/pay") == "404", unknown
    webhooks = "http://127.0.0.1:3000/webhooks"
    half = f"-m 1 -H 'Content-Length: 9' -d half {webhooks}"
    assert await status(terminal, half) == "000"  # its sender is gone in the middle of it
    event = json.dumps({"type": "payment.paid", "payment_id": "pay_of_nobody"})
    (secret,) = re.findall(r"whsec_\S+", terminal.first)
    now = datetime.now(UTC)
    signature = Webhook(secret).sign("msg_1", now, event)
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}
    signed = " ".join(f"-H '{name}: {text}'" for name, text in headers.items())
    assert await status(terminal, f"{signed} -d '{event}' {webhooks}") == "500"  # so it comes again


async def begins_again(terminal: Terminal) -> str:
    """Two payments of the order that end unpaid, and the shop's answer with a third, which may be paid."""
    seen = set()
    for _ in range(2):
        seen.add(await terminal.runs(block("## 4. ")))
        call = 'curl -sf -H "Authorization: Bearer $ONETILL_API_KEY" http://127.0.0.1:8000/payments'
        newest = json.loads(await terminal.runs(f"{call}?order_id=1001"))["data"][0]
        canceled = json.loads(await terminal.runs(f"{call}/{newest['id']}/cancel -X POST"))
        assert canceled["status"] == "canceled"
    answer = await terminal.runs(block("## 4. "))
    assert len(seen) == 2
    assert answer not in seen
    return answer


async def buys(terminal: Terminal, shop: Process, chromium: Browser) -> None:
    """Steps 3 and 4, after what a shop on the open net meets first."""
    await walks_the_roads_of_errors(terminal)
    listener = await terminal.starts(block("## 3. "))
    await until(listener, "^Events after ")
    answer = await begins_again(terminal)
    (link,) = re.findall(r'"checkout_url": ?"([^"]+)"', answer)
    page = await chromium.new_page()
    await page.goto(link)
    await page.frame_locator("#point3-widget-iframe").locator("#pay").click()
    promised = block("The shop's terminal says:", "text").strip()
    assert promised in await until(shop, "^Verified ")
    await page.close()
    assert await terminal.runs(block("## 4. ")) == answer
    assert await status(terminal, "-d nonsense http://127.0.0.1:3000/webhooks") == "401"
    assert shop.returncode is None


def test_the_shops_are_short() -> None:
    for language in ("python", "js"):
        assert len([line for line in block("## 2. ", language).splitlines() if line.strip()]) <= 34, language


def test_it_says_the_same_in_korean() -> None:
    korean = (ROOT / "docs/quickstart.ko.md").read_text(encoding="utf-8").replace(".ko.", ".")
    english = PAGE.replace(".ko.", ".")
    fences = re.compile(r"```.*?```", re.DOTALL)
    assert fences.findall(korean) == fences.findall(english)
    prose = [fences.sub("", page) for page in (korean, english)]
    headings, rows, names, links = r"^#+(?= )", r"^\|", r"`[^`\n]+`", r"\]\([^)]+\)"
    for part in (headings, rows, names, links):
        said, meant = (re.findall(part, page, re.MULTILINE) for page in prose)
        assert said == meant if part == headings else sorted(said) == sorted(meant)  # a sentence has its own order


async def test_the_quickstart_takes_a_payment_in_python(tmp_path: Path, chromium: Browser) -> None:
    async with reader(tmp_path) as terminal:
        folder = tmp_path / "my-shop"
        install = block("### In Python")
        make, _, rest = install.partition("\n")
        await terminal.runs(make)
        (packages,) = (folder / ".venv/lib").glob("python*/site-packages")
        # What the page installs from PyPI is here already, so that pip finds it without a network.
        (packages / "ours.pth").write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
        await terminal.runs(rest)
        (folder / "shop.py").write_text(terminal.text(block("Save this as `shop.py`", "python")), encoding="utf-8")
        start = block("Start it, and leave it running:")
        shop = await terminal.starts(start)
        await until(shop, "running on")
        await buys(terminal, shop, chromium)


@pytest.mark.long
@pytest.mark.node
async def test_in_node(tmp_path: Path, chromium: Browser) -> None:
    async with reader(tmp_path) as terminal:
        await terminal.runs(block("### In Node"))
        source = terminal.text(block("Save this as `shop.mjs`", "js"))
        (tmp_path / "my-shop/shop.mjs").write_text(source, encoding="utf-8")
        _, _, rest = PAGE.partition("Save this as `shop.mjs`")
        start = re.search(r"```sh\n(.*?)```", rest, re.DOTALL)
        assert start
        shop = await terminal.starts(start[1])
        await buys(terminal, shop, chromium)
