"""Keeps webhooks and verifies the payments that they point at. Their content never sets a status."""

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from uuid import UUID
from weakref import WeakValueDictionary

import msgspec

from app.domain import ids
from app.domain.clock import Now, utc_now
from app.domain.errors import GatewayUnavailable, InvalidRequest, NotFound
from app.domain.schedule import JITTER, REPEAT_AFTER_S, UNANSWERED_AGAIN, UNKNOWN_AGAIN
from app.gateways.port import LookupHint, ParsedWebhook, SendsWebhooks, WebhookRequest
from app.gateways.registry import Registry
from app.logs import get_logger
from app.metrics import VERIFICATION_LAG, WEBHOOKS_KEPT, WEBHOOKS_PARKED
from app.payments.service import PaymentService
from app.settings import Settings
from app.webhooks.inbox import Inbox
from app.webhooks.model import Arrival, Webhook

DUE_KIND = "webhooks"
"""The name of its due work."""

LONGEST = 200
"""Characters of any name in a webhook; real ones are far below."""

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
        self._inbox = inbox
        self._wake = wake
        self._payments = payments
        self._registry = registry
        self._settings = settings
        self._now = now
        self._turns: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    def gateway(self, name: str) -> SendsWebhooks | None:
        """The configured gateway of that name that sends webhooks, or None."""
        gateway = self._registry.get(name)
        return gateway if isinstance(gateway, SendsWebhooks) else None

    async def receive(self, gateway: SendsWebhooks, request: WebhookRequest, source: str | None) -> ParsedWebhook:
        """Check it and keep it; it is durable when this returns. Safe to repeat.

        Raises WebhookRefused, or InvalidRequest for a body that says nothing; then nothing is kept.
        """
        note = gateway.parse_webhook(request)
        if not all(_is_name(each) for each in (note.kind, note.reference, note.gateway_ref)):
            raise InvalidRequest(("body", "names what no gateway would: too long, or with control characters"))
        speaks_of_payment = note.reference is not None or note.gateway_ref is not None
        arrival = Arrival(
            id=ids.uuid7(),
            gateway=gateway.name,
            dedupe_key=note.dedupe_key,
            proof="signature" if note.is_signed else "hint",
            kind=note.kind,
            headers=msgspec.json.encode(dict(request.headers)).decode(),
            body=request.body,
            source=source,
            payment_id=ids.payment_of_reference(note.reference) if note.reference else None,
            reference=note.reference,
            gateway_ref=note.gateway_ref,
            at=request.at,
            is_due=speaks_of_payment,
            repeat_at=request.at + timedelta(seconds=self._settings.seconds(REPEAT_AFTER_S)),
        )
        is_new = await self._inbox.keep(arrival)
        if is_new and arrival.is_due:
            self._wake(DUE_KIND)
        WEBHOOKS_KEPT.labels(gateway.name, arrival.proof).inc()
        log.info("webhook_kept", gateway=gateway.name, kind=note.kind, proof=arrival.proof, is_new=is_new)
        return note

    async def apply(self, webhook_id: UUID) -> None:
        """Apply a webhook, and with it all that wait for the same payment. Safe to repeat."""
        webhook = await self._inbox.get(webhook_id)
        if webhook is None or not webhook.is_waiting:
            return None
        payment_id = webhook.payment_id
        if payment_id is None and webhook.gateway_ref is not None:
            payment_id = await self._payments.holder_of_ref(webhook.gateway, webhook.gateway_ref)
        if payment_id is None:
            return await self._try_later([webhook], UNKNOWN_AGAIN, "no payment of ours has this reference")
        # One at a time: a webhook that came during a look-up gets one of its own, those that waited before it need none.
        turn = self._turns.setdefault(payment_id, asyncio.Lock())
        async with turn:
            again = await self._inbox.get(webhook_id)
            if again is not None and again.is_waiting and again.apply_attempts == webhook.apply_attempts:
                await self._look_into(again, payment_id)
        return None

    async def _look_into(self, webhook: Webhook, payment_id: UUID) -> None:
        """Verify once for all webhooks that wait for this payment; those with the hint of `webhook` share its outcome."""
        together = {each.id: each for each in [webhook, *await self._inbox.waiting_for(payment_id)]}
        hint = _hint(webhook)
        alike = [e for e in together.values() if (e.gateway, _hint(e)) == (webhook.gateway, hint)]
        looked_at = self._now()
        try:
            result = await self._payments.verify(payment_id, trigger="webhook", webhook=(webhook.gateway, hint))
        except NotFound:
            return await self._try_later(alike, UNKNOWN_AGAIN, "no payment of ours has this reference")
        except GatewayUnavailable:
            return await self._try_later(alike, UNANSWERED_AGAIN, "its gateway is not configured here")
        if not result.is_answered:
            return await self._try_later(alike, UNANSWERED_AGAIN, "the gateway did not answer the look-up")
        now = self._now()
        # What pointed at somebody else's money may be forged: it does not speak for the others.
        answered = alike if result.mismatch else list(together.values())
        await self._inbox.applied([each.id for each in answered], payment_id, now, looked_at)
        for each in answered:
            VERIFICATION_LAG.labels(each.gateway).observe((now - each.last_received_at).total_seconds())
        return None

    async def forget_old(self, limit: int) -> int:
        """Delete applied webhooks after `keep_webhooks_days`: they hold buyers' data."""
        before = self._now() - timedelta(days=self._settings.keep_webhooks_days)
        return await self._inbox.forget_applied(before, limit)

    async def gauges(self) -> Mapping[str, tuple[str, float]]:
        """What waits now, for `/metrics`."""
        waiting, parked = await self._inbox.counts()
        return {
            "onetill_webhooks_waiting": ("Kept webhooks that wait to be looked into.", float(waiting)),
            "onetill_webhooks_parked_now": ("Webhooks that a person must look at.", float(parked)),
        }

    async def put_off(self, webhook_id: UUID, note: str) -> None:
        """Try a webhook later whose processing failed."""
        webhook = await self._inbox.get(webhook_id)
        if webhook is not None and webhook.is_waiting:
            await self._try_later([webhook], UNANSWERED_AGAIN, note)

    async def _try_later(self, webhooks: Iterable[Webhook], waits: tuple[int, ...], note: str) -> None:
        now = self._now()
        for webhook in webhooks:
            if webhook.apply_attempts >= len(waits):
                log.warning("webhook_parked", gateway=webhook.gateway, webhook_id=str(webhook.id), note=note)
                await self._inbox.park(webhook.id, now, note)
                WEBHOOKS_PARKED.labels(webhook.gateway).inc()
                continue
            wait_s = waits[webhook.apply_attempts] * (1 + JITTER * random.random())  # noqa: S311  spreads load, guards nothing
            await self._inbox.put_off(webhook.id, now + timedelta(seconds=self._settings.seconds(wait_s)), note)


def _hint(webhook: Webhook) -> LookupHint:
    return LookupHint(webhook.gateway_ref, webhook.reference)


def _is_name(text: str | None) -> bool:
    """Whether a stranger's text may be stored and asked about. Postgres stores no NUL."""
    return text is None or (len(text) <= LONGEST and text.isprintable())
