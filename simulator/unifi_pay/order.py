"""The body of `POST /api/v1/payment`: what must be in it, and what it asks for. Source: docs/gateways/unifi-pay.md §3.

How strict the vendor is beyond "required" is not documented ([I] for every rule on values but the fixed currency).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import msgspec

from simulator.unifi_pay.responses import CURRENCY, Refused
from simulator.web import is_web_address, json_object

MAX_TOTAL = 99_999_900
"""999,999 USD in cents; the sibling product's limit of one order."""

_CENT = Decimal("0.01")
_TEXTS = ("orderId", "storeId", "requestId")
_URLS = ("returnUrl", "callbackUrl")
_JSON = msgspec.json.Decoder(float_hook=Decimal)


@dataclass(frozen=True, slots=True)
class Order:
    """One right request. `total` in cents: the sum of the items' prices, because no amount is sent ([I])."""

    order_id: str
    store_id: str
    request_id: str
    return_url: str
    callback_url: str
    country: str
    items: tuple[Mapping[str, Any], ...]
    """`{name, price}` as they came; prices are int or Decimal, exactly as written."""
    total: int


def read(body: bytes) -> dict[str, Any] | None:
    """The JSON object in a body, its numbers exact; None when there is none."""
    return json_object(body, _JSON)


def check_order(fields: Mapping[str, Any] | None) -> Order:
    """The order of a body; raises Refused(400) that names the first wrong field."""
    if fields is None:
        raise _wrong("the body must be a JSON object")
    for name in _TEXTS:
        if not isinstance(fields.get(name), str) or not fields[name].strip():
            raise _wrong(f"{name} must be a non-empty string")
    for name in _URLS:
        if not _is_callable(fields.get(name)):
            raise _wrong(f"{name} must be an http or https address")
    if re.fullmatch(r"[A-Z]{3}", str(fields.get("countryCode")), re.ASCII) is None:
        raise _wrong("countryCode must be ISO 3166-1 alpha-3, such as KOR")
    if fields.get("orderCurrencyCode") != CURRENCY:
        raise _wrong(f"orderCurrencyCode must be {CURRENCY}")
    items, total = _items(fields.get("items"))
    return Order(
        order_id=fields["orderId"],
        store_id=fields["storeId"],
        request_id=fields["requestId"],
        return_url=fields["returnUrl"],
        callback_url=fields["callbackUrl"],
        country=fields["countryCode"],
        items=items,
        total=total,
    )


def _items(value: object) -> tuple[tuple[Mapping[str, Any], ...], int]:
    if not isinstance(value, list) or not value:
        raise _wrong("items must be a list of at least one {name, price}")
    items: list[Mapping[str, Any]] = []
    total = 0
    for item in value:
        if not isinstance(item, dict) or not isinstance(item.get("name"), str) or not item["name"].strip():
            raise _wrong("items[].name must be a non-empty string")
        total += _cents(item.get("price"))
        items.append({"name": item["name"], "price": item["price"]})
    if not 1 <= total <= MAX_TOTAL:
        raise _wrong("the prices of items must add up to 0.01 at least and 999999 at most")
    return tuple(items), total


def _cents(price: object) -> int:
    """A price in cents, never rounded. An item may be free, the order may not."""
    # JSON's true is an int to Python, and a text is no number: only these two types will do.
    if type(price) is not int and type(price) is not Decimal:
        raise _wrong("items[].price must be a number")
    if not 0 <= price <= MAX_TOTAL:
        raise _wrong("items[].price must be between 0 and 999999")
    exact = Decimal(price).quantize(_CENT)
    if exact != price:
        raise _wrong("items[].price must have at most two decimals")
    return int(exact.scaleb(2))


def _is_callable(value: object) -> bool:
    """A web address without white space and with a port that there is."""
    if not is_web_address(value) or re.search(r"[\s\x00-\x1f\x7f]", str(value)):
        return False
    try:
        _ = urlsplit(str(value)).port
    except ValueError:
        return False
    return True


def _wrong(message: str) -> Refused:
    return Refused(400, "BAD_REQUEST", message)
