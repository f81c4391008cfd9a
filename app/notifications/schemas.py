"""What the calls about notifications take and answer."""

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from app.api import patterns
from app.api.schemas import Digits, Filter, Input, Query, QueryMoment, Timestamp
from app.domain import ids
from app.domain.errors import MalformedId
from app.ledger.outbox import EVENT_TYPES
from app.notifications.model import EndpointStatus, NotificationStatus, PauseReason

MOST_URL = 500


def _known(kind: str) -> str:
    if kind not in EVENT_TYPES:
        raise PydanticCustomError(
            "event_type", "is no event type; there are {types}", {"types": ", ".join(EVENT_TYPES)}
        )
    return kind


def _read(prefix: ids.Prefix) -> Callable[[object], UUID]:
    """An id in a body or query: a wrong one is a wrong field."""

    def read(text: object) -> UUID:
        try:
            return ids.read(prefix, text if isinstance(text, str) else "")
        except MalformedId as error:
            raise PydanticCustomError("id", "is not an id of the kind {prefix}_…", {"prefix": prefix.value}) from error

    return read


def _id_field(prefix: ids.Prefix) -> tuple[object, ...]:
    return (
        BeforeValidator(_read(prefix)),
        PlainSerializer(lambda value: ids.show(prefix, value)),
        WithJsonSchema({"type": "string", "pattern": f"^{prefix.value}_[0-9a-f]{{32}}$"}),
    )


EventType = Annotated[str, AfterValidator(_known), WithJsonSchema({"type": "string", "enum": list(EVENT_TYPES)})]
EventId = Annotated[UUID, *_id_field(ids.Prefix.EVENT)]
EndpointId = Annotated[UUID, *_id_field(ids.Prefix.ENDPOINT)]
PaymentId = Annotated[UUID, *_id_field(ids.Prefix.PAYMENT)]
Moment = Annotated[QueryMoment, PlainSerializer(lambda at: f"{at:%Y-%m-%dT%H:%M:%SZ}")]

Url = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MOST_URL,
        pattern=patterns.LINE,
        description="Where events are sent by POST: https in live mode, a public address, no redirect is followed.",
    ),
]
Events = Annotated[
    list[EventType],
    Field(max_length=100, description="The types it is told. Empty: all, also those that later releases add."),
]
Description = Annotated[str, Field(max_length=200, pattern=patterns.LINE_OR_NOTHING, description="For you.")]
Rate = Annotated[int, Field(ge=1, le=10_000)]
RATE = "Requests a second at most. Null: as fast as it answers."


class CreateEndpoint(Input):
    """Body of `POST /notification-endpoints`."""

    url: Url
    events: Events = []
    description: Description = ""
    rate_per_s: Annotated[Rate | None, Field(description=RATE)] = None


class ChangeEndpoint(Input):
    """Body of `PATCH /notification-endpoints/{id}`: what is left out stays."""

    url: Annotated[
        Url | None, Field(description="Where events are sent from now on, also those that wait."), Filter
    ] = None
    events: Annotated[Events | None, Field(description="The types it is told from now on."), Filter] = None
    description: Annotated[Description | None, Field(description="For you."), Filter] = None
    rate_per_s: Annotated[Rate | None, Field(description=RATE)] = None
    paused: Annotated[
        bool | None,
        Field(description="`true`: keep what happens, send nothing. `false`: send all that waits."),
        Filter,
    ] = None


class RotateSecret(Input):
    """Body of `POST /notification-endpoints/{id}/rotate-secret`."""

    overlap_days: Annotated[
        int, Field(ge=0, le=7, description="How long the old secret signs beside the new one. 0: it ends now.")
    ] = 1


class Replay(Input):
    """Body of `POST /notifications/replay`: events by id, or those of a time."""

    ids: Annotated[list[EventId], Field(max_length=1000, description="Events by their `id`.")] = []
    endpoint_id: Annotated[EndpointId | None, Field(description="To this endpoint only.")] = None
    since: Annotated[Moment | None, Field(description="Events from this time on.")] = None
    until: Annotated[Moment | None, Field(description="Events before this time.")] = None
    preview: Annotated[bool, Field(description="Count only, send nothing.")] = False


class NotificationsQuery(Query):
    """Query of `GET /notifications`."""

    limit: Annotated[int, Field(ge=1, le=100, description="Rows a page."), Digits] = 50
    cursor: Annotated[
        Annotated[str, Field(pattern=patterns.CURSOR)] | None,
        Field(description="`next_cursor` of the page before."),
        Filter,
    ] = None
    status: Annotated[NotificationStatus | None, Field(description="Where it stands."), Filter] = None
    endpoint: Annotated[EndpointId | None, Field(description="One endpoint's."), Filter] = None
    event: Annotated[EventType | None, Field(description="Of one type."), Filter] = None
    since: Annotated[QueryMoment | None, Field(description="Of events from this time on."), Filter] = None


class EventsQuery(Query):
    """Query of `GET /events`."""

    after: Annotated[
        int,
        Field(
            ge=0,
            le=9_000_000_000_000_000,
            description="`next_cursor` of the page before, or 0 for the oldest that is kept.",
        ),
        Digits,
    ] = 0
    limit: Annotated[int, Field(ge=1, le=1000, description="Rows a page."), Digits] = 100
    payment_id: Annotated[PaymentId | None, Field(description="One payment's."), Filter] = None
    type: Annotated[EventType | None, Field(description="Of one type."), Filter] = None


class EndpointsQuery(Query):
    """Query of `GET /notification-endpoints`."""

    limit: Annotated[int, Field(ge=1, le=100, description="Rows a page."), Digits] = 100
    cursor: Annotated[
        Annotated[str, Field(pattern=patterns.CURSOR)] | None,
        Field(description="`next_cursor` of the page before."),
        Filter,
    ] = None


class EndpointView(TypedDict):
    """A notification endpoint.

    `failing`: it took nothing since `failing_since`, and is probed at growing intervals; or nothing can be signed for it since
    `key_missing_since`, because Onetill's operator has lost an encryption key: what happens waits until it is back, or until
    `rotate-secret`. `paused`: nothing is sent, what happens waits; `pause_reason` says why: `asked`, `gone` (it answered 410)
    or `failing` (it took nothing for eleven days).
    """

    id: str
    url: str
    events: list[str]
    description: str
    status: EndpointStatus
    pause_reason: PauseReason | None
    rate_per_s: int | None
    failing_since: Timestamp | None
    key_missing_since: Timestamp | None
    last_delivered_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp


class NewEndpointView(EndpointView):
    """With its signing secret, which is shown this once."""

    secret: str


class EndpointPage(TypedDict):
    """The store's endpoints, oldest first."""

    data: list[EndpointView]
    next_cursor: str | None


class DeliveryView(TypedDict):
    """One attempt. `status` null: there was no answer, and `error` says why. `excerpt`: how the answer began."""

    id: str
    at: Timestamp
    status: int | None
    duration_ms: float
    error: str | None
    excerpt: str | None


class TestView(TypedDict):
    """What came of a test event."""

    delivered: bool
    status: int | None
    duration_ms: float
    error: str | None
    excerpt: str | None


class NotificationView(TypedDict):
    """One event for one endpoint, with its newest attempts, oldest first. `event_id` is the `webhook-id` of each attempt.

    `failed`: the endpoint took others and this one never; `POST /notifications/replay` sends it again.
    """

    id: str
    event_id: str
    endpoint_id: str
    type: str
    payment_id: str
    sequence: int
    created_at: Timestamp
    status: NotificationStatus
    delivery_attempts: int
    next_try_at: Timestamp | None
    delivered_at: Timestamp | None
    deliveries: list[DeliveryView]


class NotificationPage(TypedDict):
    """Notifications, newest first."""

    data: list[NotificationView]
    next_cursor: str | None


class ReplayView(TypedDict):
    """How many notifications are sent again, or would be."""

    count: int


class ShopEventView(TypedDict):
    """What happened, as endpoints are told it. `sequence` grows with each event of a payment; there may be gaps."""

    id: str
    type: str
    created_at: Timestamp
    payment_id: str
    sequence: int
    data: dict[str, Any]


class ShopEventPage(TypedDict):
    """Events in the order in which they became visible. Keep `next_cursor` and ask for what is after it: nothing is missed.

    `next_cursor` is the position of the last row; where there is none, the one that was asked for.
    """

    data: list[ShopEventView]
    next_cursor: int
