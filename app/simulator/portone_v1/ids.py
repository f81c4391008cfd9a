"""Names that the gateway gives: tokens, payments, cancellations."""

import random
from uuid import UUID


class Ids:
    """Makes values that mean nothing. With a seed the same run gives the same ones."""

    def __init__(self, seed: int | None = None) -> None:
        self._random: random.Random = (
            random.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311 - chosen by the tester
        )

    def imp_uid(self) -> str:
        """`imp_` and twelve digits, as in every example of the Swagger."""
        return f"imp_{self.digits(12)}"

    def token(self) -> str:
        """Forty hexadecimal digits, as access tokens look ([I])."""
        return f"{self._random.getrandbits(160):040x}"

    def uuid(self) -> str:
        """A UUID as text."""
        return str(UUID(int=self._random.getrandbits(128), version=4))

    def digits(self, count: int) -> str:
        """A number of so many digits that does not begin with 0."""
        return str(self._random.randrange(10 ** (count - 1), 10**count))
