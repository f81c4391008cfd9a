"""Point3's payments in our words, read leniently: no field is sure but those that docs/gateways/point3.md §3 lists."""

from collections.abc import Mapping
from typing import Any

from app.domain.money import Money
from app.gateways.point3.wire import CURRENCY, Row, signature_of
from app.gateways.values import GatewayPayment, GatewayStatus

_IDENTITY = frozenset({"signature", "orderIdFromClient", "totalCharge"})
"""An object with one of these is a payment, whatever lists it holds (its items, its cancels)."""
_RANK = (
    GatewayStatus.CAPTURED,
    GatewayStatus.REFUND_PENDING,
    GatewayStatus.CANCELED,
    GatewayStatus.AUTHORIZED,
    GatewayStatus.UNRECOGNIZED,
    GatewayStatus.STATUS_MISSING,
    GatewayStatus.PENDING,
)
"""Which of several payments of one order id speaks for it: first where money moved or may have, last the explicit no."""


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


def gateway_payment_of(row: Row, status: GatewayStatus) -> GatewayPayment:
    """One look-up row in our words. Fields that are missing or malformed become None.

    What is canceled went back whole, and of what is paid nothing did (inferred: there is no other cancel, point3.md §4.4). The
    word is the same for a payment that was closed before we captured it, of which there was nothing to refund: whoever reads
    it knows which it was.
    """
    reference, amount = row.order_id_from_client, _won(row.total_charge)
    back = {GatewayStatus.CANCELED: amount, GatewayStatus.CAPTURED: Money(0, CURRENCY)}
    return GatewayPayment(
        status=status,
        reference=None if reference is None else str(reference),
        gateway_ref=signature_of(row.signature),
        amount=amount,
        refunded=back.get(status),
        evidence={"status": row.status, "orderIdFromClient": reference, "totalCharge": row.total_charge},
    )


def deciding_texts(row: Row) -> tuple[str | None, ...]:
    """The texts that say what it is and whose."""
    told = row.status, row.signature, row.order_id_from_client, row.total_charge
    return tuple(value for value in told if isinstance(value, str))


def _won(told: str | int | None) -> Money | None:
    try:
        return None if told is None else Money.from_major(str(told), CURRENCY)
    except ValueError:
        return None


def rank(payment: GatewayPayment, expected: Money) -> tuple[int, bool]:
    """The place of one of several payments of one order id: the lowest speaks for it, among equals one of our total."""
    return (_RANK.index(payment.status) if payment.status in _RANK else len(_RANK), payment.amount != expected)
