"""The worker and the terminal load no web framework."""

import subprocess
import sys

import pytest

from app.paths import ROOT

FRAMEWORKS = {"fastapi", "starlette", "uvicorn", "jinja2"}


@pytest.mark.parametrize("module", ["app.jobs.worker", "app.cli"])
def test_a_process_without_a_page_loads_no_web_framework(module: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", f"import sys, {module}; print(*sys.modules)"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert not FRAMEWORKS & {name.partition(".")[0] for name in told.stdout.split()}
