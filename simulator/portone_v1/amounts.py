"""Amounts on PortOne V1's wire: JSON numbers in major units (20 USD is `20`), exact both ways, never a float."""

import re
from decimal import Decimal

from app.domain.money import Money

PLAIN = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?", re.ASCII)
"""How a form writes a number."""
LARGEST, SMALLEST, MOST_DIGITS = 15, -18, 28
"""Powers of ten, and digits: no payment comes near. They keep numbers such as 1e400 out, and every number exact."""


def number(value: object) -> Decimal:
    """The number that JSON or a form brought. Raises ValueError for anything else, and for one beyond reason."""
    if isinstance(value, str) and PLAIN.fullmatch(value):
        value = Decimal(value)
    if type(value) is int:  # JSON's true is an int to Python
        value = Decimal(value)
    if not isinstance(value, Decimal) or not value.is_finite():
        raise ValueError("not a number")
    if not SMALLEST <= value.adjusted() < LARGEST or len(value.as_tuple().digits) > MOST_DIGITS:
        raise ValueError("not an amount that anybody pays")
    return value


def to_minor(amount: Decimal, currency: str) -> int:
    """Minor units; raises ValueError for an unknown currency and for an amount finer than its minor unit."""
    return Money.from_major(format(amount, "f"), currency).minor


def to_major(minor: int, currency: str) -> int | Decimal:
    """The number to show: 12000 for won, 12.34 for dollars, 12 for 12.00 dollars."""
    return shown(Decimal(Money(minor, currency).to_major()))


def shown(amount: Decimal) -> int | Decimal:
    """Without needless zeros, and never with an exponent."""
    whole = amount.to_integral_value()
    return int(whole) if whole == amount else amount.normalize()
