"""Who is calling: a shop's server with a secret key, or a buyer's browser with the token of one payment.

A route says who may call it with `Security(secret_key, scopes=[…])`, and with `Depends(client_token)` that a payment's own
token will do as well. `StrictRoute` reads that and asks before it reads the body.
"""

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from time import monotonic
from typing import Protocol
from uuid import UUID

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from pydantic import BaseModel

from app.api.limits import Limits
from app.api_keys.service import ApiKey
from app.domain.client_tokens import ClientTokens
from app.domain.clock import Now, utc_now
from app.domain.errors import Forbidden, Unauthorized
from app.idempotency.service import Intent, fingerprint

KEY_CACHE_S = 5.0
"""How long a process trusts a key that it has looked up; so long may a revoked key still work."""

LANE = 2
"""Keys not known to be good that one process looks up at once. The database's other connections are the shops'."""

_KEY_CACHE_SIZE = 10_000

_ENDED = "The key's time is over: use its successor, or have the operator make one with `onetill keys create`."


@dataclass(frozen=True, slots=True)
class Caller:
    """Either a server of `store` with `scopes`, or the holder of one payment's client token."""

    store: str | None
    scopes: frozenset[str] = frozenset()
    payment_id: UUID | None = None
    key_id: str | None = None
    """The server's key, as `onetill keys list` shows it."""

    @property
    def is_client(self) -> bool:
        """Whether this is a buyer's browser or app."""
        return self.payment_id is not None

    @property
    def own_store(self) -> str:
        """The store that a server speaks for."""
        assert self.store is not None
        return self.store

    def intent(self, operation: str, key: str, body: BaseModel) -> Intent:
        """What the caller wants done once, however often it sends this key. Two stores' keys are two keys."""
        who = "client" if self.store is None else f"server:{self.store}"
        return Intent(f"{who}:{operation}", key, fingerprint(operation, body))

    def require(self, scope: str) -> None:
        """Raise Forbidden unless a server key has the scope."""
        if self.is_client:
            raise Forbidden(hint="This call needs a secret key; a client token works for its own payment only.")
        if not self.scopes & {scope, "*"}:
            raise Forbidden(hint=f"The key lacks the scope {scope}.", scope=scope)

    @property
    def sees_token(self) -> bool:
        """Whether this caller is shown the client token: who has it anyway, or who may pay with the payment."""
        return self.is_client or bool(self.scopes & {"payments:write", "*"})

    def require_payment(self, payment_id: UUID) -> None:
        """Raise Forbidden when a client token is used for another payment than its own."""
        if self.is_client and payment_id != self.payment_id:
            raise Forbidden(hint="This client token belongs to another payment.")


class Keys(Protocol):
    """What an `Authenticator` asks of API keys; see `ApiKeyService`."""

    async def find(self, key: str) -> ApiKey | None:
        """The key with this text, also one whose time is over; None where there is none, or it was revoked."""

    def note_use(self, key: ApiKey) -> None:
        """Note that it was used; never waits and never raises."""


class Authenticator:
    """Turns the Authorization header into a Caller. Key look-ups are cached for KEY_CACHE_S, and not beyond a key's end."""

    def __init__(
        self,
        keys: Keys,
        tokens: ClientTokens,
        mode: str,
        now: Now = utc_now,
    ) -> None:
        self._keys = keys
        self._now = now
        self._tokens = tokens
        self._mode = mode
        self._cache: dict[bytes, tuple[float, Caller]] = {}
        self._lane = asyncio.Semaphore(LANE)

    def known(self, authorization: str) -> Caller | None:
        """Who this is, as far as nobody has to be asked: a token's holder, or whose key was good when last looked up."""
        credential = _bearer(authorization)
        if credential.startswith("ct_"):
            payment_id = self._tokens.payment_of(credential, self._now())
            return None if payment_id is None else Caller(store=None, payment_id=payment_id)
        cached = self._cache.get(_digest(credential))
        return cached[1] if cached else None

    async def caller(self, authorization: str | None) -> Caller:
        """Who this is. Raises Unauthorized, whose hint says what was expected."""
        credential = _bearer(authorization or "")
        if not credential:
            raise Unauthorized(hint="Send one `Authorization: Bearer sk_…`, or the payment's `ct_…` from a browser.")
        if credential.startswith("ct_"):
            if (client := self.known(authorization or "")) is None:
                raise Unauthorized(hint="This client token is not one of ours, or its time is over.")
            return client
        return await self._server(credential)

    async def _server(self, credential: str) -> Caller:
        digest = _digest(credential)
        now = monotonic()
        cached = self._cache.get(digest)
        if cached and cached[0] > now:
            return cached[1]
        if credential.startswith(("sk_live_", "sk_test_")) and not credential.startswith(f"sk_{self._mode}_"):
            raise Unauthorized(hint=f"This deployment runs in {self._mode} mode; use an sk_{self._mode}_ key.")
        async with self._lane if cached is None else nullcontext():
            key = await self._keys.find(credential)
        at = self._now()
        if key is None or key.is_expired(at):
            self._cache.pop(digest, None)
            raise Unauthorized(hint=_ENDED if key else "The key is unknown or was revoked.")
        self._keys.note_use(key)
        trusted_s = KEY_CACHE_S if key.expires_at is None else min(KEY_CACHE_S, (key.expires_at - at).total_seconds())
        caller = Caller(store=key.store, scopes=frozenset(key.scopes), key_id=key.public_id)
        if len(self._cache) >= _KEY_CACHE_SIZE:
            self._cache.clear()
        self._cache[digest] = (now + trusted_s, caller)
        return caller


def _bearer(authorization: str) -> str:
    """The bearer's credential, or nothing."""
    scheme, _, credential = authorization.partition(" ")
    return credential.strip() if scheme.lower() == "bearer" else ""


def _digest(credential: str) -> bytes:
    return hashlib.sha256(credential.encode()).digest()


class Credential(SecurityBase):
    """One kind of bearer credential, as the document names it. As a dependency it hands out the caller."""

    def __init__(self, scheme_name: str, description: str) -> None:
        self.scheme_name = scheme_name
        self.model = HTTPBearer(description=description)

    async def __call__(self, request: Request) -> Caller:
        """The caller whom the route has admitted; a route that admits nobody has none to hand out."""
        caller: Caller = request.state.caller
        return caller


secret_key = Credential(
    "secretKey",
    "A server's key, `sk_test_…` or `sk_live_…`, from `onetill keys create`, with the scopes that a call names.",
)
client_token = Credential(
    "clientToken",
    "One payment's own `client_token`, for a browser or app: it reads, completes and re-attempts it.",
)


@dataclass(frozen=True, slots=True)
class Requirement:
    """Who may call a route: servers whose key has the scopes and, where it takes them, client tokens."""

    scopes: tuple[str, ...]
    takes_client_tokens: bool

    @classmethod
    def of(cls, dependant: Dependant) -> "Requirement | None":
        """What a route's dependencies, and theirs in turn, ask for; None where they ask for no credential."""
        asked = list(_credentials(dependant))
        if not asked:
            return None
        scopes = tuple(
            scope for each in asked for scope in (*(each.parent_oauth_scopes or ()), *(each.own_oauth_scopes or ()))
        )
        if not scopes:
            raise ValueError(f"{dependant.path} takes a credential and names no scope")
        return cls(scopes, any(each.call is client_token for each in asked))

    async def admit(self, request: Request) -> None:
        """Authenticate, and leave the caller in the request's state. Raises Unauthorized, Forbidden or RateLimited."""
        authenticator: Authenticator = request.app.state.authenticator
        limits: Limits = request.app.state.limits
        given = request.headers.getlist("authorization")
        try:
            caller = await authenticator.caller(given[0] if len(given) == 1 else None)
        except Unauthorized:
            limits.guessed_wrong(request.scope)
            raise
        limits.guessed_right(request.scope)
        limits.caller(request.scope, caller.key_id, caller.payment_id)
        if not (caller.is_client and self.takes_client_tokens):
            for scope in self.scopes:
                caller.require(scope)
        request.state.caller = caller


def _credentials(dependant: Dependant) -> Iterator[Dependant]:
    for each in dependant.dependencies:
        if isinstance(each.call, Credential):
            yield each
        yield from _credentials(each)
