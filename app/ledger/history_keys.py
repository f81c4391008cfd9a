"""The keys that seal audit trails. They live outside the database: who can write every row of it cannot write a true one.

`ONETILL_HISTORY_KEYS` names them, separated by commas, as `id:hex` or as plain secrets. The first seals, all of them are read,
so that a new one is put in front and the old ones stay as long as there are events that they sealed.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_NAMED = re.compile(r"([0-9A-Za-z_-]{1,32}):((?:[0-9a-f]{2}){16,})")
_TEST_LABEL = b"onetill history key of test mode"


@dataclass(frozen=True, slots=True)
class HistoryKey:
    """One key. Its id stands beside what it sealed."""

    id: str
    secret: bytes = field(repr=False)

    def seal(self, content: bytes) -> bytes:
        """HMAC-SHA-256, 32 bytes. Source: RFC 2104, with the hash of FIPS 180-4."""
        return hmac.digest(self.secret, content, "sha256")

    @classmethod
    def read(cls, text: str) -> "HistoryKey":
        """A key of the setting: `id:hex`, or a secret whose id follows from it."""
        if named := _NAMED.fullmatch(text):
            return cls(named[1], bytes.fromhex(named[2]))
        secret = text.encode()
        return cls(hashlib.sha256(b"onetill history key\0" + secret).hexdigest()[:8], secret)


class HistoryKeys:
    """All keys of a deployment."""

    def __init__(self, keys: Iterable[HistoryKey]) -> None:
        """Raises ValueError without a key, and for two of one id."""
        listed = list(keys)
        self._by_id = {key.id: key for key in listed}
        if not listed or len(self._by_id) < len(listed):
            raise ValueError("expected one key or more, each with an id of its own")
        self.first = listed[0]
        """Seals what is written now."""

    def get(self, key_id: str) -> HistoryKey | None:
        """The key of this id, or None."""
        return self._by_id.get(key_id)

    @classmethod
    def of_test_mode(cls, secret_keys: str) -> "HistoryKeys":
        """Where none is set, which live mode refuses: one that follows from each part of ONETILL_SECRET_KEY."""
        parts = [part.strip().encode() for part in secret_keys.split(",") if part.strip()]
        return cls(HistoryKey.read(hmac.digest(part, _TEST_LABEL, "sha256").hex()) for part in dict.fromkeys(parts))
