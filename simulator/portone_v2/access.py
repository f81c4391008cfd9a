"""Who may call: the API secret itself, or the short-lived token that it buys. Source: contract §1."""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from simulator.clock import SimClock
from simulator.opaque import Opaque
from simulator.portone_v2.wire import Refusal

ACCESS_LIVES = timedelta(minutes=30)
REFRESH_LIVES = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Token:
    """A token and when it ends."""

    value: str
    ends_at: datetime


class Access:
    """The credentials of one store. There is one refresh token: each login and refresh kills the one before."""

    def __init__(self, clock: SimClock, opaque: Opaque, secret: str) -> None:
        self._clock = clock
        self._opaque = opaque
        self._secret = secret
        self.reset()

    def reset(self) -> None:
        """Forget every token."""
        self._refresh: Token | None = None
        self._access: list[Token] = []

    def log_in(self, secret: str) -> dict[str, Any]:
        """Buy tokens with the API secret."""
        if not _same(secret, self._secret):
            raise Refusal("UNAUTHORIZED", "the API secret is wrong")
        return self._issue()

    def refresh(self, token: str) -> dict[str, Any]:
        """Buy new tokens with the refresh token, which is dead at once."""
        if self._refresh is None or not _same(token, self._refresh.value) or self._has_ended(self._refresh):
            raise Refusal("UNAUTHORIZED", "the refresh token is not valid")
        return self._issue()

    def check(self, authorization: str | None) -> None:
        """Raise Refusal(UNAUTHORIZED) unless the header is `PortOne <secret>` or `Bearer <access token>`."""
        scheme, _, credential = (authorization or "").partition(" ")
        match scheme.lower():
            case "portone":
                is_right = _same(credential, self._secret)
            case "bearer":
                self._access = [token for token in self._access if not self._has_ended(token)]
                is_right = any(_same(credential, token.value) for token in self._access)
            case _:
                is_right = False
        if not is_right:
            raise Refusal("UNAUTHORIZED", "the Authorization header is missing or wrong")

    def _issue(self) -> dict[str, Any]:
        now = self._clock.now()
        access = Token(self._opaque.make("access"), now + ACCESS_LIVES)
        self._refresh = Token(self._opaque.make("refresh"), now + REFRESH_LIVES)
        self._access.append(access)
        return {"accessToken": access.value, "refreshToken": self._refresh.value}

    def _has_ended(self, token: Token) -> bool:
        return self._clock.now() >= token.ends_at


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())
