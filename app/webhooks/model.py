"""A webhook as it is received, and as it is kept."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from app.domain import ids
from app.gateways.values import LookupHint

Proof = Literal["signature", "hint"]
"""Whether its gateway's signature was right, or anybody may have sent it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """One row of the inbox. Nothing of it is believed; `reference` and `gateway_ref` say which payment to verify."""

    id: UUID
    gateway: str
    proof: Proof
    kind: str | None
    payment_id: UUID | None
    reference: str | None
    gateway_ref: str | None
    received_at: datetime
    last_received_at: datetime
    times_received: int
    """With its id it names what was seen of it: a look answers for no delivery that came after it was read."""
    apply_attempts: int
    is_waiting: bool
    """Neither applied nor parked yet."""
    note: str | None

    @property
    def is_hint(self) -> bool:
        """Whether anybody may have sent it."""
        return self.proof == "hint"

    @property
    def lookup_hint(self) -> LookupHint:
        """What to ask about."""
        return LookupHint(self.gateway_ref, self.reference)

    def asks_as(self, other: "Webhook") -> bool:
        """Whether a look-up for the other one is one for this, too: the same question, and nothing stronger."""
        is_same = (self.gateway, self.lookup_hint) == (other.gateway, other.lookup_hint)
        return is_same and (self.is_hint or not other.is_hint)

    @property
    def public_id(self) -> str:
        """As operators see it."""
        return ids.show(ids.Prefix.WEBHOOK, self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A webhook that has just come, checked as far as its gateway offers, about to be kept."""

    id: UUID
    gateway: str
    dedupe_key: str
    proof: Proof
    kind: str | None
    headers: str
    body: bytes
    source: str | None
    payment_id: UUID | None
    reference: str | None
    gateway_ref: str | None
    at: datetime
    due_at: datetime | None
    """When it is looked into, or deleted as a hint that names nobody; None: there is nothing to verify."""
    repeat_at: datetime | None
    """When it is due where it is a repeat, unless it is due before."""
