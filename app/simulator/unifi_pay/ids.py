"""Names that the gateway gives: transactions, and the rows of their callbacks."""

import random
from uuid import UUID


class Ids:
    """Makes UUIDs. With a seed the same run gives the same ones."""

    def __init__(self, seed: int | None = None) -> None:
        self._random: random.Random = (
            random.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311 - chosen by the tester
        )

    def make(self) -> str:
        """A new UUID as text."""
        return str(UUID(int=self._random.getrandbits(128), version=4))
