"""The product as processes of its own: two of the API, two workers, and the imitated gateways in this one."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from app.db.database import Database
from app.demo.run import accounts
from app.paths import ROOT
from app.ports import free_ports
from app.settings import Settings
from simulator.server import Simulator, SimulatorSettings
from tests.concurrency.victims import until
from tests.support import Shop
from tests.support.databases import Urls
from tests.support.settings import SECRET_KEY

TIME_SCALE = 100
"""Retries, sweeps and the gateways' batches are so much faster; one of Point3's takes 3 s then."""
FAULTS = ("Traceback", "illegal_transition", "job_broke", "work_broke", "work_failed", "unhandled_error")
"""What no process may have to log, however many race."""


@dataclass(frozen=True, slots=True)
class Running:
    """The product as processes of its own."""

    shop: Shop
    database: Database
    log: Path

    def assert_no_fault(self) -> None:
        """Nobody saw an error of ours."""
        told = self.log.read_text()
        for word in FAULTS:
            assert word not in told, told


@asynccontextmanager
async def running(urls: Urls, api_key: str, database: Database, log: Path) -> AsyncIterator[Running]:
    port = free_ports()
    url = f"http://127.0.0.1:{port}"
    simulator = Simulator(SimulatorSettings(slow_s=0.3, time_scale=TIME_SCALE))
    async with AsyncExitStack() as stack:
        await simulator.start()
        stack.push_async_callback(simulator.stop)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ONETILL_")} | {
            "PYTHONPATH": str(ROOT),
            "ONETILL_DATABASE_URL": urls.app,
            "ONETILL_SECRET_KEY": SECRET_KEY,
            "ONETILL_PUBLIC_URL": url,
            "ONETILL_TIME_SCALE": str(TIME_SCALE),
            "ONETILL_LOG_LEVEL": "warning",
            **accounts(simulator),
        }
        output = stack.enter_context(log.open("wb"))
        for arguments in (("serve", "--port", str(port), "--workers", "2"), ("worker",), ("worker",)):
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "app.cli", *arguments, env=environment, cwd=ROOT, stdout=output, stderr=output
            )
            stack.push_async_callback(_end, process)
        headers = {"Authorization": f"Bearer {api_key}"}
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=url, headers=headers, timeout=120))
        await until(partial(_is_ready, client))
        settings = Settings(_env_file=None)  # type: ignore[call-arg]  # pydantic-settings takes it, its type does not say so
        shop = Shop(client, simulator, settings)
        await shop.webhooks_go_to(url, "duplicate")
        yield Running(shop, database, log)


async def _is_ready(client: httpx.AsyncClient) -> bool:
    with suppress(httpx.TransportError):
        return (await client.get("/readyz")).status_code == 200
    return False


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(120):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
