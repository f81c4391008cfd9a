"""What the API, the checkout page, the worker and the commands do with payments. One method per intent."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from app.domain.clock import Now, utc_now
from app.domain.errors import GatewayUnavailable, InvalidRequest, OnetillError, OrderTaken, PaymentNotOpen
from app.domain.schedule import LATE_CAPTURE, LOOK_FIRST_S, STRANGER_WAIT_S
from app.domain.states import PAYMENT_UNPAID, AttemptStatus, PaymentStatus
from app.gateways.port import Gateway
from app.gateways.registry import Registry
from app.gateways.values import Capability, LookupHint, PageSources
from app.idempotency.service import Answered, Idempotency, Intent, TakeOver
from app.ledger.model import Attempt, Payment, Search
from app.ledger.repository import KeyAlreadyClaimed, KeyState, OrderAlreadyClaimed, PaymentRepository
from app.ledger.transitions import Event, Trigger, step
from app.payments.attempts import AttemptOpener, Render
from app.payments.charge_request import next_charge
from app.payments.new_payment import NewPayments
from app.payments.schemas import CreatePayment
from app.payments.sync import ask_about_all
from app.refunds.processor import RefundProcessor
from app.settings import Settings
from app.verification.context import VerificationContext, VerificationResult
from app.verification.gateway_log import GatewayLog
from app.verification.verify import Verifier


class PaymentService:
    """Payments of one deployment. Safe to share between tasks; holds no state but the verifications under way."""

    def __init__(
        self,
        repository: PaymentRepository,
        registry: Registry,
        idempotency: Idempotency,
        gateway_log: GatewayLog,
        verifier: Verifier,
        processor: RefundProcessor,
        settings: Settings,
        now: Now = utc_now,
    ) -> None:
        self._repository = repository
        self._registry = registry
        self._idempotency = idempotency
        self._settings = settings
        self._now = now
        self._new_payments = NewPayments(repository.history_key, registry, settings, now)
        self._opener = AttemptOpener(repository, settings, now, idempotency.sealed)
        self._gateway_log = gateway_log
        self._verifier = verifier
        self._running: dict[object, asyncio.Task[VerificationResult]] = {}
        self._processor = processor

    async def create(self, store: str, request: CreatePayment, intent: Intent, render: Render) -> Answered:
        """Store a payment and open its first attempt. The same intent again yields the same answer, or goes on with it.

        Raises InvalidRequest before anything is stored; OrderTaken; the idempotency errors; GatewayError with
        `payment_id` when the payment is stored and its attempt could not be opened.
        """
        async with self._idempotency.working(intent) as leased:
            return await self._create(store, request, leased, render)

    async def _create(self, store: str, request: CreatePayment, intent: Intent, render: Render) -> Answered:
        try:
            payment, gateway = self._new_payments.make(store, request)
        except InvalidRequest:
            # What was right when it was stored stays answered, whatever the settings say by now.
            known = await self._idempotency.resume(intent)
            if isinstance(known, Answered):
                return known
            if isinstance(known, TakeOver):
                await self._idempotency.release(intent)
            raise
        begun = self._opener.begin(payment, gateway, "api")
        running = replace(_key_state(intent), lease_until=intent.until)
        try:
            await self._repository.create(begun, running)
        except (KeyAlreadyClaimed, OrderAlreadyClaimed) as error:
            # A repeated call trips over both claims; the key knows better what it is.
            known = await self._idempotency.resume(intent)
            if isinstance(known, Answered):
                return known
            if isinstance(known, TakeOver):
                return await self._go_on(known.payment_id, intent, "api", render)
            if isinstance(error, OrderAlreadyClaimed) and await self._order_came_free(store, request.order_id):
                return await self._create(store, request, intent, render)
            raise await self._order_taken(store, request.order_id) from error
        return await self._open(begun.after, gateway, "api", intent, render)

    async def _order_came_free(self, store: str, order_id: str) -> bool:
        """Whether the order is free by now: its payment's time is over, which is verified here, or all its money went back."""
        payment = await self._holder(store, order_id)
        if payment is None:
            return True
        if payment.status is PaymentStatus.REFUNDED and self._settings.reorder_after_refund:
            await self._repository.free_order(payment)
            return True
        if payment.status not in PAYMENT_UNPAID or payment.expires_at > self._now():
            return False
        try:
            result = await self.verify(payment.id, trigger="api")
        except GatewayUnavailable:
            # Nobody can ask how it ended. It has expired all the same, or a person is called and can close it.
            return await self._holder(store, order_id) is None
        return result.payment.status is PaymentStatus.EXPIRED

    async def _holder(self, store: str, order_id: str) -> Payment | None:
        holder = await self._repository.holder_of_order(store, order_id)
        return await self._repository.load(holder) if holder else None

    async def _order_taken(self, store: str, order_id: str) -> OrderTaken:
        if (payment := await self._holder(store, order_id)) is None:
            return OrderTaken(order_id=order_id)
        return OrderTaken(order_id=order_id, payment_id=payment.public_id, payment_status=str(payment.status))

    async def attempt(
        self, payment_id: UUID, store: str | None, gateway_name: str | None, intent: Intent | None, render: Render
    ) -> Answered:
        """Open a further attempt, once the windows before it have been looked at: the buyer may just have paid in one.

        Raises NotFound, PaymentNotOpen, PaymentProcessing, InvalidRequest, GatewayError.
        """
        payment = await self.get(payment_id, store)
        gateway = self._registry.named(gateway_name or payment.gateway)
        gateway.check(next_charge(payment, self._settings.public_url, gateway))
        used = {payment.gateway, *(attempt.gateway for attempt in payment.attempts)}
        if store is None and gateway.name not in used and gateway not in self.allowed_gateways(payment):
            raise InvalidRequest(("gateway", f"{gateway.name} is not offered for this payment"))
        trigger: Trigger = "api" if store else "browser"
        if intent is None:
            return await self._attempt(payment, gateway, trigger, None, render)
        async with self._idempotency.working(intent) as leased:
            return await self._attempt(payment, gateway, trigger, leased, render)

    async def _attempt(
        self, payment: Payment, gateway: Gateway, trigger: Trigger, intent: Intent | None, render: Render
    ) -> Answered:
        if intent is not None:
            known = await self._idempotency.claim(intent, payment.id)
            if isinstance(known, Answered):
                return known
            stored_by_it = known.since is not None and payment.last_attempt.created_at >= known.since
            if stored_by_it and payment.status in PAYMENT_UNPAID:
                return await self._go_on(payment.id, intent, trigger, render)
        payment = await self._look_first(payment, trigger)
        try:
            if self._opener.can_reopen(payment.last_attempt, gateway) and not payment.last_attempt.is_busy(self._now()):
                payment = await self._opener.again(payment, gateway)
            else:
                payment = await self._opener.further_attempt(payment, gateway, trigger)
        except OnetillError:
            if intent is not None and (stored := await self._idempotency.release(intent)) is not None:
                return stored
            raise
        return await self._open(payment, gateway, trigger, intent, render)

    async def _look_first(self, payment: Payment, trigger: Trigger) -> Payment:
        """Ask about the newest window of each gateway that may still bring money, all at once, and return the payment.

        A gateway that cannot be asked, or not within `LOOK_FIRST_S`, keeps nobody from paying elsewhere: its look goes on. What
        is then paid twice is refunded.
        """
        newest = {a.gateway: a for a in payment.attempts if a.is_undecided and a.next_action is not None}
        if payment.status not in {PaymentStatus.OPEN, PaymentStatus.AWAITING_DEPOSIT} or not newest:
            return payment
        looks = [
            asyncio.create_task(self.verify(payment.id, trigger=trigger, attempt_id=attempt.id))
            for attempt in newest.values()
        ]
        done, late = await asyncio.wait(looks, timeout=LOOK_FIRST_S)
        for look in late:
            look.cancel()  # the verification is shared, and goes on
        failures = [error for look in done if (error := look.exception()) is not None]
        if unexpected := [error for error in failures if not isinstance(error, GatewayUnavailable)]:
            raise unexpected[0]
        return await self.get(payment.id, None)

    async def get(self, payment_id: UUID, store: str | None) -> Payment:
        """One payment. `store` None: the caller's right to it is already proven. Raises NotFound."""
        return await self._repository.load(payment_id, store)

    async def ended(self, payment_id: UUID) -> Payment | None:
        """The payment, once it has ended and its client token only reads how. Raises NotFound.

        One that ended without money may still get what its buyer was just paying: for `LATE_CAPTURE` it is asked about.
        """
        payment = await self.get(payment_id, None)
        if payment.status in PAYMENT_UNPAID:
            return None
        may_be_late = payment.status in {PaymentStatus.EXPIRED, PaymentStatus.CANCELED}
        until = payment.expires_at + LATE_CAPTURE / self._settings.time_scale
        return None if may_be_late and self._now() < until else payment

    async def search(self, search: Search) -> list[Payment]:
        """One page, newest first."""
        return await self._repository.search(search)

    async def events(
        self, payment_id: UUID, store: str | None, after_seq: int, limit: int
    ) -> list[tuple[Event, bytes]]:
        """The audit trail of a payment. Raises NotFound."""
        await self.get(payment_id, store)
        return await self._repository.events(payment_id, after_seq, limit)

    async def verify(
        self,
        payment_id: UUID,
        *,
        trigger: Trigger,
        store: str | None = None,
        attempt_id: UUID | None = None,
        callback: Mapping[str, str] | None = None,
        webhook: tuple[str, LookupHint] | None = None,
        is_news: bool = False,
    ) -> VerificationResult:
        """Ask the gateway now; see `Verifier.verify`. Where money of the attempt has moved, its refunds are processed too.

        With a `callback`, also an empty one, the buyer came back, which is kept: looks follow soon, whatever it brought.
        Callers that ask the same share one answer; a caller that is canceled does not cancel it for the others.
        """
        fields = None if callback is None else tuple(sorted(callback.items()))
        asked = (payment_id, store, attempt_id, fields, webhook, is_news)
        task = self._running.get(asked)
        if task is None:
            has_returned = callback is not None
            context = VerificationContext(trigger, store, attempt_id, callback or {}, webhook, has_returned, is_news)
            task = self._running[asked] = asyncio.create_task(self._verified(payment_id, context))
            task.add_done_callback(lambda _: self._running.pop(asked, None))
        return await asyncio.shield(task)

    async def _verified(self, payment_id: UUID, context: VerificationContext) -> VerificationResult:
        """Verify, store what was seen of the refunds, and only then let the attempt rest: in that order nothing is lost.

        What the processor could not store is still to be looked into: the attempt stays due, and so does a webhook.
        """
        result, trigger = await self._verifier.verify(payment_id, context), context.trigger
        if result.fetched is None or result.attempt_id is None:
            return result
        seen = (result.payment, result.fetched)
        processed = await self._processor.process(result.payment.id, result.attempt_id, trigger, seen=seen)
        if not processed.is_complete:
            return replace(result, payment=processed.payment, is_answered=False)
        if result.looked_at is None:
            return replace(result, payment=processed.payment)
        rested = await self._verifier.rest(processed.payment, result.attempt_id, trigger, result.looked_at)
        return replace(result, payment=rested)

    async def sync(self, payment_id: UUID, store: str | None) -> VerificationResult:
        """Ask the gateways now about every attempt that may hold money, also a captured one: there may be an external refund.

        Safe to repeat. Raises NotFound, or GatewayUnavailable where the kept attempt, or none, could be asked.
        """

        async def verify(attempt: Attempt) -> VerificationResult:
            return await self.verify(payment_id, trigger="api", store=store, attempt_id=attempt.id)

        return await ask_about_all(await self.get(payment_id, store), verify)

    async def cancel(self, payment_id: UUID, store: str | None) -> Payment:
        """Close an unpaid payment. Its undecided attempts go on being verified; a late capture is refunded.

        Safe to repeat: a canceled payment is answered as it is. Raises NotFound, or PaymentNotOpen once money is kept.
        """
        while True:
            payment = await self.get(payment_id, store)
            if payment.status is PaymentStatus.CANCELED:
                return payment
            if payment.status not in PAYMENT_UNPAID:
                raise PaymentNotOpen(status=str(payment.status), payment_id=payment.public_id)
            attempt = payment.last_attempt
            look_at: dict[str, Any] = {"next_check_at": self._now()} if attempt.is_undecided else {}
            closed = step(
                payment,
                attempt,
                attempt.status,
                at=self._now(),
                trigger="api",
                reason="canceled_by_shop",
                evidence={},
                payment_to=PaymentStatus.CANCELED,
                late_capture=LATE_CAPTURE / self._settings.time_scale,
                **look_at,
            )
            if await self._repository.apply(closed):
                return await self._void(closed.after)

    async def _void(self, payment: Payment) -> Payment:
        """Verify at once where a gateway can void, which closes what stands open there. The sweep does what fails here."""
        for attempt in payment.attempts:
            gateway = self._registry.holding(attempt.gateway, attempt.account)
            if attempt.is_undecided and gateway is not None and Capability.VOID in gateway.capabilities:
                payment = (await self.verify(payment.id, trigger="api", attempt_id=attempt.id)).payment
        return payment

    async def holder_of(self, gateway: str, hint: LookupHint) -> UUID | None:
        """The payment of ours that a hint points at, whichever of its names does."""
        return await self._repository.holder_of(gateway, hint.reference, hint.gateway_ref)

    async def gauges(self) -> Mapping[str, tuple[str, float]]:
        """Return how long undecided attempts have waited, for `/metrics`."""
        age_s, overdue_s = await self._repository.backlog(self._now())
        return {
            "onetill_oldest_undecided_seconds": ("Age of the oldest attempt that is not decided.", age_s),
            "onetill_sweep_overdue_seconds": ("How long the longest overdue look is overdue.", overdue_s),
        }

    async def attempt_of_callback(self, gateway_name: str, fields: Mapping[str, str]) -> tuple[Payment, Attempt] | None:
        """Find the attempt that a redirect's query names: by our reference, else by the gateway's own.

        None when it names none, or one of another gateway than the redirect came from (law 14).
        """
        gateway = self._registry.get(gateway_name)
        if gateway is None:
            return None
        hint = gateway.parse_callback(fields)
        payment_id = await self.holder_of(gateway.name, hint)
        if payment_id is None:
            return None
        payment = await self.get(payment_id, None)
        for attempt in payment.attempts:
            named, own = (
                (hint.reference, attempt.reference) if hint.reference else (hint.gateway_ref, attempt.gateway_ref)
            )
            if attempt.gateway == gateway.name and named == own:
                return payment, attempt
        return None

    async def look_soon(self, payment: Payment, attempt: Attempt) -> None:
        """Bring the sweep's next look at an attempt forward, to `STRANGER_WAIT_S` from now. Repeating it changes nothing.

        For a browser whose right to the payment is not proven: it sets off one look in that time, with nothing of what it
        brought, and the attempt's schedule goes on afterwards where it was (laws 14 and 15).
        """
        soon = self._now() + timedelta(seconds=self._settings.seconds(STRANGER_WAIT_S))
        if attempt.is_undecided and attempt.next_check_at is not None and attempt.next_check_at > soon:
            looks = max(0, attempt.lookup_attempts - 1)
            await self._repository.reschedule(
                payment.id, attempt, replace(attempt, lookup_attempts=looks, next_check_at=soon)
            )

    def allowed_gateways(self, payment: Payment) -> list[Gateway]:
        """Where the buyer may pay this order, in the order of the routing rules."""
        return self._registry.allowed(partial(next_charge, payment, self._settings.public_url))

    def page_sources(self, payment: Payment) -> PageSources:
        """What the checkout page of this payment may load: the parts of its newest attempt's gateway."""
        gateway = self._registry.get(payment.last_attempt.gateway)
        return gateway.page if gateway else PageSources()

    async def _go_on(self, payment_id: UUID, intent: Intent, trigger: Trigger, render: Render) -> Answered:
        """Go on from what is stored, after the process or the gateway failed while this intent was served."""
        payment = await self.get(payment_id, None)
        attempt = payment.last_attempt
        gateway = self._registry.named(attempt.gateway)
        if attempt.next_action is not None or payment.status not in PAYMENT_UNPAID:
            return await self._idempotency.finish(intent, Answered(201, render(payment)))
        can_reopen = self._opener.can_reopen(attempt, gateway)
        if attempt.status is not AttemptStatus.FAILED and not can_reopen:
            # This gateway takes a reference once. Nobody holds the key to what the lost call may have opened.
            payment = (await self.verify(payment_id, trigger=trigger, attempt_id=attempt.id)).payment
        try:
            if can_reopen:
                payment = await self._opener.again(payment, gateway)
            else:
                payment = await self._opener.further_attempt(payment, gateway, trigger)
        except OnetillError:
            if (stored := await self._idempotency.release(intent)) is not None:
                return stored
            raise
        return await self._open(payment, gateway, trigger, intent, render)

    async def _open(
        self, payment: Payment, gateway: Gateway, trigger: Trigger, intent: Intent | None, render: Render
    ) -> Answered:
        try:
            with self._gateway_log.keeping(payment.id):
                key = _key_state(intent) if intent else None
                return Answered(201, await self._opener.open(payment, gateway, trigger, render, key))
        except OnetillError:
            if intent is not None:
                await self._idempotency.let_go(intent)
                if (stored := await self._idempotency.stored(intent)) is not None:
                    return stored  # by somebody who took the key over, and so has moved the payment
            raise


def _key_state(intent: Intent) -> KeyState:
    return KeyState(scope=intent.scope, key=intent.key, fingerprint=intent.fingerprint)
