"""Unifi Pay's webhook as the port wants it: refused when it claims to be signed and is not, else a hint or a signed hint.

Source: docs/gateways/unifi-pay.md §5. No document describes the body; inferred: it is the sibling product's.
"""

import hashlib
import re

import msgspec

from app.domain.errors import InvalidRequest, WebhookRefused
from app.gateways.port import ParsedWebhook, WebhookRequest
from app.gateways.unifi_pay.manifest import UnifiPaySettings
from app.gateways.unifi_pay.webhook_signature import Trust, verify

TRANSACTION = re.compile(r"[0-9A-Za-z_\-]{1,100}")
"""What may become part of a path that we sign."""


class Notice(msgspec.Struct, rename="camel", frozen=True):
    """What a callback says. `type` is `PURCHASE`, or anything else: a refund's notice is a reason to look as well."""

    transaction_id: str
    order_id: str | None = None
    status: str | None = None
    type: str | None = None


_notice = msgspec.json.Decoder(Notice)


def parse_webhook(settings: UnifiPaySettings, request: WebhookRequest) -> ParsedWebhook:
    """Whom it is about. The vendor gives a callback no id: the same transaction, status and type are the same news.

    Raises WebhookRefused, or InvalidRequest for a body that names no transaction.
    """
    now_ms = round(request.at.timestamp() * 1000)
    trust = verify(settings, request.path, request.headers, request.body, now_ms)
    if trust is Trust.REFUSED:
        raise WebhookRefused(reason="its signature is wrong or too old")
    notice = read(request.body)
    if notice is None or not TRANSACTION.fullmatch(notice.transaction_id):
        raise InvalidRequest(("body", "names no payment: it needs transactionId, letters, digits, - and _"))
    news = "\n".join(part or "" for part in (notice.transaction_id, notice.status, notice.type))
    return ParsedWebhook(
        dedupe_key=hashlib.sha256(news.encode()).hexdigest(),
        is_signed=trust is Trust.SIGNED,
        kind=notice.status,
        reference=notice.order_id,
        gateway_ref=notice.transaction_id,
    )


def read(body: bytes) -> Notice | None:
    """What it hints at; None for a body of another shape, which is logged and answered like any other."""
    try:
        notice = _notice.decode(body)
    except (ValueError, RecursionError):
        return None
    return notice if notice.transaction_id else None
