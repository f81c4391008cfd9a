"""`onetill inbox`: webhooks that nobody could apply."""

from typing import Annotated

import typer

from app.cli.terminal import Json, Note, id_of, show, with_services
from app.domain import ids

inbox = typer.Typer(help="Webhooks that nobody could apply.", no_args_is_help=True)


@inbox.command("list")
def list_inbox(
    limit: Annotated[int, typer.Option(help="How many, the newest first.", min=1, max=1000)] = 100,
    as_json: Json = False,
) -> None:
    """List the webhooks that wait for a person, parked or tried in vain for over an hour: what they point at, and why."""
    found = with_services(lambda services: services.webhooks.parked(limit))
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
            "is_parked": not each.is_waiting,
            "note": each.note,
        }
        for each in found
    ]
    show(rows, as_json=as_json)


@inbox.command("dismiss")
def dismiss(
    webhook_id: Annotated[str, typer.Argument(help="whi_…, as `inbox list` shows it.")],
    note: Note,
) -> None:
    """End a listed webhook that needs nothing more. Sent again by its gateway, it is looked into again."""
    wanted = id_of(ids.Prefix.WEBHOOK, webhook_id, "webhook")
    webhook = with_services(lambda services: services.webhooks.dismiss(wanted, note))
    typer.echo(f"{webhook.public_id} of {webhook.gateway} is dismissed.")
