"""`onetill notifications`: where the shop is told and how that fares, what was sent, and sending again."""

from typing import Annotated

import typer

from app.cli.terminal import Json, duration, errors, id_of, show, with_services
from app.domain import ids
from app.domain.clock import utc_now

notifications = typer.Typer(help="Where the shop is told, and what was sent.", no_args_is_help=True)

Store = Annotated[str, typer.Option(help="The shop whose endpoints they are.")]
EndpointId = Annotated[str, typer.Argument(help="nep_…, as `notifications endpoints` shows it.")]


@notifications.command("endpoints")
def list_endpoints(store: Store = "main", as_json: Json = False) -> None:
    """List a store's endpoints, and how each fares."""
    from app.notifications.endpoints import MOST_ENDPOINTS, OLDEST

    found = with_services(lambda services: services.notifications.page(store, OLDEST, MOST_ENDPOINTS))
    rows = [
        {
            "id": each.public_id,
            "url": each.url,
            "events": list(each.events) or "all",
            "status": each.status,
            "pause_reason": each.pause_reason,
            "failing_since": each.failing_since and each.failing_since.isoformat(timespec="seconds"),
            "key_missing_since": each.key_missing_since and each.key_missing_since.isoformat(timespec="seconds"),
            "delivered_at": each.delivered_at and each.delivered_at.isoformat(timespec="seconds"),
        }
        for each in found
    ]
    show(rows, as_json=as_json)


@notifications.command("list")
def list_notifications(
    store: Store = "main",
    status: Annotated[str | None, typer.Option(help="pending, delivered or failed.")] = None,
    endpoint: Annotated[str | None, typer.Option(help="nep_…: of one endpoint.")] = None,
    limit: Annotated[int, typer.Option(help="How many, the newest first.", min=1, max=1000)] = 100,
    as_json: Json = False,
) -> None:
    """List what was sent to whom, and how the newest attempt ended."""
    from app.notifications.feed import NotificationQuery
    from app.notifications.model import NotificationStatus

    if status is not None and status not in set(NotificationStatus):
        errors.print(f"{status!r} is none of {', '.join(NotificationStatus)}", style="red", markup=False)
        raise typer.Exit(2)
    query = NotificationQuery(
        store=store,
        limit=limit,
        status=None if status is None else NotificationStatus(status),
        endpoint_id=None if endpoint is None else id_of(ids.Prefix.ENDPOINT, endpoint, "endpoint"),
    )
    found = with_services(lambda services: services.notifications.notifications(query))
    rows = [
        {
            "event": ids.show(ids.Prefix.EVENT, each.event_id),
            "type": each.type,
            "endpoint": ids.show(ids.Prefix.ENDPOINT, each.endpoint_id),
            "status": each.status,
            "attempts": each.delivery_attempts,
            "answered": each.deliveries[-1].made.status if each.deliveries else None,
            "error": each.deliveries[-1].made.error if each.deliveries else None,
            "created_at": each.created_at.isoformat(timespec="seconds"),
        }
        for each in found
    ]
    show(rows, as_json=as_json)


@notifications.command("pause")
def pause(endpoint_id: EndpointId, store: Store = "main") -> None:
    """Send nothing more to an endpoint. What happens meanwhile waits."""
    _set(endpoint_id, store, paused=True)


@notifications.command("resume")
def resume(endpoint_id: EndpointId, store: Store = "main") -> None:
    """Send an endpoint all that waits for it, and go on."""
    _set(endpoint_id, store, paused=False)


@notifications.command("replay")
def replay(
    since: Annotated[str, typer.Option(help="Events of the last 90d, 12h or 30m.")],
    store: Store = "main",
    endpoint: Annotated[str | None, typer.Option(help="nep_…: to this endpoint only.")] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Count only, send nothing.")] = False,
) -> None:
    """Send events again, with the ids and bodies of then."""
    from app.notifications.feed import ReplayQuery

    back = duration(since)
    to = None if endpoint is None else id_of(ids.Prefix.ENDPOINT, endpoint, "endpoint")

    query = ReplayQuery(store, endpoint_id=to, since=utc_now() - back)
    count = with_services(lambda services: services.notifications.replay(query, is_preview=preview))
    typer.echo(f"{count} {'would be' if preview else 'are being'} sent again.")


def _set(endpoint_id: str, store: str, *, paused: bool) -> None:
    wanted = id_of(ids.Prefix.ENDPOINT, endpoint_id, "endpoint")
    found = with_services(lambda services: services.notifications.change(wanted, store, {}, paused=paused))
    typer.echo(f"{found.public_id} is {found.status}.")
