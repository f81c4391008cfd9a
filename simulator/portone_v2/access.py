"""Who may call: the API secret itself, or the short-lived token that it buys; and what was called under which key.

Source: portone-v2.md §1, `Idempotency-Key` from its table [G]. [I]: another request under a used key is 422 INVALID_REQUEST, as
the IETF draft has it, to which the real page refers. Answers that did nothing (500, 429) are not kept, so that a retry
does the work.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any, Literal

from starlette.responses import Response

from simulator.api import Call, CallRow
from simulator.clock import SimClock
from simulator.portone_v2.fields import Refused, invalid
from simulator.tokens import Token, Tokens, same

ACCESS_LIVES = timedelta(minutes=30)
REFRESH_LIVES = timedelta(days=1)
KEPT_S = 3 * 3600
KEY = re.compile(r'"?([!#-~]{16,256})"?', re.ASCII)
"""Quoted (RFC 8941) or bare, 16 to 256 visible ASCII characters."""


def signing_key(secret: str) -> bytes:
    """The bytes of the Base64 in `whsec_<base64>`, as merchants copy it: also without the prefix, or the padding.

    Raises ValueError for any other text.
    """
    text = secret.removeprefix("whsec_")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise ValueError("must be Base64, with or without whsec_ before it") from None


@dataclass(frozen=True, slots=True)
class PortOneV2Account:
    """One store with one channel. The values are worth nothing."""

    api_secret: str = "sim_portone_v2_api_secret"  # noqa: S105
    merchant_id: str = "merchant-00000000-0000-4000-8000-000000000001"
    store_id: str = "store-00000000-0000-4000-8000-000000000001"
    channel_key: str = "channel-key-00000000-0000-4000-8000-000000000001"
    webhook_secrets: tuple[str, ...] = ("whsec_c2ltdWxhdG9yLXdlYmhvb2stc2VjcmV0",)
    """One, or two during a rotation: the newest first. Each webhook is signed with all of them."""
    channel: Literal["TEST", "LIVE"] = "TEST"
    """What kind of channel payments come through."""
    pg_provider: str = "TOSSPAYMENTS"
    """The payment company behind the channel. PAYMENTWALL asks for more about the customer."""
    webhook_url: str | None = None
    """The address in the console, for payments that bring no `noticeUrls`."""

    def __post_init__(self) -> None:
        """Raise ValueError for a webhook secret that nothing can be signed with."""
        for secret in self.webhook_secrets:
            signing_key(secret)


class Access:
    """The credentials of one store. There is one refresh token: each login and refresh kills the one before."""

    def __init__(self, clock: SimClock, tokens: Tokens, secret: str) -> None:
        self._clock = clock
        self._tokens = tokens
        self._secret = secret
        self.reset()

    def reset(self) -> None:
        """Forget every token."""
        self._refresh: Token | None = None
        self._access: list[Token] = []

    def log_in(self, secret: str) -> dict[str, Any]:
        """Buy tokens with the API secret."""
        if not same(secret, self._secret):
            raise Refused("UNAUTHORIZED", "the API secret is wrong")
        return self._issue()

    def refresh(self, token: str) -> dict[str, Any]:
        """Buy new tokens with the refresh token, which is dead at once."""
        if self._refresh is None or not same(token, self._refresh.value) or self._has_ended(self._refresh):
            raise Refused("UNAUTHORIZED", "the refresh token is not valid")
        return self._issue()

    def check(self, authorization: str | None) -> None:
        """Raise Refused(UNAUTHORIZED) unless the header is `PortOne <secret>` or `Bearer <access token>`."""
        scheme, _, credential = (authorization or "").partition(" ")
        match scheme.lower():
            case "portone":
                is_right = same(credential, self._secret)
            case "bearer":
                self._access = [token for token in self._access if not self._has_ended(token)]
                is_right = any(same(credential, token.value) for token in self._access)
            case _:
                is_right = False
        if not is_right:
            raise Refused("UNAUTHORIZED", "the Authorization header is missing or wrong")

    def _issue(self) -> dict[str, Any]:
        now = self._clock.now()
        access = Token(self._tokens.opaque("access"), now + ACCESS_LIVES)
        self._refresh = Token(self._tokens.opaque("refresh"), now + REFRESH_LIVES)
        self._access.append(access)
        return {"accessToken": access.value, "refreshToken": self._refresh.value}

    def _has_ended(self, token: Token) -> bool:
        return self._clock.now() >= token.ends_at


@dataclass(slots=True)
class Kept:
    """One request under one key."""

    key: str
    fingerprint: bytes
    at_s: float
    row: CallRow
    answer: Response | None = None
    is_running: bool = True


class Keys:
    """The keys of one store."""

    def __init__(self, clock: SimClock) -> None:
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        """Forget every key."""
        self._kept: dict[str, Kept] = {}

    def begin(self, call: Call) -> Kept | None:
        """Note a call that carries a key; None when it has none. `answer` is there when it was answered before.

        Raises Refused: the key is malformed, was used for something else, or its request still runs.
        """
        request, header = call.request, call.request.headers.get("idempotency-key")
        if request.method != "POST" or header is None:
            return None
        match = KEY.fullmatch(header)
        if match is None:
            raise invalid("Idempotency-Key must be 16 to 256 visible ASCII characters")
        target = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
        fingerprint = sha256(target + call.body).digest()
        known = self._known(match.group(1))
        if known is None:
            fresh = Kept(match.group(1), fingerprint, self._clock.elapsed_s(), call.row)
            self._kept[fresh.key] = fresh
            return fresh
        if known.fingerprint != fingerprint:
            raise Refused("INVALID_REQUEST", "the Idempotency-Key was used for another request", status=422)
        if known.is_running:
            raise Refused("IDEMPOTENCY_OUTSTANDING_REQUEST", "a request with this Idempotency-Key is still running")
        return known

    def answered(self, call: Call, answer: Response) -> None:
        """Keep the answer of a call that carries a key."""
        if (kept := self._of(call)) is not None:
            kept.answer = answer

    def end(self, call: Call) -> None:
        """The call is over, or never arrived. Without an answer nothing was done, and its key is free again."""
        if (kept := self._of(call)) is not None:
            kept.is_running = False
            if kept.answer is None:
                del self._kept[kept.key]

    def _of(self, call: Call) -> Kept | None:
        match = KEY.fullmatch(call.request.headers.get("idempotency-key", ""))
        kept = self._kept.get(match.group(1)) if match is not None else None
        return kept if kept is not None and kept.row is call.row else None

    def _known(self, key: str) -> Kept | None:
        kept = self._kept.get(key)
        if kept is not None and self._clock.elapsed_s() - kept.at_s >= self._clock.interval(KEPT_S):
            del self._kept[key]
            return None
        return kept
