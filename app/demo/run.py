"""`onetill demo`: everything on one machine, and where to look at it."""

import asyncio
import json
import os
from contextlib import AsyncExitStack

from rich.console import Console
from rich.panel import Panel

from app.db import migrate
from app.db.embedded import EmbeddedPostgres
from app.demo.processes import Child, ports_from, serving, until_ready, until_told
from app.demo.shop import create_shop
from app.gateways.registry import MANIFESTS
from app.services import opened
from app.settings import Settings
from simulator.server import Simulator, SimulatorSettings

DATABASE = "onetill"


async def run_demo(*, port: int, as_json: bool) -> None:
    """Start all, print where it is, and run until told to stop; then end all of it.

    `ONETILL_*` variables that are set already win over the demo's own, and are named aloud. Raises RuntimeError when a part does
    not start.
    """
    say = Console(stderr=True)
    if given := sorted(name for name in os.environ if name.upper().startswith("ONETILL_")):
        say.print(f"From your environment, not the demo's own: {', '.join(given)}", soft_wrap=True, markup=False)
    async with until_told(), AsyncExitStack() as stack:
        ports = ports_from(port, 3 + len(MANIFESTS))
        api, shop = f"http://127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}"
        own: dict[str, str] = {
            "ONETILL_PUBLIC_URL": api,
            "ONETILL_LOG_LEVEL": "warning",
            "ONETILL_NOTIFICATIONS__ALLOW_PRIVATE": "true",  # whoever listens is on this machine, too
            "ONETILL_FRAME_ANCESTORS": shop,
        }
        if "ONETILL_DATABASE_URL" not in os.environ:
            say.print("Starting Postgres …")
            postgres = EmbeddedPostgres()
            stack.callback(postgres.stop)
            postgres.start()
            postgres.execute("postgres", f"CREATE DATABASE {DATABASE}")
            own["ONETILL_DATABASE_URL"] = postgres.app_url(DATABASE)
            own["ONETILL_DATABASE_OWNER_URL"] = postgres.owner_url(DATABASE)
        say.print("Starting the simulated gateways …")
        simulated = SimulatorSettings(port=ports[2]).with_variables(os.environ).with_webhooks_to(api)
        simulator = Simulator(simulated)
        await simulator.start()
        stack.push_async_callback(simulator.stop)
        own |= accounts(simulator)
        environment = {name: value for name, value in own.items() if name not in os.environ}
        os.environ.update(environment)
        settings = Settings()
        say.print("Bringing the schema up to date …")
        owner_url = settings.database_owner_url or settings.database_url
        await migrate.upgrade(owner_url, settings.database_url, one_role=settings.mode == "test")
        async with opened(settings) as services:
            _, api_key = await services.keys.create(mode=settings.mode, scopes=["*"], store="main", name="demo")
        say.print("Starting API, worker and shop …")
        for arguments in (("serve", "--port", str(ports[0])), ("worker",)):
            child = Child(*arguments, environment=environment)
            stack.push_async_callback(child.stop)
            await child.start()
        await until_ready(f"{api}/readyz")
        await stack.enter_async_context(serving(create_shop(api, api_key, shop), ports[1]))
        if as_json:
            print(json.dumps(_facts(api, api_key, simulator, shop, settings)), flush=True)
        else:
            say.print(_welcome(api, simulator.url, shop))
            say.print(_curl(api, api_key), soft_wrap=True, highlight=False, markup=False)
        stack.callback(say.print, "Stopping …")
        await asyncio.Event().wait()


def accounts(simulator: Simulator) -> dict[str, str]:
    """The settings with which Onetill reaches every gateway of a running simulator, as variables."""
    return {
        manifest.variable(setting): text
        for manifest in MANIFESTS
        for setting, text in manifest.at_simulator(simulator.gateways[manifest.name]).items()
    }


def _facts(api: str, api_key: str, simulator: Simulator, shop: str, settings: Settings) -> dict[str, object]:
    """The JSON line that checks and load tools read (docs/architecture.md §6)."""
    return {
        "api": api,
        "api_key": api_key,
        "simulator": simulator.url,
        "shop": shop,
        "database_url": settings.database_url,
        "gateways": simulator.gateways,
    }


def _welcome(api: str, simulator: str, shop: str) -> Panel:
    return Panel(
        f"[bold]Buy something:[/]     {shop}\n"
        f"[bold]API reference:[/]     {api}/docs\n"
        f"[bold]What really moved:[/] {simulator}\n\n"
        "Ctrl-C stops all of it; nothing is kept.",
        title="Onetill is running",
        highlight=False,
        expand=False,
    )


def _curl(api: str, api_key: str) -> str:
    """A first payment from a terminal, to be copied as it is."""
    return (
        "\nOr from a terminal:\n\n"
        f"curl -s {api}/payments \\\n"
        f"  -H 'Authorization: Bearer {api_key}' \\\n"
        "  -H 'Idempotency-Key: my-first-payment' -H 'Content-Type: application/json' \\\n"
        '  -d \'{"order_id": "order-1", "order_name": "Mug", "amount": 24000, "currency": "KRW"}\'\n'
    )
