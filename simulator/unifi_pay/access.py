"""Who may call: the signature first (401), then the access list (403). Source: docs/gateways/unifi-pay.md §1, §2."""

import base64
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal

from simulator.clock import SimClock
from simulator.tokens import same
from simulator.unifi_pay.responses import Refused

APP_ID, API_KEY = "X-AppId", "X-API-Key"
TIMESTAMP, SIGNATURE = "X-Timestamp", "X-Authorization-Hmac"
WINDOW = timedelta(minutes=5)
"""A timestamp that is off by this much or more is rejected."""
_MILLISECONDS = re.compile(r"[0-9]{13}", re.ASCII)


@dataclass(frozen=True, slots=True)
class UnifiPayAccount:
    """One caller ("PG" in the vendor's words). The values are worth nothing."""

    app_id: str = "onetill-sim"
    api_key: str = "f3248c3e-881c-42bd-abe7-1232023fe896"
    app_secret: str = "sim_unifi_app_secret"  # noqa: S105
    store_id: str = "store_sim"
    sign_with: Literal["api_key", "app_id"] = "api_key"
    """Whose text stands in the signed message; the vendor's documents contradict each other."""
    sign_callbacks: bool = True
    """Whether callbacks carry the three headers of a signature; the vendor's documents do not say."""
    timestamps: Literal["simulated", "real"] = "real"
    """Which clock signatures are made and checked by. With `simulated`, `/_sim/advance` makes the caller's signatures
    stale, as a wrong clock would; with `real` it moves intervals only, for callers whose own clock cannot be moved."""

    def __post_init__(self) -> None:
        """Raise ValueError for an id that is none of the two."""
        if self.sign_with not in ("api_key", "app_id"):
            raise ValueError("must be api_key or app_id")

    @property
    def signing_id(self) -> str:
        """The `ID` of the signed message."""
        return self.api_key if self.sign_with == "api_key" else self.app_id


def sign(secret: str, method: str, uri: str, signing_id: str, timestamp: str, body: bytes) -> str:
    """`BASE64(HMAC-SHA256(secret, METHOD + URI + ID + timestamp + BODY))`, nothing between the parts.

    `uri` is the path as it goes over the wire, `timestamp` the header's text in milliseconds, `body` the exact bytes.
    """
    message = f"{method.upper()}{uri}{signing_id}{timestamp}".encode() + body
    return base64.b64encode(hmac.digest(secret.encode(), message, sha256)).decode()


class Access:
    """Checks what calls bring, and makes the headers that callbacks carry."""

    def __init__(self, clock: SimClock, account: UnifiPayAccount) -> None:
        self._clock = clock
        self._account = account

    def check(self, method: str, uri: str, headers: Mapping[str, str], body: bytes) -> None:
        """Return when the call may be carried out. `uri` is the path as it came, still encoded, without a query.

        Raises Refused: 401 for a missing or wrong signature, key or time, 403 for an app id without rights.
        """
        account = self._account
        app_id, timestamp, signature = (headers.get(name) for name in (APP_ID, TIMESTAMP, SIGNATURE))
        if not app_id or not timestamp or not signature:
            raise Refused(401, "UNAUTHORIZED", f"{APP_ID}, {TIMESTAMP} and {SIGNATURE} are required")
        if account.sign_with == "api_key" and not same(headers.get(API_KEY), account.api_key):
            raise Refused(401, "UNAUTHORIZED", f"{API_KEY} is missing or not known")
        if not self._is_recent(timestamp):
            raise Refused(401, "UNAUTHORIZED", f"{TIMESTAMP} must be in milliseconds, less than 5 minutes off")
        signing_id = account.api_key if account.sign_with == "api_key" else app_id
        if not same(signature, sign(account.app_secret, method, uri, signing_id, timestamp, body)):
            raise Refused(401, "UNAUTHORIZED", f"{SIGNATURE} does not match")
        if not same(app_id, account.app_id):
            raise Refused(403, "FORBIDDEN", f"this {APP_ID} may not make this call")

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
