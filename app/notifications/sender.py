"""Sends what waits for an endpoint. The endpoint's row is the job: one worker sends to it at a time, so order is kept at no cost.

Of a payment's events one is sent at a time, the next when the one before was taken or given up. An endpoint that takes nothing is
probed at growing intervals with one event; the first that it takes brings all others. No endpoint waits for another.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from app.db.database import Database
from app.db.due_work import DueRow
from app.domain import ids
from app.domain.clock import Now
from app.domain.errors import EncryptionKeyMissing
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
from app.metrics import ENDPOINT_ALARMS, NOTIFICATION_LAG, NOTIFICATIONS_FAILED
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
        AND d.at >= $5 AND d.at > coalesce(n.delivered_at, '-infinity') AND d.at < $4
) AS is_alone
FROM notifications n LEFT JOIN outbox o ON o.payment_id = n.payment_id AND o.id = n.event_id
WHERE n.endpoint_id = $1 AND n.next_try_at <= $2 {_FIRST} ORDER BY n.next_try_at, n.sequence LIMIT $3
"""  # noqa: S608  ours
_RECORD = """
WITH asked AS (
    SELECT id, url = $17 AS is_there, url = $17 AND updated_at = $18 AND deleted_at IS NULL AS is_same
    FROM notification_endpoints WHERE id = $1 FOR UPDATE
), fares AS (
    UPDATE notification_endpoints AS e SET failures = $2, failing_since = $3, alarmed_percent = $4,
        delivered_at = coalesce($5, e.delivered_at)
    FROM asked WHERE e.id = asked.id AND (asked.is_same OR asked.is_there AND $2 = 0)
), made AS (
    SELECT * FROM unnest($6::uuid[], $7::uuid[], $8::uuid[], $9::text[], $10::timestamptz[], $11::timestamptz[],
        $12::smallint[], $13::float8[], $14::text[], $15::text[], $16::timestamptz[])
        AS m (payment_id, event_id, id, status, next_try_at, at, answer, took_ms, error, excerpt, seen_at)
), noted AS (
    UPDATE notifications AS n SET status = told.status,
        next_try_at = CASE WHEN told.stands THEN told.next_try_at ELSE $19::timestamptz END,
        delivery_attempts = n.delivery_attempts + told.stands::int,
        delivered_at = CASE WHEN told.status = 'delivered' THEN told.at ELSE n.delivered_at END
    FROM (
        SELECT m.payment_id, m.event_id, asked.id AS endpoint_id, m.next_try_at, m.at, m.seen_at,
            asked.is_same OR m.status = 'delivered' AS stands,
            CASE WHEN asked.is_same OR m.status = 'delivered' THEN m.status ELSE 'pending' END AS status
        FROM made AS m, asked
    ) AS told
    WHERE n.payment_id = ANY($6) AND n.payment_id = told.payment_id AND n.event_id = told.event_id
        AND n.endpoint_id = told.endpoint_id AND (told.status = 'delivered' OR n.next_try_at = told.seen_at)
    RETURNING n.event_id, n.status
), kept AS (
    INSERT INTO deliveries (payment_id, id, event_id, endpoint_id, at, status, took_ms, error, excerpt)
    SELECT payment_id, id, event_id, $1, at, answer, took_ms, error, excerpt FROM made
)
SELECT is_same, ARRAY(SELECT event_id FROM noted WHERE status = 'failed') AS failed FROM asked
"""
"""A refusal stands only where the shop changed nothing of the endpoint since it was read, and nobody moved the event: else it was
of what the endpoint is no more, and the event is tried again at once. What was taken is taken, and tells of its URL."""
_NEXT = f"""
UPDATE notification_endpoints
SET claimed_until = NULL, due_at = CASE
    WHEN deleted_at IS NOT NULL THEN (
        SELECT least(n.next_try_at, $2) FROM notifications n WHERE n.endpoint_id = $1 AND n.next_try_at IS NOT NULL
        ORDER BY n.next_try_at LIMIT 1
    )
    WHEN paused_at IS NULL THEN coalesce($3, (
        SELECT n.next_try_at FROM notifications n WHERE n.endpoint_id = $1 AND n.next_try_at IS NOT NULL {_FIRST}
        ORDER BY n.next_try_at LIMIT 1
    )) END
WHERE id = $1 AND due_at = $2
"""  # noqa: S608  ours
"""Only where nothing came meanwhile: the relay moves the time with every new event, the shop with every change. One that ended is
due until all that waits for it is dropped."""
_RELEASE = "UPDATE notification_endpoints SET claimed_until = NULL WHERE id = $1"
_PUT_OFF = "UPDATE notification_endpoints SET claimed_until = NULL, due_at = $2 WHERE id = $1 AND due_at IS NOT NULL"
_DUE_AT = f"""
SELECT e.due_at, e.url, e.updated_at, {FEW_REFUSED} AS is_hurried FROM notification_endpoints e WHERE e.id = $1
"""  # noqa: S608  ours


@dataclass(frozen=True, slots=True)
class Rest:
    """Until when an endpoint is left alone, as it was when that was found."""

    until: datetime
    url: str
    updated_at: datetime


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
        rest: Rest | None = None
        while seen is not None and time.monotonic() < ends_at:
            if rest is None or rest.until <= self._now():
                rest = await self._send_ready(row.id, ends_at)
            if await self._database.changed(_NEXT, row.id, seen, rest.until if rest else None):
                return
            due = await self._database.row(_DUE_AT, row.id)
            seen = due["due_at"] if due else None
            is_same = (
                rest is not None and due is not None and (due["url"], due["updated_at"]) == (rest.url, rest.updated_at)
            )
            if not is_same or (due and due["is_hurried"]):
                rest = None
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

    async def _send_ready(self, endpoint_id: UUID, ends_at: float) -> Rest | None:
        """Send, a payment's events one after another, until nothing is due. Returns until when the endpoint is left alone.

        The endpoint is read before each round: what the shop sets holds from then on. What waits for one that ended is dropped.
        """
        width = AT_ONCE_FIRST
        while time.monotonic() < ends_at:
            endpoint = await self._endpoints.find(endpoint_id)
            if endpoint is None:
                await self._endpoints.drop_pending(endpoint_id, ends_at)
                return None
            if endpoint.paused_at is not None:
                return None
            secrets = await self._secrets(endpoint)
            if not secrets:
                return self._rest(endpoint, timedelta(seconds=PUT_OFF_S / self._scale))
            limit = 1 if endpoint.is_down else min(width, endpoint.rate_per_s or width)
            until = self._now() + 2 * PUT_ASIDE if endpoint.is_down else self._now()
            seen = (endpoint.delivered_at, endpoint.updated_at)
            rows = await self._database.rows(_READY, endpoint_id, until, limit, *seen)
            if not rows:
                return None
            sent = await self._send_all(endpoint, [Pending(**row) for row in rows], secrets)
            width = min(2 * width, AT_ONCE) if all(made.is_taken for _, made in sent) else AT_ONCE_FIRST
            after = await self._record(endpoint, sent)
            if after.is_down:
                asked_s = max(made.retry_after_s for _, made in sent)
                return self._rest(endpoint, self._wait(PROBE_AGAIN, after.failures - DOWN_AFTER, asked_s))
        return None

    def _rest(self, endpoint: Endpoint, wait: timedelta) -> Rest:
        return Rest(self._now() + wait, endpoint.url, endpoint.updated_at)

    async def _secrets(self, endpoint: Endpoint) -> list[str]:
        """What signs now; nothing where none of its secrets opens. A person hears of that, and it is tried again by itself."""
        missing: dict[str, object] = {}
        try:
            secrets = self._endpoints.live_secrets(endpoint, self._now())
        except EncryptionKeyMissing as error:
            secrets, missing = [], error.details
        if (not secrets) is (endpoint.key_missing_since is not None):
            return secrets
        if await self._endpoints.note_key(endpoint, is_missing=not secrets):
            if secrets:
                log.info("endpoint_key_back", endpoint=endpoint.public_id)
            else:
                log.error("endpoint_key_missing", endpoint=endpoint.public_id, **missing)
        return secrets

    async def _send_all(
        self, endpoint: Endpoint, pending: Sequence[Pending], secrets: Sequence[str]
    ) -> list[tuple[Pending, Delivery]]:
        """Attempts beside each other, no more a second than the endpoint takes."""
        pause_s = 1 / endpoint.rate_per_s if endpoint.rate_per_s else 0.0

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
        """Keep how each attempt ended and how the endpoint fares after them: it is up, down, or paused. Where the shop changed it
        meanwhile, that was of what it is no more: nobody is told."""
        after = self._after(before, [each for each in sent if each[1].error != EVENT_GONE])
        if before.is_down and not after.is_down:
            log.info("endpoint_recovered", endpoint=before.public_id)
            await self._endpoints.make_all_ready(before.id, before.failing_since)
        fares = (after.failures, after.failing_since, after.alarmed_percent, after.delivered_at)
        rows = zip(*(self._row(after, *each) for each in sent), strict=True)
        asked = (before.url, before.updated_at, self._now())
        kept = await self._database.row(_RECORD, after.id, *fares, *map(list, rows), *asked)
        if kept is None or not kept["is_same"]:
            return after
        for event_id in kept["failed"]:
            NOTIFICATIONS_FAILED.inc()
            log.error("notification_failed", endpoint=after.public_id, event_id=ids.show(ids.Prefix.EVENT, event_id))
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
