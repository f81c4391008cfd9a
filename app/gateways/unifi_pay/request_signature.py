"""Unifi Pay's signature, for our calls and for theirs to us.

Source: unifi-pay.md §2. `BASE64(HMAC-SHA256(appSecret, METHOD + URI + ID + X-Timestamp + BODY))`, nothing in between. The
vendor's pages contradict each other about ID (the app's or the API key), hence the setting `sign_with`.
"""

import hmac
from base64 import b64encode
from collections.abc import Mapping

from app.gateways.unifi_pay.manifest import UnifiPaySettings

APP_ID, API_KEY = "X-AppId", "X-API-Key"
TIMESTAMP, SIGNATURE = "X-Timestamp", "X-Authorization-Hmac"

WINDOW_MS = 5 * 60 * 1000
"""A timestamp that is off by so much, or more, is refused."""


def sign(secret: str, method: str, path: str, signed_id: str, timestamp_ms: int, body: bytes) -> str:
    """The signature of one call. `path` as it stands on the wire, `body` the very bytes that are sent (none for GET)."""
    text = f"{method}{path}{signed_id}{timestamp_ms}".encode()
    return b64encode(hmac.digest(secret.encode(), text + body, "sha256")).decode()


def signed_id(settings: UnifiPaySettings) -> str:
    """Which of the account's ids stands in the signed text."""
    if settings.sign_with == "app_id" or settings.api_key is None:
        return settings.app_id
    return settings.api_key.get_secret_value()


def headers(
    settings: UnifiPaySettings, method: str, path: str, timestamp_ms: int, body: bytes = b""
) -> Mapping[str, str]:
    """The headers that prove a call to be ours. Both ids go out where both are configured."""
    secret = settings.app_secret.get_secret_value()
    made = {
        APP_ID: settings.app_id,
        TIMESTAMP: str(timestamp_ms),
        SIGNATURE: sign(secret, method, path, signed_id(settings), timestamp_ms, body),
    }
    if settings.api_key is not None:
        made[API_KEY] = settings.api_key.get_secret_value()
    return made
