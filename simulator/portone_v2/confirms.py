"""Manual approval: the shop's server confirms what the buyer has done. Source: OpenAPI `ConfirmPaymentBody`."""

from typing import Any

from simulator.portone_v2.book import Book
from simulator.portone_v2.transaction import Transaction
from simulator.portone_v2.wire import Fields, Refusal, refused_by_pg, rfc3339

REFUSED_CODE, REFUSED_MESSAGE = "REJECT_CARD_PAYMENT", "한도초과 혹은 잔액부족으로 결제에 실패했습니다"


def waiting_for(book: Book, payment_id: str, token: str) -> Transaction | None:
    """The attempt that waits for this token."""
    payment = book.payment(payment_id)
    attempts = payment.transactions if payment is not None else []
    return next((each for each in attempts if each.payment_token == token), None)


def confirm(book: Book, payment_id: str, fields: Fields, *, is_declined: bool) -> dict[str, Any]:
    """Take the money of the attempt whose token this is. A token works once; a mismatch does not use it up ([I])."""
    payment = book.payment(payment_id)
    transaction = waiting_for(book, payment_id, fields.required_text("paymentToken"))
    stated = {
        "txId": fields.text("txId"),
        "currency": fields.currency(),
        "totalAmount": fields.whole("totalAmount"),
        "taxFreeAmount": fields.whole("taxFreeAmount"),
        "isTest": fields.flag("isTest"),
    }
    is_told = fields.flag("skipWebhook") is not True
    if payment is not None and payment.success is not None:
        raise Refusal("ALREADY_PAID", "the payment is already paid")
    if transaction is None:
        raise Refusal("INVALID_PAYMENT_TOKEN", "the paymentToken is not valid")
    held = {
        "txId": transaction.id,
        "currency": transaction.order.currency,
        "totalAmount": transaction.total,
        "taxFreeAmount": transaction.order.tax_free,
        "isTest": transaction.channel == "TEST",
    }
    wrong = [name for name, value in stated.items() if value is not None and value != held[name]]
    if wrong:
        raise Refusal("INFORMATION_MISMATCH", f"{', '.join(wrong)}: not what the payment has")
    if is_declined:
        failure = {"reason": REFUSED_MESSAGE, "pgCode": REFUSED_CODE, "pgMessage": REFUSED_MESSAGE}
        book.fail(transaction, failure)
        raise refused_by_pg(REFUSED_CODE, REFUSED_MESSAGE)
    book.capture(transaction, is_told=is_told)
    return {"pgTxId": transaction.pg_tx_id, "paidAt": rfc3339(transaction.paid_at or transaction.changed_at)}
