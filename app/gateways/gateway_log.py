"""What was said between us and a gateway, as operators may read it later: masked, cut, and never part of any decision.

Masking keeps what is needed and drops the rest: numbers, and texts under names that are known to be harmless. A field that
nobody has thought of is hidden, not shown.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import msgspec

LONGEST = 8_000
"""Characters of one masked body that are kept."""

_HARMLESS = re.compile(
    r"(?:[a-z0-9_]*_)?(?:status(?:code)?|state|type|code|message|msg|error|reason|currency|method|channel|provider|version|mode|"
    r"uid|id|ids|ref|reference|sandbox|trigger|.*at|.*date(?:time)?|.*amount|orderidfromclient|.*id|.*status|.*currency(?:code)?|.*code)",
    re.IGNORECASE,
)
_NEVER = re.compile(
    r"token|secret|signature|password|customer|buyer|card|bank|account|phone|tel|mail|name|address|url", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class GatewayCall:
    """One call: what it was for, how it went, and both bodies, masked."""

    at: datetime
    gateway: str
    operation: str
    outcome: str
    took_ms: float
    sent: str | None
    received: str | None


_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode

Listener = Callable[[GatewayCall], None]
_listener: ContextVar[Listener | None] = ContextVar("gateway_call_listener", default=None)


@contextmanager
def record_calls() -> Iterator[list[GatewayCall]]:
    """A block whose gateway calls, in this task, are collected in the list that it yields."""
    calls: list[GatewayCall] = []
    token = _listener.set(calls.append)
    try:
        yield calls
    finally:
        _listener.reset(token)


def record_call(call: Callable[[], GatewayCall]) -> None:
    """Pass a call on to whoever listens; it is made only then."""
    if listener := _listener.get():
        listener(call())


def masked(body: bytes | None) -> str | None:
    """A body as it may be kept; one that is no JSON is only measured."""
    if body is None:
        return None
    try:
        value = _decode(body)
    except (ValueError, RecursionError):
        return f"[{len(body)} bytes, not JSON]"
    return _encode(_mask("", value)).decode()[:LONGEST]


def _mask(name: str, value: object, depth: int = 0) -> object:
    if depth > 20:
        return "[deep]"
    if isinstance(value, dict):
        return {str(key)[:100]: _mask(str(key), inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [_mask(name, inner, depth + 1) for inner in value[:50]]
    if isinstance(value, str) and (_NEVER.search(name) or not _HARMLESS.fullmatch(name)):
        return f"[{len(value)} characters]"
    return value
