"""`Idempotency-Key`: one key, one request, one answer. Source: contract §1, table "Idempotency-Key" [G].

[I]: another request under a used key is 422 INVALID_REQUEST, as the IETF draft has it, to which the real page refers.
Answers that did nothing (500, 429) are not kept, so that a retry does the work.
"""

import re
from dataclasses import dataclass
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response

from simulator.clock import SimClock
from simulator.portone_v2.wire import Refusal, invalid

KEPT_S = 3 * 3600
KEY = re.compile(r'"?([!#-~]{16,256})"?', re.ASCII)
"""Quoted (RFC 8941) or bare, 16 to 256 visible ASCII characters."""


@dataclass(slots=True)
class Kept:
    """One request under one key."""

    key: str
    fingerprint: bytes
    at_s: float
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

    def begin(self, request: Request, body: bytes) -> Kept | None:
        """Note a request that carries a key; None when it has none. `answer` is there when it was answered before.

        Raises Refusal: the key is malformed, was used for something else, or its request still runs.
        """
        header = request.headers.get("idempotency-key")
        if request.method != "POST" or header is None:
            return None
        match = KEY.fullmatch(header)
        if match is None:
            raise invalid("Idempotency-Key must be 16 to 256 visible ASCII characters")
        target = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
        fingerprint = sha256(target + body).digest()
        known = self._known(match.group(1))
        if known is None:
            fresh = Kept(match.group(1), fingerprint, self._clock.elapsed_s())
            self._kept[fresh.key] = fresh
            return fresh
        if known.fingerprint != fingerprint:
            raise Refusal("INVALID_REQUEST", "the Idempotency-Key was used for another request", status=422)
        if known.is_running:
            raise Refusal("IDEMPOTENCY_OUTSTANDING_REQUEST", "a request with this Idempotency-Key is still running")
        return known

    def end(self, kept: Kept) -> None:
        """The request is over. Without an answer nothing was done, and the key is free again."""
        kept.is_running = False
        if kept.answer is None:
            self.forget(kept)

    def forget(self, kept: Kept) -> None:
        """The request never arrived: its key is free at once."""
        if self._kept.get(kept.key) is kept:
            del self._kept[kept.key]

    def _known(self, key: str) -> Kept | None:
        kept = self._kept.get(key)
        if kept is not None and self._clock.elapsed_s() - kept.at_s >= self._clock.interval(KEPT_S):
            del self._kept[key]
            return None
        return kept
