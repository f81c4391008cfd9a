from collections.abc import AsyncIterator

import pytest

from simulator.server import Simulator, SimulatorSettings

from .driver import Driver


@pytest.fixture(scope="session")
async def running() -> AsyncIterator[Simulator]:
    simulator = Simulator(SimulatorSettings(slow_s=0.15, hang_s=5.0))
    await simulator.start()
    yield simulator
    await simulator.stop()


@pytest.fixture
async def sim(running: Simulator) -> AsyncIterator[Driver]:
    """An empty simulator, and a merchant who knows its first secret."""
    for twin in running.twins.values():
        twin.reset()
    running.clock.restart()
    async with Driver(running) as driver:
        yield driver
