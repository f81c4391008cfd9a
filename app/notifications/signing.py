"""Signatures as Standard Webhooks has them, one for each live secret.

Source: the Standard Webhooks specification 1.0.0; docs/notifications.md says how a shop checks them.
"""

import os
from base64 import b64encode
from collections.abc import Iterable
from datetime import datetime

from standardwebhooks import Webhook

_SECRET_BYTES = 32


def new_secret() -> str:
    """A fresh signing secret, `whsec_` and 32 random bytes in base64."""
    return "whsec_" + b64encode(os.urandom(_SECRET_BYTES)).decode()


def headers_of(event_id: str, body: str, secrets: Iterable[str], at: datetime) -> dict[str, str]:
    """The headers of one attempt. The id is the event's, on every attempt; the time is this attempt's."""
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(each).sign(event_id, at, body) for each in secrets),
        "content-type": "application/json",
    }
