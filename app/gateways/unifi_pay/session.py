"""The session at Unifi Pay: what it must be told of an order to open its start page, and which orders it cannot take."""

from decimal import Decimal

from app.domain.errors import InvalidRequest
from app.domain.money import Money
from app.gateways.unifi_pay.codes import ALPHA_3
from app.gateways.unifi_pay.wire import CURRENCY, Creation, Line
from app.gateways.values import ChargeRequest

MAX_MINOR = 99_999_900
"""999,999 USD an order. Inferred: the limit of the sibling product, Unifi Pay Direct; Classic documents none."""


def creation_of(request: ChargeRequest, store_id: str, country: str) -> Creation:
    """The body for this charge. Raises InvalidRequest that names the field for what Unifi Pay cannot take.

    `country` is the buyer's, alpha-2, where the order names none.
    """
    return Creation(
        items=_lines(request),
        order_id=request.reference,
        store_id=store_id,
        request_id=request.reference,
        return_url=request.return_url,
        callback_url=request.webhook_url,
        country_code=_alpha_3(request.customer.country or country),
        order_currency_code=CURRENCY,
    )


def _lines(request: ChargeRequest) -> list[Line]:
    """The order's lines, or one line of the whole amount where the shop sent none.

    Inferred: several of one thing are one line of their total; what costs nothing is left out, since a price of 0 might
    be refused and adds nothing.
    """
    amount = request.amount
    if amount.currency != CURRENCY:
        raise InvalidRequest(
            ("currency", f"Unifi Pay takes USD only, got {amount.currency}; convert it, or choose another gateway")
        )
    if not 1 <= amount.minor <= MAX_MINOR:
        limits = f"{Money(1, CURRENCY)} to {Money(MAX_MINOR, CURRENCY)}"
        raise InvalidRequest(("amount", f"Unifi Pay takes {limits} an order, got {amount}; choose another gateway"))
    if not request.items:
        return [Line(request.order_name, _price(amount.minor))]
    total = sum(item.unit_amount * item.quantity for item in request.items)
    if total != amount.minor:
        raise InvalidRequest(
            (
                "items",
                f"add up to {total} cents but the amount is {amount.minor}; make them equal, or leave the items out",
            )
        )
    return [
        Line(item.name if item.quantity == 1 else f"{item.name} × {item.quantity}", _price(cents))
        for item in request.items
        if (cents := item.unit_amount * item.quantity)
    ]


def _price(minor: int) -> Decimal:
    return Decimal(Money(minor, CURRENCY).to_major())


def _alpha_3(country: str) -> str:
    found = ALPHA_3.get(country)
    if found is None:
        raise InvalidRequest(("customer.country", f"{country} is no ISO 3166-1 country; send its code, such as KR"))
    return found
