"""Reads bodies and queries into structs. What is wrong is said as (field, message), the field as the API spells it."""

import json
import re
from datetime import UTC, datetime
from typing import Any, get_type_hints

import msgspec
from starlette.requests import ClientDisconnect, Request

from app.api.patterns import MEANINGS
from app.domain.errors import BodyTooLarge, InvalidRequest, MalformedBody, UnsupportedMediaType

MAX_BODY_BYTES = 64 * 1024

_AT = re.compile(r" - at `\$\.?([^`]*)`$")
_AT_KEY = re.compile(r" - at `key` in `\$\.?([^`]*)`$")
_NAMED = re.compile(r"(?:missing required|unknown) field `([^`]*)`")
_MATCHING = re.compile(r"matching regex (.*)$", re.DOTALL)
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)


async def read_body(request: Request, decoder: msgspec.json.Decoder[Any]) -> Any:
    """The body as the decoder's struct.

    Raises UnsupportedMediaType, BodyTooLarge, MalformedBody, or InvalidRequest, also for a member that comes twice: which
    of the two counts would differ from parser to parser (RFC 8259 §4).
    """
    content_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if content_type != "application/json" and not content_type.endswith("+json"):
        raise UnsupportedMediaType()
    raw = bytearray()
    try:
        async for chunk in request.stream():
            raw += chunk
            if len(raw) > MAX_BODY_BYTES:
                raise BodyTooLarge(limit_bytes=MAX_BODY_BYTES)
        body = decoder.decode(raw)
        _UNIQUE.decode(raw.decode())
    except msgspec.ValidationError as error:
        raise InvalidRequest(_field_error(str(error))) from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, ClientDisconnect) as error:
        raise MalformedBody() from error
    return body


def read_query(request: Request, schema: type[msgspec.Struct]) -> Any:
    """Query values into the struct. A name that is not in it, or comes twice, is refused: a misread filter misleads."""
    known = get_type_hints(schema)
    values: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in known:
            raise InvalidRequest((name, f"is no parameter of this call; it takes {', '.join(known)}"))
        if name in values:
            raise InvalidRequest((name, "was given twice"))
        values[name] = value
    try:
        return msgspec.convert(values, schema, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidRequest(_field_error(str(error))) from error


def read_moment(name: str, text: str) -> datetime:
    """A query's RFC 3339 time, in UTC. Raises InvalidRequest that names the parameter."""
    try:
        if not _RFC3339.fullmatch(text):
            raise ValueError(text)
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        hint = "is no RFC 3339 time with a zone, such as 2026-11-21T08:30:00Z (in a URL, + is written %2B)"
        raise InvalidRequest((name, hint)) from error


def _field_error(message: str) -> tuple[str, str]:
    """msgspec's one-line message as (field, what is wrong): `amount`, "expected `int`, got `str`".

    msgspec writes `metadata[...]` for a value of a map, whichever; the map's name is what the caller knows.
    """
    if at_key := _AT_KEY.search(message):
        parent, text = at_key.group(1), f"has a name that is wrong: {_lower(_AT_KEY.sub('', message))}"
    else:
        at = _AT.search(message)
        parent, text = at.group(1) if at else "", _lower(_AT.sub("", message))
    parent = parent.replace("[...]", "")
    if named := _NAMED.search(text):
        inner = named.group(1)
        text = "is required" if "missing" in text else "is not a known field"
        return (f"{parent}.{inner}" if parent else inner), text
    return parent or "body", text


def _lower(text: str) -> str:
    if (matching := _MATCHING.search(text)) and (pattern := matching.group(1).strip("'\"")):
        meaning = MEANINGS.get(pattern.replace("\\\\", "\\"))
        return meaning or f"must match {pattern}"
    return text[0].lower() + text[1:]


def _unique_members(pairs: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidRequest((twice, "was given twice"))


_UNIQUE = json.JSONDecoder(object_pairs_hook=_unique_members, parse_int=str, parse_float=str)
"""Looks for members that come twice, which msgspec cannot; 3 µs for a usual body. Numbers are left unread."""
