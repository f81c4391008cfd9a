"""The processes: the API, the worker, the migration, the simulator, and all of it as a demo."""

import os
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from app import logs
from app.cli.terminal import Json, errors, extra, read_settings, run_to_end, with_services
from app.setting_types import listens_here
from app.settings import Settings

MOST_FILES = 16_384

processes = typer.Typer()


@processes.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(help="Processes; as many as cores is right.", min=1, max=64)] = 1,
) -> None:
    """Run the API and the checkout pages."""
    import uvicorn

    from app.api.protocol import EdgeProtocol

    settings = read_settings()
    if not listens_here(host):
        try:
            settings.refuse_published_key_for(f"--host {host} can be reached from other machines")
        except ValueError as error:
            errors.print(f"{error}", markup=False, style="red", soft_wrap=True)
            raise typer.Exit(2) from None
    run_to_end(_refuse_unfit_database(settings))
    if workers > 1:
        # Each process counts for itself; in a common folder, /metrics of any of them adds them up.
        folder = TemporaryDirectory(prefix="onetill-metrics-")
        os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", folder.name)
    uvicorn.run(
        "app.main:create_app",
        factory=True,
        host=host,
        port=port,
        timeout_keep_alive=settings.keep_alive_s,
        workers=workers,
        loop="uvloop",
        http=EdgeProtocol,
        ws="none",
        proxy_headers=False,  # whom to trust with X-Forwarded-For is ONETILL_TRUSTED_PROXIES, see app/api/source.py
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=30,
    )


@processes.command()
def worker(
    metrics_host: Annotated[str, typer.Option(help="Address that metrics are served at.")] = "127.0.0.1",
    metrics_port: Annotated[
        int | None, typer.Option(help="Serve this worker's metrics for Prometheus here.", min=1, max=65535)
    ] = None,
) -> None:
    """Run the worker: it looks into webhooks, and into every undecided attempt when its time has come."""
    from prometheus_client import start_http_server

    from app.jobs.worker import Worker
    from app.metrics import REGISTRY

    settings = read_settings()
    logs.configure(settings.log_level)
    _allow_many_connections()
    if metrics_port is not None:
        start_http_server(metrics_port, metrics_host, registry=REGISTRY)
    with_services(lambda services: Worker(services).run(), settings, waits=True)


def _allow_many_connections() -> None:
    """Hundreds of endpoints that hang hold thousands of connections; a shell often allows 1,024 files."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


@processes.command()
def migrate() -> None:
    """Bring the database to the newest schema, as its owner. Safe to run twice."""
    from app.db import migrate as schema

    settings = read_settings()
    owner_url = settings.database_owner_url or settings.database_url
    is_told = "database_url" in settings.model_fields_set or settings.database_owner_url is None
    app_url = settings.database_url if is_told else None
    revision = run_to_end(schema.upgrade(owner_url, app_url, one_role=settings.mode == "test"))
    typer.echo(f"The schema is at revision {revision}.")


@processes.command()
def simulator(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Port of the simulator's own hands; gateways listen on the next four.")
    ] = 8002,
    public_host: Annotated[
        str | None, typer.Option(help="Host name under which browsers reach it, where that is not the address above.")
    ] = None,
) -> None:
    """Run the stand-ins of the gateways: for development and tests, never for live money."""
    with extra("simulator"):
        from simulator.server import SimulatorSettings, run_simulator

    async def run() -> None:
        own = SimulatorSettings(host=host, port=port, public_host=public_host)
        await run_simulator(own.with_variables(os.environ))

    run_to_end(run())


@processes.command()
def demo(
    port: Annotated[
        int, typer.Option(help="Port of the API; shop and simulator take the next six. 0: any free.")
    ] = 8000,
    as_json: Json = False,
) -> None:
    """Run everything on this machine: Postgres, the simulated gateways, API, worker and a small shop."""
    with extra("demo"):
        from app.demo.run import run_demo

    run_to_end(run_demo(port=port, as_json=as_json))


async def _refuse_unfit_database(settings: Settings) -> None:
    """Raise DatabaseUnusable where no process may work with the database; one that is away or has no schema is waited for."""
    from app.db.database import Database

    database = Database(settings.database_url, connections=1, is_live=settings.mode == "live")
    await database.open()
    try:
        await database.report()
    finally:
        await database.close()
