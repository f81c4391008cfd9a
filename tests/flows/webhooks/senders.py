"""Webhooks as each gateway writes them, made by hand: what a test posts instead of waiting for a gateway."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from app.domain.clock import utc_now
from app.gateways.portone_v2.manifest import PortOneV2Settings
from app.gateways.unifi_pay.manifest import UnifiPaySettings
from app.settings import Settings
from simulator.portone_v2.webhooks import sign as sign_v2
from simulator.unifi_pay.access import APP_ID, SIGNATURE, TIMESTAMP
from simulator.unifi_pay.access import sign as sign_unifi

JSON = {"Content-Type": "application/json"}
NONE: Mapping[str, str] = MappingProxyType({})
UNIFI_PATH = "/webhooks/unifi-pay"


@dataclass(frozen=True, slots=True)
class Post:
    """One request, ready to be sent."""

    path: str
    headers: dict[str, str]
    content: bytes


def v1(reference: str | None, imp_uid: str | None = None, status: str = "paid", **more: Any) -> Post:
    """PortOne V1: unsigned JSON."""
    fields = {"imp_uid": imp_uid, "merchant_uid": reference, "status": status} | more
    told = {name: value for name, value in fields.items() if value is not None}
    return Post("/webhooks/portone-v1", JSON, json.dumps(told).encode())


def v2(
    settings: Settings,
    body: bytes,
    *,
    webhook_id: str = "wh-1",
    at: datetime | None = None,
    secret: str | None = None,
    headers: Mapping[str, str] = NONE,
) -> Post:
    """PortOne V2: signed with the live secret unless another is given; `headers` replace what was made."""
    account = settings.account(PortOneV2Settings)
    assert account is not None
    secret = secret or account.webhook_secrets[0].get_secret_value()
    timestamp = int((at or utc_now()).timestamp())
    made = {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign_v2([secret], webhook_id, timestamp, body),
    }
    return Post("/webhooks/portone-v2", JSON | made | dict(headers), body)


def v2_body(reference: str, tx: str | None = None, kind: str = "Transaction.Paid") -> bytes:
    """What V2 says of a payment."""
    data = {"paymentId": reference, "transactionId": tx, "storeId": "store"}
    told = {"type": kind, "timestamp": "2026-11-21T08:30:00Z", "data": {k: v for k, v in data.items() if v}}
    return json.dumps(told).encode()


def unifi_body(transaction_id: object, order_id: object = None, status: object = "CONFIRMED") -> bytes:
    """What Unifi Pay says of a payment."""
    told = {"transactionId": transaction_id, "orderId": order_id, "status": status, "type": "PURCHASE"}
    return json.dumps({name: value for name, value in told.items() if value is not None}).encode()


def unifi(settings: Settings, body: bytes, *, at: datetime | None = None, headers: Mapping[str, str] = NONE) -> Post:
    """Unifi Pay, signed; `headers` replace what was made."""
    account = settings.account(UnifiPaySettings)
    assert account is not None
    assert account.api_key is not None
    timestamp = str(int((at or utc_now()).timestamp() * 1000))
    secret, signing_id = account.app_secret.get_secret_value(), account.api_key.get_secret_value()
    signature = sign_unifi(secret, "POST", UNIFI_PATH, signing_id, timestamp, body)
    made = {APP_ID: account.app_id, TIMESTAMP: timestamp, SIGNATURE: signature}
    return Post(UNIFI_PATH, JSON | made | dict(headers), body)
