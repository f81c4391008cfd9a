"""Unifi Pay's webhook as the port wants it: refused when it claims to be signed and is not, else a hint or a signed hint.

Source: docs/gateways/unifi-pay.md §5. No document describes the body; inferred: it is the sibling product's. So a body of any
other shape is a hint as well, about whatever transaction or order it names, if any: to refuse it would only have it sent again.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice
from urllib.parse import parse_qsl

import msgspec

from app.domain.errors import InvalidRequest, WebhookRefused
from app.gateways.text import name_in
from app.gateways.unifi_pay.manifest import UnifiPaySettings
from app.gateways.unifi_pay.webhook_signature import Trust, verify
from app.gateways.unifi_pay.wire import transaction_of
from app.gateways.values import ParsedWebhook, WebhookRequest

MOST_FIELDS = 100
MOST_OBJECTS = 100
"""That are looked through: anybody may send a list of thousands."""
DEEPEST = 4
"""How deep an envelope may hold what it is about."""

REASONS = {
    Trust.REFUSED: "wrong secret, or forged: its signature is not that of our app and its secret",
    Trust.STALE: "wrong clock, or sent again: rightly signed, and its timestamp is too far from ours",
}


def parse_webhook(settings: UnifiPaySettings, request: WebhookRequest) -> ParsedWebhook:
    """Whom it is about. The vendor gives a callback no id: the same transaction, status and type are the same news.

    A body that names no transaction and no order is kept for a person to read. Raises WebhookRefused, or InvalidRequest for
    a body that is neither JSON nor a form.
    """
    now_ms = round(request.at.timestamp() * 1000)
    trust = verify(settings, request.path, request.headers, request.body, now_ms)
    if trust in REASONS:
        raise WebhookRefused(reason=REASONS[trust])
    body, damage = request.readable()
    objects = list(islice(_objects(_value(body)), MOST_OBJECTS))
    transaction = transaction_of(_first(objects, "transactionId", "transaction_id"))
    order, status = _first(objects, "orderId", "order_id"), _first(objects, "status")
    if transaction is None and order is None:
        news = request.body
    else:
        news = "\n".join(part or "" for part in (transaction or order, status, _first(objects, "type"))).encode()
    return ParsedWebhook(
        dedupe_key=hashlib.sha256(news).hexdigest(),
        is_signed=trust is Trust.SIGNED,
        kind=status,
        reference=order,
        gateway_ref=transaction,
        damage=damage,
    )


def _value(body: bytes) -> object:
    """A JSON value, else the fields of a form. Raises InvalidRequest for anything else."""
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError):
        with suppress(ValueError):
            if fields := dict(parse_qsl(body.decode(), strict_parsing=True, max_num_fields=MOST_FIELDS)):
                return fields
        raise InvalidRequest(("body", "must be JSON or a form")) from None


def _objects(value: object, depth: int = 0) -> Iterator[Mapping[str, object]]:
    """The objects of a body, the outermost first."""
    if depth > DEEPEST:
        return
    if isinstance(value, dict):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in list(inner)[:MOST_FIELDS]:
        yield from _objects(each, depth + 1)


def _first(objects: list[Mapping[str, object]], *names: str) -> str | None:
    return next((found for fields in objects if (found := name_in(fields, *names))), None)
