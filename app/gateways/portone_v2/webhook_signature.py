"""Whether a webhook comes from PortOne: Standard Webhooks signatures, by hand. Pure.

Source: docs/gateways/portone-v2.md §4; standard-webhooks.md. Why not a package: docs/decisions/0009-our-own-portone-v2-client.md.
"""

import base64
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from pydantic import SecretStr

from app.domain.errors import WebhookRefused

WINDOW_S = 300
"""How old, or how far ahead of our clock, a delivery may be. Its timestamp is that of each try, not of the event."""

HEADERS = frozenset({"webhook-id", "webhook-timestamp", "webhook-signature"})

MOST_SIGNATURES = 16
"""That are compared: a header has room for thousands, and a sender signs once for each secret of his."""

_PREFIX = "whsec_"
_ID = re.compile(r"[!-~]{1,255}")
_SECONDS = re.compile(r"[0-9]{1,12}")


class Refusal(StrEnum):
    """Why a webhook is not believed."""

    NO_SECRET = "our settings hold no webhook secret"  # noqa: S105
    MISSING_HEADERS = "a webhook- header is missing"
    MALFORMED_HEADERS = "a webhook- header cannot be read"
    TOO_OLD = "wrong clock, or sent again: rightly signed, and its timestamp is too old"
    TOO_NEW = "wrong clock: rightly signed, and its timestamp is ahead of ours"
    WRONG_SIGNATURE = "wrong secret, or forged: its signature is that of no secret of ours"


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
    Raises WebhookRefused with one of `Refusal`, whatever the headers hold: of a wrong clock only where the signature proves
    who has it. ValueError for a secret of ours that is none, see `key_of`.
    """
    keys = [key_of(secret) for secret in secrets]
    given = {name.lower(): value for name, value in headers.items()}
    webhook_id, timestamp, signature = (given.get(f"webhook-{name}") for name in ("id", "timestamp", "signature"))
    if not keys:
        raise WebhookRefused(reason=Refusal.NO_SECRET.value)
    if not webhook_id or not timestamp or not signature:
        raise WebhookRefused(reason=Refusal.MISSING_HEADERS.value)
    if not _ID.fullmatch(webhook_id) or not _SECONDS.fullmatch(timestamp):
        raise WebhookRefused(reason=Refusal.MALFORMED_HEADERS.value)
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    expected = [_sign(key, signed) for key in keys]
    entries = [entry.encode("utf-8", "replace") for entry in signature.split(" ", MOST_SIGNATURES)[:MOST_SIGNATURES]]
    matches = [hmac.compare_digest(right, entry) for right in expected for entry in entries]
    if not any(matches):
        raise WebhookRefused(reason=Refusal.WRONG_SIGNATURE.value)
    age_s = now.timestamp() - int(timestamp)
    if abs(age_s) > WINDOW_S:
        raise WebhookRefused(reason=(Refusal.TOO_OLD if age_s > 0 else Refusal.TOO_NEW).value)
    return webhook_id


def _sign(key: bytes, signed: bytes) -> bytes:
    return b"v1," + base64.b64encode(hmac.digest(key, signed, sha256))
