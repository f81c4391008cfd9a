from collections.abc import AsyncIterator

import pytest

from simulator.delays import Delays
from simulator.server import Simulator, SimulatorSettings
from tests.contract.conftest import SLOW_S
from tests.example_gateway.twin import AcmePayTwin


class SimulatorWithAcmePay(Simulator):
    """The simulator and a fifth gateway: what simulator/server.py says of the others, said of this one."""

    def __init__(self, settings: SimulatorSettings) -> None:
        super().__init__(settings)
        twin = AcmePayTwin(self.clock, "sim_acmepay_key", Delays(settings.slow_s, settings.hang_s))
        self.twins[twin.name] = twin


@pytest.fixture(scope="session")
async def running() -> AsyncIterator[Simulator]:
    """One simulator for all tests of this folder; each test begins with an empty one (`Hands`)."""
    simulator = SimulatorWithAcmePay(SimulatorSettings(slow_s=SLOW_S, hang_s=5.0))
    await simulator.start()
    yield simulator
    await simulator.stop()
