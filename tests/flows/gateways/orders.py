"""Orders that each gateway takes, and what is special about each one's money."""

from dataclasses import dataclass
from typing import Any

BUYER = {"id": "buyer-1", "name": "Minji Kim", "email": "minji@mail.example", "phone": "010-5555-7788", "country": "KR"}


@dataclass(frozen=True, slots=True)
class Kind:
    """One gateway, as these tests see it."""

    name: str
    order: dict[str, Any]
    can_refund: bool = True
    refund_s: float = 0
    """How long a refund takes there."""


FOUR = [
    Kind("point3", {"gateway": "point3"}, refund_s=300),
    Kind(
        "portone_v1",
        {"gateway": "portone_v1", "currency": "USD", "amount": 1750, "customer": BUYER},
    ),
    Kind("portone_v2", {"gateway": "portone_v2", "customer": BUYER}),
    Kind(
        "unifi_pay",
        {"gateway": "unifi_pay", "currency": "USD", "amount": 1234, "customer": BUYER},
        can_refund=False,
    ),
]
BY_NAME = {kind.name: kind for kind in FOUR}
ONE_STEP = [kind for kind in FOUR if kind.name != "point3"]
"""Money moves in the buyer's window, without a confirm of ours."""
