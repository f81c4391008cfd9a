"""From endpoints, notifications and attempts to JSON."""

import msgspec

from app.domain import ids
from app.domain.clock import rfc3339
from app.notifications.model import Delivery, Endpoint, Notification, PastDelivery
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


def notification_view(each: Notification) -> NotificationView:
    """A notification's JSON with its newest attempts."""
    return {
        "id": ids.show(ids.Prefix.NOTIFICATION, each.id),
        "event_id": ids.show(ids.Prefix.EVENT, each.event_id),
        "endpoint_id": ids.show(ids.Prefix.ENDPOINT, each.endpoint_id),
        "type": each.type,
        "payment_id": ids.show(ids.Prefix.PAYMENT, each.payment_id),
        "sequence": each.sequence,
        "created_at": rfc3339(each.created_at),
        "status": each.status,
        "delivery_attempts": each.delivery_attempts,
        "next_try_at": rfc3339(each.next_try_at) if each.next_try_at else None,
        "delivered_at": rfc3339(each.delivered_at) if each.delivered_at else None,
        "deliveries": [_delivery_view(past) for past in each.deliveries],
    }


def _delivery_view(past: PastDelivery) -> DeliveryView:
    return {
        "id": ids.show(ids.Prefix.DELIVERY, past.id),
        "at": rfc3339(past.made.at),
        "status": past.made.status,
        "duration_ms": past.made.took_ms,
        "error": past.made.error,
        "excerpt": past.made.excerpt,
    }
