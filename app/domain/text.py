"""What text from outside may be, per kind. One place, so that a callback, a webhook and a body are read alike.

Text that is refused here never reaches a path, a signature or the database: Postgres stores no NUL, a path segment of dots is
another path, and what looks alike must be the same.
"""

import re
import unicodedata
from urllib.parse import urlsplit

LONGEST_NAME = 200
"""Characters of a name that a gateway gives: its references, transactions and signatures."""

_NAME = re.compile(r"[!-~]+")
_DOTS = frozenset({".", ".."})
_HIDDEN = frozenset({"Cf", "Cs", "Zl", "Zp"})
"""Unicode categories of what nobody sees: zero width, direction, tags, halves of a character, line separators."""
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and signs that are drawn as nothing. Source: Unicode's Default_Ignorable_Code_Point, and the empty Braille pattern."""
_BREAKING = frozenset("\u2028\u2029\ufeff")
"""What makes several lines of one, or marks the beginning of a file."""
_HOST = re.compile(r"[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\]")
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of what stands around them, so that a line reads as another."""


def is_name(text: str, longest: int = LONGEST_NAME) -> bool:
    """Whether a gateway could have named something so: one word of printable ASCII, and no segment of dots."""
    return len(text) <= longest and _NAME.fullmatch(text) is not None and text not in _DOTS


def canonical(text: str) -> str:
    """The one spelling (NFC) of what can be written in several, so that equal texts are equal bytes."""
    return unicodedata.normalize("NFC", text)


def check_id(text: str) -> str:
    """An id that the shop gives, in its one spelling. Raises ValueError for characters that nobody sees."""
    if found := next((each for each in text if _is_hidden(each)), None):
        raise ValueError(f"must not contain the invisible character U+{ord(found):04X}")
    return canonical(text)


def _is_hidden(sign: str) -> bool:
    return sign in _BLANK or unicodedata.category(sign) in _HIDDEN


def check_line(text: str) -> str:
    """A line that people read. Raises ValueError for what turns or breaks it; joiners of scripts and emoji are fine."""
    if found := next((each for each in text if each in _BREAKING), None):
        raise ValueError(f"must not contain U+{ord(found):04X}, which is no part of a line")
    if found := next((each for each in text if each in _TURNING), None):
        raise ValueError(f"must not contain U+{ord(found):04X}, which turns the direction of text")
    return text


def shown_line(text: str) -> str:
    """A line of the settings as people read it: without what turns or breaks it, and with single spaces."""
    kept = (each for each in text if each not in _TURNING | _BREAKING)
    return " ".join("".join(" " if unicodedata.category(each) == "Cc" else each for each in kept).split())


def wrong_address(url: str, schemes: set[str], hosts: frozenset[str]) -> str | None:
    """What is wrong with an address that a buyer is sent to; None: nothing.

    `hosts`: the only ones of web addresses, empty: any. Browsers read a backslash as a slash, and what stands before an `@`
    is no host, so neither may be there to look like one.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "is not a URL"
    if any(ord(each) <= 32 or ord(each) == 127 for each in url):
        return "must not contain spaces or control characters"
    if "\\" in url:
        return "must not contain a backslash"
    if any(_is_hidden(each) for each in url):
        return "must not contain invisible characters: percent-encode them"
    if parts.scheme not in schemes:
        return f"must start with one of {', '.join(f'{scheme}://' for scheme in sorted(schemes))}"
    if parts.scheme in {"http", "https"}:
        if not host:
            return "has no host"
        if "@" in parts.netloc:
            return "must not contain a user name or a password"
        if not _HOST.fullmatch(parts.netloc.removesuffix(f":{port}" if port is not None else ":")):
            return "has a host that is no plain one: write an international one as xn--…"
        if hosts and host not in hosts:
            return "is at none of the hosts of ONETILL_RETURN_HOSTS"
    return None
