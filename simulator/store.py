"""What every imitated gateway keeps of a payment: the attempts to pay it, what they moved, how look-ups distort them."""

from dataclasses import dataclass, field

AMOUNT_STEP = 100
"""How far an amount that "differs" is from the ordered one, and how large a discount is, in minor units."""
LATE_APPROVAL_S = 5
"""When a payment that was refused is paid after all."""


@dataclass(slots=True, eq=False, kw_only=True)
class Attempt:
    """One try to pay at a gateway, and what became of it. Amounts in minor units.

    For the journal, each kind also has `reference`, `gateway_ref`, `currency`, `status` and `refunded`.
    """

    charged: int
    """What is really charged: what was ordered, unless the buyer's scenario was another."""
    discount: int = 0
    """What the buyer did not have to pay of it."""
    confirms: int = 0
    captures: int = 0
    cancels: int = 0
    views: set[str] = field(default_factory=set)
    """How look-ups distort it for good."""
    webhook_mode: str | None = None
    """How its webhooks are delivered; None: as all of them are."""

    @property
    def has_succeeded(self) -> bool:
        """True once money was captured, refunded or not."""
        return self.captures > 0

    def different_amount(self) -> int:
        """An amount that is not the ordered one."""
        raise NotImplementedError


def another_amount(ordered: int, least: int) -> int:
    """An amount that is not the ordered one: lower where that is not below `least`."""
    lower = ordered - AMOUNT_STEP
    return lower if lower >= least else ordered + AMOUNT_STEP
