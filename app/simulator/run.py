"""`onetill simulator`: the stand-ins of the gateways as a process of their own."""

import asyncio
import signal

from app.simulator.server import Simulator, SimulatorSettings


async def until_told() -> None:
    """Wait for SIGTERM or SIGINT."""
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    await told.wait()


async def run_simulator(host: str, port: int, time_scale: float) -> None:
    """Serve until told to stop; print where everything is. The gateways listen on the ports after `port`."""
    simulator = Simulator(
        SimulatorSettings(host=host, port=port, point3_port=port + 1 if port else 0, time_scale=time_scale)
    )
    await simulator.start()
    print(f"simulator {simulator.url}", flush=True)
    for name, account in simulator.gateways.items():
        print(f"{name} {account['base_url']}", flush=True)
    try:
        await until_told()
    finally:
        await simulator.stop()
