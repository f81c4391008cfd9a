"""The suite's own rule: a skip is a failure."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.paths import ROOT
from tests.support.no_skips import WAY_OUT


@pytest.mark.parametrize(
    "skipping",
    [
        "def test_it():\n    pytest.skip('not here')",
        "@pytest.mark.skip\ndef test_it(): ...",
        "@pytest.mark.skipif(True, reason='never here')\ndef test_it(): ...",
        "@pytest.fixture\ndef thing():\n    pytest.skip('no thing')\ndef test_it(thing): ...",
        "missing = pytest.importorskip('no_such_module')\ndef test_it(): ...",
    ],
)
def test_a_skip_fails_the_run(tmp_path: Path, skipping: str) -> None:
    path = tmp_path / "test_skipping.py"
    path.write_text(f"import pytest\n{skipping}\n")
    command = (sys.executable, "-m", "pytest", "-q", "-p", "tests.support.no_skips", "-c", "/dev/null", path)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode in {pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED}, done.stdout
    assert WAY_OUT in done.stdout
