"""Whether a webhook comes from PortOne: Standard Webhooks signatures, by hand. Pure.

Source: contract §4; standard-webhooks.md. Why not a package: docs/decisions/0009-our-own-portone-v2-client.md.
"""

import base64
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from pydantic import SecretStr

WINDOW_S = 300
"""How old, or how far ahead of our clock, a delivery may be. Its timestamp is that of each try, not of the event."""

_PREFIX = "whsec_"
_ID = re.compile(r"[!-~]{1,255}")
_SECONDS = re.compile(r"[0-9]{1,12}")


class Refusal(StrEnum):
    """Why a webhook is not believed."""

    NO_SECRET = "no_secret"  # noqa: S105  our settings hold none, so nothing can be proven
    MISSING_HEADERS = "missing_headers"
    MALFORMED_HEADERS = "malformed_headers"
    TOO_OLD = "too_old"
    TOO_NEW = "too_new"
    WRONG_SIGNATURE = "wrong_signature"


class WebhookRefused(Exception):
    """It is not proven to be PortOne's: answer 4xx and keep it out. Says why, and nothing of what came."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.value)
        self.refusal = refusal


def key_of(secret: SecretStr) -> bytes:
    """A webhook secret as the key that signs. Raises ValueError for a text that is no such secret.

    The console shows Base64, with or without `whsec_` before it; missing padding is filled in.
    """
    text = secret.get_secret_value().removeprefix(_PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        key = b""
    if not key:
        raise ValueError("a webhook secret must be Base64, as PortOne's console shows it")
    return key


def verify(secrets: Sequence[SecretStr], headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    """Return the webhook's id, the same on every repeat, when one of `secrets` signed these bytes just now.

    Several secrets are live while they are rotated, and a webhook may carry several signatures: one match is enough,
    entries of other versions are skipped. Every pair is compared, and each comparison takes the same time.
    Raises WebhookRefused, whatever the headers hold; ValueError for a secret of ours that is none, see `key_of`.
    """
    keys = [key_of(secret) for secret in secrets]
    given = {name.lower(): value for name, value in headers.items()}
    webhook_id, timestamp, signature = (given.get(f"webhook-{name}") for name in ("id", "timestamp", "signature"))
    if not keys:
        raise WebhookRefused(Refusal.NO_SECRET)
    if not webhook_id or not timestamp or not signature:
        raise WebhookRefused(Refusal.MISSING_HEADERS)
    if not _ID.fullmatch(webhook_id) or not _SECONDS.fullmatch(timestamp):
        raise WebhookRefused(Refusal.MALFORMED_HEADERS)
    age_s = now.timestamp() - int(timestamp)
    if abs(age_s) > WINDOW_S:
        raise WebhookRefused(Refusal.TOO_OLD if age_s > 0 else Refusal.TOO_NEW)
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    expected = [_sign(key, signed) for key in keys]
    entries = [entry.encode("utf-8", "replace") for entry in signature.split(" ")]
    matches = [hmac.compare_digest(right, entry) for right in expected for entry in entries]
    if not any(matches):
        raise WebhookRefused(Refusal.WRONG_SIGNATURE)
    return webhook_id


def _sign(key: bytes, signed: bytes) -> bytes:
    return b"v1," + base64.b64encode(hmac.digest(key, signed, sha256))
