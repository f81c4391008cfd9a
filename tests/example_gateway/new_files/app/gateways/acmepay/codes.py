"""AcmePay's status words, in ours."""

from app.gateways.values import GatewayStatus

STATUSES = {"open": GatewayStatus.PENDING, "paid": GatewayStatus.CAPTURED, "declined": GatewayStatus.FAILED}


def status_of(word: str) -> GatewayStatus:
    """What a status word means. One that we do not know is never success."""
    return STATUSES.get(word, GatewayStatus.UNRECOGNIZED)
