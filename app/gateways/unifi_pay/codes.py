"""Unifi Pay's status words, in ours."""

from app.gateways.port import GatewayStatus

STATUSES: dict[str, GatewayStatus] = {
    "CONFIRMED": GatewayStatus.CAPTURED,
    "PAYMENT_CONFIRMED": GatewayStatus.CAPTURED,
    "FAILED": GatewayStatus.FAILED,
    "CANCELED": GatewayStatus.CANCELED,
    "CANCELLED": GatewayStatus.CANCELED,
}
"""Source: contract §4. `CONFIRMED` and `FAILED` are documented; `PAYMENT_CONFIRMED` is their diagram's own word, and the
cancels are the sibling product's (inferred)."""


def status_of(status: str) -> GatewayStatus:
    """What a status word means. Other words than the documented two exist before the buyer has finished: those are `OPEN`,
    and so is any word to come, never success."""
    return STATUSES.get(status.strip().upper(), GatewayStatus.PENDING)
