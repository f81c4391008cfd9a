"""Cancels: what one may ask for, and how it ends. Source: Swagger (`cancelPayment`), portone-v1.md §6."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from simulator.portone_v1.fields import (
    ALREADY_CANCELLED,
    NOTHING_TO_CANCEL,
    Fields,
    invalid,
    refused,
    to_major,
    to_minor,
)
from simulator.portone_v1.store import Attempt, Status, Store
from simulator.twin import NOTHING_LEFT, RefusedError, part

PG_CODE = -1
"""What the payment company refuses has this code (public integrations)."""
IN_ANOTHER_CURRENCY = "결제 통화와 정산 통화가 다른 경우 부분취소가 불가능합니다."
CONSOLE_REASON = "관리자 콘솔에서 취소"
NO_REASON = "취소 사유 없음"
"""`reason` is required in `cancel_history`, but not in the request ([I])."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a cancel asks for, checked field by field. Amounts in major units; None for an amount is all of it."""

    imp_uid: str | None
    merchant_uid: str | None
    amount: Decimal | None
    checksum: Decimal | None
    reason: str
    has_refund_account: bool


def read(fields: Fields) -> Wanted:
    """The fields of a cancel. Raises Refused(400)."""
    imp_uid, merchant_uid = fields.text("imp_uid"), fields.text("merchant_uid")
    if not imp_uid and not merchant_uid:
        raise invalid("imp_uid or merchant_uid is required")
    for name in ("tax_free", "vat_amount"):
        fields.amount(name)
    fields.flag("retain_promotion")
    account = [fields.text(name) for name in ("refund_holder", "refund_bank", "refund_account")]
    fields.text("refund_tel")
    return Wanted(
        imp_uid or None,
        merchant_uid or None,
        fields.amount("amount") or None,  # 0 is all of it, as if it were not there
        fields.amount("checksum"),
        fields.text("reason") or NO_REASON,
        all(account),
    )


def meant(store: Store, wanted: Wanted) -> Attempt | None:
    """The payment to cancel. An imp_uid decides alone, even when it is wrong and the merchant_uid is right."""
    if wanted.imp_uid is not None:
        return store.attempt(wanted.imp_uid)
    payment = store.payment(wanted.merchant_uid or "")
    return None if payment is None else payment.shown


def cancel(store: Store, attempt: Attempt | None, wanted: Wanted, choose: Callable[[bool], str | None]) -> None:
    """Refund what is wanted. Raises Refused when it cannot be; then nothing was done.

    `choose` names the scenario that the cancel follows, given whether it is a partial one; it is asked only when the
    request itself is in order.
    """
    if attempt is None:
        raise refused(NOTHING_TO_CANCEL)
    amount = _checked_amount(attempt, wanted)
    scenario = choose(amount < attempt.charged)
    if scenario == "declined":
        raise refused("PG사에서 취소를 거절하였습니다.", PG_CODE)
    if scenario == "partial_cancel_refused":
        raise refused(IN_ANOTHER_CURRENCY, PG_CODE)
    store.cancel(attempt, amount, wanted.reason, later=scenario == "async_cancel")


def from_console(store: Store, paid: Attempt | None, wanted: int | None = None) -> Attempt:
    """Somebody at the shop cancels in PortOne's console: this much in minor units, or all that is left.

    The webhook says `cancelled`, that of a partial cancel too ([I]). Raises RefusedError when it cannot be.
    """
    if paid is None:
        raise RefusedError(NOTHING_LEFT)
    store.cancel(paid, part(wanted, paid.cancellable), CONSOLE_REASON, with_webhook=True)
    return paid


def _checked_amount(attempt: Attempt, wanted: Wanted) -> int:
    """The amount in minor units. The order of the checks is [I]."""
    currency, left = attempt.order.currency, attempt.cancellable
    if attempt.status is Status.CANCELLED:
        raise refused(ALREADY_CANCELLED)
    if not attempt.has_succeeded:
        raise refused(NOTHING_TO_CANCEL)
    if wanted.checksum is not None and wanted.checksum != to_major(left, currency):
        raise refused("취소 가능한 잔액이 checksum과 일치하지 않습니다.")
    if left == 0:
        raise refused("이미 전액 취소가 진행 중인 주문입니다.")
    try:
        amount = left if wanted.amount is None else to_minor(wanted.amount, currency)
    except ValueError:
        raise invalid(f"amount is finer than the minor unit of {currency}") from None
    if amount > left:
        raise refused("취소 요청 금액이 취소 가능한 잔액보다 큽니다.")
    if attempt.account is not None and not wanted.has_refund_account:
        raise refused("가상계좌 결제는 refund_holder, refund_bank, refund_account가 필요합니다.")
    return amount
