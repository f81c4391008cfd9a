"""`onetill keys`: API keys of shop servers."""

import json
from typing import Annotated

import typer

from app.cli.terminal import Json, show, with_services

keys = typer.Typer(help="API keys of shop servers.", no_args_is_help=True)


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
    key, text = with_services(lambda services: services.keys.create(mode=mode, scopes=wanted, store=store, name=name))
    if as_json:
        typer.echo(json.dumps({"id": key.public_id, "key": text}))
    else:
        typer.echo(f"{text}\n\nKey {key.public_id} of store {key.store}. Keep it now: it cannot be shown again.")


@keys.command("list")
def list_keys(as_json: Json = False) -> None:
    """List the keys, newest first, without their secrets."""
    found = with_services(lambda services: services.keys.list())
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
    show(rows, as_json=as_json)


@keys.command("revoke")
def revoke_key(key_id: Annotated[str, typer.Argument(help="key_…, as `keys list` shows it.")]) -> None:
    """End a key. Running processes stop taking it within 5 seconds."""
    key = with_services(lambda services: services.keys.revoke(key_id))
    typer.echo(f"Key {key.public_id} of store {key.store} is revoked.")
