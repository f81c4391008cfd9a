"""Refunds through PortOne V2. Pure (docs/gateways/portone-v2.md §1, §3)."""

from app.domain.errors import InvalidRequest, Refusal
from app.gateways.portone_v2.codes import BANKS
from app.gateways.values import CapturedPayment, RefundPolicy, RefundRequest


def refund_policy(captured: CapturedPayment, settlement_currency: str | None) -> RefundPolicy:
    """Whether the rules allow to refund this payment, whole or in part.

    At once but for some payment companies, and each answer says which it is. What was asked may be asked again at once:
    the Idempotency-Key makes it the same cancel for 3 hours, and `currentCancellableAmount` keeps a second one from being
    done after that (portone-v2.md §1, §3). Paymentwall refunds no part where it settles in another currency (V2 guide).
    """
    is_foreign = settlement_currency not in {None, captured.amount.currency}
    return RefundPolicy(part=Refusal.OTHER_CURRENCY if is_foreign else None, needs_account=captured.is_deposit)


def check_refund(request: RefundRequest) -> None:
    """Refuse what PortOne would not read. Raises InvalidRequest that names the field of our API."""
    if request.amount.minor <= 0:
        raise InvalidRequest(("amount", "must be above 0"))
    if request.account is not None and request.account.bank.upper() not in BANKS:
        raise InvalidRequest(("refund_account.bank", "must be a bank of PortOne V2's list, such as SHINHAN or KAKAO"))
