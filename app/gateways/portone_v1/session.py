"""What PortOne V1 must be told of an order: the parameters of `IMP.request_pay`, and which orders it cannot take.

Sources: docs/gateways/portone-v1.md §7 (Paymentwall), §11 (browser side).
"""

import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import urlsplit

from app.domain.currencies import EXPONENT
from app.domain.errors import InvalidRequest
from app.domain.money import Money
from app.domain.order import Address, Tax
from app.gateways.portone_v1.manifest import PortOneV1Settings
from app.gateways.portone_v1.wire import major
from app.gateways.values import ChargeRequest, Json

LONGEST_NAME = 40
"""UTF-16 units of `name`, as a browser counts a text's length."""
LONGEST_ADDRESS, LONGEST_POSTCODE = 128, 8
"""Of `buyer_addr` and `buyer_postcode`, in characters, as V1's own document says (tests/simulator/openapi/portone_v1.json)."""
MOST_DIGITS = 2
"""Inferred: no document shows an amount finer than a hundredth, and a rounded one would be another amount."""
LEAST = Money(30, "EUR")
"""Paymentwall's least payment (portone-v1.md §7); its most is a setting. Amounts in other currencies are for it to judge."""

AT = "gateway_options.portone_v1"
OPTIONS = {
    "pay_method": (r"[a-z_]{1,20}", "must be a word of PortOne V1's list of pay methods, such as card"),
    "app_scheme": (r"[A-Za-z][A-Za-z0-9+.\-]{0,39}", "must be the scheme of your app, such as myshop"),
}
"""The options of every PG: their form, and what is said when it is another."""
BYPASS = {
    "widget_code": (r"[A-Za-z0-9_]{1,20}", "must be the code of a Paymentwall widget, such as t3_1 or pw_1"),
    "ps": (r"[a-z0-9_]{1,40}", "must be all, test, or the short code of a payment system"),
    "logo_url": (r"https://[^\s\x00-\x1f\x7f]{1,480}", "must be an https address"),
    "project_name": (r"[^\x00-\x1f\x7f]{1,100}", "must be one line of 1 to 100 characters"),
}
"""Further options for Paymentwall, which PortOne passes on as they are."""

_TWO_WORDS = re.compile(r"[^\s\x00-\x1f\x7f]+ [^\s\x00-\x1f\x7f]+")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_JOINS = "\u200d\ufe0e\ufe0f"


def request_pay(request: ChargeRequest, settings: PortOneV1Settings) -> Json:
    """The parameters of the payment window. Raises InvalidRequest that names every field in the way.

    Paymentwall knows no VAT within an amount and no exempt part, so it is not told the taxes; other PGs are.
    """
    is_paymentwall = settings.pg == "paymentwall"
    if errors := [*_common(request, settings), *(_paymentwall(request, settings) if is_paymentwall else ())]:
        raise InvalidRequest(*errors)
    customer, options = request.customer, request.options
    params: Json = {
        "channelKey": settings.channel_key,
        "pay_method": pay_method(request),
        "merchant_uid": request.reference,
        "name": cut(request.order_name.strip(), LONGEST_NAME),
        "amount": major(request.amount),
        "currency": request.amount.currency,
        "m_redirect_url": request.return_url,
        "notice_url": request.webhook_url,
    }
    told = {"buyer_name": customer.name, "buyer_email": customer.email, "buyer_tel": customer.phone}
    told |= _address(customer.address)
    told["app_scheme"] = _text(options.get("app_scheme"))
    params |= {name: value for name, value in told.items() if value}
    if is_paymentwall:
        bypass = {name: options[name] for name in BYPASS if name in options}
        bypass |= {"country_code": customer.country} if customer.country else {}
        params |= {"bypass": bypass} if bypass else {}
        params |= {} if request.is_live else {"use_test_method": True}
    else:
        params |= taxes(request.tax, request.amount.currency)
    return params


def pay_method(request: ChargeRequest) -> object:
    """`pay_method`: the option, the order's method, or a card."""
    return request.options.get("pay_method") or (request.method or "card").lower()


def _address(address: Address | str | None) -> dict[str, str | None]:
    """Where the buyer lives, as one line. A postal code that is longer than V1 takes is left out: a part of it is another."""
    if address is None or isinstance(address, str):
        return {"buyer_addr": cut(address, LONGEST_ADDRESS) if address else None}
    line = ", ".join(part for part in (address.street, address.city, address.state) if part)
    code = address.postal_code
    is_taken = code is not None and len(code) <= LONGEST_POSTCODE
    return {"buyer_addr": cut(line, LONGEST_ADDRESS) or None, "buyer_postcode": code if is_taken else None}


def taxes(tax: Tax, currency: str) -> Json:
    """The tax parts of an amount in major units, as far as the shop named them."""
    parts: Json = {"tax_free": major(Money(tax.tax_free, currency))} if tax.tax_free else {}
    return parts | ({"vat_amount": major(Money(tax.vat, currency))} if tax.vat is not None else {})


def cut(text: str, units: int) -> str:
    """The beginning of a text, at most so many UTF-16 units long, never ending within a character that people see."""
    text = unicodedata.normalize("NFC", text)
    used = end = 0
    for at, char in enumerate(text):
        if not (_continues(char) or (at and text[at - 1] == "\u200d")):
            end = at
        used += len(char.encode("utf-16-le", "surrogatepass")) // 2
        if used > units:
            return text[: end or at].rstrip()
    return text


def _common(request: ChargeRequest, settings: PortOneV1Settings) -> Iterator[tuple[str, str]]:
    """What is wrong with an order for any PG."""
    amount, tax = request.amount, request.tax
    if EXPONENT[amount.currency] > MOST_DIGITS:
        yield (
            "currency",
            f"PortOne V1 takes amounts of at most {MOST_DIGITS} digits behind the point, {amount.currency} has "
            f"{EXPONENT[amount.currency]}; choose another",
        )
    if amount.minor <= 0:
        yield "amount", "must be above 0"
    if not request.order_name.strip():
        yield "order_name", "must not be blank"
    if not 0 <= tax.tax_free <= amount.minor:
        yield "tax.tax_free", f"must be between 0 and the amount of {amount.minor} minor units"
    elif tax.vat is not None and not 0 <= tax.vat <= amount.minor - tax.tax_free:
        yield "tax.vat", f"must be between 0 and {amount.minor - tax.tax_free} minor units, the amount without tax_free"
    yield from _method("method", request.method, settings)
    yield from _options(request, settings)


def _method(field: str, method: object, settings: PortOneV1Settings) -> Iterator[tuple[str, str]]:
    if settings.pg == "paymentwall" and method is not None and str(method).lower() != "card":
        yield field, "Paymentwall shows what there is in the buyer's country; leave it out"
    if settings.pg == "other" and method == "vbank":
        yield field, "deposits through PortOne V1 are not taken here; choose another way to pay or another gateway"


def _options(request: ChargeRequest, settings: PortOneV1Settings) -> Iterator[tuple[str, str]]:
    allowed = OPTIONS | (BYPASS if settings.pg == "paymentwall" else {})
    for name, value in sorted(request.options.items()):
        if name not in allowed:
            yield f"{AT}.{name}", f"is not known; this account takes {', '.join(sorted(allowed))}"
        elif not isinstance(value, str) or not re.fullmatch(allowed[name][0], value):
            yield f"{AT}.{name}", allowed[name][1]
        elif name == "pay_method":
            yield from _method(f"{AT}.{name}", value, settings)
        elif name == "logo_url" and not _has_host(value):
            yield f"{AT}.{name}", allowed[name][1]
        elif name == "ps" and value == "test" and request.is_live:
            yield f"{AT}.{name}", "test would take test payments for a live order; leave it out"


def _paymentwall(request: ChargeRequest, settings: PortOneV1Settings) -> Iterator[tuple[str, str]]:
    """What is wrong with an order for Paymentwall (docs/gateways/portone-v1.md §7)."""
    amount = request.amount
    if not _TWO_WORDS.fullmatch(request.customer.name or ""):
        yield "customer.name", "Paymentwall needs the first and the last name with one space between, such as Minji Kim"
    if not _EMAIL.fullmatch(request.customer.email or ""):
        yield "customer.email", "Paymentwall needs the buyer's e-mail address"
    if amount.currency == "USD" and amount.minor > settings.most_usd * 100:
        most = f"{settings.most_usd} USD at most in one payment"
        yield "amount", f"Paymentwall takes {most}; choose another gateway, or set MOST_USD if they raised it"
    if amount.currency == LEAST.currency and amount.minor < LEAST.minor:
        yield "amount", f"Paymentwall takes {LEAST} at least"


def _continues(char: str) -> bool:
    """Whether a character belongs to the one before: an accent, a vowel sign, a joiner, a skin tone."""
    return char in _JOINS or unicodedata.category(char).startswith("M") or "\U0001f3fb" <= char <= "\U0001f3ff"


def _has_host(url: str) -> bool:
    try:
        return bool(urlsplit(url).hostname)
    except ValueError:
        return False


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
