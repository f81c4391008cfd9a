"""The suite's own rule: a skip is a failure."""

import os
import subprocess
import sys
from pathlib import Path

from app.paths import ROOT
from tests.no_skips import WAY_OUT

SKIPS = """
import pytest

def test_by_itself():
    pytest.skip('not here')

@pytest.mark.skip
def test_always(): ...

@pytest.mark.skipif(True, reason='never here')
def test_by_condition(): ...

@pytest.fixture
def thing():
    pytest.skip('no thing')

def test_by_fixture(thing): ...
"""


def test_a_skip_fails_the_run(tmp_path: Path) -> None:
    (tmp_path / "test_skips.py").write_text(SKIPS)
    (tmp_path / "test_file.py").write_text("import pytest\npytest.importorskip('no_such_module')\n")
    command = (
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.no_skips",
        "-c",
        "/dev/null",
        "--continue-on-collection-errors",
    )
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run((*command, tmp_path), cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1, done.stdout
    assert "1 failed, 4 errors" in done.stdout
    assert done.stdout.count(WAY_OUT) >= 5
