"""PortOne V1's objects: the payment with every field of the Swagger's `PaymentAnnotation`, the balance, the browser's result.

It is the callback's `rsp`, or the query of `m_redirect_url`. Source: portone-v1.md §11. `error_code` F1002 and the messages
of `ALREADY_PAID` and `CLOSED` are seen in public integrations; the other codes and messages are [I]: they come from the
payment company, and there is no list.
"""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from simulator.portone_v1.fields import seconds, to_major
from simulator.portone_v1.store import Attempt, Status
from simulator.web import with_query

UNKNOWN_STATUS = "held_for_review"
REQUIRED = ("imp_uid", "merchant_uid", "amount", "cancel_amount", "currency", "status", "sandbox")
BUYER = ("buyer_name", "buyer_email", "buyer_tel", "buyer_addr", "buyer_postcode")
PAYMENTWALL, OTHER_PG = "paymentwall", "html5_inicis"
"""`pg_provider`. Paymentwall has no virtual accounts, so a payment by one came through another PG."""
BANK_NAME = "신한은행"
_CARD_AND_BANK = """
    apply_num bank_code bank_name card_code card_name card_issuer_code card_issuer_name card_publisher_code
    card_publisher_name card_number card_type
"""
CARD_AND_BANK = _CARD_AND_BANK.split()
"""Paymentwall tells none of these ([I]: the buyer pays on its page, by a method of its country)."""


def payment_object(attempt: Attempt, views: Collection[str] = ()) -> dict[str, Any]:
    """What a look-up shows of one imp_uid, distorted by the `views` in force.

    Absent texts are null and times that never came are 0. Which times stay after a change of status is [I]: `paid_at`
    for good, `failed_at` while it is failed, `cancelled_at` from the first cancel on.
    """
    order = attempt.order
    amount = attempt.different_amount() if "amount_differs" in views else attempt.charged
    done = [each for each in attempt.cancellations if each.cancelled_at is not None]
    is_failed = attempt.status is Status.FAILED
    shown: dict[str, Any] = {
        "imp_uid": attempt.id,
        "merchant_uid": attempt.reference,
        "pay_method": "vbank" if attempt.account is not None else "card",
        "channel": "mobile" if order.is_redirected else "pc",
        "pg_provider": PAYMENTWALL if attempt.account is None else OTHER_PG,
        "emb_pg_provider": None,
        "pg_tid": attempt.pg_tid,
        "pg_id": "sim_project",
        "sandbox": attempt.channel == "TEST",
        "escrow": False,
        **dict.fromkeys(CARD_AND_BANK),
        "card_quota": 0,
        **_account(attempt),
        "name": order.name,
        "amount": to_major(amount, order.currency),
        "cancel_amount": to_major(attempt.refunded, order.currency),
        "currency": order.currency,
        **{name: order.details.get(name) for name in BUYER},
        "custom_data": order.custom_data,
        "user_agent": order.details.get("user_agent", ""),
        "status": UNKNOWN_STATUS if "unknown_status" in views else attempt.status.value,
        "started_at": seconds(attempt.opened_at),
        "paid_at": seconds(attempt.paid_at),
        "failed_at": seconds(attempt.failed_at) if is_failed else 0,
        "cancelled_at": max((seconds(each.cancelled_at) for each in done), default=0),
        "fail_reason": attempt.fail_reason if is_failed else None,
        "cancel_reason": done[-1].reason if done else None,
        "receipt_url": None,
        "cancel_history": [
            {
                "pg_tid": each.pg_tid,
                "amount": to_major(each.amount, order.currency),
                "cancelled_at": seconds(each.cancelled_at),
                "reason": each.reason,
                "cancellation_id": each.id,
                "receipt_url": None,
            }
            for each in done
        ],
        "deposit_history": [],
        "cancel_receipt_urls": [],
        "cash_receipt_issued": False,
        "customer_uid": None,
        "customer_uid_usage": None,
        "promotion": None,
    }
    return {name: shown[name] for name in REQUIRED} if "sparse" in views else shown


def balance_object(attempt: Attempt) -> dict[str, Any]:
    """What is left of a payment, by kind of amount. The real one answers for PAYCO alone; here for every payment ([I])."""
    order = attempt.order
    left = attempt.charged - attempt.refunded if attempt.has_succeeded else 0
    tax_free = min(order.tax_free, left)
    vat = (left - tax_free) // 11 if order.vat is None else min(order.vat, left - tax_free)
    nothing = _split(0, 0, 0, order.currency)
    return {
        "amount": to_major(attempt.charged, order.currency),
        "cash_receipt": nothing,
        "primary": _split(tax_free, left - tax_free - vat, vat, order.currency),
        "secondary": nothing,
        "discount": nothing,
        "histories": [],
    }


def _split(tax_free: int, supply: int, vat: int, currency: str) -> dict[str, int | Decimal]:
    parts = {"tax_free": tax_free, "supply": supply, "vat": vat, "service": 0}
    return {name: to_major(minor, currency) for name, minor in parts.items()}


def _account(attempt: Attempt) -> dict[str, Any]:
    account = attempt.account
    texts = (account.bank, BANK_NAME, account.number, account.holder) if account else (None,) * 4
    return {
        **dict(zip(("vbank_code", "vbank_name", "vbank_num", "vbank_holder"), texts, strict=True)),
        "vbank_date": seconds(account.ends_at if account else None),
        "vbank_issued_at": seconds(account.issued_at if account else None),
    }


@dataclass(frozen=True, slots=True)
class Failure:
    """`error_code` and `error_msg`."""

    code: str
    message: str


ALREADY_PAID = Failure("F1002", "이미 결제가 이루어진 거래건입니다.")
CLOSED = Failure("F1001", "[결제포기] 사용자가 결제를 취소하셨습니다")
DECLINED = Failure("F0004", "카드사에서 결제를 거절하였습니다")
UNHEARD = Failure("F0005", "결제 결과를 확인하지 못하였습니다")
"""Told to a browser although the payment is paid."""
INVALID, OTHER_AMOUNT = "F1000", "F1003"
"""Codes of windows that never opened."""

_PAID = """
    pay_method name currency pg_provider pg_tid apply_num buyer_name buyer_email buyer_tel buyer_addr buyer_postcode
    custom_data status paid_at receipt_url card_name bank_name card_quota card_number
"""
_ACCOUNT = "vbank_num vbank_name vbank_holder vbank_date"


@dataclass(frozen=True, slots=True)
class WindowResult:
    """What a visit to the payment window came to."""

    attempt: Attempt
    failure: Failure | None = None


def brief(result: WindowResult) -> dict[str, Any]:
    """The part that a shop passes on to its server: imp_uid, merchant_uid, and the error when there is one."""
    answer = {"imp_uid": result.attempt.id, "merchant_uid": result.attempt.reference}
    return answer if result.failure is None else {**answer, **_error(result.failure)}


def rsp(result: WindowResult) -> dict[str, Any]:
    """The callback's argument. Of a failure it has the error and the names, of a success most of the payment."""
    if result.failure is not None:
        return {**_names(result, is_success=False), **_error(result.failure)}
    shown = payment_object(result.attempt)
    fields = [*_PAID.split(), *(_ACCOUNT.split() if result.attempt.account is not None else ())]
    answer = _names(result, is_success=True) | {name: shown[name] for name in fields}
    return {**answer, "paid_amount": shown["amount"], "pg_type": "payment", "error_code": None, "error_msg": None}


def never_opened(merchant_uid: str | None, failure: Failure) -> dict[str, Any]:
    """The callback's argument when there is no payment: imp_uid is null."""
    names = {"success": False, "imp_success": False, "imp_uid": None, "merchant_uid": merchant_uid}
    return {**names, **_error(failure)}


def redirect(url: str, result: dict[str, Any]) -> str:
    """The address to which the browser goes back, with what `result` (an `rsp`) says added to its query."""
    query = {name: result[name] for name in ("imp_uid", "merchant_uid") if result[name] is not None}
    query["imp_success"] = "true" if result["success"] else "false"
    return with_query(
        url, query | {name: result[name] for name in ("error_code", "error_msg") if result[name] is not None}
    )


def _names(result: WindowResult, *, is_success: bool) -> dict[str, Any]:
    attempt = result.attempt
    names = {"imp_uid": attempt.id, "merchant_uid": attempt.reference}
    return {"success": is_success, "imp_success": is_success, **names}


def _error(failure: Failure) -> dict[str, str]:
    return {"error_code": failure.code, "error_msg": failure.message}
