"""A webhook as it is received, and as it is kept."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """One row of the inbox. Nothing of it is believed; `reference` and `gateway_ref` say which payment to verify."""

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
    """False: it names no payment, so there is nothing to verify."""
    repeat_at: datetime
    """When a repeat of it is due."""
