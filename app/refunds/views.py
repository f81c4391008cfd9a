"""From refunds to JSON."""

from collections.abc import Mapping

import msgspec

from app.api.problems import explain
from app.api.schemas import failure_of
from app.domain.clock import rfc3339
from app.domain.errors import RefundRefused
from app.domain.language import Language
from app.domain.states import RefundStatus
from app.ledger.model import Payment, Refund
from app.ledger.reservations import parts_returned
from app.refunds.eligibility import Options
from app.refunds.schemas import OptionsView, OptionView, RefundView

NOTES: Mapping[str, tuple[str, str]] = {
    "fee": (
        "The gateway charges a fee for this refund: the payment is not of today.",
        "당일 결제가 아니므로 환불 수수료가 부과될 수 있습니다.",
    ),
    "fee_from_tomorrow": (
        "Today the refund is free of charge; from tomorrow on (Korean time) the gateway takes a fee.",
        "오늘(한국 시간) 안에는 수수료가 없고, 내일부터는 환불 수수료가 부과됩니다.",
    ),
    "refund_under_way": (
        "Another refund of this payment is not decided yet; the next one waits for it.",
        "아직 끝나지 않은 환불이 있어 다음 환불은 그 뒤에 진행됩니다.",
    ),
    "refund_unknown": (
        "The gateway's answer to a refund was lost; it is being looked for.",
        "결제사의 환불 응답을 받지 못해 확인하고 있습니다.",
    ),
}
"""What the codes of `RefundPolicy.notes` say, in English and Korean. A test holds every adapter's notes against it."""


def refund_view(payment: Payment, refund: Refund) -> RefundView:
    """A refund's JSON."""
    is_done = refund.status is RefundStatus.SUCCEEDED
    parts = parts_returned(payment, refund)
    return {
        "id": refund.public_id,
        "payment_id": payment.public_id,
        "status": refund.status,
        "amount": refund.returned.minor,
        "requested_amount": refund.amount.minor,
        "currency": refund.amount.currency,
        "reason": refund.reason,
        "cause": refund.initiator,
        "tax": {"vat": parts.vat, "tax_free": parts.tax_free},
        "gateway": payment.attempt(refund.attempt_id).gateway,
        "gateway_ref": refund.gateway_ref,
        "failure": failure_of(refund.failure) if refund.failure and not is_done else None,
        "created_at": rfc3339(refund.created_at),
        "updated_at": rfc3339(refund.updated_at),
    }


def rendered(payment: Payment, refund: Refund) -> bytes:
    """A refund's JSON text."""
    return msgspec.json.encode(refund_view(payment, refund))


def options_view(payment: Payment, options: Options, language: Language) -> OptionsView:
    """The refund options in the reader's language."""
    return {
        "payment_id": payment.public_id,
        "currency": payment.amount.currency,
        "captured_amount": payment.captured_minor,
        "refunded_amount": payment.refunded_minor,
        "pending_amount": payment.refunding_minor,
        "refundable_amount": payment.refundable_minor,
        "whole": _option(options.whole, language),
        "part": _option(options.part, language),
        "needs_account": options.policy.needs_account,
        "done_after_s": options.policy.done_after_s,
        "notes": [{"code": code, "detail": NOTES[code][language == "ko"]} for code in options.notes],
    }


def _option(why_not: RefundRefused | None, language: Language) -> OptionView:
    if why_not is None:
        return {"possible": True, "code": None, "detail": None}
    return {"possible": False, "code": why_not.code, "detail": explain(why_not.code, why_not.details, language)}
