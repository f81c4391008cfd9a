"""Amounts as buyers read them: the currency's own digits, to the last one, in both languages."""

import re

import pytest

from app.checkout.amounts import format_amount
from app.domain.currencies import EXPONENT
from app.domain.language import Language

LANGUAGES: tuple[Language, ...] = ("en", "ko")


@pytest.mark.parametrize(
    ("minor", "currency", "english", "korean"),
    [
        (24_000, "KRW", "₩24,000", "₩24,000"),
        (1234, "USD", "$12.34", "US$12.34"),
        (5, "USD", "$0.05", "US$0.05"),
        (1_234_500, "KWD", "KWD\u00a01,234.500", "KWD\u00a01,234.500"),
        (1234, "HUF", "HUF\u00a012.34", "HUF\u00a012.34"),
        (-1234, "USD", "-$12.34", "-US$12.34"),
        (0, "KRW", "₩0", "₩0"),
    ],
)
def test_known_ones(minor: int, currency: str, english: str, korean: str) -> None:
    assert format_amount(minor, currency, "en") == english
    assert format_amount(minor, currency, "ko") == korean


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("minor", [1, 123_456, 10**15 + 1])
def test_no_digit_is_lost_whatever_the_currency(language: Language, minor: int) -> None:
    for currency, exponent in EXPONENT.items():
        shown = format_amount(minor, currency, language)
        found = re.search(r"[\d,]+(?:\.(\d+))?$", shown)
        assert found is not None, shown
        assert int(re.sub(r"[,.]", "", found[0])) == minor, shown
        assert len(found[1] or "") == exponent, shown
