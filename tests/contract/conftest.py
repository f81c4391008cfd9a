from collections.abc import AsyncIterator

import pytest

from simulator.server import Simulator, SimulatorSettings

SLOW_S = 1.5
"""Longer than the deadline of an impatient adapter, and never waited for to its end."""


@pytest.fixture(scope="session")
async def running() -> AsyncIterator[Simulator]:
    """One simulator for all contract tests; each test begins with an empty one (`Hands`)."""
    simulator = Simulator(SimulatorSettings(slow_s=SLOW_S, hang_s=5.0))
    await simulator.start()
    yield simulator
    await simulator.stop()
