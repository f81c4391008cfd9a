"""Money is exact: every digit that goes in comes out, and what is not a plain amount is refused, never guessed."""

import dataclasses
from collections import defaultdict
from decimal import Decimal
from textwrap import wrap

import iso4217
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.currencies import EXPONENT
from app.domain.money import Money
from tests.unit.properties import thorough

MINOR_UNITS = st.integers(min_value=-(10**18), max_value=10**18)
CURRENCIES = st.sampled_from(sorted(EXPONENT))


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("12000", "KRW", 12000),
        ("12000.00", "KRW", 12000),
        ("0", "KRW", 0),
        ("12.34", "USD", 1234),
        ("12.3", "USD", 1230),
        ("12", "USD", 1200),
        ("12.3400", "USD", 1234),
        ("0.01", "USD", 1),
        ("-12.34", "USD", -1234),
        ("1.234", "KWD", 1234),
        ("1.2", "KWD", 1200),
        ("1.2345", "CLF", 12345),
        ("000000012000", "KRW", 12000),
        ("-0", "USD", 0),
        ("99999999999999999999999999999.99", "USD", 9999999999999999999999999999999),
    ],
)
def test_major_units_are_read_exactly(text: str, currency: str, minor: int) -> None:
    assert Money.from_major(text, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("0.5", "KRW"),
        ("12000.01", "KRW"),
        ("12.345", "USD"),
        ("0.001", "USD"),
        ("1.2345", "KWD"),
        ("1.23456", "CLF"),
        ("1000000000000000000000000000.001", "USD"),  # finer only in the 31st digit: Decimal's context rounds it away
    ],
)
def test_what_is_finer_than_the_minor_unit_is_an_error_and_never_rounded(text: str, currency: str) -> None:
    with pytest.raises(ValueError, match="finer than the minor unit"):
        Money.from_major(text, currency)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "abc",
        "NaN",
        "sNaN",
        "Infinity",
        "-Infinity",
        "inf",
        "1e3",
        "1E+3",
        "12e-1",
        "1_000",
        "1,000",
        "1.000,00",
        " 12",
        "12 ",
        "12\n",
        "\t12",
        "+12",
        "--12",
        "- 12",
        "−12",
        ".5",
        "5.",
        ".",
        "-",
        "1.2.3",
        "0x10",
        "１２",
        "١٢",
        "१२",
        "12²",
        "12원",
        "₩12",
        "12\x00",
        "1" * 31,
        "0." + "0" * 31,
        "9" * 100_000,
    ],
)
def test_only_a_plain_decimal_of_ascii_digits_is_an_amount(text: str) -> None:
    for currency in ("KRW", "USD"):
        with pytest.raises(ValueError, match="is not a plain decimal amount") as refused:
            Money.from_major(text, currency)
        assert len(str(refused.value)) < 200, "a refused text must not flood a log line"


@pytest.mark.parametrize("currency", ["XYZ", "krw", "KR", "KRWW", "", "XAU", "XXX", "XTS", "KRW "])
def test_a_currency_without_a_minor_unit_in_iso_4217_is_refused(currency: str) -> None:
    for text in ("12", "not an amount"):
        with pytest.raises(ValueError, match="is not an ISO 4217 currency"):
            Money.from_major(text, currency)
    with pytest.raises(ValueError, match="is not an ISO 4217 currency"):
        Money(1, currency)


@pytest.mark.parametrize("minor", [12.0, 1.5, True, "12", Decimal(12), None])
def test_only_a_whole_number_is_a_count_of_minor_units(minor: object) -> None:
    with pytest.raises(TypeError, match="whole number of minor units"):
        Money(minor, "KRW")  # type: ignore[arg-type]  # what a type checker refuses must not work at run time either


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (Money(12000, "KRW"), "12000"),
        (Money(0, "KRW"), "0"),
        (Money(-7, "KRW"), "-7"),
        (Money(1234, "USD"), "12.34"),
        (Money(5, "USD"), "0.05"),
        (Money(-5, "USD"), "-0.05"),
        (Money(0, "USD"), "0.00"),
        (Money(1234, "KWD"), "1.234"),
        (Money(12345, "CLF"), "1.2345"),
        (Money(10**31 + 1, "USD"), "100000000000000000000000000000.01"),  # more digits than Decimal's context keeps
    ],
)
def test_major_units_are_written_with_exactly_the_digits_of_the_currency(money: Money, text: str) -> None:
    assert money.to_major() == text
    assert str(money) == f"{text} {money.currency}"


@thorough
@given(minor=MINOR_UNITS, currency=CURRENCIES)
def test_what_is_written_is_read_back_the_same(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    assert Money.from_major(money.to_major(), currency) == money
    assert Decimal(money.to_major()) == Decimal(minor).scaleb(-EXPONENT[currency])


@thorough
@given(text=st.text(alphabet="0123456789.-+eE_ ,１²\n", max_size=12), currency=CURRENCIES)
def test_a_text_is_read_as_its_own_value_or_refused(text: str, currency: str) -> None:
    try:
        money = Money.from_major(text, currency)
    except ValueError:
        return
    assert set(text) <= set("0123456789.-")
    assert Decimal(money.minor).scaleb(-EXPONENT[currency]) == Decimal(text)


def test_money_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Money(1, "KRW").minor = 2  # type: ignore[misc]


def test_equal_amounts_of_two_currencies_differ() -> None:
    assert Money(100, "USD") != Money(100, "CAD")
    assert Money(100, "USD") == Money(100, "USD")


def test_the_table_of_currencies_is_that_of_iso_4217() -> None:
    published: dict[str, int] = {each.code: each.exponent for each in iso4217.Currency if each.exponent is not None}
    assert published == EXPONENT, f"app/domain/currencies.py drifted; the table to paste:\n{_table(published)}"


def test_the_digits_that_payments_must_cover_are_all_there() -> None:
    assert set(EXPONENT.values()) == {0, 2, 3, 4}


def _table(published: dict[str, int]) -> str:
    by_digits: dict[int, list[str]] = defaultdict(list)
    for code, digits in sorted(published.items()):
        by_digits[digits].append(code)
    lines = ["_BY_DIGITS = {"]
    for digits, codes in sorted(by_digits.items()):
        rows = wrap(" ".join(codes), width=104)
        quoted = [f'        "{row} "' for row in rows[:-1]] + [f'        "{rows[-1]}"']
        lines.append(f"    {digits}: (\n" + "\n".join(quoted) + "\n    ),")
    return "\n".join([*lines, "}"])
