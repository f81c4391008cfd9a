"""`onetill notifications`: where the shop is told and how that fares, what was sent, and sending again."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import typer

from app.cli.terminal import Json, errors, id_of, moment, show, with_services
from app.domain import ids

notifications = typer.Typer(help="Where the shop is told, and what was sent.", no_args_is_help=True)

Store = Annotated[str, typer.Option(help="The shop whose endpoints they are.")]
TIMES = "90d, 12h or 30m ago, or 2026-11-21T08:30:00Z"
EndpointId = Annotated[str, typer.Argument(help="nep_…, as `notifications endpoints` shows it.")]


@notifications.command("endpoints")
def list_endpoints(store: Store = "main", as_json: Json = False) -> None:
    """List a store's endpoints, and how each fares."""
    from app.notifications.endpoints import MOST_ENDPOINTS, OLDEST
    from app.notifications.views import endpoint_view

    found = with_services(lambda services: services.notifications.page(store, OLDEST, MOST_ENDPOINTS))
    views = [endpoint_view(each) for each in found]
    columns = (
        "id",
        "url",
        "events",
        "status",
        "pause_reason",
        "failing_since",
        "key_missing_since",
        "last_delivered_at",
    )
    show(
        views if as_json else [_columns(view, columns) | {"events": view["events"] or "all"} for view in views],
        as_json=as_json,
    )


@notifications.command("list")
def list_notifications(
    store: Store = "main",
    status: Annotated[str | None, typer.Option(help="pending, delivered or failed.")] = None,
    endpoint: Annotated[str | None, typer.Option(help="nep_…: of one endpoint.")] = None,
    event: Annotated[str | None, typer.Option(help="payment.paid, …: of one type.")] = None,
    since: Annotated[str | None, typer.Option(help=f"Of events from then on: {TIMES}.")] = None,
    limit: Annotated[int, typer.Option(help="How many, the newest first.", min=1, max=1000)] = 100,
    as_json: Json = False,
) -> None:
    """List what was sent to whom, and how the newest attempt ended."""
    from app.ledger.outbox import EVENT_TYPES
    from app.notifications.feed import NotificationQuery
    from app.notifications.model import Notification, NotificationStatus
    from app.notifications.views import notification_view
    from app.services import Services

    async def found(services: Services) -> list[Notification]:
        if query.endpoint_id is not None:
            await services.notifications.get(query.endpoint_id, store)  # one that is not there is no quiet one
        return await services.notifications.notifications(query)

    query = NotificationQuery(
        store=store,
        limit=limit,
        status=None if status is None else NotificationStatus(_one_of(NotificationStatus, status)),
        endpoint_id=None if endpoint is None else id_of(ids.Prefix.ENDPOINT, endpoint, "endpoint"),
        event_type=None if event is None else _one_of(EVENT_TYPES, event),
        since=None if since is None else moment(since),
    )
    views = [notification_view(each) for each in with_services(found)]
    columns = ("event_id", "type", "endpoint_id", "status", "delivery_attempts", "created_at")
    show(
        views if as_json else [_columns(view, columns) | _newest(view["deliveries"]) for view in views], as_json=as_json
    )


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
    events: Annotated[list[str] | None, typer.Argument(help="evt_…: these events.", show_default=False)] = None,
    since: Annotated[str | None, typer.Option(help=f"Events from then on: {TIMES}.")] = None,
    until: Annotated[str | None, typer.Option(help=f"Events before then: {TIMES}.")] = None,
    store: Store = "main",
    endpoint: Annotated[str | None, typer.Option(help="nep_…: to this endpoint only.")] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Count only, send nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Send events again, with the ids and bodies of then: those named, or those of a time."""
    from app.notifications.feed import ReplayQuery

    if not (events or since or until):
        raise typer.BadParameter("say what to send again: ids of events, --since or --until")
    query = ReplayQuery(
        store,
        tuple(id_of(ids.Prefix.EVENT, each, "event") for each in events or ()),
        None if endpoint is None else id_of(ids.Prefix.ENDPOINT, endpoint, "endpoint"),
        None if since is None else moment(since),
        None if until is None else moment(until),
    )
    count = with_services(lambda services: services.notifications.replay(query, is_preview=preview))
    if as_json:
        typer.echo(json.dumps({"count": count}))
        return
    typer.echo(f"{count} {'would be' if preview else 'are being'} sent again.")


def _columns(view: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """What of the API's JSON a person reads in a table."""
    return {name: view[name] for name in names}


def _newest(deliveries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    newest = deliveries[-1] if deliveries else {"status": None, "error": None}
    return {"answered": newest["status"], "error": newest["error"]}


def _one_of(known: Iterable[str], text: str) -> str:
    """The word that a person typed, or a line that says which there are, and exit code 2."""
    if text not in set(known):
        errors.print(f"{text!r} is none of {', '.join(known)}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(2)
    return text


def _set(endpoint_id: str, store: str, *, paused: bool) -> None:
    wanted = id_of(ids.Prefix.ENDPOINT, endpoint_id, "endpoint")
    found = with_services(lambda services: services.notifications.change(wanted, store, {}, paused=paused))
    typer.echo(f"{found.public_id} is {found.status}.")
