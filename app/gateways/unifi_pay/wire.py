"""Unifi Pay's shapes: what we send, and how we read what it holds. Amounts on the wire are dollars (contract §3, §4)."""

import re
from decimal import Decimal

import msgspec

from app.domain.errors import InvalidRequest
from app.domain.money import Money
from app.gateways.port import ChargeRequest, Failure, Held, Holding
from app.gateways.unifi_pay.codes import holding_of
from app.gateways.unifi_pay.countries import ALPHA_3

CURRENCY = "USD"
MAX_MINOR = 99_999_900
"""999,999 USD an order. Inferred: the limit of the sibling product, Unifi Pay Direct; Classic documents none."""

LARGEST_EXPONENT = 30
"""No amount has so many digits; a number like 1e999999 would take a megabyte to write out."""


class Unreadable(Exception):
    """An answer that does not say what it must, or says it in another form. It counts as lost."""


class Line(msgspec.Struct, frozen=True):
    """One entry of `items`, the only place where an amount is sent. The wire knows no quantity."""

    name: str
    price: Decimal


class Creation(msgspec.Struct, rename="camel", frozen=True):
    """Body of `POST /api/v1/payment`: all fields, always."""

    items: list[Line]
    order_id: str
    store_id: str
    request_id: str
    return_url: str
    callback_url: str
    country_code: str
    order_currency_code: str


class Created(msgspec.Struct, rename="camel", frozen=True):
    """Its answer. The address carries a one-time token: never logged."""

    start_page_url: str
    transaction_id: str


class Shown(msgspec.Struct, rename="camel", frozen=True):
    """The answer of `GET /api/v1/payment/{transactionId}`. An answer without a status is none."""

    status: str
    transaction_id: str | None = None
    order_id: str | None = None
    store_id: str | None = None
    order_amount: object = None
    pay_amount: object = None
    discount_amount: object = None
    order_currency_code: str | None = None
    pay_currency_code: str | None = None


class Problem(msgspec.Struct, frozen=True):
    """An error's body, as another API of the vendor writes it (inferred); none of it is required."""

    code: object = None


_encode = msgspec.json.Encoder(decimal_format="number").encode
_created = msgspec.json.Decoder(Created)
_shown = msgspec.json.Decoder(Shown, float_hook=Decimal)
_problem = msgspec.json.Decoder(Problem)


def encode(creation: Creation) -> bytes:
    """The bytes to sign and to send. Prices are JSON numbers, digit by digit; Korean stays Korean."""
    return _encode(creation)


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
        sums = f"add up to {total} cents but the amount is {amount.minor}"
        raise InvalidRequest(("items", f"{sums}; make them equal, or leave the items out"))
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


def read_created(body: bytes) -> Created:
    """Raises Unreadable for anything but a start page and an id."""
    try:
        created = _created.decode(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable("not an answer to a creation") from error
    if not created.transaction_id:
        raise Unreadable("transactionId is empty")
    return created


def read_shown(body: bytes) -> Shown:
    """Raises Unreadable for anything but a payment with a status, and for fields of wrong types."""
    try:
        return _shown.decode(body)
    except (ValueError, ArithmeticError, RecursionError) as error:  # arithmetic: a number that no Decimal holds
        raise Unreadable("not an answer to a look-up") from error


def is_object(body: bytes) -> bool:
    """Whether an error's body is the API's own: a JSON object, where a proxy or another host sends a page."""
    return _read_problem(body) is not None


def problem_code(body: bytes) -> str | None:
    """The vendor's own word for a refusal, where it says one in a short plain form."""
    problem = _read_problem(body)
    code = str(problem.code) if problem and isinstance(problem.code, (str, int)) else ""
    return code if re.fullmatch(r"[0-9A-Za-z_.\-]{1,60}", code) else None


def _read_problem(body: bytes) -> Problem | None:
    try:
        return _problem.decode(body)
    except (ValueError, RecursionError):
        return None


def held_of(shown: Shown, asked: str, own_store_id: str) -> Held:
    """A look-up's answer in our words. Raises Unreadable when an amount is neither a text nor a number."""
    holding = holding_of(shown.status)
    order, pay, discount = (_plain(each) for each in (shown.order_amount, shown.pay_amount, shown.discount_amount))
    amount, doubt = _amount(order, shown.order_currency_code)
    if holding is Holding.CAPTURED:
        doubt = doubt or _doubt_about_paid(amount, pay, discount, shown)
    if shown.transaction_id not in {None, asked}:
        doubt = "the look-up shows another transaction than the one that it was asked for"
    return Held(
        holding=holding,
        reference=shown.order_id,
        gateway_ref=shown.transaction_id,
        amount=amount,
        is_own_store=None if shown.store_id is None else shown.store_id == own_store_id,
        doubt=doubt,
        failure=Failure("declined", raw_code=shown.status) if holding is Holding.FAILED else None,
        evidence={
            "status": shown.status,
            "transactionId": shown.transaction_id,
            "orderId": shown.order_id,
            "orderAmount": order,
            "orderCurrencyCode": shown.order_currency_code,
            "payAmount": pay,
            "payCurrencyCode": shown.pay_currency_code,
            "discountAmount": discount,
        },
    )


def _plain(value: object) -> str | None:
    """An amount's digits as they stood on the wire, whether as a text or as a number; 1E+2 is written out."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Decimal) and abs(value.adjusted()) <= LARGEST_EXPONENT:
        return f"{value:f}"
    if type(value) is int:
        return str(value)
    raise Unreadable(f"an amount is a text or a number, got {type(value).__name__}")


def _amount(order: str | None, currency: str | None) -> tuple[Money | None, str | None]:
    """What was ordered, and the doubt about it. Without a currency an amount is not stated."""
    if order is None or currency is None:
        return None, None
    try:
        return Money.from_major(order, currency), None
    except ValueError:
        return None, "the look-up states an amount that is no exact amount of its currency"


def _doubt_about_paid(amount: Money | None, pay: str | None, discount: str | None, shown: Shown) -> str | None:
    """Why the parts of a paid order do not make up its whole. A discount that is not stated is none.

    Inferred: no document states the relation, and for that reason a difference is shown to a person (contract §4).
    """
    if amount is None:
        return None  # the judge waits for an amount, whatever was paid
    if shown.pay_currency_code not in {None, amount.currency}:
        return "the look-up states another currency paid than ordered"
    if pay is None:
        return "the look-up says that it is paid, and not how much"
    try:
        paid, given = (
            Money.from_major(pay, amount.currency),
            Money.from_major("0" if discount is None else discount, amount.currency),
        )
    except ValueError:
        return "the look-up states a paid amount or a discount that is no exact amount"
    if paid.minor < 0 or given.minor < 0 or paid.minor + given.minor != amount.minor:
        return "the amount paid and the discount do not make up the amount ordered"
    return None
