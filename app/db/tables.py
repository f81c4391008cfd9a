"""Every table of the product on one metadata. Import this where the whole schema is needed."""

from app.api.models import idempotency_keys
from app.api_keys.models import api_keys
from app.db.metadata import metadata
from app.payments.models import attempts, gateway_exchanges, gateway_refs, order_claims, payment_events, payments
from app.refunds.models import refunds
from app.webhooks.models import webhook_inbox

__all__ = [
    "api_keys",
    "attempts",
    "gateway_exchanges",
    "gateway_refs",
    "idempotency_keys",
    "metadata",
    "order_claims",
    "payment_events",
    "payments",
    "refunds",
    "webhook_inbox",
]
