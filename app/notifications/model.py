"""The values of notifications: an endpoint, what waits for it, and how an attempt ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

import msgspec

from app.db.database import Row
from app.domain import ids
from app.domain.schedule import DOWN_AFTER


class PauseReason(StrEnum):
    """Why nothing is sent to an endpoint. What happens meanwhile waits, and is sent when it is resumed."""

    ASKED = "asked"
    """Somebody paused it."""
    GONE = "gone"
    """It answered 410."""
    FAILING = "failing"
    """It took nothing for as long as it is probed."""


class NotificationStatus(StrEnum):
    """Where one event stands with one endpoint."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    """The endpoint took others, and this one never: `replay` sends it again."""


class EndpointStatus(StrEnum):
    """How an endpoint fares."""

    ACTIVE = "active"
    FAILING = "failing"
    """It takes nothing, and is probed; or nothing can be signed for it."""
    PAUSED = "paused"


class SealedSecret(msgspec.Struct, frozen=True, array_like=True):
    """A signing secret as it is stored: encrypted. One that was replaced signs until `ends_at`."""

    text: str
    ends_at: datetime | None = None

    def is_live(self, now: datetime) -> bool:
        """Whether it signs now."""
        return self.ends_at is None or self.ends_at > now


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a shop is told. `events` empty: everything, also what later releases add."""

    id: UUID
    store: str
    url: str
    description: str
    events: tuple[str, ...]
    secrets: tuple[SealedSecret, ...]
    """The newest first."""
    rate_per_s: int | None
    created_at: datetime
    updated_at: datetime
    paused_at: datetime | None = None
    pause_reason: PauseReason | None = None
    failures: int = 0
    """Different events in a row that it refused at their first attempt; while it is down, its probes beside them."""
    failing_since: datetime | None = None
    alarmed_percent: int = 0
    delivered_at: datetime | None = None
    key_missing_since: datetime | None = None
    """None of its secrets opens since then: nothing can be signed for it."""

    @classmethod
    def of(cls, row: Row) -> Self:
        """As it is stored."""
        fields: dict[str, Any] = dict(row)
        fields["events"] = tuple(fields["events"])
        fields["secrets"] = tuple(msgspec.json.decode(fields["secrets"], type=list[SealedSecret]))
        fields["pause_reason"] = PauseReason(fields["pause_reason"]) if fields["pause_reason"] else None
        return cls(**fields)

    @property
    def public_id(self) -> str:
        """`nep_…`"""
        return ids.show(ids.Prefix.ENDPOINT, self.id)

    @property
    def is_down(self) -> bool:
        """Whether it takes nothing, and is only probed."""
        return self.failures >= DOWN_AFTER

    def took_since(self, moment: datetime | None) -> bool:
        """Whether it took something after that moment."""
        return moment is not None and self.delivered_at is not None and self.delivered_at > moment

    @property
    def status(self) -> EndpointStatus:
        """How it fares."""
        if self.paused_at is not None:
            return EndpointStatus.PAUSED
        is_well = not self.is_down and not self.alarmed_percent and self.key_missing_since is None
        return EndpointStatus.ACTIVE if is_well else EndpointStatus.FAILING


@dataclass(frozen=True, slots=True)
class Pending:
    """A notification whose turn it is. `body` None: its event is not kept any more."""

    payment_id: UUID
    event_id: UUID
    sequence: int
    created_at: datetime
    next_try_at: datetime
    delivery_attempts: int
    """Those that count: of before it was sent again, and while the endpoint was down, none does."""
    tried_at: datetime | None
    is_alone: bool
    """It was refused again although the endpoint took another since: that tells of the event, not of the endpoint."""
    body: str | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one attempt ended. `status` None: there was no answer, and `error` says why in a word."""

    at: datetime
    took_ms: float
    status: int | None
    error: str | None = None
    excerpt: str | None = None
    retry_after_s: float = 0.0

    @property
    def is_taken(self) -> bool:
        """Whether the shop took it: any 2xx."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """Whether the shop says that nobody listens there any more."""
        return self.status == 410


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt: what was sent, to the endpoint as it was then, and how it ended."""

    pending: Pending
    endpoint: Endpoint
    made: Delivery


@dataclass(frozen=True, slots=True)
class PastDelivery:
    """An attempt that is kept."""

    id: UUID
    made: Delivery


@dataclass(frozen=True, slots=True)
class Notification:
    """One event and one endpoint as they are listed, with the newest attempts, the newest last."""

    id: UUID
    payment_id: UUID
    event_id: UUID
    endpoint_id: UUID
    type: str
    sequence: int
    created_at: datetime
    status: NotificationStatus
    delivery_attempts: int
    next_try_at: datetime | None
    delivered_at: datetime | None
    deliveries: tuple[PastDelivery, ...]

    @classmethod
    def of(cls, row: Row, deliveries: Sequence[Row]) -> Self:
        """As they are stored."""
        fields: dict[str, Any] = dict(row)
        fields["status"] = NotificationStatus(fields["status"])
        kept = (
            PastDelivery(
                each["id"], Delivery(each["at"], each["took_ms"], each["status"], each["error"], each["excerpt"])
            )
            for each in deliveries
        )
        return cls(**fields, deliveries=tuple(kept))
