"""The login of one PortOne V1 account: one access token, shared by all calls and asked for once.

PortOne's tokens live 30 minutes, and asking early returns the same one, prolonged when less than a minute is left
(docs/gateways/portone-v1.md §2). So several processes may log in without disturbing each other.
"""

import asyncio
import time

import msgspec

from app.domain.errors import GatewayTimeout, GatewayUnavailable
from app.gateways.facts import Told, read_told
from app.gateways.http import GatewayHttp
from app.gateways.portone_v1.codes import NAME
from app.gateways.portone_v1.response import ApiResponse

MARGIN_S = 45.0
"""How long before its end a token is given up. Less than the last minute, before which a login brings the same token."""


class Access(Told, frozen=True):
    """What a login answers. Times are UNIX seconds on PortOne's clock: only their difference means anything here."""

    access_token: str
    expired_at: int = 0
    now: int = 0


class Login:
    """Keeps the token. Many calls at once share one login, which goes on when the call that began it is given up."""

    def __init__(self, http: GatewayHttp, imp_key: str, imp_secret: str) -> None:
        self._http = http
        self._body = msgspec.json.encode({"imp_key": imp_key, "imp_secret": imp_secret})
        self._token: str | None = None
        self._good_until = 0.0
        self._under_way: asyncio.Task[str] | None = None

    async def token(self, wait_s: float) -> str:
        """The token to send, within `wait_s`.

        Raises GatewayUnavailable when none can be had: the call that wanted it was never sent. Raises GatewayRefused when
        the account's keys are wrong.
        """
        if self._token is not None and time.monotonic() < self._good_until:
            return self._token
        if self._under_way is None or self._under_way.done():
            self._under_way = asyncio.create_task(self._log_in())
            self._under_way.add_done_callback(_hear)
        login = self._under_way
        try:
            async with asyncio.timeout(wait_s):
                return await asyncio.shield(login)
        except TimeoutError:
            raise GatewayUnavailable(gateway=NAME) from None
        except asyncio.CancelledError:
            if login.cancelled():  # closed, and not the caller who left
                raise GatewayUnavailable(gateway=NAME) from None
            raise

    def forget(self, token: str) -> None:
        """Log in before the next call: this token was refused. A newer one, which another call has fetched, stays."""
        if self._token == token:
            self._token = None

    def close(self) -> None:
        """End a login that is under way."""
        if self._under_way is not None:
            self._under_way.cancel()

    async def _log_in(self) -> str:
        asked_at = time.monotonic()
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        try:
            got = await self._http.request("token", "POST", "/users/getToken", headers=headers, body=self._body)
            access = read_told(ApiResponse.of(got).accepted(), Access)
        except (GatewayTimeout, ValueError):  # lost, or unreadable: either way nothing but the login was sent
            raise GatewayUnavailable(gateway=NAME) from None
        if not access.access_token:
            raise GatewayUnavailable(gateway=NAME)
        self._token = access.access_token
        self._good_until = asked_at + access.expired_at - access.now - MARGIN_S
        return self._token


def _hear(login: asyncio.Task[str]) -> None:
    """Take note of a failure that nobody waits for any more, or asyncio reports it as forgotten."""
    if not login.cancelled():
        login.exception()
