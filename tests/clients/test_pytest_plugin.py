"""The pytest plugin as a shop installs it: the example shop's own tests pass with it, and a careless shop fails."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.paths import ROOT
from scripts import scenarios
from tests.documents.markdown import read

EXAMPLE = ROOT / "examples/bookshop"
COMMAND = f"{sys.executable} -m app.cli demo"
TELLING = ["declined", "late_approval", "lost_webhook", "amount_differs", "virtual_account"]
"""One of each kind: no money, money late, news lost, wrong money, money that waits. The long test runs through all."""
OWN = 9
"""Tests of the shop that take no scenario."""
OF_THE_DEVELOPER = {
    "ONETILL_DATABASE_URL": "postgresql://onetill@127.0.0.1:9/real",
    "ONETILL_PORTONE_V2__BASE_URL": "http://127.0.0.1:9",
    "ONETILL_PORTONE_V2__API_SECRET": "the real one",
    "onetill_mode": "live",
}
"""Of whoever runs Onetill from the same shell; none of it is the tests'."""
WAIT_S = 120
TOLD = """
import json, os, pathlib, sys, time
own = {name: text for name, text in os.environ.items() if name.upper().startswith("ONETILL_")}
facts = {"api": "http://127.0.0.1:9", "api_key": "key", "simulator": "http://127.0.0.1:9"}
pathlib.Path("told.json").write_text(json.dumps({"pid": os.getpid(), "environment": own}))
print(json.dumps(facts), flush=True)
time.sleep(600)
"""
"""Stands for the demo where what it does is nothing to the test: what it was given, and when it ends."""


def test_it_knows_the_scenarios_of_the_simulator() -> None:
    assert scenarios.FILE.read_text(encoding="utf-8") == scenarios.current(), "make docs"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the client's wheel in it, so that pytest finds the plugin by its entry point."""
    wheels, folder = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    source = shutil.copytree(ROOT / "clients/python", wheels / "source")
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", wheels, source], check=True)
    (wheel,) = wheels.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--no-index", "--target", folder, wheel], check=True)
    return folder


def clean_environment() -> dict[str, str]:
    """Nothing of the pytest around it."""
    return {name: text for name, text in os.environ.items() if not name.startswith(("ONETILL_", "PYTEST_"))}


def run_tests_of(shop: Path, installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a shop's tests as the shop's developer would."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-o", f"onetill_command={COMMAND}", *arguments],
        cwd=shop,
        env=clean_environment() | {"PYTHONPATH": f"{installed}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        timeout=500,
    )


def passed(done: subprocess.CompletedProcess[str]) -> int:
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-3000:]
    (count,) = re.findall(r"(\d+) passed", done.stdout)
    return int(count)


def test_the_command_of_the_examples_runs_as_it_is_written() -> None:
    (command,) = [block.text for block in read("examples/README.md").blocks("sh")]
    shorter = {"PYTEST_ADDOPTS": "-o onetill_gateways=portone_v2 -k declined"}
    environment = clean_environment() | OF_THE_DEVELOPER | shorter
    done = subprocess.run(
        ["sh", "-ec", command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500
    )
    assert passed(done) == 1


def test_the_example_shop_withstands_a_gateway(installed: Path) -> None:
    """All that the shop tests by itself, and of the scenarios those that would cost it a parcel or a buyer."""
    chosen = f"not whatever or {' or '.join(TELLING)}"
    done = run_tests_of(EXAMPLE, installed, "-o", "onetill_gateways=portone_v2", "-k", chosen)
    assert passed(done) == OWN + len(TELLING)


@pytest.mark.long
def test_the_example_shop_withstands_every_gateway(installed: Path) -> None:
    assert passed(run_tests_of(EXAMPLE, installed)) > scenarios.current().count('"about"')


@pytest.mark.long
def test_a_shop_that_believes_the_browser_fails(installed: Path, tmp_path: Path) -> None:
    shop = shutil.copytree(EXAMPLE, tmp_path / "shop")
    text = (shop / "shop.py").read_text(encoding="utf-8")
    careless = text.replace('if payment["status"] == "paid" and is_ours:', "if is_ours:")
    assert careless != text
    (shop / "shop.py").write_text(careless, encoding="utf-8")
    done = run_tests_of(shop, installed, "-o", "onetill_gateways=portone_v2")
    assert done.returncode == 1, done.stdout
    assert "[portone_v2-declined]" in done.stdout
    assert "Onetill says" in done.stdout


def shop_under_test(folder: Path, text: str, command: str, *arguments: str) -> "subprocess.Popen[str]":
    """Start a shop's tests in a folder, with some command for the demo."""
    (folder / "test_shop.py").write_text(text)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = -p no:asyncio\n")
    plugin = ["-p", "onetill_client.pytest_plugin", "-o", f"onetill_command={command}"]
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", *plugin, *arguments],
        cwd=folder,
        env=clean_environment() | OF_THE_DEVELOPER | {"PYTHONPATH": str(ROOT / "clients/python")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def stand_in(script: str) -> str:
    return f"{sys.executable} -c {shlex.quote(script)}"


def test_the_product_knows_nothing_of_the_developers_own_but_what_is_named(tmp_path: Path) -> None:
    named = "onetill_environment=ONETILL_PORTONE_V2__API_SECRET ONETILL_NEVER_SET"
    process = shop_under_test(tmp_path, "def test_it(onetill_process): pass\n", stand_in(TOLD), "-o", named)
    said, _ = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, said
    assert json.loads((tmp_path / "told.json").read_text())["environment"] == {
        "ONETILL_NOTIFICATIONS__ALLOW_PRIVATE": "true",
        "ONETILL_PORTONE_V2__API_SECRET": "the real one",
        "ONETILL_TIME_SCALE": "20",
    }


def test_the_product_ends_with_tests_that_are_killed(tmp_path: Path) -> None:
    waits = "import time\ndef test_it(onetill_process):\n    open('ready', 'w').close()\n    time.sleep(600)\n"
    process = shop_under_test(tmp_path, waits, stand_in(TOLD))
    until = time.monotonic() + WAIT_S
    while not (tmp_path / "ready").exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < until
        time.sleep(0.02)
    pid = json.loads((tmp_path / "told.json").read_text())["pid"]
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=WAIT_S)
    until = time.monotonic() + 30
    while is_running(pid):
        if time.monotonic() > until:
            os.kill(pid, signal.SIGKILL)
            pytest.fail("it outlived the tests")
        time.sleep(0.02)


@pytest.mark.parametrize(
    "script", ["import time; time.sleep(600)", "import time; print(end='{', flush=True); time.sleep(600)"]
)
def test_a_command_that_never_says_where_it_is_ends_with_a_clear_error(tmp_path: Path, script: str) -> None:
    process = shop_under_test(
        tmp_path, "def test_it(onetill): pass\n", stand_in(script), "-o", "onetill_start_timeout_s=0.5"
    )
    said, _ = process.communicate(timeout=WAIT_S)
    assert process.returncode == 1
    assert "said nothing within 0.5 s (onetill_start_timeout_s)" in said
