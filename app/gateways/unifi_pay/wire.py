"""Unifi Pay's shapes: what we send, and what may come back. Amounts on the wire are dollars (unifi-pay.md §3, §4)."""

import re
from decimal import Decimal

import msgspec

from app.domain.text import wrong_address
from app.gateways.facts import NULL, NUMBER_OR_TEXT, Told, read_told

CURRENCY = "USD"
LONGEST_PAGE = 2000
"""Characters of a start page's address; as many as a `return_url` may have."""

_TRANSACTION = re.compile(r"[0-9A-Za-z_\-]{1,100}")


def transaction_of(named: str | None) -> str | None:
    """A transaction's id, whoever names it: theirs is a UUID. No other form becomes part of a path that we sign."""
    return named if named is not None and _TRANSACTION.fullmatch(named) else None


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


class Created(Told, rename="camel", frozen=True):
    """Its answer. The address carries a one-time token: never logged."""

    start_page_url: str
    transaction_id: str


class Shown(Told, rename="camel", frozen=True):
    """The answer of `GET /api/v1/payment/{transactionId}`."""

    status: str | None = None
    transaction_id: str | None = None
    order_id: str | None = None
    store_id: str | None = None
    order_amount: NUMBER_OR_TEXT = NULL
    pay_amount: NUMBER_OR_TEXT = NULL
    discount_amount: NUMBER_OR_TEXT = NULL
    order_currency_code: str | None = None
    pay_currency_code: str | None = None


class Problem(msgspec.Struct, frozen=True):
    """An error's body, as another API of the vendor writes it (inferred); none of it is required."""

    code: object = None


_encode = msgspec.json.Encoder(decimal_format="number").encode
_problem = msgspec.json.Decoder(Problem)


def encode(creation: Creation) -> bytes:
    """The bytes to sign and to send. Prices are JSON numbers, digit by digit; Korean stays Korean."""
    return _encode(creation)


def read_created(body: bytes) -> Created:
    """Raises Unreadable for anything but a start page and an id."""
    try:
        created = read_told(body, Created)
    except ValueError as error:
        raise Unreadable("not an answer to a creation") from error
    if transaction_of(created.transaction_id) is None:
        raise Unreadable("transactionId is no id")
    return created


def is_page(url: str, *, must_encrypt: bool) -> bool:
    """Whether a browser may be sent there: to a web page of some host, as a `return_url` may name one."""
    schemes = {"https"} if must_encrypt else {"https", "http"}
    is_plain = len(url) <= LONGEST_PAGE and url.isascii() and not set(url) & set('<>"')
    return is_plain and wrong_address(url, schemes, hosts=frozenset()) is None


def read_shown(body: bytes) -> Shown:
    """Raises Unreadable for anything but an object."""
    try:
        return read_told(body, Shown)
    except ValueError as error:
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
