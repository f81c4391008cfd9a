"""Client tokens: the right of one buyer's browser to one payment, made from the payment's id and our secret keys.

A token is `ct_` and 64 characters: the payment's id, the second in which the token ends, the id of the key, and a MAC over
these. It is the same whenever it is made, so none is stored, and an answer that was stored without it is made whole again.
Tokens of 57 characters are of an earlier release, without an end of their own.
"""

import hashlib
import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from uuid import UUID

from app.domain import ids

TOKEN_KEPT = timedelta(days=31)
"""How long after its payment's expiry a token still reads how the payment ended."""

LONGEST_TO_PAY = timedelta(days=30)
"""How long a payment may be open at most: `expires_in_s` of `POST /payments`."""

_MAC_BYTES = 24
_TAG_BYTES = 12

_TOKEN = re.compile(rb"ct_([0-9A-Za-z_\-]{32})[0-9A-Za-z_\-]{32}")
_SEALED = re.compile(rb"\x00([0-9A-Za-z_\-]{32})([0-9A-Za-z_\-]{16})?\x00")
_NEVER = datetime.max.replace(tzinfo=UTC)


class ClientTokens:
    """Makes and reads tokens with our secret keys: the first makes them, all of them read."""

    def __init__(self, secret_keys: str) -> None:
        """`secret_keys` as ONETILL_SECRET_KEY has them: one, or several with commas in between."""
        parts = [each.strip() for each in secret_keys.split(",")]
        keys = [hashlib.sha256(b"onetill client token\0" + each.encode()).digest() for each in parts if each]
        self._keys = {hashlib.sha256(b"id\0" + key).digest()[:4]: key for key in keys}
        self._first = next(iter(self._keys))

    def token(self, payment_id: UUID, expires_at: datetime) -> str:
        """`ct_…`, good for this payment until `TOKEN_KEPT` after it expires, or until its key leaves the settings."""
        ends_at = int((expires_at + TOKEN_KEPT).timestamp())
        return self._signed(payment_id.bytes + ends_at.to_bytes(4) + self._first)

    def payment_of(self, token: str, now: datetime) -> UUID | None:
        """The payment that the token opens; None for one that is forged, foreign, or over."""
        if not token.startswith("ct_") or not token.isascii():
            return None
        payment_id, ends_at = self._read_old(token) if len(token) == 57 else self._read(token)
        return payment_id if ends_at > now else None

    def seal(self, text: bytes, about: str) -> bytes:
        """The JSON text with each of our tokens cut down to what names it, for keeping. No JSON text holds a NUL.

        `about` names where it is kept: moved elsewhere, or written by whoever may write there, it makes no token again.
        """
        return _TOKEN.sub(lambda match: self._sealed(match, about), text)

    def unseal(self, text: bytes, about: str) -> bytes:
        """The text as it was before `seal`. A token not sealed there, or whose key has left the settings, is left out."""
        return _SEALED.sub(lambda match: self._unsealed(match, about), text)

    def _sealed(self, match: re.Match[bytes], about: str) -> bytes:
        payment_id, _ = self._read(match[0].decode())
        if payment_id is None:
            return match[0]
        return b"\0" + match[1] + self._tag(urlsafe_b64decode(match[1]), about) + b"\0"

    def _unsealed(self, match: re.Match[bytes], about: str) -> bytes:
        head = urlsafe_b64decode(match[1])
        is_ours = head[20:] in self._keys and hmac.compare_digest(match[2] or b"", self._tag(head, about))
        return self._signed(head).encode() if is_ours else b""

    def _tag(self, head: bytes, about: str) -> bytes:
        """Proves that the token was sealed by us, for this place; it opens nothing."""
        kept = hmac.digest(self._keys[head[20:]], b"sealed\0" + head + about.encode(), "sha256")
        return urlsafe_b64encode(kept[:_TAG_BYTES])

    def _signed(self, head: bytes) -> str:
        return "ct_" + urlsafe_b64encode(head + _mac(self._keys[head[20:]], head)).decode()

    def _read(self, token: str) -> tuple[UUID | None, datetime]:
        raw = _decoded(token, 24 + _MAC_BYTES)
        head = raw[:24]
        key = self._keys.get(head[20:])
        if key is None or not hmac.compare_digest(raw[24:], _mac(key, head)):
            return None, _NEVER
        return UUID(bytes=head[:16]), datetime.fromtimestamp(int.from_bytes(head[16:20]), UTC)

    def _read_old(self, token: str) -> tuple[UUID | None, datetime]:
        """One of 57 characters, which ends when no payment of its age can be open: an id tells when it was made."""
        raw = _decoded(token, 16 + _MAC_BYTES)
        for key in self._keys.values():
            if hmac.compare_digest(raw[16:], _mac(key, raw[:16])):
                payment_id = UUID(bytes=raw[:16])
                return payment_id, ids.made_at(payment_id) + LONGEST_TO_PAY + TOKEN_KEPT
        return None, _NEVER


def _decoded(token: str, length: int) -> bytes:
    """The bytes of a token as it was issued; zeros for any other spelling of them, and for another number of them."""
    try:
        raw = urlsafe_b64decode(token[3:] + "==")
    except ValueError:
        return bytes(length)
    is_issued = len(raw) == length and token == "ct_" + urlsafe_b64encode(raw).rstrip(b"=").decode()
    return raw if is_issued else bytes(length)


def _mac(key: bytes, head: bytes) -> bytes:
    return hmac.digest(key, head, "sha256")[:_MAC_BYTES]
