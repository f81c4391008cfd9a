"""Who may call: the merchant's account, and the token that its keys buy. Source: Swagger (`getToken`), portone-v1.md §2."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from simulator.clock import SimClock
from simulator.portone_v1.fields import seconds, unauthorized
from simulator.tokens import Token, Tokens, same

LIVES = timedelta(minutes=30)
ALMOST_OVER = timedelta(minutes=1)
LONGER = timedelta(minutes=5)
"""How much later a token ends that is asked for again when it is almost over."""


@dataclass(frozen=True, slots=True)
class PortOneV1Account:
    """One merchant with one Paymentwall channel. The values are worth nothing."""

    imp_key: str = "sim_imp_key"
    imp_secret: str = "sim_imp_secret"  # noqa: S105
    user_code: str = "imp00000000"
    channel_key: str = "channel-key-sim-paymentwall"
    channel: Literal["TEST", "LIVE"] = "TEST"
    """What kind of channel payments come through: TEST ones have `sandbox: true`."""
    webhook_url: str | None = None
    """The address in the console, for payments that bring no `notice_url`."""
    webhook_format: Literal["json", "form"] = "json"
    """The content type of webhooks, as chosen in the console."""


class Access:
    """The credentials of one merchant. There is one token at a time: asking again gives the same one.

    The time scale does not shorten its life, so that a demonstration at speed is not all logins.
    """

    def __init__(self, clock: SimClock, tokens: Tokens, account: PortOneV1Account) -> None:
        self._clock = clock
        self._tokens = tokens
        self._account = account
        self.reset()

    def reset(self) -> None:
        """Forget the token."""
        self._token: Token | None = None

    def log_in(self, imp_key: str | None, imp_secret: str | None) -> dict[str, Any]:
        """The merchant's token. Raises Refused(401) for keys that are wrong or missing."""
        is_right = same(imp_key, self._account.imp_key) & same(imp_secret, self._account.imp_secret)
        if not is_right:
            raise unauthorized()
        now = self._clock.now()
        token = self._live()
        if token is None:
            token = self._token = Token(self._tokens.hex(), now + LIVES)
        elif token.ends_at - now < ALMOST_OVER:
            token.ends_at += LONGER
        return {"access_token": token.value, "expired_at": seconds(token.ends_at), "now": seconds(now)}

    def check(self, authorization: str | None) -> None:
        """Raise Refused(401) unless the header is the token that is valid now, bare or as `Bearer <token>`."""
        token = self._live()
        given = authorization or ""
        scheme, _, credential = given.partition(" ")
        if scheme.lower() == "bearer":
            given = credential.strip()
        if token is None or not same(given, token.value):
            raise unauthorized()

    def expire(self) -> None:
        """End the token before its time."""
        self._token = None

    def _live(self) -> Token | None:
        token = self._token
        return token if token is not None and self._clock.now() < token.ends_at else None
