"""Refunds through Point3: always the whole payment, and done with the next batch. Pure (docs/gateways/point3.md §4.4)."""

from app.domain.errors import InvalidRequest, Refusal
from app.gateways.values import RefundPolicy, RefundRequest

BATCH_S = 300.0
"""Cancels are worked through every five minutes (docs/gateways/point3.md §4.4, §6): an accepted one is done by then."""
AGAIN_S = 2 * BATCH_S
"""A cancel that arrived shows from its batch on. Inferred: a batch later still, one that does not show never arrived."""

REFUND_POLICY = RefundPolicy(part=Refusal.PART_REFUSED, done_after_s=BATCH_S, again_after_s=AGAIN_S)
"""The same for every payment."""


def check_refund(request: RefundRequest) -> None:
    """Refuse what Point3's cancel cannot say: it names neither an amount nor an account. Raises InvalidRequest."""
    if request.amount.minor <= 0 or request.amount != request.refundable:
        raise InvalidRequest(("amount", "Point3 gives back the whole payment only; leave the amount out"))
    if request.account is not None:
        raise InvalidRequest(("refund_account", "Point3 gives money back the way it came; leave the account out"))
