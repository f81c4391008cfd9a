"""Reads bodies: so many bytes and no more, JSON alone, and each member once."""

import re
from typing import Any

from fastapi import Request
from jiter import from_json
from starlette.requests import ClientDisconnect

from app.domain.errors import BodyTooLarge, InvalidRequest, MalformedBody, UnsupportedMediaType

MAX_BODY_BYTES = 64 * 1024

_TWICE = re.compile(r'Detected duplicate key "(.*)" at line [0-9]+ column [0-9]+', re.DOTALL)


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
            if not _is_json(self.headers.get("content-type")):
                raise UnsupportedMediaType()
            try:
                self._json = from_json(await self.body(), allow_inf_nan=False, catch_duplicate_keys=True)
            except ValueError as error:
                if twice := _TWICE.fullmatch(str(error)):
                    raise InvalidRequest((twice.group(1), "was given twice")) from error
                raise MalformedBody() from error
        return self._json


def _is_json(content_type: str | None) -> bool:
    """Whether it is one of JSON's names, or none is given (RFC 6839 §3.1)."""
    kind, _, name = (content_type or "application/json").partition(";")[0].strip().lower().partition("/")
    return kind == "application" and (name == "json" or name.endswith("+json"))
