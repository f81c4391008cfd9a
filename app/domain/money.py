"""Money: an integer count of minor units and its ISO 4217 currency. There is no float anywhere near it."""

import re
from dataclasses import dataclass

from app.domain.currencies import EXPONENT

_PLAIN = re.compile(r"(-?)([0-9]{1,30})(?:\.([0-9]{1,30}))?")
"""How gateways write amounts: ASCII digits and one point. No exponent, space, sign `+`, grouping or other script's digits,
each of which Python's own number readers would let in. 30 digits hold every amount there is, and bound the work."""


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount: 12.34 USD is `Money(1234, "USD")`, 12,000 won is `Money(12000, "KRW")`.

    Raises ValueError for a currency that ISO 4217 does not list with a minor unit, TypeError for a count that is not an
    integer (`True` and `12.0` are not).
    """

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.minor) is not int:
            raise TypeError(f"an amount is a whole number of minor units, got {self.minor!r}")
        _digits(self.currency)

    @classmethod
    def from_major(cls, value: str, currency: str) -> "Money":
        """Read a decimal text in major units exactly; a value finer than the minor unit is an error, never rounded.

        Raises ValueError for anything but a plain decimal such as `12.34`, `-5` or `12000.00`.
        """
        digits = _digits(currency)
        plain = _PLAIN.fullmatch(value)
        if plain is None:
            raise ValueError(f"{value[:40]!r} is not a plain decimal amount such as 12.34")
        sign, whole, fraction = plain.group(1), plain.group(2), (plain.group(3) or "").rstrip("0")
        if len(fraction) > digits:
            raise ValueError(f"{value} {currency} is finer than the minor unit")
        return cls(int(sign + whole + fraction.ljust(digits, "0")), currency)

    def to_major(self) -> str:
        """The decimal text in major units, with exactly the currency's digits: `"12.34"`, `"12000"`."""
        digits = EXPONENT[self.currency]
        whole, fraction = divmod(abs(self.minor), 10**digits)
        sign = "-" if self.minor < 0 else ""
        return f"{sign}{whole}.{fraction:0{digits}d}" if digits else f"{sign}{whole}"

    def __str__(self) -> str:
        return f"{self.to_major()} {self.currency}"


def _digits(currency: str) -> int:
    digits = EXPONENT.get(currency)
    if digits is None:
        raise ValueError(f"{currency!r} is not an ISO 4217 currency")
    return digits
