"""PortOne V1's status words and refusals, in ours."""

from app.gateways.port import Holding, Refusal

NAME = "portone_v1"

HOLDING: dict[str, Holding] = {
    "ready": Holding.OPEN,  # the window is open or was left; with an account number: AWAITING_DEPOSIT (contract §12 trap 10)
    "paid": Holding.CAPTURED,
    "failed": Holding.FAILED,
    "cancelled": Holding.CANCELED,
}
"""All that the contract's §3 lists. Any other word is `UNRECOGNIZED`: values may be added at any time (§1)."""

RANK = (
    Holding.CAPTURED,
    Holding.CANCELING,
    Holding.CANCELED,
    Holding.AWAITING_DEPOSIT,
    Holding.UNRECOGNIZED,
    Holding.UNSTATED,
    Holding.OPEN,
)
"""Which of several windows of one order speaks for it: first where money moved or may have, last the explicit no."""

CONCLUSIVE = frozenset({Holding.CAPTURED, Holding.CANCELING, Holding.CANCELED})
"""An order is paid once at most, so where one of its windows took money, the others are not asked about."""

DECLINES = frozenset({400, 402, 404, 405, 410, 422})
"""HTTP statuses of an explicit "no" to a cancel, besides HTTP 200 with a code that is not 0. Everything else is a lost
answer or a refusal of the call itself. 400, 404 and 405 are documented (§1); 402, 410 and 422 are inferred."""

REFUSALS: dict[int, Refusal] = {400: Refusal.INVALID, 404: Refusal.UNKNOWN_PAYMENT, 405: Refusal.INVALID}
"""What a refused cancel means, by its HTTP status. Any other is `DECLINED`, HTTP 200 with a code above all: there is no
table of codes, only the texts tell a wrong checksum from a card company's no, and texts are for people (§1)."""


def refusal_of(status: int) -> Refusal:
    """What an explicit no to a cancel means."""
    return REFUSALS.get(status, Refusal.DECLINED)


def holding_of(status: str | None) -> Holding:
    """What the status word means. A missing one is `UNSTATED`."""
    return Holding.UNSTATED if status is None else HOLDING.get(status, Holding.UNRECOGNIZED)
