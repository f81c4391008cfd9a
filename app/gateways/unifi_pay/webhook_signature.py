"""Whether a call to our `callbackUrl` is signed by Unifi Pay. Pure.

Source: unifi-pay.md §5. No document describes headers or body. Inferred: a signature, where there is one, is that of §2 over
our own path and the raw body. Signed or not, only a look-up makes money true.
"""

import hmac
import re
from collections.abc import Mapping
from enum import StrEnum

from app.gateways.unifi_pay.manifest import UnifiPaySettings
from app.gateways.unifi_pay.request_signature import APP_ID, SIGNATURE, TIMESTAMP, WINDOW_MS, sign, signed_id


class Trust(StrEnum):
    """How far a callback may be believed. None of them is proof."""

    SIGNED = "signed"
    UNSIGNED = "unsigned"
    """It claims nothing: a hint, as good as a redirect that anybody can make."""
    STALE = "stale"
    """Rightly signed, at a time too far from our clock's: a replay, or one of the clocks is wrong. Answer 4xx, keep it out."""
    REFUSED = "refused"
    """It claims to be signed, and our secret did not sign it: answer 4xx and keep it out."""


def verify(settings: UnifiPaySettings, path: str, headers: Mapping[str, str], body: bytes, now_ms: int) -> Trust:
    """Judge the headers, whatever is in them. `path` is that of our URL as it was called, `body` as it arrived.

    A signature or a timestamp is a claim, and every part of a claim must be right; the app's id alone is none.
    """
    given = {name.lower(): value for name, value in headers.items()}
    signature, timestamp, app_id = (given.get(name.lower()) for name in (SIGNATURE, TIMESTAMP, APP_ID))
    if signature is None and timestamp is None:
        return Trust.UNSIGNED
    if signature is None or timestamp is None or app_id is None:
        return Trust.REFUSED
    if not re.fullmatch(r"[1-9][0-9]{0,15}", timestamp):
        return Trust.REFUSED
    secret = settings.app_secret.get_secret_value()
    expected = sign(secret, "POST", path, signed_id(settings), int(timestamp), body)
    is_right = _equal(signature, expected) & _equal(app_id, settings.app_id)
    if not is_right:
        return Trust.REFUSED
    return Trust.SIGNED if abs(now_ms - int(timestamp)) < WINDOW_MS else Trust.STALE


def _equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())
