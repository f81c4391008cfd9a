"""PortOne V2's webhooks as the port wants them: proven by their signature first, then read for whom they are about.

Both versions are read, JSON or a form: `2024-04-25` with `type` and `data`, and `2024-01-01` with three flat fields
(docs/gateways/portone-v2.md §4). Types that we do not know are news too: whatever they mean, the look-up says what is true.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

import msgspec
from pydantic import SecretStr

from app.domain.errors import InvalidRequest
from app.gateways.portone_v2.webhook_signature import verify
from app.gateways.text import name_in
from app.gateways.values import ParsedWebhook, WebhookRequest

MOST_FIELDS = 100


def parse_webhook(secrets: Sequence[SecretStr], request: WebhookRequest) -> ParsedWebhook:
    """Prove it and read it. A webhook about something else than a payment, such as a billing key, names none.

    Raises WebhookRefused, or InvalidRequest for a signed body that is neither JSON nor a form.
    """
    webhook_id = verify(secrets, request.headers, request.body, request.at)
    body, damage = request.readable()
    fields = _fields(body)
    data = fields.get("data")
    named = data if isinstance(data, Mapping) else fields
    return ParsedWebhook(
        dedupe_key=webhook_id,
        is_signed=True,
        kind=name_in(fields, "type", "status"),
        reference=name_in(named, "paymentId", "payment_id"),
        gateway_ref=name_in(named, "transactionId", "tx_id"),
        damage=damage,
    )


def _fields(body: bytes) -> Mapping[str, object]:
    try:
        value = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        try:
            value = dict(parse_qsl(body.decode(), strict_parsing=True, max_num_fields=MOST_FIELDS))
        except ValueError:
            value = None
    if not isinstance(value, Mapping):
        raise InvalidRequest(("body", "must be a JSON object or a form"))
    return value
