"""Point3's shapes: what we send, and how leniently we read (contract §3: no field is sure but those it lists)."""

from collections.abc import Mapping
from typing import Any

import msgspec

from app.domain.errors import InvalidRequest
from app.domain.money import Money
from app.gateways.port import ChargeRequest, GatewayPayment, GatewayStatus

CURRENCY = "KRW"

_IDENTITY = frozenset({"signature", "orderIdFromClient", "totalCharge"})
"""An object with one of these is a payment, whatever lists it holds (its items, its cancels)."""


class TokenRequest(msgspec.Struct, rename="camel", frozen=True):
    """Body of `POST /purchase/token`: all ten fields, always (contract §4.1)."""

    client_generated_user_id: str
    total_charge: int
    order_id_from_client: str
    culture_expense_type: str
    cash_receipt_type: str
    client_business_num: str
    client_nickname: str
    purchasing_product_name: str
    tax_free_amount: int
    vat: int


def split_vat(request: ChargeRequest) -> tuple[int, int]:
    """The pair (vat, taxFreeAmount) in KRW. Their sum is the total and both are above 0, or InvalidRequest says why not.

    `taxFreeAmount` is the amount *without VAT*, supply and exempt part together, although the vendor's comment calls it
    tax-exempt (contract §9 trap 3). VAT that the shop does not name is 1/11 of the taxable part, to the nearest won.
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


def rows_of(result: object) -> list[Mapping[str, Any]]:
    """The payments in a look-up's `result`: a list, one object, or a list inside an object that is no payment itself.

    Null, an empty list and an empty page are an explicit "none". Raises ValueError for a shape that says neither.
    """
    if result is None:
        return []
    if isinstance(result, Mapping):
        if not _IDENTITY & result.keys():
            nested = next((value for value in result.values() if isinstance(value, list)), None)
            if nested is not None:
                return rows_of(nested)
        return [result]
    if isinstance(result, list):
        rows = [row for row in result if isinstance(row, Mapping)]
        if len(rows) == len(result):
            return rows
    raise ValueError("a look-up's result is neither a payment nor a list of payments")


def gateway_payment_of(row: Mapping[str, Any], status: GatewayStatus) -> GatewayPayment:
    """One look-up row in our words. Fields that are missing or malformed become None.

    What is canceled went back whole (inferred: there is no other cancel, contract §4.4). The word is the same for a payment
    that was closed before we confirmed it, of which there was nothing to give back: whoever reads it knows which it was.
    """
    signature, reference = row.get("signature"), row.get("orderIdFromClient")
    amount = _won(row.get("totalCharge"))
    return GatewayPayment(
        status=status,
        reference=str(reference) if reference is not None else None,
        gateway_ref=str(signature) if signature else None,
        amount=amount,
        refunded=amount if status is GatewayStatus.CANCELED else None,
        evidence={"status": row.get("status"), "orderIdFromClient": reference, "totalCharge": row.get("totalCharge")},
    )


def _won(value: object) -> Money | None:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    try:
        return Money.from_major(str(value), CURRENCY)
    except ValueError:
        return None
