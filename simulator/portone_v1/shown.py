"""The payment object, with every field of the Swagger's `PaymentAnnotation`, and the balance object."""

from collections.abc import Collection
from decimal import Decimal
from typing import Any

from simulator.portone_v1.amounts import to_major
from simulator.portone_v1.attempt import Attempt, Status
from simulator.portone_v1.wire import seconds

UNKNOWN_STATUS = "held_for_review"
REQUIRED = ("imp_uid", "merchant_uid", "amount", "cancel_amount", "currency", "status", "sandbox")
BUYER = ("buyer_name", "buyer_email", "buyer_tel", "buyer_addr", "buyer_postcode")
PAYMENTWALL, OTHER_PG = "paymentwall", "html5_inicis"
"""`pg_provider`. Paymentwall has no virtual accounts, so a payment by one came through another PG."""
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
    amount = attempt.different_amount() if "amount_differs" in views else attempt.held
    done = [each for each in attempt.cancellations if each.cancelled_at is not None]
    is_failed = attempt.status is Status.FAILED
    shown: dict[str, Any] = {
        "imp_uid": attempt.imp_uid,
        "merchant_uid": attempt.merchant_uid,
        "pay_method": "vbank" if attempt.account is not None else "card",
        "channel": "mobile" if order.is_mobile else "pc",
        "pg_provider": pg_provider(attempt),
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
        **{name: order.buyer.get(name) for name in BUYER},
        "custom_data": order.custom_data,
        "user_agent": order.user_agent,
        "status": UNKNOWN_STATUS if "unknown_status" in views else attempt.status.value,
        "started_at": seconds(attempt.started_at),
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


def pg_provider(attempt: Attempt) -> str:
    """The payment company behind the channel."""
    return PAYMENTWALL if attempt.account is None else OTHER_PG


def balance_object(attempt: Attempt) -> dict[str, Any]:
    """What is left of a payment, by kind of amount. The real one answers for PAYCO alone; here for every payment ([I])."""
    order = attempt.order
    left = attempt.held - attempt.refunded if attempt.has_succeeded else 0
    tax_free = min(order.tax_free, left)
    vat = (left - tax_free) // 11 if order.vat is None else min(order.vat, left - tax_free)
    nothing = _split(0, 0, 0, order.currency)
    return {
        "amount": to_major(attempt.held, order.currency),
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
    return {
        "vbank_code": None if account is None else account.bank_code,
        "vbank_name": None if account is None else account.bank_name,
        "vbank_num": None if account is None else account.number,
        "vbank_holder": None if account is None else account.holder,
        "vbank_date": seconds(None if account is None else account.ends_at),
        "vbank_issued_at": seconds(None if account is None else account.issued_at),
    }
