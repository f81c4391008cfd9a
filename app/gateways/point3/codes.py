"""Point3's status words and refusals, in ours."""

from collections.abc import Mapping

from app.domain.errors import Refusal
from app.gateways.values import GatewayStatus

STATUSES: dict[str, GatewayStatus] = {
    "TOKEN_ISSUED": GatewayStatus.PENDING,
    "WIDGET_DONE": GatewayStatus.AUTHORIZED,
    "CONFIRMED": GatewayStatus.CAPTURED,
    "CANCEL_REQUESTED": GatewayStatus.REFUND_PENDING,
    "CANCELLED": GatewayStatus.CANCELED,
    "CANCELED": GatewayStatus.CANCELED,
    "FAILED": GatewayStatus.FAILED,
    "ABANDONED": GatewayStatus.PENDING,  # who left may come back with the same token; only an explicit decline is a failure
}
"""Inferred: no readable copy of the vendor's documents lists the values (docs/gateways/point3.md §5), hence the setting
`status_aliases`. A word that is neither here nor there is `UNRECOGNIZED` and never success."""

DECLINES = frozenset({400, 402, 404, 410, 422})
"""HTTP statuses, or envelope codes, of an explicit "no" to a capture or a refund. Everything else is a lost answer or a
refusal of the call itself: 409 above all, which may mean that the same call is under way or already done. Inferred:
point3.md §3 documents 400, 401 and 500 for one endpoint only."""

REFUSALS: dict[str, Refusal] = {"404": Refusal.UNKNOWN_PAYMENT}
"""What a refused cancel means, by its status or envelope code. Every other one is `DECLINED`: 400, the one that is
documented besides 404, may stand for a repeated cancel as well as for a wrong one."""


def aliases(words: Mapping[str, str]) -> dict[str, str]:
    """The setting `status_aliases`, ready for `status_of`.

    Raises ValueError for a meaning that is none of ours: it would read as unrecognized, for every payment, in production.
    """
    if unknown := sorted(meaning for meaning in words.values() if meaning.upper() not in STATUSES):
        known = ", ".join(STATUSES)
        raise ValueError(f"ONETILL_POINT3__STATUS_ALIASES: {unknown[0]!r} is no meaning; those are {known}")
    return {word.upper(): meaning.upper() for word, meaning in words.items()}


def refusal_of(raw_code: str | None) -> Refusal:
    """What an explicit no to a cancel means."""
    return REFUSALS.get(raw_code or "", Refusal.DECLINED)


def status_of(status: str | None, known_as: Mapping[str, str]) -> GatewayStatus:
    """What the gateway's status word means. A missing word is `STATUS_MISSING`."""
    if status is None:
        return GatewayStatus.STATUS_MISSING
    word = status.strip().upper()
    return STATUSES.get(known_as.get(word, word), GatewayStatus.UNRECOGNIZED)
