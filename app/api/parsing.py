"""Reads bodies: so many bytes and no more, JSON alone, and each member once."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from fastapi import Request
from jiter import from_json
from starlette.requests import ClientDisconnect

from app.domain.errors import BodyTooLarge, InvalidRequest, MalformedBody, UnsupportedMediaType

MAX_BODY_BYTES = 64 * 1024

_JSON = re.compile(r"application/(?:[0-9a-z!#$%&'*+.^_`|~-]+\+)?json[ \t]*(?:;.*)?", re.IGNORECASE)
"""JSON's names: its own, and those of the formats that are made of it (RFC 6839 §3.1)."""


async def read_body(request: Request, limit_bytes: int) -> bytes:
    """The raw body. Raises BodyTooLarge as soon as it is, and MalformedBody when the sender breaks off."""
    raw = bytearray()
    try:
        async for chunk in request.stream():
            raw += chunk
            if len(raw) > limit_bytes:
                raise BodyTooLarge(limit_bytes=limit_bytes)
    except ClientDisconnect as error:
        raise MalformedBody() from error
    return bytes(raw)


class StrictRequest(Request):
    """A request whose body is JSON. What it has read once it hands out again, to FastAPI too."""

    _json: Any

    async def body(self) -> bytes:
        """The raw body, at most MAX_BODY_BYTES. Raises as `read_body`."""
        if not hasattr(self, "_body"):
            self._body = await read_body(self, MAX_BODY_BYTES)
        return self._body

    async def json(self) -> Any:
        """The body's value.

        Raises UnsupportedMediaType, BodyTooLarge, MalformedBody, or InvalidRequest for a member that comes twice: which of
        the two counts would differ from parser to parser (RFC 8259 §4).
        """
        if not hasattr(self, "_json"):
            if not _JSON.fullmatch(self.headers.get("content-type", "application/json")):
                raise UnsupportedMediaType()
            raw = await self.body()
            try:
                self._json = from_json(raw, allow_inf_nan=False, catch_duplicate_keys=True)
            except ValueError as error:
                _refuse_doubled_members(raw)
                raise MalformedBody() from error
        return self._json


def refuse_doubled(pairs: Iterable[tuple[str, Any]]) -> None:
    """Raise InvalidRequest for names that come twice: which of the values counts would differ from reader to reader."""
    counted = Counter(name for name, _ in pairs)
    if twice := [name for name, count in counted.items() if count > 1]:
        # JSON can spell half a character (`"\\ud800"`), which no answer can.
        raise InvalidRequest(*((name.encode(errors="backslashreplace").decode(), "was given twice") for name in twice))


def _refuse_doubled_members(raw: bytes) -> None:
    """Look through a body that was not read. What else is wrong with it is no matter here, and numbers are left unread."""
    with suppress(ValueError, RecursionError):
        json.loads(raw.decode(), object_pairs_hook=refuse_doubled, parse_int=str, parse_float=str)
