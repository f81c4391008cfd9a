"""PortOne V2's payments in our words: what a look-up's answer says that the gateway holds (portone-v2.md §2, §7)."""

from datetime import UTC, datetime

from app.domain.money import Money
from app.domain.order import Tax
from app.gateways.portone_v2.codes import CANCEL_STATES, CHARGEBACK, TRIGGERS, status_of
from app.gateways.portone_v2.wire import ACCOUNT, Amount, Cancellation, Channel, Method, Payment, Refusal
from app.gateways.text import short
from app.gateways.values import (
    DepositAccount,
    Failure,
    GatewayPayment,
    GatewayRefund,
    GatewayStatus,
    Json,
    RefundState,
)

MOST_CANCELLATIONS = 20
"""How many cancellations evidence lists, the newest; an order is seldom refunded in more parts."""
_UNPAID = frozenset(
    {GatewayStatus.PENDING, GatewayStatus.APPROVING, GatewayStatus.AWAITING_DEPOSIT, GatewayStatus.FAILED}
)
_PAID = frozenset({"PAID", "PARTIAL_CANCELLED"})
_CANCELED = frozenset({"CANCELLED", "PARTIAL_CANCELLED"})
_BACK = {"amount", "amount.cancelled", "cancellations", "cancellations.status", "cancellations.totalAmount"}
"""Members that say what went back."""
_LAST = datetime.max.replace(tzinfo=UTC)


def gateway_payment_of(payment: Payment, store_id: str) -> GatewayPayment:
    """One payment in our words. `store_id` is ours."""
    amount = payment.amount or Amount()
    status = _status(payment, amount)
    refunded = _money(amount.cancelled, payment.currency)
    refunds = _refunds(payment.cancellations or [], payment.currency)
    deposit = _deposit(payment.method) if status is GatewayStatus.AWAITING_DEPOSIT else None
    short = _short(payment, amount)
    return GatewayPayment(
        status=status,
        reference=payment.id,
        gateway_ref=payment.transaction_id or None,
        amount=_money(_ordered(payment, amount) if short is None else short, payment.currency),
        refunded=refunded,
        refunds=refunds,
        is_deposit=_is_deposit(payment.method, status),
        is_live=_is_live(payment.channel),
        is_own_store=None if payment.store_id is None else payment.store_id == store_id,
        doubt=_doubt(payment, amount, status) or _doubt_about_refunds(payment, refunded, refunds),
        sum_doubt=None if short is None else _sums(payment, amount),
        deposit=deposit,
        failure=_failure(payment.failure or Refusal()) if status is GatewayStatus.FAILED else None,
        evidence=_evidence(payment, amount),
    )


def deciding_texts(payment: Payment) -> tuple[str | None, ...]:
    """The texts that say what it is and whose."""
    channel = payment.channel.type if payment.channel else None
    cancellations = [text for each in payment.cancellations or [] for text in (each.id, each.status)]
    return (
        payment.status, payment.id, payment.transaction_id, payment.store_id, payment.currency, channel, *cancellations
    )  # fmt: skip


def currency_of(word: str | None) -> str | None:
    """`KRW`, also where it is spelled `CURRENCY_KRW` (docs/gateways/portone-v2.md §7 trap 6)."""
    return word.removeprefix("CURRENCY_") if word is not None else None


def _status(payment: Payment, amount: Amount) -> GatewayStatus:
    """The status word's meaning; a cancel of everything that is accepted and not done yet has no word of its own."""
    status = GatewayStatus.UNRECOGNIZED if "status" in payment.untold else status_of(payment.status)
    cancellations = payment.cancellations or []
    if not any(each.status == "REQUESTED" for each in cancellations):
        return status
    if status is GatewayStatus.CANCELED:
        return GatewayStatus.REFUND_PENDING
    going = sum(each.total_amount or 0 for each in cancellations if each.status in {"REQUESTED", "SUCCEEDED"})
    is_whole = amount.total is not None and going >= amount.total
    return GatewayStatus.REFUND_PENDING if status is GatewayStatus.CAPTURED and is_whole else status


def _refunds(cancellations: list[Cancellation], currency: str | None) -> tuple[GatewayRefund, ...]:
    """The cancellations, oldest first; one that does not tell when it was asked for counts as the newest.

    Nothing at all when one of them does not tell its amount, since half a list would mislead. A status word that we do not
    know counts as under way: it is no proof of money, and no reason to ask again.
    """
    ordered = sorted(cancellations, key=lambda each: _moment(each.requested_at) or _LAST)
    amounts = [_money(each.total_amount, currency) for each in ordered]
    known = [amount for amount in amounts if amount is not None and amount.minor > 0]
    if len(known) < len(ordered):
        return ()
    return tuple(
        GatewayRefund(
            amount=amount,
            state=CANCEL_STATES.get(each.status or "", RefundState.PENDING),
            ref=each.id or None,
            reason=short(each.reason),
            tax=_tax(each),
            is_chargeback=each.trigger == CHARGEBACK,
            is_by_api=TRIGGERS.get(each.trigger or ""),
        )
        for each, amount in zip(ordered, known, strict=True)
    )


def _tax(cancellation: Cancellation) -> Tax | None:
    """Its parts, told by both numbers or not at all."""
    vat, tax_free = cancellation.vat_amount, cancellation.tax_free_amount
    return Tax(vat, tax_free) if vat is not None and tax_free is not None else None


def _doubt(payment: Payment, amount: Amount, status: GatewayStatus) -> str | None:
    """What in this payment cannot be true together."""
    numbers = (amount.total, amount.paid, amount.discount, amount.cancelled)
    if any(number is not None and number < 0 for number in numbers):
        return "the look-up shows an amount below 0"
    total, paid, cancelled = amount.total, amount.paid, amount.cancelled or 0
    if total is not None and cancelled > total:
        return "the look-up says that more was given back than was ordered"
    if status in _UNPAID and payment.paid_at:
        return f"the look-up says {payment.status} and names a time of payment"
    if status is GatewayStatus.CANCELED and total is not None and amount.cancelled is not None:
        came = paid or (total - (amount.discount or 0) if cancelled or payment.paid_at else 0)
        return "the look-up says CANCELLED, and that less was given back than came" if cancelled < came else None
    if payment.status in _PAID and total is not None:
        if paid is None:
            return f"the look-up says {payment.status}, and not how much came"
        # Whether a cancel lowers `paid` and `discount`, no document says.
        is_whole = total - cancelled <= paid + (amount.discount or 0) <= total
        return None if is_whole or _short(payment, amount) is not None else _sums(payment, amount)
    return None


def _short(payment: Payment, amount: Amount) -> int | None:
    """What came, where that is less than was ordered, as a deposit may be: that much can go back."""
    came = (amount.paid or 0) + (amount.discount or 0)
    is_short = payment.status == "PAID" and not amount.cancelled and 0 < came < (amount.total or 0)
    return came if is_short and amount.paid is not None else None


def _ordered(payment: Payment, amount: Amount) -> int | None:
    """What was ordered. Not told where a part was cancelled and less than that came: then nothing says whether the cancel
    lowered what came, or a deposit was too small before."""
    came = None if amount.paid is None else amount.paid + (amount.discount or 0)
    is_lower = payment.status == "PARTIAL_CANCELLED" and came is not None and came < (amount.total or 0)
    return None if is_lower else amount.total


def _sums(payment: Payment, amount: Amount) -> str:
    came = (amount.paid or 0) + (amount.discount or 0)
    return f"the look-up says {payment.status}, and that {came} of {amount.total} minor units came"


def _doubt_about_refunds(payment: Payment, refunded: Money | None, refunds: tuple[GatewayRefund, ...]) -> str | None:
    """Something went back, or may have, and the look-up does not say how much: it must not look as if nothing had."""
    is_hidden = payment.status in _CANCELED or payment.cancellations or (payment.amount and payment.amount.cancelled)
    if _BACK & payment.untold.keys() or (is_hidden and refunded is None and not refunds):
        return "the look-up shows cancels, and not in a form that says how much went back"
    return None


def _deposit(method: Method | None) -> DepositAccount | None:
    if method is None or method.type not in {ACCOUNT, None} or not method.account_number:
        return None
    return DepositAccount(
        method.bank or "", method.account_number, method.remittee_name or None, _moment(method.expired_at)
    )


def _is_deposit(method: Method | None, status: GatewayStatus) -> bool | None:
    if status is GatewayStatus.AWAITING_DEPOSIT:
        return True
    return None if method is None or method.type is None else method.type == ACCOUNT


def _is_live(channel: Channel | None) -> bool | None:
    return {"LIVE": True, "TEST": False}.get(channel.type or "") if channel else None


def _failure(refusal: Refusal) -> Failure:
    return Failure(
        "declined", raw_code=short(refusal.pg_code), message=short(refusal.reason) or short(refusal.pg_message)
    )


def _money(minor: int | None, currency: str | None) -> Money | None:
    """None when it is not told, or in a currency that has no such minor unit."""
    code = currency_of(currency)
    if minor is None or code is None:
        return None
    try:
        return Money(minor, code)
    except ValueError:
        return None


def _moment(text: str | None) -> datetime | None:
    """An RFC 3339 time; None for anything else, or for one without its offset."""
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None


def _evidence(payment: Payment, amount: Amount) -> Json:
    """What a person needs later; nothing of the buyer, and no account number."""
    told: Json = {
        "status": payment.status,
        "paymentId": payment.id,
        "transactionId": payment.transaction_id,
        "storeId": payment.store_id,
        "total": amount.total,
        "paid": amount.paid,
        "discount": amount.discount,
        "cancelled": amount.cancelled,
        "currency": payment.currency,
        "channel": payment.channel.type if payment.channel else None,
        "pg_provider": short(payment.channel.pg_provider) if payment.channel else None,
        "method": payment.method.type if payment.method else None,
        "pg_tx_id": short(payment.pg_tx_id),
        "requested_at": short(payment.requested_at),
        "paid_at": short(payment.paid_at),
        "failed_at": short(payment.failed_at),
        "cancelled_at": short(payment.cancelled_at),
    }
    if payment.cancellations:
        told["cancellations"] = [
            {"id": each.id, "status": each.status, "total": each.total_amount}
            for each in payment.cancellations[-MOST_CANCELLATIONS:]
        ]
    return {name: value for name, value in told.items() if value is not None}
