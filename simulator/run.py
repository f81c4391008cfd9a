"""`onetill simulator`: the stand-ins of the gateways as a process of their own."""

import asyncio
import signal

from simulator.server import Simulator, SimulatorSettings


async def until_told() -> None:
    """Wait for SIGTERM or SIGINT."""
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    await told.wait()


async def run_simulator(host: str, port: int, time_scale: float, public_host: str | None = None) -> None:
    """Serve until told to stop; print where everything is. The gateways listen on the ports after `port`.

    `public_host` is the name under which browsers reach it, where that is not where it listens.
    """
    point3, v1, v2, unifi = (port + place if port else 0 for place in (1, 2, 3, 4))
    simulator = Simulator(
        SimulatorSettings(
            host=host,
            port=port,
            public_host=public_host,
            point3_port=point3,
            portone_v1_port=v1,
            portone_v2_port=v2,
            unifi_pay_port=unifi,
            time_scale=time_scale,
        )
    )
    await simulator.start()
    print(f"simulator {simulator.url}", flush=True)
    for name, account in simulator.gateways.items():
        print(f"{name} {account['base_url']}", flush=True)
    try:
        await until_told()
    finally:
        await simulator.stop()
