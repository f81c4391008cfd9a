"""Values that mean nothing to anybody: tokens, signatures, secrets."""

import base64
import random

RANDOM_BYTES = 22
"""176 bits; not a multiple of three, so that base64 ends in `==`."""


class Opaque:
    """Makes values that always hold `+`, `/` and `=`, so that a client which forgets to encode them breaks here.

    With a seed the same run gives the same values, for demonstrations and recorded samples.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._random: random.Random = (
            random.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311 - chosen by the tester
        )

    def make(self, prefix: str) -> str:
        """A new value, never made before."""
        text = base64.b64encode(self._random.randbytes(RANDOM_BYTES)).decode()
        return f"{prefix}{text[:8]}/{text[8:16]}+{text[16:]}"
