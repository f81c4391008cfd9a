"""Cancels: what one may ask for, and how it ends. Source: portone-v2.md §3, OpenAPI `CancelPaymentBody`."""

from collections.abc import Callable
from dataclasses import dataclass

from simulator.portone_v2.fields import BANKS, Fields, Refused, invalid, refused_by_pg
from simulator.portone_v2.store import Cancellation, Status, Store, Transaction, vat_within
from simulator.twin import CHARGEBACK, CONSOLE, NOTHING_LEFT, RefusedError, part

REASONS = {CONSOLE: "관리자 콘솔에서 취소", CHARGEBACK: "차지백"}
"""The `reason` of a cancel that nobody asked for through the API ([I])."""
ADJUSTED_PERCENT = 8
"""How much less goes back where a promotion adjusts a partial cancel ([I]; docs/gateways/portone-v2.md §8)."""
PARTIAL = frozenset({"partial_cancel_refused", "adjusted_cancel"})
"""Scenarios of partial cancels only."""
ASYNC_S = 300
"""How long an asynchronous cancel takes."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a cancel asks for, checked field by field. Amounts in minor units; None is left to the gateway."""

    reason: str
    amount: int | None = None
    tax_free: int | None = None
    vat: int | None = None
    expected: int | None = None
    """`currentCancellableAmount`: what the shop believes is left."""
    has_refund_account: bool = False
    with_webhook: bool = True
    trigger: str = "API"


def read(fields: Fields) -> Wanted:
    """The body of a cancel. Raises Refused(INVALID_REQUEST)."""
    fields.choice("requester", ("CUSTOMER", "ADMIN"))
    fields.choice("promotionDiscountRetainOption", ("RETAIN", "RELEASE"))
    fields.text("refundEmail")
    account = fields.within("refundAccount")
    if account is not None:
        if account.choice("bank", BANKS) is None:
            raise invalid("refundAccount.bank is required")
        account.required_text("number")
        account.required_text("holderName")
        account.text("holderPhoneNumber")
    return Wanted(
        fields.required_text("reason"),
        fields.whole("amount"),
        fields.whole("taxFreeAmount"),
        fields.whole("vatAmount"),
        fields.whole("currentCancellableAmount"),
        account is not None,
        with_webhook=fields.flag("skipWebhook") is not True,
    )


@dataclass(frozen=True, slots=True)
class Left:
    """What can still be cancelled of an attempt, in total and in its parts."""

    total: int
    tax_free: int
    vat: int

    @classmethod
    def of(cls, transaction: Transaction) -> "Left":
        """Cancels on their way count as done."""
        live = transaction.live_cancellations()
        return cls(
            transaction.charged - sum(each.total for each in live),
            min(transaction.order.tax_free, transaction.charged) - sum(each.tax_free for each in live),
            transaction.vat - sum(each.vat for each in live),
        )


def cancel(
    store: Store, transaction: Transaction, wanted: Wanted, choose: Callable[[], str | None] = lambda: None
) -> Cancellation:
    """Refund what is wanted. Raises Refused when it cannot be.

    `choose` names the scenario that the cancel follows; it is asked only when the request itself is in order.
    """
    total, tax_free, vat = _parts(transaction, wanted)
    scenario = choose()
    if scenario == "adjusted_cancel":
        total, tax_free, vat = (part - part * ADJUSTED_PERCENT // 100 for part in (total, tax_free, vat))
    if scenario == "partial_cancel_refused":
        raise refused_by_pg("PARTIAL_CANCEL_NOT_ALLOWED", "부분 취소를 할 수 없는 결제입니다")
    now = store.clock.now()
    cancellation = Cancellation(
        store.tokens.uuid(), "REQUESTED", total, tax_free, vat, wanted.reason, wanted.trigger, requested_at=now
    )
    transaction.cancellations.append(cancellation)
    if scenario == "cancel_failed":
        cancellation.status = "FAILED"
    elif scenario == "async_cancel":
        if wanted.with_webhook:
            store.webhooks.send(transaction, "CancelPending", cancellation)
        # Whatever the request said about webhooks: this is an event of its own, like a deposit ([I]).
        store.timers.after(ASYNC_S, lambda: _done(store, transaction, cancellation, "ASYNC_CANCEL_APPROVED"))
    else:
        _done(store, transaction, cancellation, None, with_webhook=wanted.with_webhook)
    return cancellation


def is_partial(transaction: Transaction, wanted: Wanted) -> bool:
    """True when something would be left, or was refunded before."""
    return wanted.amount is not None and wanted.amount < transaction.charged


def _parts(transaction: Transaction, wanted: Wanted) -> tuple[int, int, int]:
    """Total, tax-free part and VAT of the cancel, in the order in which the real checks are listed."""
    left = Left.of(transaction)
    if not transaction.has_succeeded:
        raise Refused("PAYMENT_NOT_PAID", f"a payment in status {transaction.status} cannot be cancelled")
    if transaction.status is Status.CANCELLED or (left.total == 0 and wanted.amount is None):
        raise Refused("PAYMENT_ALREADY_CANCELLED", "the payment is already cancelled")
    if wanted.expected is not None and wanted.expected != left.total:
        raise Refused(
            "CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN", f"currentCancellableAmount is not the {left.total} that are left"
        )
    total = left.total if wanted.amount is None else wanted.amount
    # Without an amount all of it goes back, the tax-free part included ([I]); with one, all of it is taxed.
    tax_free = wanted.tax_free if wanted.tax_free is not None else (left.tax_free if wanted.amount is None else 0)
    if total <= 0 or tax_free < 0 or (wanted.vat or 0) < 0:
        raise invalid("amounts must be greater than 0, their parts at least 0")
    if total > left.total:
        raise Refused("CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT", f"only {left.total} can be cancelled")
    if tax_free + (wanted.vat or 0) > total:
        raise Refused("SUM_OF_PARTS_EXCEEDS_CANCEL_AMOUNT", "taxFreeAmount and vatAmount exceed the amount")
    if tax_free > left.tax_free:
        raise Refused(
            "CANCEL_TAX_FREE_AMOUNT_EXCEEDS_CANCELLABLE_TAX_FREE_AMOUNT", f"only {left.tax_free} are left tax free"
        )
    vat = wanted.vat if wanted.vat is not None else _vat_of(left, total, tax_free)
    if total - tax_free > left.total - left.tax_free or vat > left.vat:
        raise Refused("CANCEL_TAX_AMOUNT_EXCEEDS_CANCELLABLE_TAX_AMOUNT", "less than that is left of the taxed part")
    if transaction.account is not None and not wanted.has_refund_account and wanted.trigger == "API":
        raise invalid("refundAccount is required: the payment came by virtual account")
    return total, tax_free, vat


def _vat_of(left: Left, total: int, tax_free: int) -> int:
    """The VAT within a cancel that names none: all that is left with the last won, else an eleventh."""
    return left.vat if total == left.total else min(vat_within(total - tax_free), left.vat)


def _done(
    store: Store,
    transaction: Transaction,
    cancellation: Cancellation,
    trigger: str | None,
    *,
    with_webhook: bool = True,
) -> None:
    cancellation.status = "SUCCEEDED"
    cancellation.cancelled_at = store.clock.now()
    transaction.cancels += 1
    store.change_after_cancel(transaction)
    event = "Cancelled" if transaction.status is Status.CANCELLED else "PartialCancelled"
    if with_webhook:
        store.webhooks.send(transaction, event, cancellation, trigger)


def refund_externally(
    store: Store, paid: Transaction | None, wanted: int | None = None, kind: str = CONSOLE
) -> Transaction:
    """Somebody at the shop cancels in PortOne's console, or the buyer's bank takes the money back; the webhooks are alike.

    What is taxed goes first ([I]). Raises RefusedError when it cannot be.
    """
    if paid is None:
        raise RefusedError(NOTHING_LEFT)
    left = Left.of(paid)
    amount = part(wanted, left.total)
    tax_free = max(0, amount - (left.total - left.tax_free))
    cancel(store, paid, Wanted(REASONS[kind], amount, tax_free, trigger=kind.upper()))
    return paid
