"""What Unifi Pay holds, in our words: every amount exact, and a contradiction told and never smoothed over (unifi-pay.md §4)."""

import msgspec

from app.domain.money import Money
from app.gateways.text import number
from app.gateways.unifi_pay.wire import Shown, transaction_of
from app.gateways.values import Failure, GatewayPayment, GatewayStatus

LONGEST_NUMBER, LARGEST_EXPONENT = 60, 30
"""No amount has so many digits; a number like 1e999999 would take a megabyte to write out."""


def gateway_payment_of(shown: Shown, asked: str, own_store_id: str, status: GatewayStatus) -> GatewayPayment:
    """A look-up's answer in our words.

    Inferred: what is canceled after it was paid went back whole, and still shows what was paid. Canceled before, it shows
    that nothing was. Of what is paid nothing went back: there is no cancel of a part.
    """
    order, pay, discount = (_plain(each) for each in (shown.order_amount, shown.pay_amount, shown.discount_amount))
    amount, doubt = _amount(order, shown.order_currency_code)
    if status is GatewayStatus.CAPTURED:
        doubt = doubt or _doubt_about_paid(amount, pay, discount, shown)
    if shown.transaction_id not in {None, asked}:
        doubt = "the look-up shows another transaction than the one that it was asked for"
    return GatewayPayment(
        status=status,
        reference=shown.order_id,
        gateway_ref=transaction_of(shown.transaction_id),
        amount=amount,
        refunded=_refunded(status, amount, pay, shown.pay_currency_code),
        is_own_store=None if shown.store_id is None else shown.store_id == own_store_id,
        doubt=doubt,
        failure=Failure("declined", raw_code=shown.status) if status is GatewayStatus.FAILED else None,
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


def deciding_texts(shown: Shown) -> tuple[str | None, ...]:
    """The texts that say what it is and whose."""
    currencies = shown.order_currency_code, shown.pay_currency_code
    return shown.status, shown.transaction_id, shown.order_id, shown.store_id, *currencies


def _plain(told: msgspec.Raw) -> str | None:
    """An amount's digits as they stood on the wire, whether as a text or as a number; 1E+2 is written out. None: not told.

    A number that no sum is stays as it stood, cut: it reads as no exact amount.
    """
    text = bytes(told).decode()
    if text == "null":
        return None
    if text.startswith('"'):
        return str(msgspec.json.decode(told))
    value = number(text)
    if isinstance(value, str) or len(text) > LONGEST_NUMBER or abs(value.adjusted()) > LARGEST_EXPONENT:
        return text[:LONGEST_NUMBER]
    return f"{value:f}"


def _amount(order: str | None, currency: str | None) -> tuple[Money | None, str | None]:
    """What was ordered, and the doubt about it. Without a currency an amount is not stated."""
    if order is None or currency is None:
        return None, None
    try:
        return Money.from_major(order, currency), None
    except ValueError:
        return None, "the look-up states an amount that is no exact amount of its currency"


def _refunded(status: GatewayStatus, amount: Money | None, pay: str | None, currency: str | None) -> Money | None:
    if amount is not None and status is GatewayStatus.CAPTURED:
        return Money(0, amount.currency)
    return amount if status is GatewayStatus.CANCELED and _was_paid(amount, pay, currency) else None


def _was_paid(amount: Money | None, pay: str | None, currency: str | None) -> bool:
    """Whether money is said to have come, in the currency of the order."""
    if amount is None or pay is None or currency not in {None, amount.currency}:
        return False
    try:
        return Money.from_major(pay, amount.currency).minor > 0
    except ValueError:
        return False


def _doubt_about_paid(amount: Money | None, pay: str | None, discount: str | None, shown: Shown) -> str | None:
    """Why the parts of a paid order do not make up its whole. A discount that is not stated is none.

    Inferred: no document states the relation, and for that reason a difference is shown to a person (unifi-pay.md §4).
    """
    if amount is None:
        return None  # matching waits for an amount, whatever was paid
    if shown.pay_currency_code is None:
        return "the look-up says that it is paid, and not in which currency"
    if shown.pay_currency_code != amount.currency:
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
