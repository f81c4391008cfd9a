"""Refunds through PortOne V1 and their fee: Paymentwall's rules, or another PG's. Pure (docs/gateways/portone-v1.md §6, §7)."""

from datetime import date, datetime, timedelta, timezone

from app.domain.errors import InvalidRequest, Refusal
from app.gateways.portone_v1.manifest import PortOneV1Settings
from app.gateways.values import CapturedPayment, RefundPolicy, RefundRequest

KST = timezone(timedelta(hours=9))

QUIET_S = 3600.0
"""How long Paymentwall's word on a cancel may take before it is asked once more. Inferred: its pingbacks come in minutes."""

FEE_FROM_TOMORROW, FEE = "fee_from_tomorrow", "fee"
"""Until 23:59 of the day of the payment a cancel is free; after that it is a refund with a fee (help centre)."""


def refund_policy(captured: CapturedPayment, now: datetime, settings: PortOneV1Settings) -> RefundPolicy:
    """Whether the rules allow to refund this payment, whole or in part.

    Paymentwall carries a cancel out later, and when is not said. Nor is whether `checksum` counts one that is under way, so
    a part whose answer was lost is never asked again by itself: no look-up proves that it was not done. All that is left
    cannot be paid twice (§6: no cancel exceeds the balance), so it is asked again after a quiet hour. It refunds no part
    where it settles in another currency than the order's (V2 guide), and nothing of a payment with which a card was saved
    (help centre). Inferred: the day of the payment is a day in Korea. Other PGs do it at once, and `checksum` keeps a
    second one from being done.
    """
    if settings.pg != "paymentwall":
        return RefundPolicy(needs_account=captured.is_deposit)
    if captured.is_first_of_saved_card:
        return RefundPolicy(
            whole=Refusal.FIRST_OF_SAVED_CARD, part=Refusal.FIRST_OF_SAVED_CARD, done_after_s=None, again_after_s=None
        )
    is_foreign = settings.settlement_currency not in {None, captured.amount.currency}
    return RefundPolicy(
        part=Refusal.OTHER_CURRENCY if is_foreign else None,
        done_after_s=None,
        again_after_s=None,
        whole_again_after_s=QUIET_S,
        notes=(FEE_FROM_TOMORROW if _day(now) <= _day(captured.captured_at) else FEE,),
    )


def check_refund(request: RefundRequest, *, pg: str) -> None:
    """Refuse what a cancel must not say. Raises InvalidRequest that names the field of our API."""
    if request.amount.minor <= 0:
        raise InvalidRequest(("amount", "must be above 0; PortOne V1 would give back everything"))
    if request.account is not None and pg == "paymentwall":
        raise InvalidRequest(("refund_account", "Paymentwall gives money back the way it came; leave the account out"))


def _day(moment: datetime) -> date:
    return moment.astimezone(KST).date()
