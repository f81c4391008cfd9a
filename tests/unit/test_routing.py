"""Routing rules: what a line of settings means, and what it must not mean."""

import pytest

from app.domain.money import Money
from app.domain.routing import RoutingRule, read_rule

WON, DOLLARS = Money(24_000, "KRW"), Money(1_750, "USD")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("point3", RoutingRule("point3")),
        (" portone_v2 ", RoutingRule("portone_v2")),
        ("unifi_pay:currency=USD", RoutingRule("unifi_pay", currencies=frozenset({"USD"}))),
        (
            "unifi_pay:currency=usd|jpy;country=TH|VN",
            RoutingRule("unifi_pay", frozenset({"USD", "JPY"}), frozenset({"TH", "VN"})),
        ),
        ("point3:amount>=1000;amount<=5000", RoutingRule("point3", least_minor=1000, most_minor=5000)),
        ("point3:method=CARD|card", RoutingRule("point3", methods=frozenset({"CARD", "card"}))),
    ],
)
def test_a_rule_reads_as_it_is_written(text: str, rule: RoutingRule) -> None:
    assert read_rule(text) == rule


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Point3",
        "point3:",
        "point3:currency",
        "point3:currency=",
        "point3:colour=red",
        "point3:amount=5",
        "point3:amount<=five",
        "point3:amount<5",
        "point3:currency>=KRW",
        "point3 currency=KRW",
    ],
)
def test_what_is_no_rule_is_refused_and_quoted(text: str) -> None:
    with pytest.raises(ValueError, match=r"point3|Point3|expected|condition"):
        read_rule(text)


@pytest.mark.parametrize(
    ("text", "amount", "country", "method", "is_match"),
    [
        ("point3", WON, None, None, True),
        ("point3:currency=KRW", WON, None, None, True),
        ("point3:currency=KRW", DOLLARS, None, None, False),
        ("point3:country=KR", WON, "KR", None, True),
        ("point3:country=KR", WON, "JP", None, False),
        ("point3:country=KR", WON, None, None, False),
        ("point3:method=card", WON, None, "card", True),
        ("point3:method=card", WON, None, None, False),
        ("point3:amount>=24000;amount<=24000", WON, None, None, True),
        ("point3:amount>=24001", WON, None, None, False),
        ("point3:amount<=23999", WON, None, None, False),
    ],
)
def test_every_condition_must_hold(
    text: str, amount: Money, country: str | None, method: str | None, is_match: bool
) -> None:
    assert read_rule(text).matches(amount, country, method) is is_match
