"""No database: every command says so, names the setting, keeps the password to itself, and ends; the processes go on."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer
from typer.testing import CliRunner

from app.cli import app
from app.paths import ROOT
from app.ports import free_ports
from tests.concurrency.forked import Forked

PREFIXES = {"payment_id": "pay", "refund_id": "ref", "key_id": "key", "webhook_id": "whi", "endpoint_id": "nep"}
VALUES = {name: f"{prefix}_{'0' * 32}" for name, prefix in PREFIXES.items()}
VALUES |= {"note": "seen", "action": "close", "since": "1h", "forward_to": "http://127.0.0.1:9", "key": "sk_test_x"}
PROCESSES = {("serve",), ("worker",)}
NO_DATABASE = {("simulator",), ("webhooks", "listen"), ("alarms", "test")}
MORE_WORDS = {("demo",): ["--port", "0"], ("notifications", "replay"): ["--since", "1h"]}
"""What else is typed, though no single option is required."""
SECRET = "s3cr3t-word"


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> str:
    url = f"postgresql://shop:{SECRET}@127.0.0.1:{free_ports()}/onetill"
    monkeypatch.setenv("ONETILL_DATABASE_URL", url)
    return url


def commands(group: Any, *path: str) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Every command, with values for what it requires."""
    if hasattr(group, "commands"):
        for name, command in group.commands.items():
            yield from commands(command, *path, name)
        return
    required = [each for each in group.params if each.required]
    options = [word for each in required if each.opts[0].startswith("-") for word in (each.opts[0], VALUES[each.name])]
    yield path, options + [VALUES[each.name] for each in required if not each.opts[0].startswith("-")]


COMMANDS = dict(commands(typer.main.get_command(app)))


def _tells(text: str) -> None:
    text = " ".join(text.split())
    assert "the database does not answer (" in text
    assert "Start Postgres, or set ONETILL_DATABASE_URL" in text
    assert SECRET not in text
    assert "Traceback" not in text


@pytest.mark.parametrize("path", [path for path in COMMANDS if path not in PROCESSES | NO_DATABASE], ids=" ".join)
async def test_a_command_says_so_and_ends(path: tuple[str, ...], url: str, tmp_path: Path) -> None:
    words = [*path, *COMMANDS[path], *MORE_WORDS.get(path, [])]
    status = await Forked(words, os.environ, tmp_path).ended(within_s=120)
    said = (tmp_path / "stderr").read_text(encoding="utf-8")
    assert status == 1, said
    _tells(said)
    assert (tmp_path / "stdout").read_text(encoding="utf-8") == ""


@pytest.mark.parametrize(
    "bad", [f"postgresql://shop:{SECRET[:3]}#{SECRET}@127.0.0.1/onetill", f"shop:{SECRET}@127.0.0.1/onetill"]
)
@pytest.mark.parametrize("path", [("keys", "list"), ("migrate",)], ids=" ".join)
def test_a_url_that_cannot_be_read_is_not_repeated(
    path: tuple[str, ...], bad: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONETILL_DATABASE_URL", bad)
    done = CliRunner().invoke(app, list(path))
    assert done.exit_code == 1, done.output
    _tells(done.output)
    assert SECRET[:3] not in done.output


@pytest.mark.parametrize("path", sorted(PROCESSES), ids=" ".join)
def test_a_process_says_so_and_waits_for_it(path: tuple[str, ...], url: str) -> None:
    port = free_ports()
    words = ["--port", str(port)] if path == ("serve",) else []
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", *path, *words], cwd=ROOT, env=os.environ, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr
        line = next(each for each in process.stderr if "database_unusable" in each)
        told = json.loads(line)
        assert told["level"] == "warning"
        _tells(told["reason"])
        if path == ("serve",):
            next(each for each in process.stderr if "Uvicorn running" in each)
            ready = httpx.get(f"http://127.0.0.1:{port}/readyz")
            assert (ready.status_code, ready.json()["reason"]) == (503, "the database does not answer")
        assert process.poll() is None
    finally:
        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate(timeout=60)
    assert process.returncode in {0, -signal.SIGTERM}
    assert SECRET not in line + rest
