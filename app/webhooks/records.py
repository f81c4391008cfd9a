"""A webhook as it is kept, and what may become of it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """One row of the inbox. Nothing of it is believed; `reference` and `gateway_ref` say whom to ask about."""

    id: UUID
    gateway: str
    payment_id: UUID | None
    reference: str | None
    gateway_ref: str | None
    received_at: datetime
    last_received_at: datetime
    apply_attempts: int
    is_waiting: bool
    """Neither applied nor parked yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A webhook that has just come, checked as far as its gateway offers, about to be kept."""

    id: UUID
    gateway: str
    dedupe_key: str
    proof: str
    kind: str | None
    headers: str
    body: bytes
    source: str | None
    payment_id: UUID | None
    reference: str | None
    gateway_ref: str | None
    at: datetime
    is_due: bool
    """False: it speaks of no payment, so there is nothing to do."""
    repeat_at: datetime
    """When it is looked into again if it is a repeat."""
