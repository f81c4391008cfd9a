"""The command `onetill`: the processes, the schema, the keys."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from tempfile import TemporaryDirectory
from typing import Annotated, Any, TypeVar
from uuid import UUID

import asyncpg
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from app import logs
from app.domain import ids
from app.domain.errors import InvalidRequest, MalformedId, OnetillError
from app.setting_types import listens_here
from app.settings import Settings

app = typer.Typer(
    name="onetill",
    help="A merchant's own payment backend. Settings are ONETILL_* variables; see .env.example.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
keys = typer.Typer(help="API keys of shop servers.", no_args_is_help=True)
app.add_typer(keys, name="keys")
payments = typer.Typer(help="Look at payments, and repair, from a terminal.", no_args_is_help=True)
app.add_typer(payments, name="payments")
refunds = typer.Typer(help="Look at refunds, and decide those that only a person can.", no_args_is_help=True)
app.add_typer(refunds, name="refunds")
inbox = typer.Typer(help="Webhooks that nobody could apply.", no_args_is_help=True)
app.add_typer(inbox, name="inbox")
errors = Console(stderr=True)

T = TypeVar("T")
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(help="Processes; as many as cores is right.", min=1, max=64)] = 1,
) -> None:
    """Run the API and the checkout pages."""
    import uvicorn

    from app.api.protocol import EdgeProtocol

    settings = _settings()
    if not listens_here(host):
        try:
            settings.refuse_published_key_for(f"--host {host} can be reached from other machines")
        except ValueError as error:
            errors.print(f"{error}", markup=False, style="red", soft_wrap=True)
            raise typer.Exit(2) from None
    _run(_refuse_unfit_database(settings))
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


@app.command()
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

    settings = _settings()
    logs.configure(settings.log_level)
    if metrics_port is not None:
        start_http_server(metrics_port, metrics_host, registry=REGISTRY)
    _with_services(lambda services: Worker(services).run(), settings, waits=True)


@app.command()
def migrate() -> None:
    """Bring the database to the newest schema, as its owner. Safe to run twice."""
    from app.db import migrate as schema

    settings = _settings()
    owner_url = settings.database_owner_url or settings.database_url
    is_told = "database_url" in settings.model_fields_set or settings.database_owner_url is None
    app_url = settings.database_url if is_told else None
    revision = _run(schema.upgrade(owner_url, app_url, one_role=settings.mode == "test"))
    typer.echo(f"The schema is at revision {revision}.")


@app.command()
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
    with _extra("simulator"):
        from simulator.server import SimulatorSettings, run_simulator

    async def run() -> None:
        own = SimulatorSettings(host=host, port=port, public_host=public_host)
        await run_simulator(own.with_variables(os.environ))

    _run(run())


@app.command()
def demo(
    port: Annotated[
        int, typer.Option(help="Port of the API; shop and simulator take the next six. 0: any free.")
    ] = 8000,
    as_json: Json = False,
) -> None:
    """Run everything on this machine: Postgres, the simulated gateways, API, worker and a small shop."""
    with _extra("demo"):
        from app.demo.run import run_demo

    _run(run_demo(port=port, as_json=as_json))


@keys.command("create")
def create_key(
    mode: Annotated[str, typer.Option(help="live or test; must be the deployment's ONETILL_MODE.")] = "test",
    scopes: Annotated[
        str,
        typer.Option(
            help="Comma-separated: payments:read, payments:write, payments:resolve, refunds:read, refunds:write; "
            "* for all."
        ),
    ] = "*",
    store: Annotated[
        str, typer.Option(help="The shop that the key speaks for; it sees that store's payments only.")
    ] = "main",
    name: Annotated[str, typer.Option(help="A note for people.")] = "",
    as_json: Json = False,
) -> None:
    """Make a key and print it. It is shown this once."""
    wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
    key, text = _with_services(lambda services: services.keys.create(mode=mode, scopes=wanted, store=store, name=name))
    if as_json:
        typer.echo(json.dumps({"id": key.public_id, "key": text}))
    else:
        typer.echo(f"{text}\n\nKey {key.public_id} of store {key.store}. Keep it now: it cannot be shown again.")


@keys.command("list")
def list_keys(as_json: Json = False) -> None:
    """List the keys, newest first, without their secrets."""
    found = _with_services(lambda services: services.keys.list())
    rows = [
        {
            "id": key.public_id,
            "store": key.store,
            "mode": key.mode,
            "name": key.name,
            "ends_in": key.hint,
            "scopes": key.scopes,
            "created_at": key.created_at.isoformat(),
            "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
        }
        for key in found
    ]
    _show(rows, as_json=as_json)


@keys.command("revoke")
def revoke_key(key_id: Annotated[str, typer.Argument(help="key_…, as `keys list` shows it.")]) -> None:
    """End a key. Running processes stop taking it within 5 seconds."""
    key = _with_services(lambda services: services.keys.revoke(key_id))
    typer.echo(f"Key {key.public_id} of store {key.store} is revoked.")


PaymentId = Annotated[str, typer.Argument(help="pay_…, as the API shows it.")]


@payments.command("verify-history")
def verify_history(
    payment_id: Annotated[str | None, typer.Argument(help="pay_…; all payments, and the anchors, without it.")] = None,
    anchor: Annotated[
        str | None, typer.Option(help="An anchor that you kept outside, as the worker logs it: number:seal.")
    ] = None,
) -> None:
    """Check that audit trails are whole and sealed, and that amounts, orders and references stand as they say."""
    from app.jobs.history import check_all

    only = _payment(payment_id) if payment_id else None
    checked, broken = _with_services(lambda services: check_all(services, errors, only, anchor))
    for public_id, faults in broken:
        for fault in faults:
            errors.print(f"{public_id}: {fault}", markup=False, style="red", soft_wrap=True)
    typer.echo(f"{checked} audit trails checked, {len(broken)} with faults.")
    if broken:
        raise typer.Exit(1)


@payments.command("exchanges")
def show_exchanges(payment_id: PaymentId, as_json: Json = False) -> None:
    """Show what was said with the gateways about a payment, masked, as long as it is kept."""
    wanted = _payment(payment_id)
    heard = _with_services(lambda services: services.gateway_log.of(wanted))
    rows = [asdict(each) | {"at": each.at.isoformat(timespec="milliseconds")} for each in heard]
    _show(rows, as_json=as_json)


@payments.command("give-back")
def give_back(payment_id: PaymentId) -> None:
    """Release rejected money that ONETILL_REJECTED_MONEY=hold keeps: it goes back to the buyer now."""
    wanted = _payment(payment_id)
    payment = _with_services(lambda services: services.refunds.release(wanted))
    states = ", ".join(f"{refund.public_id} {refund.status}" for refund in payment.refunds)
    typer.echo(f"{payment.public_id} is {payment.status}; {states}")


@payments.command("resolve")
def resolve(
    payment_id: PaymentId,
    action: Annotated[
        str,
        typer.Argument(
            help="accept keeps the money, where a look-up shows it whole; refund sends back what the look-ups show; "
            "close ends the payment where they show none."
        ),
    ],
    note: Annotated[str, typer.Option(help="Why, and how you know; it stays in the payment's audit trail.")],
) -> None:
    """Decide about a payment that calls a person (`needs_attention`). The gateways are asked first."""
    from app.resolution.decisions import Action

    if action not in set(Action):
        errors.print(f"{action!r} is none of {', '.join(Action)}", style="red", markup=False)
        raise typer.Exit(2)
    wanted = _payment(payment_id)
    payment = _with_services(lambda services: services.resolutions.resolve(wanted, None, Action(action), note))
    kept = f"; {payment.attention.sentence}" if payment.attention else ""
    typer.echo(f"{payment.public_id} is {payment.status}{kept}")


RefundId = Annotated[str, typer.Argument(help="ref_…, as the API shows it.")]
Note = Annotated[str, typer.Option(help="Why, and how you know; it stays in the payment's audit trail.")]


@refunds.command("list")
def list_refunds(payment_id: PaymentId, as_json: Json = False) -> None:
    """List the refunds of a payment, external ones too."""
    wanted = _payment(payment_id)
    payment = _with_services(lambda services: services.payments.get(wanted, None))
    rows = [
        {
            "id": each.public_id,
            "status": str(each.status),
            "amount": str(each.returned),
            "cause": each.initiator,
            "reason": each.reason,
            "gateway_ref": each.gateway_ref,
            "asked": each.refund_attempts,
            "next_look": each.next_check_at.isoformat(timespec="seconds") if each.next_check_at else None,
        }
        for each in payment.refunds
    ]
    _show(rows, as_json=as_json)


@refunds.command("done")
def refund_done(
    refund_id: RefundId,
    note: Note,
    amount: Annotated[int | None, typer.Option(help="Minor units, if not what was asked.", min=1)] = None,
) -> None:
    """Say that a refund is done, which no look-up shows: it was made by hand, or the gateway told you."""
    _told(
        refund_id,
        lambda services, wanted: services.refunds.mark(wanted, is_done=True, note=note, amount_minor=amount),
    )


@refunds.command("failed")
def refund_failed(refund_id: RefundId, note: Note) -> None:
    """Say that a refund will not happen. Its amount is free again."""
    _told(refund_id, lambda services, wanted: services.refunds.mark(wanted, is_done=False, note=note))


@refunds.command("ask-again")
def refund_again(refund_id: RefundId, note: Note) -> None:
    """Ask the gateway once more for a refund whose answer was lost, after you have seen there that it was not carried out."""
    _told(refund_id, lambda services, wanted: services.refunds.ask_again(wanted, note))


@refunds.command("record")
def record_refund(
    payment_id: PaymentId,
    note: Note,
    amount: Annotated[
        int | None, typer.Option(help="Minor units of the payment's currency; all that is left without it.", min=1)
    ] = None,
) -> None:
    """Record a refund that was made by hand, where the gateway has no refund API."""
    wanted = _payment(payment_id)
    payment, refund = _with_services(lambda services: services.refunds.record(wanted, amount, note))
    typer.echo(f"{refund.public_id} of {refund.returned} is {refund.status}; {payment.public_id} is {payment.status}")


@inbox.command("list")
def list_inbox(
    limit: Annotated[int, typer.Option(help="How many, the newest first.", min=1, max=1000)] = 100,
    as_json: Json = False,
) -> None:
    """List the webhooks that are parked for a person: what they point at, and why they could not be applied."""
    found = _with_services(lambda services: services.webhooks.parked(limit))
    rows = [
        {
            "id": each.public_id,
            "gateway": each.gateway,
            "proof": each.proof,
            "kind": each.kind,
            "reference": each.reference,
            "gateway_ref": each.gateway_ref,
            "received_at": each.received_at.isoformat(timespec="seconds"),
            "times_received": each.times_received,
            "note": each.note,
        }
        for each in found
    ]
    _show(rows, as_json=as_json)


@inbox.command("dismiss")
def dismiss(
    webhook_id: Annotated[str, typer.Argument(help="whi_…, as `inbox list` shows it.")],
    note: Annotated[str, typer.Option(help="Why; it stays with the webhook.")],
) -> None:
    """End a parked webhook that needs nothing more. Sent again by its gateway, it is looked into again."""
    wanted = _id(ids.Prefix.WEBHOOK, webhook_id, "webhook")
    webhook = _with_services(lambda services: services.webhooks.dismiss(wanted, note))
    typer.echo(f"{webhook.public_id} of {webhook.gateway} is dismissed.")


def _told(refund_id: str, work: Callable[[Any, UUID], Awaitable[tuple[Any, Any]]]) -> None:
    """Do what a person has decided about a refund, and say how it stands."""
    wanted = _id(ids.Prefix.REFUND, refund_id, "refund")
    payment, refund = _with_services(lambda services: work(services, wanted))
    typer.echo(f"{refund.public_id} of {refund.returned} is {refund.status}; {payment.public_id} is {payment.status}")


def _show(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    """Print rows for programs or for people."""
    if as_json:
        typer.echo(json.dumps(rows))
        return
    if not rows:
        errors.print("None.")
        return
    table = Table(*(name.replace("_", " ") for name in rows[0]))
    for row in rows:
        table.add_row(*(", ".join(v) if isinstance(v, list) else "" if v is None else str(v) for v in row.values()))
    Console().print(table)


def _payment(text: str) -> UUID:
    return _id(ids.Prefix.PAYMENT, text, "payment")


def _id(prefix: ids.Prefix, text: str, kind: str) -> UUID:
    """The id that a person typed, or a line that says how it should look, and exit code 2."""
    try:
        return ids.read(prefix, text)
    except MalformedId:
        errors.print(
            f"{text!r} is no {kind} id; it looks like {prefix}_ and 32 letters and digits", style="red", markup=False
        )
        raise typer.Exit(2) from None


@contextmanager
def _extra(name: str) -> Iterator[None]:
    """Load what only an extra holds; say which one is missing, and exit with code 2."""
    try:
        yield
    except ModuleNotFoundError as error:
        errors.print(
            f"{error.name} is not installed. `onetill {name}` needs the extra {name!r}, in a checkout of Onetill: "
            f"pip install -e '.[{name}]'. The image for it is the Dockerfile's target 'simulator'.",
            style="red",
            markup=False,
            soft_wrap=True,
        )
        raise typer.Exit(2) from None


def _settings() -> Settings:
    """The settings, or a readable list of what is wrong with them and exit code 2."""
    try:
        return Settings()
    except ValidationError as error:
        errors.print("[bold red]The settings are not usable:[/]")
        for fault in error.errors():
            name = "ONETILL_" + "__".join(str(part) for part in fault["loc"]).upper() if fault["loc"] else "settings"
            errors.print(f"  {name}: {fault['msg'].removeprefix('Value error, ')}", markup=False, soft_wrap=True)
        raise typer.Exit(2) from None


async def _refuse_unfit_database(settings: Settings) -> None:
    """Raise DatabaseUnusable where no process may work with the database; one that is away or has no schema is waited for."""
    from app.db.database import Database

    database = Database(settings.database_url, connections=1, is_live=settings.mode == "live")
    await database.open()
    try:
        await database.report()
    finally:
        await database.close()


def _with_services(work: Callable[[Any], Awaitable[T]], settings: Settings | None = None, *, waits: bool = False) -> T:
    """Work with the services. Without a database the command ends, unless it `waits` for one."""
    from app.services import opened

    chosen = settings or _settings()

    async def run() -> T:
        async with opened(chosen) as services:
            if not waits:
                await services.database.revision(timeout_s=10)
            return await work(services)

    return _run(run())


def _run(work: Awaitable[T]) -> T:
    """Run to the end; what a person can mend is told in one line, without a traceback."""

    async def awaited() -> T:
        return await work

    try:
        return asyncio.run(awaited())
    except InvalidRequest as error:
        for field, message in error.errors:
            errors.print(f"{field}: {message}", markup=False, style="red", soft_wrap=True)
        raise typer.Exit(2) from None
    except OnetillError as error:
        errors.print(f"{error.details.get('hint', error)}", markup=False, style="red", soft_wrap=True)
        raise typer.Exit(2) from None
    except (OSError, RuntimeError, asyncpg.PostgresError) as error:
        errors.print(f"{type(error).__name__}: {error}", markup=False, style="red", soft_wrap=True)
        raise typer.Exit(1) from None


def main() -> None:
    """Entry of the script."""
    app()


if __name__ == "__main__":
    main()
