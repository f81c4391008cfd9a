"""What attempts tell: of the endpoint, whether it is up, down or to be paused; of the event, when it is sent again. Pure.

- An endpoint is judged by first attempts: `DOWN_AFTER` different events that it refused in a row, and took none, make it down.
  So one event that it always refuses says nothing about the others. What it takes, whatever that is, makes it up again.
- A down endpoint is probed: its attempts set its pace, and are not counted against the events.
- An event is given up (`failed`) by an endpoint that goes on taking others, after all waits of `NOTIFY_AGAIN`: one that is
  refused while nothing else is taken may be as good as any. Docs: docs/decisions/0024-the-outbox.md.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.domain.schedule import ALARM_PERCENTS, DOWN_AFTER, JITTER, NOTIFY_AGAIN, PROBE_AGAIN
from app.notifications.model import Attempt, Delivery, Endpoint, NotificationStatus, PauseReason

PUT_ASIDE = timedelta(days=1)
"""When an event is probed again that a down endpoint did not take: after all others that wait for it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an event stands with an endpoint after an attempt."""

    status: NotificationStatus
    next_try_at: datetime | None
    delivery_attempts: int
    is_alone: bool


def fares(before: Endpoint, attempts: Sequence[Attempt], now: datetime, failing_for: timedelta) -> Endpoint:
    """How an endpoint fares after these attempts, which ended together. `failing_for`: how long it may take nothing."""
    attempts = [each for each in attempts if each.pending.body is not None]
    if any(each.made.is_gone for each in attempts):
        return replace(before, paused_at=now, pause_reason=PauseReason.GONE)
    if taken := [each.made.at for each in attempts if each.made.is_taken]:
        return replace(before, failures=0, failing_since=None, alarmed_percent=0, delivered_at=max(taken))
    telling = [each for each in attempts if before.is_down or not each.pending.is_alone]
    return _failing(before, telling, now, failing_for) if telling else before


def _failing(before: Endpoint, refused: Sequence[Attempt], now: datetime, failing_for: timedelta) -> Endpoint:
    since = before.failing_since or min(each.made.at for each in refused)
    percent = 100 * ((now - since) / failing_for)
    reached = max((each for each in ALARM_PERCENTS if each <= percent), default=0)
    after = replace(
        before,
        failures=_failures(before, refused),
        failing_since=since,
        alarmed_percent=max(reached, before.alarmed_percent),
    )
    is_over = after.alarmed_percent == ALARM_PERCENTS[-1] and after.is_down
    return replace(after, paused_at=now, pause_reason=PauseReason.FAILING) if is_over else after


def _failures(before: Endpoint, refused: Sequence[Attempt]) -> int:
    """Different events refused in a row; then the probes. What was under way when it went down is no probe."""
    if before.is_down:
        return before.failures + any(each.endpoint.is_down for each in refused)
    first = sum(not each.pending.delivery_attempts for each in refused)
    return min(before.failures + first, DOWN_AFTER)


def standing(before: Endpoint, after: Endpoint, attempt: Attempt, now: datetime, time_scale: float) -> Standing:
    """Where the event stands after an attempt, for an endpoint that fared and fares so. While nothing at all is taken, a refusal
    tells nothing of the event."""
    pending, made = attempt.pending, attempt.made
    number = pending.delivery_attempts + (not attempt.endpoint.is_down)
    if made.is_taken:
        return Standing(NotificationStatus.DELIVERED, None, number, pending.is_alone)
    took_others = before.failing_since is None and after.took_since(pending.tried_at)
    is_alone = pending.is_alone or took_others
    is_over = took_others and not after.is_down and pending.delivery_attempts >= len(NOTIFY_AGAIN)
    if pending.body is None or is_over:
        return Standing(NotificationStatus.FAILED, None, number, is_alone)
    waits = wait(NOTIFY_AGAIN, pending.delivery_attempts, made, time_scale)
    again_at = now + (PUT_ASIDE if after.is_down else waits)
    return Standing(NotificationStatus.PENDING, again_at, number, is_alone)


def probe_after(endpoint: Endpoint, made: Delivery, time_scale: float) -> timedelta:
    """How long a down endpoint is left alone after a probe."""
    return wait(PROBE_AGAIN, endpoint.failures - DOWN_AFTER, made, time_scale)


def wait(steps: Sequence[int], number: int, made: Delivery, time_scale: float) -> timedelta:
    """The wait after so many attempts, up to a fifth longer; longer still where the endpoint asked for it."""
    step_s = steps[min(number, len(steps) - 1)] * random.uniform(1, 1 + JITTER)  # noqa: S311  no secret
    return timedelta(seconds=max(step_s, made.retry_after_s) / time_scale)
