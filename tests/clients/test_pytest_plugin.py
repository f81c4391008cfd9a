"""The pytest plugin as a shop installs it: the example shop's own tests pass with it, and a careless shop fails."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.paths import ROOT
from scripts import scenarios

EXAMPLE = ROOT / "examples/bookshop"
COMMAND = f"{sys.executable} -m app.cli demo"
TELLING = ["declined", "late_approval", "lost_webhook", "amount_differs", "virtual_account"]
"""One of each kind: no money, money late, news lost, wrong money, money that waits. The long test runs through all."""
OWN = 9
"""Tests of the shop that take no scenario."""


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


def run_tests_of(shop: Path, installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a shop's tests as the shop's developer would."""
    clean = {name: text for name, text in os.environ.items() if not name.startswith(("ONETILL_", "PYTEST_"))}
    own = ["-p", "no:asyncio", "-p", "no:xdist", "-p", "no:cacheprovider", "-o", f"onetill_command={COMMAND}"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *own, *arguments],
        cwd=shop,
        env=clean | {"PYTHONPATH": f"{installed}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        timeout=500,
    )


def passed(done: subprocess.CompletedProcess[str]) -> int:
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-3000:]
    (count,) = re.findall(r"(\d+) passed", done.stdout)
    return int(count)


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
