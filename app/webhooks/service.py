"""Keeps webhooks and verifies the payments that they point at. Their content never sets a status."""

import asyncio
import random
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID
from weakref import WeakValueDictionary

import msgspec

from app.db.due_work import lane_of
from app.domain import ids
from app.domain.clock import Now, utc_now
from app.domain.errors import BodyTooLarge, GatewayUnavailable, InvalidRequest, NotFound
from app.domain.schedule import (
    HINTS_KEPT_S,
    JITTER,
    REPEAT_AFTER_S,
    UNANSWERED_AGAIN,
    UNANSWERED_HINT_AGAIN,
    UNKNOWN_AGAIN,
    UNKNOWN_HINT_AGAIN,
)
from app.gateways.port import SendsWebhooks
from app.gateways.registry import Registry
from app.gateways.text import TooLarge, unpacked
from app.gateways.values import LookupHint, ParsedWebhook, WebhookRequest
from app.logs import get_logger
from app.metrics import VERIFICATION_LAG, WEBHOOKS_KEPT, WEBHOOKS_PARKED
from app.payments.service import PaymentService
from app.settings import Settings
from app.webhooks.inbox import Inbox
from app.webhooks.matching import attempt_of, is_answered_with
from app.webhooks.model import Arrival, Proof, Webhook
from app.webhooks.room import Room

DUE_KINDS: Mapping[Proof, str] = {"signature": "webhooks", "hint": "hints"}
"""The names of its due work; each gateway's has a lane of its own."""

MAX_BODY_BYTES = 256 * 1024
"""Far above what any gateway sends; below what fills a disk quickly."""

MAX_HINT_BYTES = 16 * 1024
"""The same for what anybody may send: a notice is some hundred bytes."""

KEPT_HINT_BYTES = 2 * 1024
"""Of that, what a person may read meanwhile who has no other sign of a notice that names nobody of ours."""

KEPT_HEADERS = frozenset({"content-type", "content-encoding", "user-agent"})
"""Of every webhook, beside those of its gateway's signature."""

LONGEST_HEADER, LONGEST_HINT_HEADER = 1000, 200
"""Characters of a header that are kept, of a signed webhook and of an unsigned one."""

UNKNOWN = "no payment of ours has this reference"

log = get_logger("webhooks")


class WebhookService:
    """The inbox of one deployment. Safe to share between tasks."""

    def __init__(
        self,
        inbox: Inbox,
        payments: PaymentService,
        registry: Registry,
        wake: Callable[[str], None],
        settings: Settings,
        now: Now = utc_now,
    ) -> None:
        self.inbox = inbox
        self._wake = wake
        self._payments = payments
        self._registry = registry
        self._settings = settings
        self._now = now
        self._room = Room(inbox, settings.limits.unknown_hints)
        self._turns: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    def gateway(self, name: str) -> SendsWebhooks | None:
        """The configured gateway of that name that sends webhooks, or None."""
        gateway = self._registry.get(name)
        return gateway if isinstance(gateway, SendsWebhooks) else None

    async def receive(
        self,
        gateway: SendsWebhooks,
        request: WebhookRequest,
        source: str | None,
        admit_hint: Callable[[Hashable], bool] = lambda _: True,
    ) -> ParsedWebhook:
        """Check it and keep it; it is durable when this returns. Safe to repeat.

        Raises WebhookRefused, InvalidRequest for a body that says nothing, BodyTooLarge, or RateLimited for an unsigned one
        beyond the room for those, or as `admit_hint` says of what it is about: the payment, whichever name it goes by, else
        that name. False of it: there is room for whatever this sender brings. Then nothing is kept.
        """
        content = _unpacked(request.body, longest_body(gateway, request.headers))
        note = gateway.parse_webhook(replace(request, body=content))
        payment_id = ids.payment_of_reference(note.reference) if note.reference else None
        if not note.is_signed:
            name = payment_id or note.gateway_ref or note.reference
            payment_id = await self._payments.holder_of(gateway.name, LookupHint(note.gateway_ref, note.reference))
            if admit_hint(payment_id or (name and (gateway.name, name))):
                await self._room.take(payment_id)
        arrival = self._arrival(gateway, request, note, source, payment_id)
        is_new = await self.inbox.keep(arrival)
        if is_new and arrival.due_at == arrival.at:
            self._wake(lane_of(DUE_KINDS[arrival.proof], gateway.name))
        WEBHOOKS_KEPT.labels(gateway.name, arrival.proof).inc()
        about = {"damage": note.damage} if note.damage else {}
        log.info("webhook_kept", gateway=gateway.name, kind=note.kind, proof=arrival.proof, is_new=is_new, **about)
        return note

    def _arrival(
        self,
        gateway: SendsWebhooks,
        request: WebhookRequest,
        note: ParsedWebhook,
        source: str | None,
        payment_id: UUID | None,
    ) -> Arrival:
        kept, longest, body = KEPT_HEADERS | gateway.webhook_headers, LONGEST_HEADER, request.body
        if not note.is_signed:  # where the payment is known, nobody needs what a stranger says beyond its name
            longest, body = LONGEST_HINT_HEADER, b"" if payment_id else body[:KEPT_HINT_BYTES]
        headers = {name: value[:longest] for name, value in request.headers.items() if name in kept}
        due_at: datetime | None = request.at
        if note.reference is None and note.gateway_ref is None:
            due_at = None if note.is_signed else request.at + self._after(HINTS_KEPT_S)
        return Arrival(
            id=ids.uuid7(),
            gateway=gateway.name,
            # A forged hint of the same news must not stand in the place of the signed one.
            dedupe_key=note.dedupe_key if note.is_signed else f"hint:{note.dedupe_key}",
            proof="signature" if note.is_signed else "hint",
            kind=note.kind,
            headers=msgspec.json.encode(headers).decode(),
            body=body,
            source=source,
            payment_id=payment_id,
            reference=note.reference,
            gateway_ref=note.gateway_ref,
            at=request.at,
            due_at=due_at,
            repeat_at=due_at and max(due_at, request.at + self._after(REPEAT_AFTER_S)),
        )

    async def apply(self, webhook_id: UUID) -> None:
        """Apply a webhook, and with it all that wait for the same attempt. Safe to repeat."""
        webhook = await self.inbox.get(webhook_id)
        if webhook is None or not webhook.is_waiting:
            return None
        if webhook.reference is None and webhook.gateway_ref is None:
            return await self.inbox.drop(webhook)
        payment_id = webhook.payment_id
        if payment_id is None:
            payment_id = await self._payments.holder_of(webhook.gateway, webhook.lookup_hint)
        if payment_id is None:
            return await self._unknown(webhook)
        # One at a time: a webhook that came during a look-up gets one of its own, those that waited before it need none.
        turn = self._turns.setdefault(payment_id, asyncio.Lock())
        async with turn:
            again = await self.inbox.get(webhook_id)
            if again is not None and again.is_waiting and again.apply_attempts == webhook.apply_attempts:
                await self._look_into(again, payment_id)
        return None

    async def _look_into(self, webhook: Webhook, payment_id: UUID) -> None:
        """Verify the attempt that it points at, once for all webhooks that wait for that attempt."""
        seen = {each.id: each for each in [*await self.inbox.waiting_for(payment_id, webhook), webhook]}
        try:
            attempt = attempt_of(webhook, await self._payments.get(payment_id, None))
        except NotFound:
            attempt = None
        if attempt is None:
            return await self._unknown(webhook)
        hint = webhook.lookup_hint
        alike = [each for each in seen.values() if each.asks_as(webhook)]
        try:
            result = await self._payments.verify(
                payment_id,
                trigger="webhook",
                attempt_id=attempt.id,
                webhook=(webhook.gateway, hint),
                is_news=not all(each.is_hint for each in alike),
            )
        except GatewayUnavailable:
            return await self._unanswered(alike, "its gateway is not configured here")
        if not result.is_answered:
            return await self._unanswered(alike, "the gateway did not answer the look-up")
        now = self._now()
        answered = [each for each in seen.values() if is_answered_with(each, webhook, result)]
        await self.inbox.applied(answered, payment_id, now)
        for each in answered:
            VERIFICATION_LAG.labels(each.gateway).observe((now - each.last_received_at).total_seconds())
        return None

    async def parked(self, limit: int) -> list[Webhook]:
        """Webhooks that wait for a person, parked or tried in vain for over an hour: signed ones first."""
        return await self.inbox.parked(limit)

    async def dismiss(self, webhook_id: UUID, note: str) -> Webhook:
        """End one of those by a person's word, which stays with it. Raises NotFound where it is none of them."""
        dismissed = await self.inbox.dismiss(webhook_id, self._now(), f"dismissed: {note}")
        if dismissed is None:
            raise NotFound()
        log.info("webhook_dismissed", gateway=dismissed.gateway, webhook_id=dismissed.public_id)
        return dismissed

    async def gauges(self) -> Mapping[str, tuple[str, float]]:
        """What waits now, for `/metrics`."""
        waiting, parked = await self.inbox.counts()
        return {
            "onetill_webhooks_waiting": ("Kept webhooks that wait to be looked into.", float(waiting)),
            "onetill_webhooks_parked_now": ("Webhooks that a person must look at.", float(parked)),
        }

    async def put_off(self, webhook_id: UUID, note: str) -> None:
        """Try a webhook later whose processing failed."""
        webhook = await self.inbox.get(webhook_id)
        if webhook is not None and webhook.is_waiting:
            await self._unanswered([webhook], note)

    async def _unknown(self, webhook: Webhook) -> None:
        """Try later one that names nobody of ours, and in the end drop it where anybody may have sent it."""
        await self._try_later([webhook], UNKNOWN_HINT_AGAIN if webhook.is_hint else UNKNOWN_AGAIN, UNKNOWN)

    async def _unanswered(self, webhooks: Iterable[Webhook], note: str) -> None:
        for webhook in webhooks:
            await self._try_later([webhook], UNANSWERED_HINT_AGAIN if webhook.is_hint else UNANSWERED_AGAIN, note)

    async def _try_later(self, webhooks: Iterable[Webhook], waits: tuple[int, ...], note: str) -> None:
        now = self._now()
        for webhook in webhooks:
            if webhook.apply_attempts >= len(waits):
                if webhook.is_hint and webhook.payment_id is None:
                    await self.inbox.drop(webhook)
                elif await self.inbox.park(webhook, now, note):
                    log.warning("webhook_parked", gateway=webhook.gateway, webhook_id=webhook.public_id, note=note)
                    WEBHOOKS_PARKED.labels(webhook.gateway).inc()
                continue
            wait_s = waits[webhook.apply_attempts] * (1 + JITTER * random.random())  # noqa: S311  spreads load, guards nothing
            await self.inbox.put_off(webhook, now + self._after(wait_s), note)

    def _after(self, seconds: float) -> timedelta:
        return timedelta(seconds=self._settings.seconds(seconds))


def longest_body(gateway: SendsWebhooks, headers: Mapping[str, str]) -> int:
    """How many bytes of a webhook with these headers are read, packed or not."""
    return MAX_HINT_BYTES if gateway.is_hint(headers) else MAX_BODY_BYTES


def _unpacked(body: bytes, limit_bytes: int) -> bytes:
    try:
        return unpacked(body, limit_bytes)
    except TooLarge:
        raise BodyTooLarge(limit_bytes=limit_bytes) from None
    except ValueError:
        raise InvalidRequest(("body", "is compressed and cannot be unpacked")) from None
