"""Cursors: the position of the last row of a page, opaque to the caller."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from uuid import UUID

from app.domain.errors import InvalidRequest

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def cursor(created_at: datetime, row_id: UUID) -> str:
    """The position (created_at, id) as text."""
    micros = (created_at - _EPOCH) // _MICROSECOND
    return urlsafe_b64encode(micros.to_bytes(8) + row_id.bytes).decode()


def position(text: str) -> tuple[datetime, UUID]:
    """Read a cursor back. Raises InvalidRequest for anything that `cursor` did not make."""
    try:
        raw = urlsafe_b64decode(text.encode("ascii"))
        if len(raw) != 24 or urlsafe_b64encode(raw).decode() != text:
            raise ValueError("a cursor has 24 bytes, spelled in one way")
        return _EPOCH + int.from_bytes(raw[:8]) * _MICROSECOND, UUID(bytes=raw[8:])
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(("cursor", "is not a `next_cursor` of this list; leave it out to start anew")) from error
