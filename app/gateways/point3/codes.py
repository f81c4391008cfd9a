"""Point3's status words and refusals, in ours."""

from app.gateways.port import Holding

HOLDING: dict[str, Holding] = {
    "TOKEN_ISSUED": Holding.OPEN,
    "WIDGET_DONE": Holding.AUTHORIZED,
    "CONFIRMED": Holding.CAPTURED,
    "CANCEL_REQUESTED": Holding.CANCELING,
    "CANCELLED": Holding.CANCELED,
    "CANCELED": Holding.CANCELED,
    "FAILED": Holding.FAILED,
    "ABANDONED": Holding.FAILED,
}
"""Inferred: no readable copy of the vendor's documents lists the values (contract §5), hence the setting
`status_aliases`. A word that is neither here nor there is `UNRECOGNIZED` and never success."""

DECLINES = frozenset({400, 402, 404, 409, 410, 422})
"""HTTP statuses, or envelope codes, of an explicit "no" to confirm or cancel. Everything else is a lost answer or a
refusal of the call itself. Inferred: the contract documents 400, 401 and 500 for one endpoint only (§3)."""


def holding_of(status: object, aliases: dict[str, str]) -> Holding:
    """What the gateway's status word means. A missing word is `UNSTATED`."""
    if status is None:
        return Holding.UNSTATED
    word = str(status).strip().upper()
    return HOLDING.get(aliases.get(word, word), Holding.UNRECOGNIZED)
