"""Routing rules: which gateways may take a payment that names none, in which order. Pure; written as one line of settings.

`unifi_pay:currency=USD;country=TH|VN, point3:currency=KRW;amount<=500000, portone_v2` reads: dollars of buyers in Thailand
or Vietnam go to Unifi Pay first, won up to ₩500,000 to Point3, and everything to PortOne V2 where the ones before do not
match, are ill, or cannot take it.
"""

import re
from dataclasses import dataclass

from app.domain.money import Money

_RULE = re.compile(r"(?P<gateway>[a-z0-9_]+)(?::(?P<conditions>.+))?")
_CONDITION = re.compile(r"(?P<name>[a-z]+)(?P<sign>=|<=|>=)(?P<value>[0-9A-Za-z_|-]+)")


@dataclass(frozen=True, slots=True)
class RoutingRule:
    """One gateway and what must hold for it. An empty set or a missing bound asks for nothing."""

    gateway: str
    currencies: frozenset[str] = frozenset()
    countries: frozenset[str] = frozenset()
    methods: frozenset[str] = frozenset()
    least_minor: int | None = None
    most_minor: int | None = None

    def matches(self, amount: Money, country: str | None, method: str | None) -> bool:
        """Whether a payment is one of this rule's. What the order does not say matches no list."""
        return (
            (not self.currencies or amount.currency in self.currencies)
            and (not self.countries or country in self.countries)
            and (not self.methods or method in self.methods)
            and (self.least_minor is None or amount.minor >= self.least_minor)
            and (self.most_minor is None or amount.minor <= self.most_minor)
        )


def read_rule(text: str) -> RoutingRule:
    """Read one rule. Raises ValueError that names the part at fault and the way out."""
    found = _RULE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"expected GATEWAY or GATEWAY:CONDITION;CONDITION, got {text!r}")
    lists: dict[str, frozenset[str]] = {}
    bounds: dict[str, int] = {}
    for part in filter(None, (found["conditions"] or "").split(";")):
        condition = _CONDITION.fullmatch(part.strip())
        if condition is None:
            raise ValueError(f"{part!r} is no condition; write for example currency=KRW|USD or amount<=500000")
        name, sign, value = condition["name"], condition["sign"], condition["value"]
        if name == "amount" and sign != "=" and value.isdigit():
            bounds[sign] = int(value)
        elif name in {"currency", "country"} and sign == "=":
            lists[name] = frozenset(value.upper().split("|"))
        elif name == "method" and sign == "=":
            lists[name] = frozenset(value.split("|"))
        else:
            raise ValueError(f"{part!r} is no condition; there are currency=, country=, method=, amount>= and amount<=")
    return RoutingRule(
        found["gateway"],
        currencies=lists.get("currency", frozenset()),
        countries=lists.get("country", frozenset()),
        methods=lists.get("method", frozenset()),
        least_minor=bounds.get(">="),
        most_minor=bounds.get("<="),
    )
