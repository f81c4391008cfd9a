"""Ids: UUIDv7 inside, a short prefix and 32 hex digits outside; and the reference that a gateway sees.

Time-ordered ids keep inserts at the right edge of every index (docs/architecture.md, law 18).
"""

import hashlib
import os
import re
import threading
import time
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

from app.domain.errors import MalformedId


class Prefix(StrEnum):
    """The public prefixes of ids."""

    PAYMENT = "pay"
    ATTEMPT = "att"
    REFUND = "ref"
    API_KEY = "key"
    WEBHOOK = "whi"
    EVENT = "evt"
    ENDPOINT = "nep"
    NOTIFICATION = "ntf"
    DELIVERY = "whd"


REFERENCE = re.compile(r"[0-9A-Za-z]{1,40}")
"""What every gateway accepts as an order id. Source: docs/gateways/portone-v2.md §2 (Smartro cuts at 40, KPN forbids symbols)."""

_HEX = re.compile(r"[0-9a-f]{32}")
_REFERENCE_OF_ATTEMPT = re.compile(r"([0-9a-f]{32})a([1-9][0-9]{0,4})")
MAX_ATTEMPTS = 99_999
"""Attempts of one payment: what a reference has room for, and what the database's own check says."""
_lock = threading.Lock()
_last = 0


def uuid7() -> UUID:
    """A fresh UUIDv7 (RFC 9562 §5.7), strictly increasing within this process.

    48 bits of milliseconds, then 12 bits of sub-millisecond time, then 62 random bits.
    """
    global _last
    now = time.time_ns()
    ticks = (now // 1_000_000 << 12) | (now % 1_000_000 * 4096 // 1_000_000)
    with _lock:
        ticks = _last = max(ticks, _last + 1)
    random = int.from_bytes(os.urandom(8)) & ((1 << 62) - 1)
    value = (ticks >> 12 << 80) | (7 << 76) | ((ticks & 0xFFF) << 64) | (0b10 << 62) | random
    return UUID(int=value)


def derived(whole: UUID, fact: bytes) -> UUID:
    """The id of a fact about `whole`: the same whenever it is found.

    A UUIDv7 with the milliseconds of `whole`, so that it stands beside it in an index; the other 74 bits are a SHA-256.
    """
    digest = int.from_bytes(hashlib.sha256(whole.bytes + fact).digest())
    rest = digest & ~((0xF << 76) | (0b11 << 62)) & ((1 << 80) - 1)
    return UUID(int=(whole.int >> 80 << 80) | (7 << 76) | (0b10 << 62) | rest)


def made_at(value: UUID) -> datetime:
    """When a UUIDv7 was made, to the millisecond."""
    return datetime.fromtimestamp(int.from_bytes(value.bytes[:6]) / 1000, UTC)


def show(prefix: Prefix, value: UUID) -> str:
    """The public form: `pay_` and 32 hex digits."""
    return f"{prefix.value}_{value.hex}"


def read(prefix: Prefix, text: str) -> UUID:
    """Read a public id back. Raises MalformedId, which names what was expected, for anything else."""
    head, _, tail = text.partition("_")
    if head != prefix.value or not _HEX.fullmatch(tail):
        raise MalformedId(prefix=prefix.value)
    return UUID(hex=tail)


def reference(payment: UUID, attempt_no: int) -> str:
    """What the gateway sees as our order id: the payment's hex, `a`, and the attempt's number within the payment.

    The payment is derivable from it, so a gateway's message finds its payment without another unique index.
    Raises ValueError for a number that `payment_of_reference` could not read back.
    """
    if not 1 <= attempt_no <= MAX_ATTEMPTS:
        raise ValueError(f"attempt number {attempt_no} does not fit into a reference: 1 to {MAX_ATTEMPTS} do")
    return f"{payment.hex}a{attempt_no}"


def payment_of_reference(text: str) -> UUID | None:
    """The payment that a reference belongs to, or None for a text that is none of ours."""
    match = _REFERENCE_OF_ATTEMPT.fullmatch(text)
    return UUID(hex=match.group(1)) if match else None
