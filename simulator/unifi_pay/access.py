"""Who may call: the signature first (401), then the access list (403). Source: contract unifi-pay.md §1, §2."""

import hmac
import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from simulator.clock import SimClock
from simulator.unifi_pay.account import UnifiPayAccount
from simulator.unifi_pay.signing import API_KEY, APP_ID, SIGNATURE, TIMESTAMP, sign
from simulator.unifi_pay.wire import Refusal

WINDOW = timedelta(minutes=5)
"""A timestamp that is off by this much or more is rejected."""

_MILLISECONDS = re.compile(r"[0-9]{13}", re.ASCII)


class Access:
    """Checks what calls bring, and makes the headers that callbacks carry."""

    def __init__(self, clock: SimClock, account: UnifiPayAccount) -> None:
        self._clock = clock
        self._account = account

    def check(self, method: str, uri: str, headers: Mapping[str, str], body: bytes) -> None:
        """Return when the call may be carried out. `uri` is the path as it came, still encoded.

        Raises Refusal: 401 for a missing or wrong signature, key or time, 403 for an app id without rights.
        """
        account = self._account
        app_id, timestamp, signature = (headers.get(name) for name in (APP_ID, TIMESTAMP, SIGNATURE))
        api_key = headers.get(API_KEY)
        if not app_id or not timestamp or not signature:
            raise Refusal(401, "UNAUTHORIZED", f"{APP_ID}, {TIMESTAMP} and {SIGNATURE} are required")
        if account.sign_with == "api_key" and not _same(api_key or "", account.api_key):
            raise Refusal(401, "UNAUTHORIZED", f"{API_KEY} is missing or not known")
        if not self._is_recent(timestamp):
            raise Refusal(401, "UNAUTHORIZED", f"{TIMESTAMP} must be in milliseconds, less than 5 minutes off")
        signing_id = account.api_key if account.sign_with == "api_key" else app_id
        if not _same(signature, sign(account.app_secret, method, uri, signing_id, timestamp, body)):
            raise Refusal(401, "UNAUTHORIZED", f"{SIGNATURE} does not match")
        if not _same(app_id, account.app_id):
            raise Refusal(403, "FORBIDDEN", f"this {APP_ID} may not make this call")

    def headers(self, method: str, uri: str, body: bytes, *, is_forged: bool = False) -> dict[str, str]:
        """The three headers of a callback that goes out now, by the same formula ([I])."""
        account = self._account
        timestamp = str(int(self._now().timestamp() * 1000))
        secret = f"not {account.app_secret}" if is_forged else account.app_secret
        signature = sign(secret, method, uri, account.signing_id, timestamp, body)
        return {APP_ID: account.app_id, TIMESTAMP: timestamp, SIGNATURE: signature}

    def _is_recent(self, timestamp: str) -> bool:
        if _MILLISECONDS.fullmatch(timestamp) is None:
            return False
        off = int(timestamp) - self._now().timestamp() * 1000
        return abs(off) < WINDOW.total_seconds() * 1000

    def _now(self) -> datetime:
        skipped_s = self._clock.advanced_s if self._account.timestamps == "real" else 0.0
        return self._clock.now() - timedelta(seconds=skipped_s)


def _same(given: str, expected: str) -> bool:
    """Compared in constant time; as bytes, because header text may hold anything."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())
