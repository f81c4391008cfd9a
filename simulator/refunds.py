"""The hand that gives money back past the shop: its words and its checks, alike for every imitated gateway."""

from simulator.twin import RefusedError

CONSOLE, CHARGEBACK = "console", "chargeback"
KINDS = (CONSOLE, CHARGEBACK)
"""Who takes it back: somebody at the shop in the gateway's console, or the buyer's bank."""

NOTHING_LEFT = "there is nothing to give back: it is not paid, or all of it went back or is on its way"


def part(wanted: int | None, left: int) -> int:
    """How much goes back: what is wanted, without that all that is left. Raises RefusedError where that cannot be."""
    if left == 0:
        raise RefusedError(NOTHING_LEFT)
    if wanted is not None and not 0 < wanted <= left:
        raise RefusedError(f"the amount must be between 1 and the {left} that is left, got {wanted}")
    return left if wanted is None else wanted


def whole(gateway: str, wanted: int | None, left: int) -> int:
    """As `part`, at a gateway that gives back all or nothing."""
    amount = part(wanted, left)
    if amount != left:
        raise RefusedError(f"{gateway} gives back the whole only: {left} or no amount, got {amount}")
    return amount


def refuse_chargeback(gateway: str, kind: str) -> None:
    """Raise RefusedError for a kind that the gateway shows nowhere, so that nobody could tell it from the other."""
    if kind != CONSOLE:
        raise RefusedError(f"{gateway} knows no {kind}: the only kind of refund here is {CONSOLE}")
