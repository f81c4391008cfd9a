"""Pre-registered amounts: `POST`, `PUT` and `GET /payments/prepare`. Source: Swagger, contract §5."""

from decimal import Decimal
from typing import Any

from simulator.portone_v1.amounts import shown, to_minor
from simulator.portone_v1.book import Book, Registration, Sale
from simulator.portone_v1.wire import ALREADY_PREPARED, Fields, invalid, refused, unknown_payment

LONGEST = 40
"""Characters of a merchant_uid."""
ALREADY_PAID = "이미 결제가 이루어진 거래건입니다."
"""The browser's message for a paid merchant_uid (public integrations); that prepare says it too is [I]."""


def register(book: Book, fields: Fields) -> dict[str, Any]:
    """Fix an amount for the first time."""
    merchant_uid, registration = _read(fields)
    sale = book.sale(merchant_uid)
    if sale is not None and sale.registration is not None:
        raise refused(ALREADY_PREPARED)
    _refuse_paid(sale)
    book.register(merchant_uid, registration)
    return _object(merchant_uid, registration)


def change(book: Book, fields: Fields) -> dict[str, Any]:
    """Fix another amount. Windows that are open already keep theirs ([I])."""
    merchant_uid, registration = _read(fields)
    sale = book.sale(merchant_uid)
    if sale is None or sale.registration is None:
        raise unknown_payment()
    _refuse_paid(sale)
    book.register(merchant_uid, registration)
    return _object(merchant_uid, registration)


def read(book: Book, merchant_uid: str) -> dict[str, Any]:
    """What was fixed. Raises Refusal(404) when nothing was ([I]: the Swagger names no answer for that)."""
    sale = book.sale(merchant_uid)
    if sale is None or sale.registration is None:
        raise unknown_payment()
    return _object(merchant_uid, sale.registration)


def in_minor(registration: Registration) -> tuple[int, str]:
    """Minor units and currency. Without a currency, whole amounts are taken for won and others for dollars ([I])."""
    is_whole = registration.amount == registration.amount.to_integral_value()
    currency = registration.currency or ("KRW" if is_whole else "USD")
    return to_minor(registration.amount, currency), currency


def _read(fields: Fields) -> tuple[str, Registration]:
    merchant_uid = fields.required_text("merchant_uid")
    if len(merchant_uid) > LONGEST:
        raise invalid(f"merchant_uid must have at most {LONGEST} characters")
    amount = fields.amount("amount")
    if amount is None or amount == 0:
        raise invalid("amount is required and must be greater than 0")
    registration = Registration(amount, fields.text("currency"))
    try:
        in_minor(registration)
    except ValueError:
        raise invalid("amount and currency do not fit: unknown currency, or too many decimals") from None
    return merchant_uid, registration


def _refuse_paid(sale: Sale | None) -> None:
    if sale is not None and sale.success is not None:
        raise refused(ALREADY_PAID)


def _object(merchant_uid: str, registration: Registration) -> dict[str, int | str | Decimal | None]:
    amount = shown(registration.amount)
    return {"merchant_uid": merchant_uid, "amount": amount, "currency": registration.currency}
