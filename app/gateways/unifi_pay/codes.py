"""Unifi Pay's status words, in ours."""

from app.gateways.port import Holding

HOLDING: dict[str, Holding] = {
    "CONFIRMED": Holding.CAPTURED,
    "PAYMENT_CONFIRMED": Holding.CAPTURED,
    "FAILED": Holding.FAILED,
    "CANCELED": Holding.CANCELED,
    "CANCELLED": Holding.CANCELED,
}
"""Source: contract §4. `CONFIRMED` and `FAILED` are documented; `PAYMENT_CONFIRMED` is their diagram's own word, and the
cancels are the sibling product's (inferred)."""


def holding_of(status: str) -> Holding:
    """What a status word means. Other words than the documented two exist before the buyer has finished: those are `OPEN`,
    and so is any word to come, never success."""
    return HOLDING.get(status.strip().upper(), Holding.OPEN)
