"""Signatures of webhooks as Standard Webhooks has them. Source: contract §4, spec standard-webhooks.md."""

import base64
import hmac
from collections.abc import Iterable
from hashlib import sha256

PREFIX = "whsec_"


def sign(secrets: Iterable[str], webhook_id: str, timestamp_s: int, body: bytes) -> str:
    """The header `webhook-signature`: one `v1,<base64>` for each secret, space separated."""
    signed = f"{webhook_id}.{timestamp_s}.".encode() + body
    return " ".join(f"v1,{base64.b64encode(hmac.digest(_key(secret), signed, sha256)).decode()}" for secret in secrets)


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
