"""The session at Point3: what it must be told of an order to issue a widget token, and which orders it cannot take."""

import re
from collections.abc import Mapping

from app.domain.errors import InvalidRequest
from app.gateways.point3.manifest import Point3Settings
from app.gateways.point3.wire import CURRENCY, TokenRequest
from app.gateways.values import ChargeRequest

AT = "gateway_options.point3"
OPTIONS = frozenset({"culture_expense_type", "cash_receipt_type", "client_business_num", "client_nickname"})


def token_request(request: ChargeRequest, settings: Point3Settings) -> TokenRequest:
    """The body for this charge. Raises InvalidRequest that names the field of our API for what Point3 cannot take."""
    if request.amount.currency != CURRENCY:
        raise InvalidRequest(
            ("currency", f"Point3 takes KRW only, got {request.amount.currency}; choose another gateway")
        )
    vat, without_vat = split_vat(request)
    return TokenRequest(
        client_generated_user_id=request.customer.id or f"guest{request.reference}",
        total_charge=request.amount.minor,
        order_id_from_client=request.reference,
        purchasing_product_name=request.order_name,
        tax_free_amount=without_vat,
        vat=vat,
        **_options(request.options, settings),
    )


def split_vat(request: ChargeRequest) -> tuple[int, int]:
    """The pair (vat, taxFreeAmount) in KRW. Their sum is the total and both are above 0, or InvalidRequest says why not.

    `taxFreeAmount` is the amount *without VAT*, supply and exempt part together, although the vendor's comment calls it
    tax-exempt (point3.md §9 trap 3). VAT that the shop does not name is 1/11 of the taxable part, to the nearest won.
    """
    total, taxable = request.amount.minor, request.amount.minor - request.tax.tax_free
    vat = request.tax.vat if request.tax.vat is not None else (2 * taxable + 11) // 22
    if taxable <= 0 or request.tax.vat == 0:
        raise InvalidRequest(
            ("tax", f"Point3 cannot take a sale without VAT (vat 0 of {total} KRW); offer another gateway for it")
        )
    if request.tax.vat is None and vat == 0:
        field = "tax.tax_free" if request.tax.tax_free else "amount"
        raise InvalidRequest((field, f"{taxable} KRW is too small to carry 1 KRW of VAT, which Point3 requires"))
    if not 0 < vat < total:
        raise InvalidRequest(("tax.vat", f"must be above 0 and below the amount of {total} KRW, got {vat}"))
    return vat, total - vat


def _options(given: Mapping[str, object], settings: Point3Settings) -> dict[str, str]:
    if unknown := sorted(set(given) - OPTIONS):
        raise InvalidRequest((f"{AT}.{unknown[0]}", f"is not known; Point3 takes {', '.join(sorted(OPTIONS))}"))
    if wrong := sorted(name for name, value in given.items() if not isinstance(value, str)):
        raise InvalidRequest((f"{AT}.{wrong[0]}", "must be a string"))
    allowed = settings.culture_expense_types
    options = {
        "culture_expense_type": allowed[0],
        "cash_receipt_type": settings.cash_receipt_type,
        "client_business_num": settings.client_business_num,
        "client_nickname": settings.client_nickname,
    } | {name: str(value) for name, value in given.items()}
    if options["culture_expense_type"] not in allowed:
        raise InvalidRequest((f"{AT}.culture_expense_type", f"must be one of {', '.join(allowed)}"))
    if not re.fullmatch(r"[a-z]", options["cash_receipt_type"]):
        raise InvalidRequest((f"{AT}.cash_receipt_type", "must be one lower-case letter"))
    if not re.fullmatch(r"[0-9]{10}", options["client_business_num"]):
        raise InvalidRequest((f"{AT}.client_business_num", "must be ten digits without dashes"))
    nickname = options["client_nickname"]
    if not nickname.strip() or len(nickname) > 100 or not nickname.isprintable():
        raise InvalidRequest((f"{AT}.client_nickname", "must be 1 to 100 printable characters"))
    return options
