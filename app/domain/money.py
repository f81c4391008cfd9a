"""Money: an integer count of minor units and its ISO 4217 currency. There is no float anywhere near it."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from app.domain.currencies import EXPONENT


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount: 12.34 USD is `Money(1234, "USD")`, 12,000 won is `Money(12000, "KRW")`.

    Raises ValueError for a currency that ISO 4217 does not list with a minor unit.
    """

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if self.currency not in EXPONENT:
            raise ValueError(f"{self.currency!r} is not an ISO 4217 currency")

    @classmethod
    def from_major(cls, value: str, currency: str) -> "Money":
        """Read a decimal text in major units exactly; a value finer than the minor unit is an error, never rounded."""
        if currency not in EXPONENT:
            raise ValueError(f"{currency!r} is not an ISO 4217 currency")
        try:
            scaled = Decimal(value).scaleb(EXPONENT[currency])
        except InvalidOperation as error:
            raise ValueError(f"{value!r} is not a decimal amount") from error
        if not scaled.is_finite():
            raise ValueError(f"{value!r} is not a finite amount")
        if scaled != scaled.to_integral_value():
            raise ValueError(f"{value} {currency} is finer than the minor unit")
        return cls(int(scaled), currency)

    def to_major(self) -> str:
        """The decimal text in major units, with exactly the currency's digits: `"12.34"`, `"12000"`."""
        digits = EXPONENT[self.currency]
        return f"{Decimal(self.minor).scaleb(-digits):.{digits}f}"

    def __str__(self) -> str:
        return f"{self.to_major()} {self.currency}"
