"""What was said between us and a gateway, as operators may read it later: masked, cut, and never part of any decision.

Kept are amounts, times, the names under which payments, transactions, cancels, stores and channels are known, and words such
as a status or a reason. A member that nobody has thought of is hidden, not shown; under a name of a person or a secret
everything is. No other run of seven digits or more survives, however it is written, and what is hidden as a person's in one
place of an exchange is hidden wherever it stands in it.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from functools import lru_cache

import msgspec

from app.gateways.text import number

LONGEST = 8_000
"""Characters of one masked body that are kept."""
LARGEST = 64 * 1024
"""Bytes of a body that is read; a larger one is only measured."""
LONGEST_TEXT = 500
"""Characters of one text in it."""
MOST_MEMBERS, MOST_ITEMS, DEEPEST = 200, 50, 20

_WORDS = re.compile(
    r".*(?:status(?:code)?|state|type|code|message|msg|error|reason|currency(?:code)?|method|channel|provider|version|mode|trigger)",
    re.IGNORECASE,
)
"""Names of words and sentences."""
_MEASURES = re.compile(
    r".*(?:amount|total|charge|price|balance|vat|taxfree|supply|discount|fee|paid|cancell?ed|dates?|date_?time|timestamp)"
    r"|cancel_amount|expires|at|.*_at",
    re.IGNORECASE,
)
_MOMENTS = re.compile(r".*[a-z]At")
"""Names of amounts and times."""
_REFERENCES = re.compile(
    r"id|imp_?uid|merchant_?uid|(?:payment|transaction|tx|pg_?tx|pg_?t|cancellation|order|store|request)_?id|orderIdFromClient"
    r"|channel_?key",
    re.IGNORECASE,
)
"""Names of what gateways, shops and we call a payment and its parts."""
_PERSON = re.compile(
    r"customer|buyer|user|member|client|payer|owner|holder|recipient|remittee|person|card|bank|account|vbank|phone|tel|mobile|mail"
    r"|name|addr|post|zip|birth|gender|token|secret|signature|password|pass|pin|auth|otp|key|url|ip$",
    re.IGNORECASE,
)
"""Names of people, of what is theirs, and of what opens a door. `_REFERENCES` go before it."""

_MEASURE = re.compile(
    r"[+-]?\d{1,16}(?:\.\d{1,12})?|\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?",
    re.ASCII,
)
"""A number, or a date with or without a time."""
_REFERENCE = re.compile(r"[\w.:-]{1,200}", re.ASCII)
_DIGITS = re.compile(r"\d(?:[\W_]{0,3}\d){6,}")
"""Also with blanks, dashes and whatever else is no letter between them; `\\d` is a digit of any script."""
_MAIL = re.compile(r"[^\s@<>\"]{1,64}@[^\s@<>\"]{1,100}")
_PERSONAL = re.compile(r"[^A-Za-z]|[A-Z][a-z]")
"""In a person's text, what tells it from a word that may also be a status: PAID, paid."""
SHORTEST_NAME, SHORTEST_WORD = 2, 4
"""Characters of what is looked for elsewhere: of a Korean name, and of one in plain letters."""


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


_decode = msgspec.json.Decoder(float_hook=number).decode
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


def masked(sent: bytes | None, received: bytes | None = None) -> tuple[str | None, str | None]:
    """Both bodies of an exchange as they may be kept; one that is no JSON, or large, is only measured."""
    bodies = [_read(sent), _read(received)]
    people: set[str] = set()
    for body in bodies:
        _collect(body, people)

    def written(raw: bytes | None, body: object) -> str | None:
        if raw is None or isinstance(body, Measured):
            return None if raw is None else str(body)
        return _encode(_mask("", body, people)).decode()[:LONGEST]

    return written(sent, bodies[0]), written(received, bodies[1])


def _read(body: bytes | None) -> object:
    if body is None:
        return None
    if len(body) > LARGEST:
        return Measured(f"[{len(body)} bytes]")
    try:
        return _decode(body)
    except (ValueError, RecursionError):
        return Measured(f"[{len(body)} bytes, not JSON]")


class Measured(str):
    """In place of a body that is not kept."""

    __slots__ = ()


class Kind(Enum):
    """What a member's name says of its value."""

    REFERENCE = auto()
    PERSON = auto()
    MEASURE = auto()
    WORD = auto()
    UNKNOWN = auto()


@lru_cache(maxsize=4096)
def _kind(name: str) -> Kind:
    if _REFERENCES.fullmatch(name):
        return Kind.REFERENCE
    if _PERSON.search(name):
        return Kind.PERSON
    if _MEASURES.fullmatch(name) or _MOMENTS.fullmatch(name):
        return Kind.MEASURE
    return Kind.WORD if _WORDS.fullmatch(name) else Kind.UNKNOWN


def _collect(value: object, people: set[str], is_personal: bool = False, depth: int = 0) -> None:
    """The texts under the names of people and secrets."""
    if depth > DEEPEST or len(people) >= MOST_MEMBERS:
        return
    if isinstance(value, dict):
        for name, inner in list(value.items())[:MOST_MEMBERS]:
            _collect(inner, people, is_personal or _kind(name) is Kind.PERSON, depth + 1)
    elif isinstance(value, list):
        for inner in value[:MOST_ITEMS]:
            _collect(inner, people, is_personal, depth + 1)
    elif is_personal and isinstance(value, str) and _is_told_apart(value):
        people.add(value)


def _is_told_apart(text: str) -> bool:
    shortest = SHORTEST_WORD if text.isascii() else SHORTEST_NAME
    return shortest <= len(text) <= LONGEST_TEXT and _PERSONAL.search(text) is not None


def _mask(name: str, value: object, people: set[str], is_personal: bool = False, depth: int = 0) -> object:
    if depth > DEEPEST:
        return "[deep]"
    if isinstance(value, dict):
        return {
            _words(key[:100], people): _mask(key, inner, people, is_personal or _kind(key) is Kind.PERSON, depth + 1)
            for key, inner in list(value.items())[:MOST_MEMBERS]
        }
    if isinstance(value, list):
        return [_mask(name, inner, people, is_personal, depth + 1) for inner in value[:MOST_ITEMS]]
    if value is None or isinstance(value, bool):
        return value
    if not isinstance(value, str):
        digits = sum(each.isdigit() for each in str(value))
        return value if digits < 7 or (not is_personal and _kind(name) is Kind.MEASURE) else f"[{digits} digits]"
    kind = Kind.PERSON if is_personal else _kind(name)
    if kind is Kind.WORD:
        return _words(value, people)
    is_reference = kind is Kind.REFERENCE and _REFERENCE.fullmatch(value) and value not in people
    is_measure = kind is Kind.MEASURE and _MEASURE.fullmatch(value)
    return value if is_reference or is_measure else _hidden(value)


def _hidden(text: str) -> str:
    return f"[{len(text)} characters]"


def _words(text: str, people: set[str]) -> str:
    """A text without what is somebody's: digits in a row, mail addresses, and what stands under a person's name elsewhere."""
    text = text[:LONGEST_TEXT]
    for each in people:
        text = text.replace(each, _hidden(each))
    if text.isascii() and text.isalpha():
        return text
    text = _MAIL.sub("[mail]", text)
    return _DIGITS.sub(lambda found: f"[{sum(each.isdigit() for each in found[0])} digits]", text)
