"""The 409 of a look-up that did not match the payment: what differed, and what was done about it."""

from app.domain.errors import ResultMismatch
from app.domain.states import PaymentStatus, RefundStatus
from app.ledger.model import BY_MISMATCH
from app.verification.context import VerificationResult

_DIFFERENCES = {
    "order_id": "it belongs to another order",
    "order_mismatch": "it belongs to another order",
    "amount_mismatch": "the amount is another",
    "currency_mismatch": "the currency is another",
    "store_mismatch": "it was paid to another store",
    "live_channel": "it was paid through a live channel",
    "test_channel": "it was paid through a test channel",
    "already_paid": "the order was paid already",
    "payment_closed": "the payment was closed",
    "order_paid_elsewhere": "another payment took the order meanwhile",
}
_GIVEN_BACK = {
    RefundStatus.CREATED: "owed",
    RefundStatus.FAILED: "owed",
    RefundStatus.UNKNOWN: "asked",
    RefundStatus.PENDING: "asked",
    RefundStatus.SUCCEEDED: "done",
}


def mismatch_of(result: VerificationResult) -> ResultMismatch:
    """The 409 that says what differed and what was done about it: about the money of this attempt, and of no other."""
    own = [r for r in result.payment.refunds if r.attempt_id == result.attempt_id and r.initiator == BY_MISMATCH]
    given_back = _GIVEN_BACK[own[-1].status] if own else None
    is_under_review = result.payment.status is PaymentStatus.REVIEW
    told = {"owed": "review", None: "foreign"}.get(given_back, given_back) if is_under_review else given_back
    action = {
        "review": "A person at the shop will give the money back.",
        None: "Nothing was charged for it.",
        "foreign": "A person at the shop has to look at it.",
        "owed": "The money is being given back.",
        "asked": "The refund was requested from the gateway.",
        "done": "The money was given back.",
    }[told]
    return ResultMismatch(
        what=_DIFFERENCES.get(str(result.mismatch), str(result.mismatch)),
        payment_id=result.payment.public_id,
        payment_status=str(result.payment.status),
        mismatch=result.mismatch,
        action=action,
        given_back=given_back,
    )
