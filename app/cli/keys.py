"""`onetill keys`: API keys of shop servers."""

import json
from datetime import datetime, timedelta
from typing import Annotated

import typer

from app.api_keys.service import ApiKey
from app.cli.terminal import Json, duration, show, with_services
from app.domain import ids

KeyId = Annotated[str, typer.Argument(help="key_…, as `keys list` shows it.")]

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
    expires_in: Annotated[
        timedelta | None,
        typer.Option(
            parser=duration, metavar="90d", help="How long it works: 90d, 12h or 30m; without it, until it is revoked."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a key and print it. It is shown this once."""
    wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
    key, text = with_services(
        lambda services: services.keys.create(mode=mode, scopes=wanted, store=store, name=name, lives_for=expires_in)
    )
    _show_once(key, text, as_json=as_json)


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
            "revoked_at": _moment(key.revoked_at),
            "expires_at": _moment(key.expires_at),
            "last_used_at": _moment(key.last_used_at),
            "replaces": ids.show(ids.Prefix.API_KEY, key.replaces) if key.replaces else None,
        }
        for key in found
    ]
    show(rows, as_json=as_json)


@keys.command("rotate")
def rotate_key(
    key_id: KeyId,
    overlap: Annotated[
        timedelta,
        typer.Option(
            parser=duration, metavar="24h", show_default="24h", help="How long the old key goes on working: 0h to 7d."
        ),
    ] = timedelta(hours=24),
    expires_in: Annotated[
        timedelta | None,
        typer.Option(
            parser=duration, metavar="90d", help="How long the new one works; without it, as the old one was made to."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a successor of a key, with its store and scopes, and print it; the old one ends after the overlap."""
    old, new, text = with_services(lambda services: services.keys.rotate(key_id, overlap=overlap, lives_for=expires_in))
    _show_once(new, text, as_json=as_json, replaced=old)


@keys.command("revoke")
def revoke_key(key_id: KeyId) -> None:
    """End a key. Running processes stop taking it within 5 seconds."""
    key = with_services(lambda services: services.keys.revoke(key_id))
    typer.echo(f"Key {key.public_id} of store {key.store} is revoked.")


def _show_once(key: ApiKey, text: str, *, as_json: bool, replaced: ApiKey | None = None) -> None:
    """Print a new key, this once, and until when it and the one that it replaces work."""
    told = {"id": key.public_id, "key": text, "expires_at": _moment(key.expires_at)}
    if replaced is not None:
        told |= {"replaces": replaced.public_id, "replaced_expires_at": _moment(replaced.expires_at)}
    if as_json:
        typer.echo(json.dumps(told))
        return
    typer.echo(f"{text}\n\nKey {key.public_id} of store {key.store}. Keep it now: it cannot be shown again.")
    if key.expires_at is not None:
        typer.echo(f"It works until {_moment(key.expires_at)}.")
    if replaced is not None:
        typer.echo(f"{replaced.public_id}, which it replaces, works until {_moment(replaced.expires_at)}.")


def _moment(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
