"""Names that gateways give to what they hold: transactions, cancellations, tokens, the rows of their webhooks."""

import random
from uuid import UUID


class Ids:
    """Makes values that mean nothing. With a seed the same run gives the same ones."""

    def __init__(self, seed: int | None = None) -> None:
        self._random: random.Random = (
            random.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311 - chosen by the tester
        )

    def make(self) -> str:
        """A UUID as text."""
        return str(UUID(int=self._random.getrandbits(128), version=4))

    def token(self) -> str:
        """Forty hexadecimal digits."""
        return f"{self._random.getrandbits(160):040x}"

    def digits(self, count: int) -> str:
        """A number of so many digits that does not begin with 0, as an account number is."""
        return str(self._random.randrange(10 ** (count - 1), 10**count))
