"""What the database must not hold readable (signing secrets of endpoints): AES-256-GCM under keys that live outside it.

`ONETILL_ENCRYPTION_KEYS` names them as `ONETILL_HISTORY_KEYS` does: the first writes, all read. Source: NIST SP 800-38D, 96-bit
nonces at random, far fewer than 2^32 texts a key.
"""

import hmac
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.domain.errors import EncryptionKeyMissing
from app.ledger.history_keys import HistoryKey

_LABEL = b"onetill encryption at rest"
_NONCE = 12


class Encryption:
    """Seals short texts. `about` binds each to its place: moved to another row, it no longer opens."""

    def __init__(self, keys: Iterable[HistoryKey]) -> None:
        """Without a key nothing is sealed or opened."""
        listed = list(keys)
        self._first = listed[0].id if listed else None
        self._keys = {each.id: AESGCM(hmac.digest(each.secret, _LABEL, "sha256")) for each in listed}

    def seal(self, text: str, about: str) -> str:
        """The sealed text, `id.base64`. Raises EncryptionKeyMissing where no key is set."""
        if self._first is None:
            raise EncryptionKeyMissing(setting="ONETILL_ENCRYPTION_KEYS")
        nonce = os.urandom(_NONCE)
        sealed = self._keys[self._first].encrypt(nonce, text.encode(), about.encode())
        return f"{self._first}.{urlsafe_b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, about: str) -> str:
        """The text again. Raises EncryptionKeyMissing where its key is not set any more, or it was not sealed for this place."""
        key_id, _, encoded = sealed.partition(".")
        key, raw = self._keys.get(key_id), urlsafe_b64decode(encoded)
        if key is None:
            raise EncryptionKeyMissing(setting="ONETILL_ENCRYPTION_KEYS")
        try:
            return key.decrypt(raw[:_NONCE], raw[_NONCE:], about.encode()).decode()
        except InvalidTag as error:
            raise EncryptionKeyMissing(setting="ONETILL_ENCRYPTION_KEYS") from error
