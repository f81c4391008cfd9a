"""PortOne V1's payments, and how they are read.

Amounts are JSON numbers in major units; they are read from their text, so no float is ever near them. Times are UNIX
seconds, and 0 means "never" (contract §1, §12 trap 11).
"""

import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from app.domain.clock import rfc3339
from app.domain.money import Money
from app.gateways.port import DepositAccount, Failure, GatewayPayment, GatewayRefund, GatewayStatus, Json, RefundState
from app.gateways.portone_v1.answer import NULL, short
from app.gateways.portone_v1.codes import status_of

LONGEST_NUMBER = 60
LARGEST_POWER = 30
"""Numbers beyond these are no amounts; the bounds keep `1e999999` from being written out."""


class Payment(msgspec.Struct, frozen=True):
    """What we read of a payment; every field may be missing (`sparse` answers) or null."""

    imp_uid: str | None = None
    merchant_uid: str | None = None
    status: str | None = None
    amount: msgspec.Raw = NULL
    cancel_amount: msgspec.Raw = NULL
    currency: str | None = None
    sandbox: bool | None = None
    """Whether it came through a test channel."""
    paid_at: int | None = None
    failed_at: int | None = None
    cancelled_at: int | None = None
    fail_reason: str | None = None
    vbank_name: str | None = None
    vbank_num: str | None = None
    vbank_holder: str | None = None
    vbank_date: int | None = None
    pay_method: Any = None  # these three are evidence alone: whatever they hold, the payment is read
    pg_provider: Any = None
    pg_tid: Any = None
    cancel_history: msgspec.Raw = NULL

    def __post_init__(self) -> None:
        _need_numbers(self.amount, self.cancel_amount)


class Entry(msgspec.Struct, frozen=True):
    """One entry of a payment's `cancel_history`."""

    amount: msgspec.Raw = NULL
    cancelled_at: int | None = None
    cancellation_id: str | None = None
    pg_tid: str | None = None
    reason: Any = None


class Page(msgspec.Struct, frozen=True):
    """One page of payments."""

    payments: list[Payment] | None = msgspec.field(default=None, name="list")


class Prepared(msgspec.Struct, frozen=True):
    """An amount that was registered before the window opens."""

    merchant_uid: str | None = None
    amount: msgspec.Raw = NULL
    currency: str | None = None

    def __post_init__(self) -> None:
        _need_numbers(self.amount)

    def allows(self, amount: Money) -> bool:
        """Whether the window takes this amount. A currency that is not told is the one that we registered."""
        return money_of(self.amount, self.currency or amount.currency) == amount


def gateway_payment_of(payment: Payment, *, is_live: bool | None) -> GatewayPayment:
    """One payment in our words."""
    amount = money_of(payment.amount, payment.currency)
    refunded = money_of(payment.cancel_amount, payment.currency)
    status = status_of(payment.status)
    deposit = None
    if status is GatewayStatus.PENDING and payment.vbank_num:
        status = GatewayStatus.AWAITING_DEPOSIT
        until = _moment(payment.vbank_date)
        deposit = DepositAccount(payment.vbank_name or "", payment.vbank_num, payment.vbank_holder, until)
    if status is GatewayStatus.CAPTURED and amount and amount == refunded:
        status = (
            GatewayStatus.REFUND_PENDING
        )  # inferred: all of it is cancelled, and the status waits for the PG's word (§6)
    return GatewayPayment(
        status=status,
        reference=payment.merchant_uid,
        gateway_ref=payment.imp_uid or None,
        amount=amount,
        refunded=refunded if refunded and refunded.minor > 0 else None,
        refunds=_refunds(payment, refunded),
        is_deposit=_is_deposit(payment),
        is_live=is_live,
        doubt=_doubt(payment, status, amount, refunded),
        deposit=deposit,
        failure=Failure("declined", message=short(payment.fail_reason)) if status is GatewayStatus.FAILED else None,
        evidence=_evidence(payment),
    )


def held_before_paying(prepared: Prepared) -> GatewayPayment:
    """A registered amount as an order that nobody has begun to pay."""
    return GatewayPayment(
        GatewayStatus.PENDING,
        reference=prepared.merchant_uid,
        amount=money_of(prepared.amount, prepared.currency),
        evidence={"status": "prepared", "amount": _text_of(prepared.amount), "currency": prepared.currency},
    )


def money_of(number: msgspec.Raw, currency: str | None) -> Money | None:
    """A JSON number of major units, exactly.

    None when it is not told, when its currency is not, or when the currency has no such amount.
    """
    text = bytes(number).decode()
    if currency is None or len(text) > LONGEST_NUMBER:
        return None
    try:
        value = Decimal(text)
        return Money.from_major(f"{value:f}", currency) if abs(value.adjusted()) <= LARGEST_POWER else None
    except (ArithmeticError, ValueError):  # `null`; finer than the minor unit; no currency
        return None


def major(amount: Money) -> Decimal:
    """An amount as PortOne V1 wants it: a JSON number of major units."""
    return Decimal(amount.to_major())


def _refunds(payment: Payment, refunded: Money | None) -> tuple[GatewayRefund, ...]:
    """The history, oldest first; nothing at all when one entry cannot be read, since half a list would mislead.

    An entry that names no time is under way while `cancel_amount` is less than the whole history (inferred: no document
    says whether a cancel that waits for its PG's word is listed).
    """
    try:
        entries = msgspec.json.decode(payment.cancel_history, type=list[Entry] | None) or []
    except (ValueError, RecursionError):
        return ()
    entries.sort(key=lambda each: each.cancelled_at or math.inf)
    amounts = [money_of(each.amount, payment.currency) for each in entries]
    known = [amount for amount in amounts if amount is not None and amount.minor > 0]
    if len(known) < len(entries):
        return ()
    is_back = refunded is not None and refunded.minor >= sum(amount.minor for amount in known)
    return tuple(
        GatewayRefund(
            amount=amount,
            state=RefundState.SUCCEEDED if each.cancelled_at or is_back else RefundState.PENDING,
            ref=each.cancellation_id or each.pg_tid or None,
            reason=short(each.reason),
        )
        for each, amount in zip(entries, known, strict=True)
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
    if status is GatewayStatus.CANCELED and refunded and amount and 0 < refunded.minor < amount.minor:
        return "the look-up says cancelled and shows a part as given back"
    return None


def _evidence(payment: Payment) -> Json:
    """What a person needs later; nothing of the buyer, and no account number."""
    told: Json = {
        "status": payment.status,
        "imp_uid": payment.imp_uid,
        "merchant_uid": payment.merchant_uid,
        "amount": _text_of(payment.amount),
        "cancel_amount": _text_of(payment.cancel_amount),
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


def _need_numbers(*numbers: msgspec.Raw) -> None:
    """Raise ValueError for an amount that is there and no number: an answer that breaks its form is not read in part."""
    for number in numbers:
        if bytes(number) != b"null" and bytes(number)[:1] not in b"-0123456789":
            raise ValueError("an amount must be a JSON number")


def _text_of(number: msgspec.Raw) -> str | None:
    text = bytes(number).decode()
    return None if text == "null" else text[:LONGEST_NUMBER]


def _moment(seconds: int | None) -> datetime | None:
    """A UNIX time, where 0 means never; None for one that no calendar has."""
    if not seconds:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
