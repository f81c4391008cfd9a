"""pytest plugin: a whole Onetill with imitated gateways beside the tests of a shop, and every fault on order.

Nothing leaves the machine: the product is started without the `ONETILL_*` variables of whoever runs the tests, so that it knows
no gateway, secret or database but its own. It ends with the tests; on Linux also when they are killed.

| fixture | is |
|---|---|
| `onetill` | the product, running, as `Sandbox`: its address and key for the shop under test, and the tester's hands |
| `onetill_scenario` | one `Scenario`; the test runs once with each of those that the gateways of `onetill_gateways` know |

| ini | default |
|---|---|
| `onetill_command` | `onetill demo`: the command of an installation that has the extra `demo` |
| `onetill_gateways` | all of them |
| `onetill_time_scale` | 20: by how much waits of the product are divided |
| `onetill_environment` | none: the `ONETILL_*` variables that the product is given as they are set, by name |
| `onetill_start_timeout_s` | 180: how long the command may take until it says where it is |
"""

import ctypes
import json
import os
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import httpx2
import pytest

from onetill_client.client import Onetill
from onetill_client.models import AttemptView

STOP_TIMEOUT_S = 30.0
PREFIX = "ONETILL_"
_PR_SET_PDEATHSIG = 1
AFTER_PAYING = {"console_cancel"}
"""Scenarios of what somebody does to a payment that is paid."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One way in which paying may go at a gateway. `about` says what happens."""

    gateway: str
    name: str
    about: str
    calls: tuple[str, ...]
    """The gateway's calls that it changes; `pay` is the buyer in the gateway's window."""
    by_buyer: bool
    """Whether the buyer's payment brings it about; otherwise it is planned for a call."""


def scenarios() -> list[Scenario]:
    """Those of all gateways."""
    told = json.loads(files("onetill_client").joinpath("scenarios.json").read_text(encoding="utf-8"))
    return [
        Scenario(gateway, name, each["about"], tuple(each["calls"]), each["by_buyer"])
        for gateway, known in told.items()
        for name, each in known.items()
    ]


class Sandbox:
    """A running Onetill in test mode, and the hands of its simulator.

    Gateways forget everything before each test; payments stay, so name the orders of each test differently.
    """

    def __init__(self, facts: dict[str, Any]) -> None:
        self.url: str = facts["api"]
        """What the shop is to be configured with, and `key`."""
        self.key: str = facts["api_key"]
        self.client = Onetill(self.url, self.key)
        """For what a test wants to see with its own eyes."""
        self._hands = httpx2.Client(base_url=facts["simulator"], timeout=30)

    def buyer_pays(self, payment_id: str, scenario: Scenario | str = "paid") -> dict[str, str]:
        """The buyer finishes the newest attempt, and the scenario happens. Returns what the buyer's browser received."""
        attempt = self._newest(payment_id)
        name = scenario if isinstance(scenario, str) else scenario.name
        if isinstance(scenario, Scenario) and not scenario.by_buyer:
            self.plan(payment_id, name)
            name = "paid"
        where = {"gateway": attempt["gateway"], "reference": attempt["reference"]}
        if name in AFTER_PAYING:
            self._hand("pay", **where)
        return dict(self._hand("pay", **where, scenario=name))

    def plan(self, payment_id: str, scenario: str, *, call: str | None = None, times: int = 1) -> None:
        """Have the next `times` calls about the newest attempt follow a scenario, those of `call` only where it is named."""
        attempt = self._newest(payment_id)
        narrowed = {} if call is None else {"call": call}
        where = {"gateway": attempt["gateway"], "reference": attempt["reference"]}
        self._hand("scenario", **where, scenario=scenario, times=times, **narrowed)

    def webhooks(self, gateway: str, mode: str) -> None:
        """How a gateway's webhooks go out from now on: `send`, `lose`, `duplicate`, `reorder`, `delay`."""
        self._hand("webhooks", gateway=gateway, mode=mode)

    def pass_time(self, seconds: float) -> None:
        """Move the gateways' clock: what they do later is done now."""
        self._hand("advance", seconds=seconds)

    def money_kept(self, payment_id: str) -> int:
        """The truth: what the gateways hold for this payment, in minor units, whatever anybody was told."""
        references = {attempt["reference"] for attempt in self.client.get_payment(payment_id)["attempts"]}
        rows = self._hands.get("/_sim/journal").raise_for_status().json()
        return sum(row["amount"] * row["captures"] - row["refunded"] for row in rows if row["reference"] in references)

    def forget(self) -> None:
        """Let the gateways forget everything, plans too."""
        self._hand("reset")

    def close(self) -> None:
        """Close the connections."""
        self.client.close()
        self._hands.close()

    def _newest(self, payment_id: str) -> AttemptView:
        return self.client.get_payment(payment_id)["attempts"][-1]

    def _hand(self, name: str, **body: Any) -> Any:
        answer = self._hands.post(f"/_sim/{name}", json=body)
        assert answer.is_success, f"the simulator refused {name} {body}: {answer.text}"
        return answer.json()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The settings of the table above."""
    parser.addini("onetill_command", "Starts the demo; gets --json --port 0.", default="onetill demo")
    parser.addini("onetill_gateways", "Whose scenarios `onetill_scenario` runs through.", type="args", default=[])
    parser.addini("onetill_time_scale", "By how much the product's waits are divided.", default="20")
    parser.addini("onetill_environment", "ONETILL_* variables that the product is given.", type="args", default=[])
    parser.addini("onetill_start_timeout_s", "Until the command says where it is.", default="180")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `onetill_scenario` runs once with each."""
    if "onetill_scenario" in metafunc.fixturenames:
        wanted = metafunc.config.getini("onetill_gateways")
        chosen = [each for each in scenarios() if not wanted or each.gateway in wanted]
        metafunc.parametrize("onetill_scenario", chosen, ids=[f"{each.gateway}-{each.name}" for each in chosen])


def _environment(wanted: list[str]) -> dict[str, str]:
    """The developer's environment, of which the product's own settings, in any spelling, only where they are named."""
    named = {name.upper() for name in wanted}
    return {
        name: text for name, text in os.environ.items() if not name.upper().startswith(PREFIX) or name.upper() in named
    }


def _end_with_parent() -> None:
    """In the child, before it becomes the command: ask the kernel to interrupt it when these tests die."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


def _first_line(process: "subprocess.Popen[bytes]", timeout_s: float) -> bytes | None:
    """The line that says where everything is; empty where the command ended without, None where it said none in time."""
    assert process.stdout is not None
    said, until = b"", time.monotonic() + timeout_s
    while b"\n" not in said:
        ready, _, _ = select.select([process.stdout], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            return None
        read = os.read(process.stdout.fileno(), 65_536)
        if not read:
            return b""
        said += read
    return said.partition(b"\n")[0]


@pytest.fixture(scope="session")
def onetill_process(pytestconfig: pytest.Config) -> Iterator[Sandbox]:
    """The running product; ask for `onetill` instead."""
    command = [*shlex.split(pytestconfig.getini("onetill_command")), "--json", "--port", "0"]
    own = {
        "ONETILL_TIME_SCALE": pytestconfig.getini("onetill_time_scale"),
        "ONETILL_NOTIFICATIONS__ALLOW_PRIVATE": "true",  # the shop under test listens on this machine
    }
    with subprocess.Popen(  # noqa: S603  # the project's own setting
        command,
        stdout=subprocess.PIPE,
        env=own | _environment(pytestconfig.getini("onetill_environment")),
        preexec_fn=_end_with_parent if sys.platform == "linux" else None,
    ) as process:
        try:
            timeout_s = float(pytestconfig.getini("onetill_start_timeout_s"))
            line = _first_line(process, timeout_s)
            if line is None:
                pytest.fail(
                    f"`{shlex.join(command)}` said nothing within {timeout_s:g} s (onetill_start_timeout_s); what it printed "
                    "stands above",
                    pytrace=False,
                )
            if not line:
                pytest.fail(f"`{shlex.join(command)}` did not start; it says why above", pytrace=False)
            sandbox = Sandbox(json.loads(line))
            yield sandbox
            sandbox.close()
        finally:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture
def onetill(onetill_process: Sandbox) -> Sandbox:
    """A running Onetill whose gateways have forgotten the test before."""
    onetill_process.forget()
    return onetill_process
