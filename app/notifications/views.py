"""From endpoints, notifications and attempts to JSON."""

from collections.abc import Sequence

import msgspec

from app.db.database import Row
from app.domain import ids
from app.domain.clock import rfc3339
from app.notifications.model import Delivery, Endpoint, NotificationStatus
from app.notifications.schemas import DeliveryView, EndpointView, NewEndpointView, NotificationView, TestView


def endpoint_view(endpoint: Endpoint) -> EndpointView:
    """An endpoint's JSON, without its secret."""
    return {
        "id": endpoint.public_id,
        "url": endpoint.url,
        "events": list(endpoint.events),
        "description": endpoint.description,
        "status": endpoint.status,
        "pause_reason": endpoint.pause_reason,
        "rate_per_s": endpoint.rate_per_s,
        "failing_since": rfc3339(endpoint.failing_since) if endpoint.failing_since else None,
        "key_missing_since": rfc3339(endpoint.key_missing_since) if endpoint.key_missing_since else None,
        "last_delivered_at": rfc3339(endpoint.delivered_at) if endpoint.delivered_at else None,
        "created_at": rfc3339(endpoint.created_at),
        "updated_at": rfc3339(endpoint.updated_at),
    }


def new_endpoint_view(endpoint: Endpoint, secret: str) -> NewEndpointView:
    """With its fresh secret."""
    return {**endpoint_view(endpoint), "secret": secret}


def rendered(endpoint: Endpoint, secret: str) -> bytes:
    """With its fresh secret, as the answer's bytes."""
    return msgspec.json.encode(new_endpoint_view(endpoint, secret))


def test_view(made: Delivery) -> TestView:
    """What came of a test event."""
    return {
        "delivered": made.is_taken,
        "status": made.status,
        "duration_ms": made.took_ms,
        "error": made.error,
        "excerpt": made.excerpt,
    }


def notification_view(row: Row, deliveries: Sequence[Row]) -> NotificationView:
    """A notification's JSON with its newest attempts."""
    return {
        "id": ids.show(ids.Prefix.NOTIFICATION, row["id"]),
        "event_id": ids.show(ids.Prefix.EVENT, row["event_id"]),
        "endpoint_id": ids.show(ids.Prefix.ENDPOINT, row["endpoint_id"]),
        "type": row["type"],
        "payment_id": ids.show(ids.Prefix.PAYMENT, row["payment_id"]),
        "sequence": row["sequence"],
        "created_at": rfc3339(row["created_at"]),
        "status": NotificationStatus(row["status"]),
        "delivery_attempts": row["delivery_attempts"],
        "next_try_at": rfc3339(row["next_try_at"]) if row["next_try_at"] else None,
        "delivered_at": rfc3339(row["delivered_at"]) if row["delivered_at"] else None,
        "deliveries": [_delivery_view(each) for each in deliveries],
    }


def _delivery_view(row: Row) -> DeliveryView:
    return {
        "id": ids.show(ids.Prefix.DELIVERY, row["id"]),
        "at": rfc3339(row["at"]),
        "status": row["status"],
        "duration_ms": row["took_ms"],
        "error": row["error"],
        "excerpt": row["excerpt"],
    }
