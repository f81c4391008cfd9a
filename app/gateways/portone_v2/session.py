"""What PortOne V2 must be told of an order: the request of `PortOne.requestPayment`, and which orders it cannot take.

Source: browser SDK schema 0.1.11 (`PaymentRequestBase` and what it refers to), docs/gateways/portone-v2.md §5.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from app.domain.errors import InvalidRequest
from app.domain.order import Customer
from app.gateways.portone_v2.codes import CURRENCIES, EASY_PAYS, LOCALES, PAY_METHODS
from app.gateways.portone_v2.manifest import PortOneV2Settings
from app.gateways.values import ChargeRequest, Json

MOST = 2**53 - 1
"""The largest amount that a browser's numbers hold exactly."""
MOST_HOURS = 2160
"""Toss Payments keeps a virtual account open for 90 days at most."""

AT = "gateway_options.portone_v2"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]{0,39}(://[!-~]{0,200})?")
_WIDGET = re.compile(r"[A-Za-z0-9_]{1,20}")
_SYSTEM = re.compile(r"[a-z0-9_]{1,40}")


@dataclass(frozen=True, slots=True)
class Option:
    """One of our options: what it may be, what is said when it is not, and the way to pay that it belongs to."""

    is_right: Callable[[object], bool]
    says: str
    method: str | None = None


def _text(form: re.Pattern[str]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and form.fullmatch(value) is not None


def _one_of(words: frozenset[str]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and value in words


OPTIONS: Mapping[str, Option] = {
    "app_scheme": Option(_text(_SCHEME), "must be the scheme of your app, such as myshop"),
    "locale": Option(_one_of(LOCALES), "must be a language of PortOne's window, such as KO_KR or EN_US"),
    "product_type": Option(_one_of(frozenset({"REAL", "DIGITAL"})), "must be REAL or DIGITAL"),
    "is_escrow": Option(lambda value: isinstance(value, bool), "must be true or false"),
    "is_cultural_expense": Option(lambda value: isinstance(value, bool), "must be true or false"),
    "easy_pay_provider": Option(_one_of(EASY_PAYS), "must be a wallet such as KAKAOPAY or NAVERPAY", "EASY_PAY"),
    "account_valid_hours": Option(
        lambda value: type(value) is int and 1 <= value <= MOST_HOURS,
        f"must be a whole number from 1 to {MOST_HOURS}",
        "VIRTUAL_ACCOUNT",
    ),
    "widget_code": Option(_text(_WIDGET), "must be the code of a Paymentwall widget, such as t3_1 or pw_1"),
    "ps": Option(_text(_SYSTEM), "must be all, or the short code of a Paymentwall payment system"),
}
_PAYMENTWALL = ("widget_code", "ps")
_SDK_NAME = {
    "app_scheme": "appScheme",
    "locale": "locale",
    "product_type": "productType",
    "is_escrow": "isEscrow",
    "is_cultural_expense": "isCulturalExpense",
}


def request_payment(request: ChargeRequest, settings: PortOneV2Settings) -> Json:
    """The request of the payment window. Raises InvalidRequest that names every field in the way.

    The buyer's address stays here: of all payment companies only Triple-A is said to read it.
    """
    if errors := [*_order(request), *_options(request, settings), *_paymentwall(request)]:
        raise InvalidRequest(*errors)
    tax, options = request.tax, request.options
    params: Json = {
        "storeId": settings.store_id,
        "channelKey": settings.channel_key,
        "paymentId": request.reference,
        "orderName": request.order_name.strip(),
        "totalAmount": request.amount.minor,
        "currency": request.amount.currency,
        "payMethod": pay_method(request, settings),
        "windowType": {"pc": "IFRAME", "mobile": "REDIRECTION"},
        "redirectUrl": request.return_url,
        "noticeUrls": [request.webhook_url],
    }
    params |= {"taxFreeAmount": tax.tax_free} if tax.tax_free else {}
    params |= {"vatAmount": tax.vat} if tax.vat is not None else {}
    params |= {"customer": customer} if (customer := _customer(request.customer)) else {}
    params |= {"country": request.customer.country} if request.customer.country else {}
    params |= {"products": _products(request)} if request.items else {}
    params |= {_SDK_NAME[name]: options[name] for name in _SDK_NAME if name in options}
    if "easy_pay_provider" in options:
        params["easyPay"] = {"easyPayProvider": options["easy_pay_provider"]}
    if "account_valid_hours" in options:
        params["virtualAccount"] = {"accountExpiry": {"validHours": options["account_valid_hours"]}}
    return params | _bypass(request)


def pay_method(request: ChargeRequest, settings: PortOneV2Settings) -> str:
    """`payMethod`: the order's, in capitals, or the setting's."""
    return request.method.upper() if request.method is not None else settings.pay_method


def _order(request: ChargeRequest) -> Iterator[tuple[str, str]]:
    amount, tax = request.amount, request.tax
    if amount.currency not in CURRENCIES:
        yield "currency", f"PortOne V2 does not list {amount.currency}; choose another gateway"
    if not 0 < amount.minor <= MOST:
        yield "amount", f"must be from 1 to {MOST} minor units"
    if not request.order_name.strip():
        yield "order_name", "must not be blank"
    if not 0 <= tax.tax_free <= amount.minor:
        yield "tax.tax_free", f"must be between 0 and the amount of {amount.minor} minor units"
    elif tax.vat is not None and not 0 <= tax.vat <= amount.minor - tax.tax_free:
        yield "tax.vat", f"must be between 0 and {amount.minor - tax.tax_free} minor units, the amount without tax_free"
    if request.method is not None and request.method.upper() not in PAY_METHODS:
        yield "method", f"is not known; PortOne V2 takes {', '.join(sorted(PAY_METHODS))}"


def _options(request: ChargeRequest, settings: PortOneV2Settings) -> Iterator[tuple[str, str]]:
    chosen = pay_method(request, settings)
    for name, value in sorted(request.options.items()):
        option = OPTIONS.get(name)
        if option is None:
            yield f"{AT}.{name}", f"is not known; PortOne V2 takes {', '.join(sorted(OPTIONS))}"
        elif not option.is_right(value):
            yield f"{AT}.{name}", option.says
        elif option.method not in {None, chosen}:
            yield f"{AT}.{name}", f"is for the method {option.method}; this order is paid by {chosen}"
        elif name == "ps" and value == "test" and request.is_live:
            yield f"{AT}.{name}", "test would take test payments for a live order; leave it out"


def _paymentwall(request: ChargeRequest) -> Iterator[tuple[str, str]]:
    """Who asks for a Paymentwall widget has a Paymentwall channel, which needs to know the buyer (portone-v2.md §5)."""
    if not any(name in request.options for name in _PAYMENTWALL):
        return
    if not request.customer.id:
        yield "customer.id", "Paymentwall needs your name for the buyer"
    if not request.customer.email:
        yield "customer.email", "Paymentwall needs the buyer's e-mail address"


def _customer(customer: Customer) -> Json:
    told = {
        "customerId": customer.id,
        "fullName": customer.name,
        "email": customer.email,
        "phoneNumber": customer.phone,
    }
    return {name: value for name, value in told.items() if value}


def _products(request: ChargeRequest) -> list[Json]:
    """The order's lines. An id is required and we have none, so it is the line's number (inferred)."""
    return [
        {"id": str(number), "name": item.name, "amount": item.unit_amount, "quantity": item.quantity}
        for number, item in enumerate(request.items, 1)
    ]


def _bypass(request: ChargeRequest) -> Json:
    """What PortOne passes on to Paymentwall as it is."""
    options = request.options
    if not any(name in options for name in _PAYMENTWALL):
        return {}
    told = {
        "widget": options.get("widget_code"),
        "ps": options.get("ps"),
        "country_code": request.customer.country,
    }
    return {"bypass": {"paymentwall": {name: value for name, value in told.items() if value}}}
