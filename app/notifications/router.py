"""The API of notifications: parse, call one service method, serialise."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

import msgspec
from fastapi import APIRouter, Body, Depends, Path, Query, Response, Security
from pydantic import BeforeValidator, WithJsonSchema

from app.api.document import ALWAYS, BODY, KEYED, nothing, problems, shown, success
from app.api.pagination import cursor, position
from app.api.parameters import OptionalIdempotencyKey, kept
from app.api.route import Answer, StrictRoute
from app.api.security import Caller, secret_key
from app.domain import ids
from app.domain.errors import InvalidRequest
from app.notifications import examples
from app.notifications.endpoints import OLDEST
from app.notifications.feed import FeedQuery, NotificationQuery, ReplayQuery
from app.notifications.schemas import (
    ChangeEndpoint,
    CreateEndpoint,
    EndpointPage,
    EndpointsQuery,
    EndpointView,
    EventsQuery,
    NewEndpointView,
    NotificationPage,
    NotificationsQuery,
    Replay,
    ReplayView,
    RotateSecret,
    ShopEventPage,
    TestView,
)
from app.notifications.service import NotificationService
from app.notifications.views import endpoint_view, notification_view, rendered, test_view

router = APIRouter(route_class=StrictRoute, tags=["notifications"])

Reader = Annotated[Caller, Security(secret_key, scopes=["notifications:read"])]
Writer = Annotated[Caller, Security(secret_key, scopes=["notifications:write"])]
PaymentReader = Annotated[Caller, Security(secret_key, scopes=["payments:read"])]
Notifications = Annotated[NotificationService, Depends(kept("notifications"))]
EndpointId = Annotated[
    UUID,
    BeforeValidator(lambda text: ids.read(ids.Prefix.ENDPOINT, text)),
    WithJsonSchema({"type": "string", "pattern": "^nep_[0-9a-f]{32}$"}),
    Path(
        alias="id",
        description="The endpoint's id, as the API returned it.",
        openapi_examples=shown(examples.ENDPOINT["id"]),
    ),
]

_ENDPOINTS = "/notification-endpoints"
_AT = f"{_ENDPOINTS}/{examples.ENDPOINT['id']}"
_NAMED = ("not_found", "malformed_id")


@router.post(
    _ENDPOINTS,
    operation_id="createNotificationEndpoint",
    summary="Be told",
    status_code=201,
    response_description="Kept; its signing secret is shown this once.",
    response_model=NewEndpointView,
    responses={
        201: success(examples.NEW_ENDPOINT, headers=["Idempotency-Replayed"]),
        **problems(_ENDPOINTS, *ALWAYS, *BODY, *KEYED, "too_many_endpoints", "encryption_key_missing"),
    },
)
async def create_endpoint(
    body: Annotated[CreateEndpoint, Body(openapi_examples=shown(examples.CREATE))],
    caller: Writer,
    service: Notifications,
    key: OptionalIdempotencyKey = None,
) -> Answer:
    """Signed events are sent there by POST, as Standard Webhooks has it, from now on.

    Verify the signature with the secret, answer 2xx within ten seconds, and read what you need by the API. Each event comes
    with the same id and body until it is taken; a payment's events come one after another. With an Idempotency-Key, a
    repeated call makes no second endpoint and gets the same secret.
    """
    fields = {name: getattr(body, name) for name in CreateEndpoint.model_fields}
    if key is not None:
        intent = caller.intent("create_endpoint", key, body)
        return Answer.of(await service.add_once(caller.own_store, fields, intent, rendered))
    return Answer(rendered(*await service.add(caller.own_store, **fields)), 201)


@router.get(
    _ENDPOINTS,
    operation_id="listNotificationEndpoints",
    summary="The store's endpoints",
    response_description="One page.",
    response_model=EndpointPage,
    responses={200: success(examples.ENDPOINT_PAGE), **problems(_ENDPOINTS, *ALWAYS, "invalid_request")},
)
async def list_endpoints(query: Annotated[EndpointsQuery, Query()], caller: Reader, service: Notifications) -> Answer:
    """Oldest first."""
    after = position(query.cursor) if query.cursor else OLDEST
    found = await service.page(caller.own_store, after, query.limit + 1)
    page = found[: query.limit]
    more = cursor(page[-1].created_at, page[-1].id) if len(found) > len(page) else None
    answer: EndpointPage = {"data": [endpoint_view(each) for each in page], "next_cursor": more}
    return Answer(msgspec.json.encode(answer))


@router.get(
    f"{_ENDPOINTS}/{{id}}",
    operation_id="getNotificationEndpoint",
    summary="Read an endpoint",
    response_description="The endpoint.",
    response_model=EndpointView,
    responses={200: success(examples.ENDPOINT), **problems(_AT, *ALWAYS, *_NAMED)},
)
async def get_endpoint(endpoint_id: EndpointId, caller: Reader, service: Notifications) -> Answer:
    """How it is set, and how it fares."""
    return Answer(msgspec.json.encode(endpoint_view(await service.get(endpoint_id, caller.own_store))))


@router.patch(
    f"{_ENDPOINTS}/{{id}}",
    operation_id="changeNotificationEndpoint",
    summary="Change, pause or resume an endpoint",
    response_description="The endpoint as it is now.",
    response_model=EndpointView,
    responses={200: success(examples.ENDPOINT), **problems(_AT, *ALWAYS, *BODY, *_NAMED)},
)
async def change_endpoint(
    endpoint_id: EndpointId,
    body: Annotated[ChangeEndpoint, Body(openapi_examples=shown(examples.CHANGE))],
    caller: Writer,
    service: Notifications,
) -> Answer:
    """What is left out stays. While it is paused, what happens is kept; resumed, it gets all of it in order."""
    fields = {name: getattr(body, name) for name in body.model_fields_set}
    if empty := [name for name, value in fields.items() if value is None and name != "rate_per_s"]:
        raise InvalidRequest(*((name, "should not be null; leave it out to keep it") for name in sorted(empty)))
    paused = fields.pop("paused", None)
    changed = await service.change(endpoint_id, caller.own_store, fields, paused=paused)
    return Answer(msgspec.json.encode(endpoint_view(changed)))


@router.delete(
    f"{_ENDPOINTS}/{{id}}",
    operation_id="deleteNotificationEndpoint",
    summary="End an endpoint",
    status_code=204,
    response_class=Response,
    responses={
        204: nothing("Ended. What was waiting for it is dropped; `GET /events` still serves it."),
        **problems(_AT, *ALWAYS, *_NAMED),
    },
)
async def delete_endpoint(endpoint_id: EndpointId, caller: Writer, service: Notifications) -> Response:
    """Nothing more is sent there."""
    await service.delete(endpoint_id, caller.own_store)
    return Response(status_code=204)


@router.post(
    f"{_ENDPOINTS}/{{id}}/rotate-secret",
    operation_id="rotateNotificationSecret",
    summary="Give an endpoint a new signing secret",
    response_description="The endpoint, with the new secret, which is shown this once.",
    response_model=NewEndpointView,
    responses={
        200: success(examples.NEW_ENDPOINT, headers=["Idempotency-Replayed"]),
        **problems(f"{_AT}/rotate-secret", *ALWAYS, *BODY, *KEYED, *_NAMED, "encryption_key_missing"),
    },
)
async def rotate_secret(
    endpoint_id: EndpointId,
    body: Annotated[RotateSecret, Body(openapi_examples=shown(examples.ROTATE))],
    caller: Writer,
    service: Notifications,
    key: OptionalIdempotencyKey = None,
) -> Answer:
    """Every attempt carries a signature of both until the overlap ends, so that you can change it over without a gap."""
    overlap = timedelta(days=body.overlap_days)
    if key is not None:
        intent = caller.intent(f"rotate_secret:{endpoint_id.hex}", key, body)
        return Answer.of(await service.rotate_once(endpoint_id, caller.own_store, overlap, intent, rendered))
    return Answer(rendered(*await service.rotate(endpoint_id, caller.own_store, overlap)))


@router.post(
    f"{_ENDPOINTS}/{{id}}/test",
    operation_id="testNotificationEndpoint",
    summary="Send a test event now",
    response_description="What came of it.",
    response_model=TestView,
    responses={200: success(examples.TEST), **problems(f"{_AT}/test", *ALWAYS, *_NAMED, "encryption_key_missing")},
)
async def test_endpoint(endpoint_id: EndpointId, caller: Writer, service: Notifications) -> Answer:
    """A signed `endpoint.test`, also to a paused one. It is not kept and not tried again."""
    return Answer(msgspec.json.encode(test_view(await service.test(endpoint_id, caller.own_store))))


@router.get(
    "/notifications",
    operation_id="listNotifications",
    summary="What was told, and how it went",
    response_description="One page.",
    response_model=NotificationPage,
    responses={200: success(examples.NOTIFICATION_PAGE), **problems("/notifications", *ALWAYS, "invalid_request")},
)
async def list_notifications(
    query: Annotated[NotificationsQuery, Query()], caller: Reader, service: Notifications
) -> Answer:
    """Newest first: one row for each event and endpoint, with its newest attempts. Filters narrow together."""
    found = await service.notifications(
        NotificationQuery(
            store=caller.own_store,
            limit=query.limit + 1,
            below=position(query.cursor) if query.cursor else None,
            status=query.status,
            endpoint_id=query.endpoint,
            event_type=query.event,
            since=query.since,
        )
    )
    page = found[: query.limit]
    last = page[-1] if len(found) > len(page) else None
    more = cursor(last.created_at, last.id) if last else None
    answer: NotificationPage = {"data": [notification_view(each) for each in page], "next_cursor": more}
    return Answer(msgspec.json.encode(answer))


@router.post(
    "/notifications/replay",
    operation_id="replayNotifications",
    summary="Send again",
    status_code=202,
    response_description="They are being sent.",
    response_model=ReplayView,
    responses={
        200: success(examples.COUNT, model=ReplayView, description="With `preview`: how many would be sent."),
        202: success(examples.COUNT),
        **problems("/notifications/replay", *ALWAYS, *BODY, "not_found"),
    },
)
async def replay_notifications(
    body: Annotated[Replay, Body(openapi_examples=shown(examples.REPLAY))], caller: Writer, service: Notifications
) -> Response:
    """By `ids`, or by a time; to one endpoint or all that are told them. The same ids and bodies as the first time.

    An endpoint that was added later is told too. What is still waiting is not doubled.
    """
    if not (body.ids or body.since or body.until):
        raise InvalidRequest(("ids", "or `since` or `until` is required: say what to send again"))
    query = ReplayQuery(caller.own_store, tuple(body.ids), body.endpoint_id, body.since, body.until)
    count = await service.replay(query, is_preview=body.preview)
    answer = msgspec.json.encode(ReplayView(count=count))
    return Response(answer, 200 if body.preview else 202, media_type=Answer.media_type)


@router.get(
    "/events",
    operation_id="listEvents",
    summary="What happened, in order",
    response_description="One page.",
    response_model=ShopEventPage,
    responses={200: success(examples.EVENT_PAGE), **problems("/events", *ALWAYS, "invalid_request")},
)
async def list_events(query: Annotated[EventsQuery, Query()], caller: PaymentReader, service: Notifications) -> Answer:
    """The same facts as notifications, for a shop that cannot be reached: keep `next_cursor`, ask again with it as `after`.

    A row is shown once no earlier one can still come, so whoever keeps the last position misses nothing.
    """
    found = await service.events(FeedQuery(caller.own_store, query.after, query.limit, query.payment_id, query.type))
    last = found[-1][0] if found else query.after
    body = ",".join(text for _, text in found)
    return Answer(f'{{"data":[{body}],"next_cursor":{last}}}'.encode())
