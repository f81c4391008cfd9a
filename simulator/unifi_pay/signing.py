"""The signature of Unifi Pay, in both directions. Source: contract unifi-pay.md §2, with its three vectors."""

import base64
import hmac
from hashlib import sha256

APP_ID, API_KEY = "X-AppId", "X-API-Key"
TIMESTAMP, SIGNATURE = "X-Timestamp", "X-Authorization-Hmac"


def sign(secret: str, method: str, uri: str, signing_id: str, timestamp: str, body: bytes) -> str:
    """`BASE64(HMAC-SHA256(secret, METHOD + URI + ID + timestamp + BODY))`, nothing between the parts.

    `uri` is the path as it goes over the wire, `timestamp` the header's text in milliseconds, `body` the exact bytes.
    """
    message = f"{method.upper()}{uri}{signing_id}{timestamp}".encode() + body
    return base64.b64encode(hmac.digest(secret.encode(), message, sha256)).decode()
