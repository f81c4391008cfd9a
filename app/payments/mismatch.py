"""The 409 of a look-up that did not match the payment: what differed, and what was done about it."""

from app.domain.errors import ResultMismatch
from app.domain.states import PaymentStatus, RefundStatus
from app.ledger.model import BY_MISMATCH
from app.verification.context import VerificationResult

_DIFFERENCES = {
    "order_id": ("it belongs to another order", "다른 주문의 결제입니다"),
    "order_mismatch": ("it belongs to another order", "다른 주문의 결제입니다"),
    "amount_mismatch": ("the amount is another", "금액이 다릅니다"),
    "currency_mismatch": ("the currency is another", "통화가 다릅니다"),
    "store_mismatch": ("it was paid to another store", "다른 상점의 결제입니다"),
    "live_channel": ("it was paid through a live channel", "실제 결제 채널의 결제입니다"),
    "test_channel": ("it was paid through a test channel", "테스트 채널 결제입니다"),
    "already_paid": ("the order was paid already", "이미 결제된 주문입니다"),
    "payment_closed": ("the payment was closed", "종료된 결제입니다"),
    "order_paid_elsewhere": ("another payment took the order meanwhile", "다른 결제로 처리된 주문입니다"),
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
    action, action_ko = {
        "review": ("A person at the shop will give the money back.", "상점 담당자가 결제된 금액을 돌려드립니다."),
        None: ("Nothing was charged for it.", "이 건으로 청구된 금액은 없습니다."),
        "foreign": ("A person at the shop has to look at it.", "상점 담당자가 확인해야 합니다."),
        "owed": ("The money is being given back.", "결제된 금액을 돌려드리고 있습니다."),
        "asked": ("The refund was requested from the gateway.", "결제사에 환불을 요청했습니다."),
        "done": ("The money was given back.", "결제된 금액을 돌려드렸습니다."),
    }[told]
    what, what_ko = _DIFFERENCES.get(str(result.mismatch), (str(result.mismatch), str(result.mismatch)))
    return ResultMismatch(
        what=what,
        what_ko=what_ko,
        payment_id=result.payment.public_id,
        payment_status=str(result.payment.status),
        mismatch=result.mismatch,
        action=action,
        action_ko=action_ko,
        given_back=given_back,
    )
