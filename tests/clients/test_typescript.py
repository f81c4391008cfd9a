"""The TypeScript client: it compiles, its own tests pass against the running product, and it has every call of a shop."""

import asyncio
import os
import re
import subprocess

import pytest

from app.paths import ROOT
from simulator.server import Simulator
from tests.clients.test_current import CALLS

PACKAGE = ROOT / "clients/typescript"
INDEX = (PACKAGE / "src/index.ts").read_text(encoding="utf-8")


def npm(script: str, **variables: str) -> str:
    done = subprocess.run(
        ["npm", "run", "--silent", script],
        cwd=PACKAGE,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.node
async def test_its_own_tests_pass_against_the_running_product(url: str, key: str, simulator: Simulator) -> None:
    where = {"ONETILL_URL": url, "ONETILL_KEY": key, "SIMULATOR_URL": simulator.url}
    await asyncio.to_thread(npm, "build")
    said = await asyncio.to_thread(npm, "test", **where)
    files = list((PACKAGE / "test").glob("*.test.js"))
    assert len(files) == 2
    passed = re.search(r"^# pass (\d+)$", said, re.MULTILINE) or re.search(r"ℹ pass (\d+)", said)
    written = sum(len(re.findall(r"^test\(", file.read_text(encoding="utf-8"), re.MULTILINE)) for file in files)
    assert passed
    assert int(passed[1]) == written > 8, said


@pytest.mark.parametrize("operation_id", CALLS)
def test_every_call_of_a_shop_is_a_method_in_typescript(operation_id: str) -> None:
    (method,) = re.findall(rf"^  async {operation_id}\((.*)\): Promise<", INDEX, re.MULTILINE)
    keyed = [each for each in CALLS[operation_id]["parameters"] if each.get("name") == "Idempotency-Key"]
    assert [each["required"] for each in keyed] == [": Keyed" in method for _ in keyed]
    assert ("Keyed" in method) == bool(keyed)
