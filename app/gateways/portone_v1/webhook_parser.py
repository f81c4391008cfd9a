"""PortOne V1's webhooks: unsigned, JSON or a form. They name a payment; nothing of them is believed (portone-v1.md §10)."""

import hashlib
from collections.abc import Mapping
from urllib.parse import parse_qsl

import msgspec

from app.domain.errors import InvalidRequest
from app.gateways.portone_v1.wire import imp_uid_of
from app.gateways.text import name_in
from app.gateways.values import ParsedWebhook, WebhookRequest

MOST_FIELDS = 100


def parse_webhook(request: WebhookRequest) -> ParsedWebhook:
    """Whom it is about. The same news twice has the same `dedupe_key`, whatever else the bodies carry.

    Raises InvalidRequest for a body that names no payment.
    """
    body, damage = request.readable()
    fields = _fields(body)
    imp_uid, merchant_uid = imp_uid_of(name_in(fields, "imp_uid")), name_in(fields, "merchant_uid")
    if imp_uid is None and merchant_uid is None:
        raise InvalidRequest(("body", "names no payment: it needs imp_uid or merchant_uid, as JSON or as a form"))
    status, cancellation = name_in(fields, "status"), name_in(fields, "cancellation_id")
    news = "\n".join(part or "" for part in (imp_uid, merchant_uid, status, cancellation))
    return ParsedWebhook(
        dedupe_key=hashlib.sha256(news.encode()).hexdigest(),
        is_signed=False,
        kind=status,
        reference=merchant_uid,
        gateway_ref=imp_uid,
        damage=damage,
    )


def _fields(body: bytes) -> Mapping[str, object]:
    """The members of a JSON object, else the fields of a form: a console setting decides which is sent."""
    try:
        value = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        try:
            return dict(parse_qsl(body.decode(), max_num_fields=MOST_FIELDS))
        except ValueError:
            return {}
    return value if isinstance(value, dict) else {}
