"""Rate limits (law 15): what a key, a client token, one payment and one source address may ask in a while.

Kept in each process's memory, by the generic cell rate algorithm (GCRA): one number for each bucket, the time at which it is
empty again. Heights are `ONETILL_LIMITS__*`; they are made so that no shop meets them.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from ipaddress import ip_address
from math import ceil
from time import monotonic
from uuid import UUID

from starlette.types import Scope

from app.api.source import SourceOf
from app.domain.errors import RateLimited
from app.settings import LimitSettings

MOST_BUCKETS = 50_000
"""Of one kind, at about 150 bytes each; beyond that those that are empty are forgotten, and then all."""

STRANGER_S, HINTS_S = 3.0, 2.0
"""Seconds' worth of the budget that a source address, and that all unsigned webhooks together, may use at once."""

OVER_BUDGET = "over_budget"
"""In a call's scope: the RateLimited that it has waited for, and is told unless its key turns out to be good."""

_COUNTED = "counted_as"
"""In a call's scope: as whose it was counted by its source."""

PAYMENT_BURST = 1 / 3
"""The share of a payment's budget of a minute that may be used at once."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How much of a bucket is left, for the `RateLimit-*` headers."""

    limit: int
    remaining: int
    reset_s: int

    def headers(self) -> list[tuple[bytes, bytes]]:
        """`RateLimit-Limit`, `-Remaining` and `-Reset` (seconds), as draft-ietf-httpapi-ratelimit-headers-07 §5 has them."""
        return [
            (b"ratelimit-limit", b"%d" % self.limit),
            (b"ratelimit-remaining", b"%d" % self.remaining),
            (b"ratelimit-reset", b"%d" % self.reset_s),
        ]


class Limiter:
    """Buckets of one kind, `per_s` calls a second and `burst` at once. With `per_s` 0 there is no limit."""

    def __init__(self, per_s: float, burst: float, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._burst = max(1, round(burst))
        self._gap_s = 1 / per_s if per_s else 0.0
        self._depth_s = self._gap_s * self._burst
        self._empty_at: dict[object, float] = {}

    def take(self, key: object) -> Budget | None:
        """Use one call of a bucket; None where there is no limit. Raises RateLimited, and then none is used."""
        if not self._gap_s:
            return None
        now = self._now()
        empty_at = max(self._empty_at.get(key, 0.0), now) + self._gap_s
        if empty_at - now > self._depth_s + 1e-9:
            raise RateLimited(retry_after_s=max(1, ceil(empty_at - now - self._depth_s)))
        if len(self._empty_at) >= MOST_BUCKETS and key not in self._empty_at:
            self._forget(now)
        self._empty_at[key] = empty_at
        used_s = empty_at - now
        return Budget(self._burst, int((self._depth_s - used_s) / self._gap_s + 1e-6), ceil(used_s))

    def give_back(self, key: object) -> None:
        """Undo one `take`."""
        if key in self._empty_at:
            self._empty_at[key] -= self._gap_s

    def is_used_up(self, key: object) -> bool:
        """Whether the bucket has nothing left just now."""
        return bool(self._gap_s) and self._empty_at.get(key, 0.0) + self._gap_s - self._now() > self._depth_s + 1e-9

    def _forget(self, now: float) -> None:
        self._empty_at = {key: empty_at for key, empty_at in self._empty_at.items() if empty_at > now}
        if len(self._empty_at) >= MOST_BUCKETS:
            self._empty_at.clear()


class Limits:
    """The budgets of one process. `exempt` are addresses of gateways' servers: they have no source budget."""

    def __init__(self, settings: LimitSettings, source_of: SourceOf, exempt: frozenset[str] = frozenset()) -> None:
        self.source_of = source_of
        self._exempt = exempt
        self._keys = Limiter(settings.key_per_s, settings.key_per_s)
        self._tokens = Limiter(settings.token_per_s, 2 * settings.token_per_s)
        self._sources = Limiter(settings.source_per_s, STRANGER_S * settings.source_per_s)
        self._guesses = Limiter(settings.source_per_s, STRANGER_S * settings.source_per_s)
        self._payments = Limiter(settings.payment_per_min / 60, PAYMENT_BURST * settings.payment_per_min)
        self._hints = Limiter(settings.hints_per_s, HINTS_S * settings.hints_per_s)

    def caller(self, scope: Scope, key_id: str | None, payment_id: UUID | None) -> None:
        """A call with a good key or token. Raises RateLimited."""
        limiter, name = (self._keys, key_id) if payment_id is None else (self._tokens, payment_id)
        _note(scope, limiter.take(name))

    def stranger(self, scope: Scope) -> None:
        """A call without a credential that is ours, or that no route answers, by where it came from. Raises RateLimited.

        Every call is counted once, however many find that it should be.
        """
        self.guessed_wrong(scope)
        source = self.source_of(scope)
        if _COUNTED not in scope and source not in self._exempt:
            _note(scope, self._sources.take(_network(source)))
            scope[_COUNTED] = "stranger"

    def guesser(self, scope: Scope) -> None:
        """A call with a credential that is not known to be good, before anybody is asked about it. Raises RateLimited.

        By where it came from, and apart from all else that comes from there: a shop may share its address with strangers.
        """
        self._guesses.take(_network(self.source_of(scope)))
        scope[_COUNTED] = "guesser"

    def guessed_right(self, scope: Scope) -> None:
        """The credential is good: what `guesser` used up is returned."""
        if scope.get(_COUNTED) == "guesser":
            del scope[_COUNTED]
            self._guesses.give_back(_network(self.source_of(scope)))

    def guessed_wrong(self, scope: Scope) -> None:
        """Nothing that came with it is good. Raises the RateLimited that it was let through with, to be looked up."""
        over: RateLimited | None = scope.get(OVER_BUDGET)
        if over is not None:
            raise over

    def is_over(self, scope: Scope) -> bool:
        """Whether the source of this call has used up its budget; nothing is used."""
        source = self.source_of(scope)
        return source not in self._exempt and self._sources.is_used_up(_network(source))

    def hint(self, scope: Scope, about: Hashable) -> bool:
        """An unsigned webhook, by what it is about (if anything), and all of them together. Raises RateLimited.

        By its source it was counted before it was read, as `stranger`. False: its sender has no budget.
        """
        if self.source_of(scope) in self._exempt:
            return False
        if about is not None:
            self.look(about, is_client=False)
        self._hints.take(None)
        return True

    def look(self, about: Hashable, *, is_client: bool) -> None:
        """A look-up that no API key came for, of a payment or of what nobody knows yet. Raises RateLimited.

        `is_client`: by its token's holder, from whose budget strangers take nothing.
        """
        self._payments.take((about, is_client))


def _note(scope: Scope, budget: Budget | None) -> None:
    """Keep what is left for the answer's headers: the bucket that is nearest to its end."""
    known: Budget | None = scope.get("rate_limit")
    if budget is not None and (known is None or budget.remaining < known.remaining):
        scope["rate_limit"] = budget


def _network(source: str | None) -> str:
    """Whom an address stands for: itself, or with IPv6 its network of 64 bits, which one host has whole."""
    if source is None or ":" not in source:
        return source or "?"
    return ip_address(source).exploded[:19]
