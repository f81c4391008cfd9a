"""Amounts as buyers read them."""

from decimal import Decimal
from functools import lru_cache

from babel import Locale
from babel.numbers import NumberPattern, get_currency_symbol, parse_pattern

from app.domain.currencies import EXPONENT
from app.domain.language import Language


def format_amount(minor: int, currency: str, language: Language) -> str:
    """`₩12,000`, `$12.34`, `KWD 1,234.500`, in Korean `US$12.34`: CLDR's way of the language, ISO 4217's digits.

    CLDR has fewer digits for some (0 for HUF): what is charged is shown to the last one.
    """
    exponent = EXPONENT[currency]
    value = Decimal(minor).scaleb(-exponent)
    is_word = get_currency_symbol(currency, language)[-1].isalpha()
    pattern = _pattern(language, exponent, is_word)
    return str(pattern.apply(value, language, currency=currency, currency_digits=False))


@lru_cache
def _pattern(language: Language, exponent: int, is_word: bool) -> NumberPattern:
    """`is_word`: the currency ends in a letter, which stands apart from the number (CLDR's `alphaNextToNumber`)."""
    standard = Locale(language).currency_formats["standard"].pattern
    pattern = parse_pattern(standard.replace("¤", "¤\N{NO-BREAK SPACE}") if is_word else standard)
    pattern.frac_prec = (exponent, exponent)
    return pattern
