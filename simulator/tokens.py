"""Values that mean nothing to anybody: ids, tokens, signatures, secrets. And how they are compared."""

import base64
import hmac
import random
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

RANDOM_BYTES = 22
"""176 bits; not a multiple of three, so that base64 ends in `==`."""


@dataclass(slots=True)
class Token:
    """A credential that ends."""

    value: str
    ends_at: datetime


class Tokens:
    """Makes new values. With a seed the same run gives the same ones, for demonstrations and recorded samples."""

    def __init__(self, seed: int | None = None) -> None:
        self._random: random.Random = (
            random.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311 - chosen by the tester
        )

    def uuid(self) -> str:
        """A UUID as text."""
        return str(UUID(int=self._random.getrandbits(128), version=4))

    def hex(self) -> str:
        """Forty hexadecimal digits."""
        return f"{self._random.getrandbits(160):040x}"

    def digits(self, count: int) -> str:
        """A number of so many digits that does not begin with 0, as an account number is."""
        return str(self._random.randrange(10 ** (count - 1), 10**count))

    def opaque(self, prefix: str) -> str:
        """A value that always holds `+`, `/` and `=`, so that a client which forgets to encode it breaks here."""
        text = base64.b64encode(self._random.randbytes(RANDOM_BYTES)).decode()
        return f"{prefix}{text[:8]}/{text[8:16]}+{text[16:]}"


def same(given: str | None, expected: str | None) -> bool:
    """Compare secrets in constant time; as bytes, because header text may hold anything. A missing one equals nothing."""
    if given is None or expected is None:
        return False
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())
