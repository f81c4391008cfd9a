"""PortOne V1's payments in our words: what a look-up's answer says that the gateway holds (portone-v1.md §1, §6, §12)."""

import math
from collections import Counter
from datetime import UTC, datetime

from app.domain.clock import rfc3339
from app.domain.money import Money
from app.gateways.portone_v1.codes import RANK, status_of
from app.gateways.portone_v1.wire import Payment, Prepared, digits_of, imp_uid_of, money_of
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

_ENTRY = {f"cancel_history.{name}" for name in ("amount", "cancelled_at", "cancellation_id", "pg_tid")}
"""Members of an entry that tell one cancel from another, and how far it is."""


def gateway_payment_of(payment: Payment, *, is_live: bool | None) -> GatewayPayment:
    """One payment in our words."""
    amount = money_of(payment.amount, payment.currency)
    refunded = money_of(payment.cancel_amount, payment.currency)
    status = GatewayStatus.UNRECOGNIZED if "status" in payment.untold else status_of(payment.status)
    refunds = _refunds(payment, refunded)
    deposit = None
    if status is GatewayStatus.PENDING and payment.vbank_num:
        status = GatewayStatus.AWAITING_DEPOSIT
        until = _moment(payment.vbank_date)
        deposit = DepositAccount(payment.vbank_name or "", payment.vbank_num, payment.vbank_holder, until)
    if status is GatewayStatus.CAPTURED and refunded and refunded.minor > 0 and amount == refunded:
        # Inferred: all of it is cancelled, and the status waits for the PG's word (§6).
        status = GatewayStatus.REFUND_PENDING
    return GatewayPayment(
        status=status,
        reference=payment.merchant_uid,
        gateway_ref=imp_uid_of(payment.imp_uid),
        amount=amount,
        refunded=refunded,
        refunds=refunds,
        is_deposit=_is_deposit(payment),
        is_live=is_live,
        doubt=_doubt(payment, status, amount, refunded) or _doubt_about_refunds(payment, refunded, refunds),
        deposit=deposit,
        failure=Failure("declined", message=short(payment.fail_reason)) if status is GatewayStatus.FAILED else None,
        evidence=_evidence(payment),
    )


def deciding_texts(payment: Payment) -> tuple[str | None, ...]:
    """The texts that say what it is and whose."""
    return payment.status, payment.imp_uid, payment.merchant_uid, payment.currency


def payment_before_window(prepared: Prepared) -> GatewayPayment:
    """A registered amount as an order that nobody has begun to pay."""
    return GatewayPayment(
        GatewayStatus.PENDING,
        reference=prepared.merchant_uid,
        amount=money_of(prepared.amount, prepared.currency),
        evidence={"status": "prepared", "amount": digits_of(prepared.amount), "currency": prepared.currency},
    )


def rank(payment: GatewayPayment, expected: Money) -> tuple[int, bool]:
    """The place of one of several windows of one order: the lowest speaks for it, among equals one of our amount."""
    return (RANK.index(payment.status) if payment.status in RANK else len(RANK), payment.amount != expected)


def _refunds(payment: Payment, refunded: Money | None) -> tuple[GatewayRefund, ...]:
    """The history, oldest first; nothing at all when one entry cannot be read, since half a list would mislead.

    An entry that names no time is under way while `cancel_amount` is less than the whole history (inferred: no document
    says whether a cancel that waits for its PG's word is listed). A PG's name that several entries bear, because it is the
    payment's, names none of them: which of them are known already, the sum says then.
    """
    entries = sorted(payment.cancel_history or [], key=lambda each: each.cancelled_at or math.inf)
    amounts = [money_of(each.amount, payment.currency) for each in entries]
    known = [amount for amount in amounts if amount is not None and amount.minor > 0]
    if len(known) < len(entries) or _ENTRY & payment.untold.keys():
        return ()
    bearers = Counter(each.pg_tid for each in entries if not each.cancellation_id)
    names = [each.cancellation_id or (each.pg_tid if bearers[each.pg_tid] == 1 else None) or None for each in entries]
    if refunded is None and None in names:
        return ()
    is_back = refunded is not None and refunded.minor >= sum(amount.minor for amount in known)
    return tuple(
        GatewayRefund(
            amount=amount,
            state=RefundState.SUCCEEDED if each.cancelled_at or is_back else RefundState.PENDING,
            ref=name,
            reason=short(each.reason),
        )
        for each, amount, name in zip(entries, known, names, strict=True)
    )


def _is_deposit(payment: Payment) -> bool | None:
    if payment.vbank_num:
        return True
    return None if payment.pay_method is None else payment.pay_method == "vbank"


def _doubt(payment: Payment, status: GatewayStatus, amount: Money | None, refunded: Money | None) -> str | None:
    """What in this payment cannot be true together."""
    if refunded is not None and (refunded.minor < 0 or (amount is not None and refunded.minor > amount.minor)):
        return "the look-up says that more was given back than was paid"
    if status in {GatewayStatus.PENDING, GatewayStatus.AWAITING_DEPOSIT, GatewayStatus.FAILED} and payment.paid_at:
        return f"the look-up says {payment.status} and names a time of payment"
    if status is GatewayStatus.CANCELED and amount and (payment.paid_at or (refunded and refunded.minor)):
        if refunded is None:
            return "the look-up says cancelled, and not how much went back"
        if refunded.minor < amount.minor:
            return "the look-up says cancelled, and that less was given back than was paid"
    if status is GatewayStatus.PENDING and "vbank_num" in payment.untold:
        return "the look-up shows an account to transfer to, and not in a form that can be read"
    return None


def _doubt_about_refunds(payment: Payment, refunded: Money | None, refunds: tuple[GatewayRefund, ...]) -> str | None:
    """Something went back, or may have, and the look-up does not say how much: it must not look as if nothing had.

    The sum alone says it, whatever the history is.
    """
    if refunds or (refunded and refunded.minor):
        is_hidden = "cancel_amount" in payment.untold
    else:
        sum_of_it = (digits_of(payment.cancel_amount) or "").strip("0.")
        is_hidden = bool(
            {"cancel_amount", "cancel_history"} & payment.untold.keys() or payment.cancel_history or sum_of_it
        )
    if is_hidden:
        return "the look-up shows cancels, and not in a form that says how much went back"
    return None


def _evidence(payment: Payment) -> Json:
    """What a person needs later; nothing of the buyer, and no account number."""
    told: Json = {
        "status": payment.status,
        "imp_uid": payment.imp_uid,
        "merchant_uid": payment.merchant_uid,
        "amount": digits_of(payment.amount),
        "cancel_amount": digits_of(payment.cancel_amount),
        "currency": payment.currency,
        "sandbox": payment.sandbox,
        "pg_provider": short(payment.pg_provider),
        "pg_tid": short(payment.pg_tid),
        "pay_method": short(payment.pay_method),
    }
    for name in ("paid_at", "failed_at", "cancelled_at"):
        moment = _moment(getattr(payment, name))
        told[name] = rfc3339(moment) if moment else None
    return {name: value for name, value in told.items() if value is not None}


def _moment(seconds: int | None) -> datetime | None:
    """A UNIX time, where 0 means never; None for one that no calendar has."""
    if not seconds:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
