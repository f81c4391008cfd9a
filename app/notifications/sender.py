"""Sends what waits for an endpoint. The endpoint's row is the job: one worker sends to it at a time, so order is kept at no cost.

Of a payment's events one is sent at a time, the next when the one before was taken or given up. An endpoint that takes nothing is
probed at growing intervals with one event; the first that it takes brings all others. No endpoint waits for another.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from app.db.database import Database
from app.db.due_work import DueRow
from app.domain import ids
from app.domain.clock import Now
from app.domain.schedule import (
    ALARM_PERCENTS,
    DELIVERY_SPELL_S,
    DOWN_AFTER,
    FAILING_FOR,
    JITTER,
    NOTIFY_AGAIN,
    PROBE_AGAIN,
    PUT_OFF_S,
)
from app.logs import get_logger
from app.metrics import ENDPOINT_ALARMS, NOTIFICATION_LAG
from app.notifications.delivery import Deliverer
from app.notifications.endpoints import FEW_REFUSED, Endpoints
from app.notifications.model import Delivery, Endpoint, NotificationStatus, PauseReason, Pending

log = get_logger("notifications")

AT_ONCE_FIRST, AT_ONCE = 4, 32
"""Attempts under way to one endpoint, each of another payment: few at first, twice as many each time that it took all of them. So
one that hangs holds few connections."""

PUT_ASIDE = timedelta(days=1)
"""Where an event stands that its endpoint did not take while it is down: behind those that were not tried yet. It is sent as a
probe, or at once when the endpoint is up again."""

EVENT_GONE = "the event is not kept any more"

_FIRST = """
    AND NOT EXISTS (
        SELECT FROM notifications e WHERE e.endpoint_id = n.endpoint_id AND e.payment_id = n.payment_id
            AND e.next_try_at IS NOT NULL AND e.sequence < n.sequence
    )
"""
"""Of a payment's events only the first that waits has its turn."""
_READY = f"""
SELECT n.payment_id, n.event_id, n.created_at, n.next_try_at, n.delivery_attempts, o.body, EXISTS (
    SELECT FROM deliveries d WHERE d.payment_id = n.payment_id AND d.event_id = n.event_id AND d.endpoint_id = n.endpoint_id
        AND d.at > coalesce(n.delivered_at, '-infinity') AND d.at < $4
) AS is_alone
FROM notifications n LEFT JOIN outbox o ON o.payment_id = n.payment_id AND o.id = n.event_id
WHERE n.endpoint_id = $1 AND n.next_try_at <= $2 {_FIRST} ORDER BY n.next_try_at, n.sequence LIMIT $3
"""  # noqa: S608  ours
_RECORD = """
WITH asked AS (
    SELECT id FROM notification_endpoints WHERE id = $1 FOR UPDATE
), fares AS (
    UPDATE notification_endpoints SET failures = $2, failing_since = $3, alarmed_percent = $4,
        delivered_at = coalesce($5, delivered_at)
    WHERE id = $1 AND url = $17 AND updated_at = $18
), made AS (
    SELECT * FROM unnest($6::uuid[], $7::uuid[], $8::uuid[], $9::text[], $10::timestamptz[], $11::timestamptz[],
        $12::smallint[], $13::float8[], $14::text[], $15::text[], $16::timestamptz[])
        AS m (payment_id, event_id, id, status, next_try_at, at, answer, took_ms, error, excerpt, seen_at)
), noted AS (
    UPDATE notifications AS n SET status = m.status, next_try_at = m.next_try_at, delivery_attempts = n.delivery_attempts + 1,
        delivered_at = CASE WHEN m.status = 'delivered' THEN m.at ELSE n.delivered_at END
    FROM made AS m, asked
    WHERE n.payment_id = ANY($6) AND n.payment_id = m.payment_id AND n.event_id = m.event_id AND n.endpoint_id = asked.id
        AND (m.status = 'delivered' OR n.next_try_at = m.seen_at)
)
INSERT INTO deliveries (payment_id, id, event_id, endpoint_id, at, status, took_ms, error, excerpt)
SELECT payment_id, id, event_id, $1, at, answer, took_ms, error, excerpt FROM made
"""
"""How it fares is kept only where the shop changed nothing since it was read: the answer was of what it was. A refusal stands
only where nobody moved the event meanwhile; what was taken is taken."""
_NEXT = f"""
UPDATE notification_endpoints
SET claimed_until = NULL, due_at = CASE WHEN paused_at IS NULL AND deleted_at IS NULL THEN coalesce($3, (
    SELECT n.next_try_at FROM notifications n WHERE n.endpoint_id = $1 AND n.next_try_at IS NOT NULL {_FIRST}
    ORDER BY n.next_try_at LIMIT 1
)) END
WHERE id = $1 AND due_at = $2
"""  # noqa: S608  ours
"""Only where nothing came meanwhile: the relay moves the time with every new event."""
_RELEASE = "UPDATE notification_endpoints SET claimed_until = NULL WHERE id = $1"
_PUT_OFF = "UPDATE notification_endpoints SET claimed_until = NULL, due_at = $2 WHERE id = $1 AND due_at IS NOT NULL"
_DUE_AT = f"SELECT e.due_at, {FEW_REFUSED} AS is_hurried FROM notification_endpoints e WHERE e.id = $1"  # noqa: S608  ours


class Sender:
    """Sends to endpoints. Safe to call for several endpoints at once."""

    def __init__(
        self, database: Database, endpoints: Endpoints, deliverer: Deliverer, time_scale: float, now: Now
    ) -> None:
        self._database = database
        self._endpoints = endpoints
        self._deliverer = deliverer
        self._scale = time_scale
        self._now = now

    async def send_due(self, row: DueRow) -> None:
        """Send what waits for an endpoint until nothing is due, or for a spell; then say when it is due again."""
        seen: datetime | None = row.due_at
        ends_at = time.monotonic() + DELIVERY_SPELL_S
        rests_until: datetime | None = None
        while seen is not None and time.monotonic() < ends_at:
            if rests_until is None or rests_until <= self._now():
                rests_until = await self._send_ready(row.id, ends_at)
            if await self._database.changed(_NEXT, row.id, seen, rests_until):
                return
            due = await self._database.row(_DUE_AT, row.id)
            seen = due["due_at"] if due else None
            if due and due["is_hurried"]:
                rests_until = None
        await self._database.changed(_RELEASE, row.id)

    async def close(self) -> None:
        """Close the connections."""
        await self._deliverer.close()

    async def put_off(self, row: DueRow) -> None:
        """Sending to it broke: come back to it later."""
        await self._database.changed(_PUT_OFF, row.id, self._now() + timedelta(seconds=PUT_OFF_S / self._scale))

    async def send_now(self, endpoint: Endpoint, event_id: str, body: str) -> Delivery:
        """Send this once, and keep nothing of it. Raises EncryptionKeyMissing."""
        at = self._now()
        secrets = self._endpoints.live_secrets(endpoint, at)
        return await self._deliverer.deliver(endpoint.url, event_id, body, secrets, at)

    async def _send_ready(self, endpoint_id: UUID, ends_at: float) -> datetime | None:
        """Send, a payment's events one after another, until nothing is due. Returns until when the endpoint is left alone.

        The endpoint is read before each round: what the shop sets holds from then on.
        """
        width = AT_ONCE_FIRST
        while time.monotonic() < ends_at:
            endpoint = await self._endpoints.find(endpoint_id)
            if endpoint is None or endpoint.paused_at is not None:
                return None
            limit = 1 if endpoint.is_down else min(width, endpoint.rate_per_s or width)
            until = self._now() + 2 * PUT_ASIDE if endpoint.is_down else self._now()
            rows = await self._database.rows(_READY, endpoint_id, until, limit, endpoint.delivered_at)
            if not rows:
                return None
            sent = await self._send_all(endpoint, [Pending(**row) for row in rows])
            width = min(2 * width, AT_ONCE) if all(made.is_taken for _, made in sent) else AT_ONCE_FIRST
            after = await self._record(endpoint, sent)
            if after.is_down:
                asked_s = max(made.retry_after_s for _, made in sent)
                return self._now() + self._wait(PROBE_AGAIN, after.failures - DOWN_AFTER, asked_s)
        return self._now()

    async def _send_all(self, endpoint: Endpoint, pending: Sequence[Pending]) -> list[tuple[Pending, Delivery]]:
        """Attempts beside each other, no more a second than the endpoint takes."""
        pause_s = 1 / endpoint.rate_per_s if endpoint.rate_per_s else 0.0
        secrets = self._endpoints.live_secrets(endpoint, self._now())

        async def one(number: int, each: Pending) -> tuple[Pending, Delivery]:
            await asyncio.sleep(number * pause_s)
            if each.body is None:
                return each, Delivery(self._now(), 0.0, None, EVENT_GONE)
            if not each.delivery_attempts:
                NOTIFICATION_LAG.observe(max(0.0, (self._now() - each.created_at).total_seconds()))
            event_id = ids.show(ids.Prefix.EVENT, each.event_id)
            return each, await self._deliverer.deliver(endpoint.url, event_id, each.body, secrets, self._now())

        sent = await asyncio.gather(*(one(number, each) for number, each in enumerate(pending)))
        await asyncio.sleep(pause_s)
        return sent

    async def _record(self, before: Endpoint, sent: Sequence[tuple[Pending, Delivery]]) -> Endpoint:
        """Keep how each attempt ended and how the endpoint fares after them: it is up, down, or paused."""
        after = self._after(before, [each for each in sent if each[1].error != EVENT_GONE])
        if before.is_down and not after.is_down:
            log.info("endpoint_recovered", endpoint=before.public_id)
            await self._endpoints.make_all_ready(before.id, before.failing_since)
        fares = (after.failures, after.failing_since, after.alarmed_percent, after.delivered_at)
        rows = zip(*(self._row(after, *each) for each in sent), strict=True)
        await self._database.changed(_RECORD, after.id, *fares, *map(list, rows), before.url, before.updated_at)
        if after.alarmed_percent > before.alarmed_percent:
            ENDPOINT_ALARMS.labels(str(after.alarmed_percent)).inc()
            about = {"endpoint": after.public_id, "percent": after.alarmed_percent, "since": str(after.failing_since)}
            log.error("endpoint_failing", **about)
        if after.pause_reason is not None and await self._endpoints.pause(after.id, after.pause_reason, before):
            log.error("endpoint_paused", endpoint=after.public_id, reason=after.pause_reason)
        return after

    def _after(self, endpoint: Endpoint, sent: Sequence[tuple[Pending, Delivery]]) -> Endpoint:
        """How an endpoint fares after these attempts."""
        made = [each for _, each in sent]
        if any(each.is_gone for each in made):
            return replace(endpoint, paused_at=self._now(), pause_reason=PauseReason.GONE)
        if taken := [each.at for each in made if each.is_taken]:
            return replace(endpoint, failures=0, failing_since=None, alarmed_percent=0, delivered_at=max(taken))
        # One that it refuses beside others tells nothing of the endpoint, unless all begin anew since it was down.
        telling = [each for of, each in sent if endpoint.is_down or not of.is_alone or not of.delivery_attempts]
        return self._failing(endpoint, telling) if telling else endpoint

    def _failing(self, endpoint: Endpoint, made: Sequence[Delivery]) -> Endpoint:
        """After attempts of which it took none."""
        # What was under way together makes it down, and no more than that.
        failures = min(endpoint.failures + len(made), max(DOWN_AFTER, endpoint.failures + 1))
        since = endpoint.failing_since or made[0].at
        percent = 100 * ((self._now() - since) / (FAILING_FOR / self._scale))
        reached = max((each for each in ALARM_PERCENTS if each <= percent and failures >= DOWN_AFTER), default=0)
        after = replace(
            endpoint, failures=failures, failing_since=since, alarmed_percent=max(reached, endpoint.alarmed_percent)
        )
        is_over = after.alarmed_percent == ALARM_PERCENTS[-1]
        return replace(after, paused_at=self._now(), pause_reason=PauseReason.FAILING) if is_over else after

    def _row(self, endpoint: Endpoint, pending: Pending, made: Delivery) -> tuple[object, ...]:
        """What is kept of an attempt, in the order of the statement."""
        status, next_at = self._next(endpoint, pending, made)
        if status is NotificationStatus.FAILED:
            event_id = ids.show(ids.Prefix.EVENT, pending.event_id)
            log.error("notification_failed", endpoint=endpoint.public_id, event_id=event_id)
        about = (pending.payment_id, pending.event_id, ids.uuid7(), status, next_at)
        return (*about, made.at, made.status, made.took_ms, made.error, made.excerpt, pending.next_try_at)

    def _next(self, endpoint: Endpoint, pending: Pending, made: Delivery) -> tuple[NotificationStatus, datetime | None]:
        """Where a notification stands after an attempt. Given up is one alone, never what an endpoint that is down took not."""
        if made.is_taken:
            return NotificationStatus.DELIVERED, None
        is_up = not endpoint.is_down and endpoint.paused_at is None
        if pending.body is None or (is_up and pending.delivery_attempts >= len(NOTIFY_AGAIN)):
            return NotificationStatus.FAILED, None
        wait = self._wait(NOTIFY_AGAIN, pending.delivery_attempts, made.retry_after_s)
        return NotificationStatus.PENDING, self._now() + (PUT_ASIDE if endpoint.is_down else wait)

    def _wait(self, steps: Sequence[int], number: int, asked_s: float) -> timedelta:
        """The wait after so many attempts, up to a fifth longer; longer still where the endpoint asked for it."""
        step_s = steps[min(number, len(steps) - 1)] * random.uniform(1, 1 + JITTER)  # noqa: S311  no secret
        return timedelta(seconds=max(step_s, asked_s) / self._scale)
