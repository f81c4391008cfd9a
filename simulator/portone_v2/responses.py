"""The payment object: every field that the official OpenAPI 1.16.0 requires in each status, and most optional ones."""

from collections.abc import Collection
from typing import Any

from simulator.portone_v2.access import PortOneV2Account
from simulator.portone_v2.fields import rfc3339
from simulator.portone_v2.store import Cancellation, Status, Transaction

UNKNOWN_STATUS = "HELD_FOR_REVIEW"
OTHER_STORE = "store-ffffffff-ffff-4fff-8fff-ffffffffffff"
_REQUIRED = """
    status id transactionId merchantId storeId version requestedAt updatedAt statusChangedAt orderName amount currency
    customer origin paidAt disputes failedAt failure cancellations cancelledAt
"""
REQUIRED = frozenset(_REQUIRED.split())
"""The fields that some status requires. `channel` is optional in READY and FAILED alone."""
REQUIRED_AMOUNTS = ("total", "taxFree", "discount", "paid", "cancelled", "cancelledTaxFree")
ACCOUNT_METHOD = "PaymentMethodVirtualAccount"
METHODS = {
    "TRANSFER": "PaymentMethodTransfer",
    "MOBILE": "PaymentMethodMobile",
    "GIFT_CERTIFICATE": "PaymentMethodGiftCertificate",
    "CONVENIENCE_STORE": "PaymentMethodConvenienceStore",
    "CARD": "PaymentMethodCard",
}
"""`payMethod` and the method it leads to; whatever else is an easy pay."""


def payment_object(
    transaction: Transaction,
    account: PortOneV2Account,
    webhooks: list[dict[str, Any]],
    views: Collection[str] = (),
) -> dict[str, Any]:
    """What a look-up shows of one attempt, distorted by the `views` in force."""
    order = transaction.order
    shown: dict[str, Any] = {
        "status": UNKNOWN_STATUS if "unknown_status" in views else transaction.status.value,
        "id": order.reference,
        "transactionId": transaction.id,
        "merchantId": account.merchant_id,
        "storeId": OTHER_STORE if "wrong_store" in views else account.store_id,
        "method": None if transaction.status in (Status.READY, Status.FAILED) else _method(transaction),
        "channel": _channel(transaction, account),
        "version": "V2",
        "webhooks": webhooks,
        "requestedAt": rfc3339(transaction.opened_at),
        "updatedAt": rfc3339(transaction.changed_at),
        "statusChangedAt": rfc3339(transaction.changed_at),
        "orderName": order.name,
        "amount": _amount(transaction, views),
        "currency": order.currency,
        "customer": dict(order.details.get("customer", {})),
        "origin": {"platformType": "PC", "ipAddress": "127.0.0.1", **order.details.get("origin", {})},
        "products": [dict(product) for product in order.details.get("products", ())] or None,
        "customData": order.custom_data,
        "country": order.details.get("country"),
        "pgTxId": None if transaction.status in (Status.READY, Status.FAILED) else transaction.pg_tx_id,
        **_of_status(transaction),
    }
    if "sparse" in views:
        return _sparse(shown, transaction)
    return {name: value for name, value in shown.items() if value is not None}


def cancellation_object(cancellation: Cancellation) -> dict[str, Any]:
    """One cancel; `cancelledAt` only when it is done."""
    shown = {
        "status": cancellation.status,
        "id": cancellation.id,
        "pgCancellationId": f"pg{cancellation.id}" if cancellation.status == "SUCCEEDED" else None,
        "totalAmount": cancellation.total,
        "taxFreeAmount": cancellation.tax_free,
        "vatAmount": cancellation.vat,
        "reason": cancellation.reason,
        "requestedAt": rfc3339(cancellation.requested_at),
        "cancelledAt": None if cancellation.cancelled_at is None else rfc3339(cancellation.cancelled_at),
        "trigger": cancellation.trigger,
    }
    return {name: value for name, value in shown.items() if value is not None}


def method_type(transaction: Transaction) -> str:
    """The `type` of the payment method. Who deposits has a virtual account, whatever the page asked for."""
    if transaction.account is not None:
        return ACCOUNT_METHOD
    return METHODS.get(transaction.pay_method, "PaymentMethodEasyPay")


def _of_status(transaction: Transaction) -> dict[str, Any]:
    paid_at = None if transaction.paid_at is None else rfc3339(transaction.paid_at)
    cancellations = [cancellation_object(each) for each in transaction.cancellations]
    match transaction.status:
        case Status.FAILED:
            return {
                "failedAt": rfc3339(transaction.failed_at or transaction.changed_at),
                "failure": transaction.failure,
            }
        case Status.PAID:
            return {"paidAt": paid_at, "disputes": [], "cancellations": cancellations or None}
        case Status.PARTIAL_CANCELLED | Status.CANCELLED:
            done = [each.cancelled_at for each in transaction.cancellations if each.cancelled_at is not None]
            at = max(done) if done else transaction.closed_at or transaction.changed_at
            return {"paidAt": paid_at, "cancellations": cancellations, "cancelledAt": rfc3339(at)}
        case _:
            return {}


def _amount(transaction: Transaction, views: Collection[str]) -> dict[str, Any]:
    total, vat, tax_free = transaction.total, transaction.vat, transaction.order.tax_free
    shift = transaction.different_amount() - transaction.order.total if "amount_differs" in views else 0
    cancelled = [each for each in transaction.cancellations if each.status == "SUCCEEDED"]
    shown = {
        "total": total + shift,
        "taxFree": tax_free,
        "vat": vat,
        "supply": total + shift - tax_free - vat,
        "discount": transaction.discount,
        # What was really paid: nothing before it is paid, and cancels do not lower it ([I]).
        "paid": transaction.charged - transaction.discount + shift if transaction.has_succeeded else 0,
        "cancelled": transaction.refunded,
        "cancelledTaxFree": sum(each.tax_free for each in cancelled),
    }
    return {name: shown[name] for name in REQUIRED_AMOUNTS} if "sparse" in views else shown


def _channel(transaction: Transaction, account: PortOneV2Account) -> dict[str, Any]:
    return {
        "type": transaction.channel,
        "id": account.channel_key.replace("channel-key", "channel-id"),
        "key": account.channel_key,
        "name": "simulator",
        "pgProvider": account.pg_provider,
        "pgMerchantId": "sim_pg_merchant",
    }


def _method(transaction: Transaction) -> dict[str, Any]:
    kind = method_type(transaction)
    if transaction.account is not None:
        return {
            "type": kind,
            "bank": transaction.account.bank,
            "accountNumber": transaction.account.number,
            "accountType": "NORMAL",
            "remitteeName": transaction.account.holder,
            "issuedAt": rfc3339(transaction.account.issued_at),
            "expiredAt": rfc3339(transaction.account.ends_at),
        }
    if kind == METHODS["CARD"]:
        card = {"brand": "LOCAL", "type": "CREDIT", "ownerType": "PERSONAL", "name": "simulator", "number": "0000-****"}
        return {"type": kind, "card": card, "approvalNumber": "00000000"}
    if kind == METHODS["GIFT_CERTIFICATE"]:
        return {"type": kind, "approvalNumber": "00000000"}
    return {"type": kind}


def _sparse(shown: dict[str, Any], transaction: Transaction) -> dict[str, Any]:
    keep = set(REQUIRED)
    if transaction.status in (Status.READY, Status.FAILED):
        shown["channel"] = None
    else:
        keep.add("channel")
        shown["channel"] = {name: shown["channel"][name] for name in ("type", "pgProvider", "pgMerchantId")}
    if transaction.status is Status.PAID:
        keep.discard("cancellations")
    if transaction.status is not Status.PAID:
        keep.discard("paidAt")
    shown["origin"] = {name: shown["origin"][name] for name in ("platformType", "ipAddress")}
    return {name: value for name, value in shown.items() if name in keep and value is not None}
