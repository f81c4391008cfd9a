"""Sends what waits for an endpoint. The endpoint's row is the job: one worker sends to it at a time, so order is kept at no cost.

Of a payment's events one is sent at a time, the next when the one before was taken or given up. Nothing else waits for anything:
not a payment for another's event, nor a first attempt for a repetition, nor an endpoint for another.
"""

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby

from app.db.due_work import DueRow
from app.db.insist import insist
from app.domain import ids
from app.domain.clock import Now
from app.domain.errors import EncryptionKeyMissing
from app.domain.schedule import (
    DELIVERY_DEADLINE_S,
    DELIVERY_SPELL_S,
    FAILING_FOR,
    LONGEST_SPELL_S,
    PUT_OFF_S,
    SENDER_LEASE_S,
)
from app.logs import get_logger
from app.metrics import ENDPOINT_ALARMS, NOTIFICATION_LAG, NOTIFICATIONS_FAILED
from app.notifications import decisions
from app.notifications.decisions import PUT_ASIDE
from app.notifications.delivery import Deliverer
from app.notifications.endpoints import Endpoints
from app.notifications.model import Attempt, Delivery, Endpoint, Pending
from app.notifications.queue import Queue
from app.notifications.spell import LOOK_AGAIN_S, LOOK_AT_MOST_S, Rest, Spell

log = get_logger("notifications")

BROUGHT_AFTER = timedelta(minutes=1)
"""An endpoint that took nothing for so long, or was down, gets at once what it refused; else that comes soon anyway."""

HELD_FOR, RENEWED_AFTER = timedelta(seconds=SENDER_LEASE_S), timedelta(seconds=3)

PROBES_SEEN = 8
"""Of each queue, to choose a probe from."""

EVENT_GONE = "the event is not kept any more"


class Sender:
    """Sends to endpoints. Safe to call for several endpoints at once."""

    def __init__(self, queue: Queue, endpoints: Endpoints, deliverer: Deliverer, time_scale: float, now: Now) -> None:
        self._queue = queue
        self._endpoints = endpoints
        self._deliverer = deliverer
        self._scale = time_scale
        self._now = now

    async def send_due(self, row: DueRow) -> None:
        """Send what waits for an endpoint until nothing is due; then say when it is due again.

        Others get the place after a spell; while attempts are always under way, after a long one. Canceled, it begins nothing
        more, waits for what is under way, and keeps how that ended.
        """
        spell = Spell(row.id, row.due_at, row.claimed_until)
        try:
            while await insist(partial(self._go_on, spell), spell.held or self._now(), self._now):
                pass
        finally:
            if spell.under_way:
                await asyncio.wait(spell.under_way)
                await self._record(spell, await self._endpoints.find(row.id))
            if spell.held is not None:
                await self._queue.release(row.id, spell.held)

    async def close(self) -> None:
        """Close the connections."""
        await self._deliverer.close()

    async def put_off(self, row: DueRow) -> None:
        """Sending to it broke: come back to it later."""
        await self._queue.put_off(row.id, self._now() + timedelta(seconds=PUT_OFF_S / self._scale))

    async def send_now(self, endpoint: Endpoint, event_id: str, body: str) -> Delivery:
        """Send this once, and keep nothing of it. Raises EncryptionKeyMissing."""
        at = self._now()
        secrets = self._endpoints.live_secrets(endpoint, at)
        return await self._deliverer.deliver(endpoint.url, event_id, body, secrets, at)

    async def _go_on(self, spell: Spell) -> bool:
        """Record, begin, or wait: one of them. False: nothing is due, the claim is lost, or others are to have the place.

        Safe to repeat, and repeated while the database does not answer: what has ended is recorded once it does.
        """
        if not await self._hold(spell):
            return False
        endpoint = await self._endpoints.find(spell.endpoint_id)  # each time: what the shop sets holds from then on
        spell_s = LONGEST_SPELL_S if spell.under_way else DELIVERY_SPELL_S
        if spell.has_ended:
            await self._record(spell, endpoint)
        elif time.monotonic() > spell.began_at + spell_s:
            return False
        elif endpoint is None and not spell.under_way:
            await self._endpoints.drop_pending(spell.endpoint_id, spell.began_at + DELIVERY_SPELL_S)
            await self._let_go(spell)
        elif endpoint is not None and await self._begin(spell, endpoint):
            pass
        elif spell.under_way:
            looks = endpoint is not None and not endpoint.is_down and spell.free > 0
            timeout_s = spell.look_s if looks else DELIVERY_DEADLINE_S
            await asyncio.wait(spell.under_way, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            spell.look_s = min(2 * spell.look_s, LOOK_AT_MOST_S)
        elif spell.pause_s:
            await asyncio.sleep(spell.pause_s)
        else:
            await self._let_go(spell)
        return True

    async def _hold(self, spell: Spell) -> bool:
        """Whether the endpoint is ours, for longer than an attempt takes."""
        if spell.held is not None and spell.held - self._now() < HELD_FOR - RENEWED_AFTER:
            await self._renew(spell, spell.held)
        return spell.held is not None

    async def _renew(self, spell: Spell, held: datetime) -> None:
        until = self._now() + HELD_FOR
        row = await self._queue.hold(spell.endpoint_id, until, held)
        spell.held = until if row else None
        spell.seen = row["due_at"] if row else None

    async def _let_go(self, spell: Spell) -> None:
        """End the claim where nothing is left to do; else see what came."""
        assert spell.held is not None
        if spell.seen is None:
            await self._queue.release(spell.endpoint_id, spell.held)
            spell.held = None
            return
        rest = spell.rest.until if spell.rest and spell.rest.until > self._now() else None
        if await self._queue.let_go(spell.endpoint_id, spell.held, spell.seen, rest):
            spell.held = None
        else:
            await self._renew(spell, spell.held)

    async def _begin(self, spell: Spell, endpoint: Endpoint) -> bool:
        """Begin what is due, as much as may be under way. Returns whether to look once more at once: what was parked, hid it."""
        is_free = spell.free and not spell.pause_s and not (endpoint.is_down and spell.under_way)
        if endpoint.paused_at is not None or not is_free or spell.rests(endpoint, self._now()):
            return False
        secrets = await self._secrets(endpoint)
        if not secrets:
            spell.rest = self._rest(endpoint, timedelta(seconds=PUT_OFF_S / self._scale))
            return False
        now, most, again = self._now(), spell.free, spell.free_again
        if endpoint.is_down:
            front = await self._queue.front(
                spell.endpoint_id, now + 2 * PUT_ASIDE, [], fresh=PROBES_SEEN, again=PROBES_SEEN
            )
            most = again = 1
        else:
            if endpoint.rate_per_s:
                most = min(most, max(1, int(endpoint.rate_per_s * LOOK_AGAIN_S)))
            front = await self._queue.front(spell.endpoint_id, now, spell.busy, fresh=most, again=again)
        fresh = [each for each in front.ready if not each[1]][:most]
        chosen = fresh + [each for each in front.ready if each[1]][: min(again, most - len(fresh))]
        if chosen:
            spell.look_s = LOOK_AGAIN_S
        for pending, is_again in chosen:
            attempt = self._attempt(pending, endpoint, secrets, spell.next_place_s(endpoint))
            spell.under_way[asyncio.create_task(attempt)] = (pending, is_again)
        return front.has_moved and not chosen

    async def _attempt(self, pending: Pending, endpoint: Endpoint, secrets: Sequence[str], wait_s: float) -> Attempt:
        await asyncio.sleep(wait_s)
        if pending.body is None:
            return Attempt(pending, endpoint, Delivery(self._now(), 0.0, None, EVENT_GONE))
        if pending.tried_at is None:
            NOTIFICATION_LAG.observe(max(0.0, (self._now() - pending.created_at).total_seconds()))
        event_id = ids.show(ids.Prefix.EVENT, pending.event_id)
        made = await self._deliverer.deliver(endpoint.url, event_id, pending.body, secrets, self._now())
        return Attempt(pending, endpoint, made)

    async def _record(self, spell: Spell, endpoint: Endpoint | None) -> None:
        """Keep how those attempts ended that have, and how the endpoint fares after them."""
        for _, attempts in groupby(spell.ended(), key=lambda each: each.endpoint.updated_at):
            ended = list(attempts)
            after = await self._keep(endpoint or ended[0].endpoint, ended)
            spell.forget(ended)  # not before: canceled meanwhile, it is kept by whoever comes last
            if after is not None and after.is_down:
                slowest = max((each.made for each in ended), key=lambda made: made.retry_after_s)
                spell.rest = self._rest(after, decisions.probe_after(after, slowest, self._scale))
            endpoint = after or endpoint

    async def _keep(self, before: Endpoint, ended: Sequence[Attempt]) -> Endpoint | None:
        """How the endpoint fares now. None: the shop changed it while it was asked, so that is not known."""
        now, asked = self._now(), ended[0].endpoint
        after = decisions.fares(before, ended, now, FAILING_FOR / self._scale)
        if before.is_down and not after.is_down:
            log.info("endpoint_recovered", endpoint=before.public_id)
        since = before.failing_since if after.failing_since is None else None
        if since is not None and (before.is_down or now - since > BROUGHT_AFTER / self._scale):
            await self._queue.bring(before.id)
        if before.is_down and not after.is_down:
            await self._queue.hurry(before.id)
        stands = [(each, decisions.standing(before, after, each, now, self._scale)) for each in ended]
        kept = await self._queue.record(asked, after, stands)
        if kept is None or not kept["is_same"]:
            return None
        for event_id in kept["failed"]:
            NOTIFICATIONS_FAILED.inc()
            log.error("notification_failed", endpoint=after.public_id, event_id=ids.show(ids.Prefix.EVENT, event_id))
        if after.alarmed_percent > before.alarmed_percent:
            ENDPOINT_ALARMS.labels(str(after.alarmed_percent)).inc()
            about = {"endpoint": after.public_id, "percent": after.alarmed_percent, "since": str(after.failing_since)}
            log.error("endpoint_failing", **about)
        if after.pause_reason is not None and await self._endpoints.pause(after.id, after.pause_reason, asked):
            log.error("endpoint_paused", endpoint=after.public_id, reason=after.pause_reason)
        return after

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

    def _rest(self, endpoint: Endpoint, wait: timedelta) -> Rest:
        return Rest(self._now() + wait, endpoint.url, endpoint.updated_at)
