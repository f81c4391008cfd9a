"""Text from outside as it can be read: one place for answers and webhooks. Text that nobody needs cannot spoil the rest.

What is damaged becomes U+FFFD and keeps its place, so that everything around it is read. Whoever decides by a text asks
`is_unreadable` first: a text with that sign is not what was sent. Pure.
"""

import re
import zlib
from collections.abc import Mapping
from decimal import Decimal

from app.domain.text import LONGEST_NAME

REPLACED = "\ufffd"
"""Stands for what could not be read; also where somebody before us put it in."""

LONGEST_TEXT = 300
"""Characters of a gateway's text for people that are kept."""

_BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"
_CONTROLS = bytes(0xFF if byte < 0x20 and byte not in b"\t\n\r" else byte for byte in range(256))
"""Makes of each control character a byte that is in no UTF-8, so that one decoding finds and replaces them all."""
_BACKSLASH, _HIDDEN = rb"\\", b"\x00\x00"
"""An escaped backslash, and what stands for it meanwhile: so every backslash that is left begins an escape."""
_ESCAPE = re.compile(
    rb"\\u(?:0000"
    rb"|[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2}\\u)[dD][c-fC-F][0-9a-fA-F]{2})"
)
"""A NUL, or half a pair of surrogates."""


class TooLarge(ValueError):
    """A compressed body unpacks to more than was allowed."""


def readable(body: bytes) -> tuple[bytes, str | None]:
    """Return the body as valid UTF-8, and which byte of it could not be read; None when all of it could.

    Replaced are bytes that are no UTF-8 (cut characters, EUC-KR), halves of surrogate pairs and NULs in JSON's spelling
    (RFC 8259 §8.2), and control characters that stand there raw. A byte order mark is left out: it says nothing.
    """
    start = len(_BOM) if body.startswith(_BOM) else 0
    # Each step is one pass in C: anybody may send a body in which every byte is damaged.
    marked = body.translate(_CONTROLS).replace(_BACKSLASH, _HIDDEN)
    found = _ESCAPE.search(marked)
    damaged = [found.start()] if found else []
    try:
        marked[start:].decode()
    except UnicodeDecodeError as error:
        damaged.append(start + error.start)
    if not damaged:
        return body[start:], None
    text = _ESCAPE.sub(rb"\\ufffd", marked)[start:].decode(errors="replace").encode()
    return text.replace(_HIDDEN, _BACKSLASH), f"byte {min(damaged)} of {len(body)} cannot be read"


def number(text: str) -> Decimal | str:
    """A JSON number exactly; as its text where its exponent is one that no Decimal has."""
    try:
        return Decimal(text)
    except ArithmeticError:
        return text


def short(text: object) -> str | None:
    """A text for people, cut to what a line holds; None where it is none."""
    return text[:LONGEST_TEXT] if isinstance(text, str) and text else None


def is_unreadable(*texts: str | None) -> bool:
    """Whether one of these texts is not what was sent, so that nothing may be decided by it."""
    return any(text is not None and REPLACED in text for text in texts)


def name_in(fields: Mapping[str, object], *names: str) -> str | None:
    """Return the first of these members that holds what may be the name of something; None where none does."""
    for value in map(fields.get, names):
        if (
            isinstance(value, str)
            and 0 < len(value) <= LONGEST_NAME
            and value.isprintable()
            and not is_unreadable(value)
        ):
            return value
    return None


def unpacked(body: bytes, limit_bytes: int) -> bytes:
    """Return what a gzip body holds, and any other body as it is; neither JSON nor a form begins like one.

    Raises TooLarge as soon as it would be longer than `limit_bytes`, and ValueError for a broken or cut one.
    """
    if not body.startswith(_GZIP):
        return body
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        content = unpacker.decompress(body, limit_bytes + 1)
    except zlib.error as error:
        raise ValueError("no gzip") from error
    if len(content) > limit_bytes:
        raise TooLarge(f"unpacks to more than {limit_bytes} bytes")
    if not unpacker.eof:
        raise ValueError("a gzip body that was cut")
    return content
