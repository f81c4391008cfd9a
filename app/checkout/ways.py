"""The ways to pay that a buyer may choose among, by names that he knows."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.language import Language
from app.gateways.port import Gateway
from app.ledger.model import Payment
from app.ledger.order_details import details_of
from app.payments.charge_request import next_charge


@dataclass(frozen=True, slots=True)
class WayToPay:
    """One gateway, as a buyer reads it."""

    name: str
    title: str
    is_available: bool


def ways_to_pay(payment: Payment, gateways: Sequence[Gateway], public_url: str, language: Language) -> list[WayToPay]:
    """All of them, the newest attempt's first. Where two would read the same, each says whose it is."""
    present = payment.last_attempt.gateway
    ordered = sorted(gateways, key=lambda gateway: gateway.name != present)
    titles = [each.buyers_name(next_charge(payment, public_url, each), language) for each in ordered]
    times = Counter(title.casefold() for title in titles)
    return [
        WayToPay(
            name=each.name,
            title=title if times[title.casefold()] == 1 else f"{title} ({each.title})",
            is_available=each.is_available,
        )
        for each, title in zip(ordered, titles, strict=True)
    ]


def to_choose(payment: Payment, ways: Sequence[WayToPay]) -> list[WayToPay]:
    """Those that the page asks about before it opens a window; none where the shop did not leave it open, or somebody chose.

    Whoever has been at the first gateway, or opened an attempt at another, has chosen. A gateway that does not answer just now
    is passed over, as the routing rules do.
    """
    (first, *further) = payment.attempts
    is_open = details_of(payment).buyer_chooses and not further and first.returned_at is None
    offered = [way for way in ways if way.is_available or way.name == first.gateway]
    return offered if is_open and len(offered) > 1 and offered[0].name == first.gateway else []
