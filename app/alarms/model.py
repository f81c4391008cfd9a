"""The values of alarms: one that is raised, and what is told of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from app.domain.attention import Attention
from app.domain.money import Money


class AlarmKind(StrEnum):
    """What an alarm is about."""

    ENDPOINT = "endpoint"
    """An endpoint takes nothing: at each of `ALARM_PERCENTS` of the time until it is paused, or at once when it says that it is
    gone."""
    PAYMENT = "payment"
    """A payment calls a person."""


GONE = "gone"
"""The step of an endpoint that answered 410. Others are percents; those of payments are causes."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One row: raised while what it says holds. Its `id` follows from what it says, so that nobody raises it twice."""

    id: UUID
    kind: AlarmKind
    subject_id: UUID
    step: str
    raised_at: datetime
    mail_attempts: int


@dataclass(frozen=True, slots=True)
class FailingEndpoint:
    """An endpoint as its alarm tells it."""

    id: UUID
    store: str
    host: str
    description: str
    step: str
    since: datetime
    answered: str
    """Its newest answer, or why there was none."""
    waiting: int
    """Events, counted up to `MOST_COUNTED`."""
    oldest: datetime | None
    is_paused: bool


@dataclass(frozen=True, slots=True)
class CallingPayment:
    """A payment as its alarm tells it: nothing about the buyer."""

    id: UUID
    store: str
    order_id: str
    amount: Money
    gateway: str
    status: str
    attention: Attention


Told = FailingEndpoint | CallingPayment
