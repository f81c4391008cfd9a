"""Opening an attempt at a gateway: the intent is stored, then the gateway is called, then its answer is stored.

No money moves here. A refusal or an unreachable gateway fails the attempt; a lost answer leaves it `unknown`. Either way
the payment stays, and whoever asks next goes on where this stopped: with the same attempt where its gateway opens one twice.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import takewhile
from math import ceil

import msgspec

from app.db.insist import insist
from app.domain import ids
from app.domain.clock import Now
from app.domain.errors import (
    GatewayError,
    GatewayRefused,
    GatewayTimeout,
    GatewayUnavailable,
    IllegalTransition,
    PaymentNotOpen,
    PaymentProcessing,
    TooManyAttempts,
)
from app.domain.schedule import UNOPENED_AGAIN, WRITE_S, next_look
from app.domain.states import PAYMENT_UNPAID, AttemptStatus, PaymentStatus
from app.gateways.port import Gateway
from app.gateways.values import Capability, Failure
from app.ledger.model import Attempt, Payment
from app.ledger.repository import KeyState, PaymentRepository
from app.ledger.transitions import Step, Trigger, step
from app.payments.charge_request import charge, encode_action
from app.settings import Settings

RETRY_PROCESSING_S = 2
MAX_ATTEMPTS = 50
"""A buyer's browser may open attempts; so many windows are enough for any buyer. Those that did not open count for nothing."""

_MAY_OPEN = frozenset({AttemptStatus.CREATED, AttemptStatus.UNKNOWN, AttemptStatus.FAILED})

Render = Callable[[Payment], bytes]
"""Makes the answer's bytes out of a payment; given in, so that the answer is stored in the commit that it tells of."""
Sealed = Callable[[bytes, str, str], bytes]
"""An answer as it is stored for the key of a scope, without the client token."""


class AttemptOpener:
    """Opens attempts, first ones and further ones."""

    def __init__(self, repository: PaymentRepository, settings: Settings, now: Now, sealed: Sealed) -> None:
        self._repository = repository
        self._sealed = sealed
        self._settings = settings
        self._now = now

    def begin(self, payment: Payment, gateway: Gateway, trigger: Trigger) -> Step:
        """Return the step of the next attempt that is about to be opened, which is a new payment's first."""
        now = self._now() if payment.attempts else payment.created_at
        lease = self._lease(gateway, now)
        attempt = Attempt(
            id=ids.uuid7(),
            number=payment.next_number,
            gateway=gateway.name,
            reference=ids.reference(payment.id, payment.next_number),
            status=AttemptStatus.CREATED,
            created_at=now,
            account=gateway.account,
            busy_until=lease,
            next_check_at=lease,
        )
        return step(
            payment,
            attempt,
            AttemptStatus.CREATED,
            at=now,
            trigger=trigger,
            reason="attempt_created" if payment.attempts else "created",
            evidence={"amount_minor": payment.amount.minor, "currency": payment.amount.currency},
        )

    async def further_attempt(self, payment: Payment, gateway: Gateway, trigger: Trigger) -> Payment:
        """Store a further attempt that is about to be opened.

        Raises PaymentNotOpen, PaymentProcessing while an earlier attempt may still bring money any moment, or the stored
        GatewayError of the attempt before while its gateway is given a pause.
        """
        self._check_is_open(payment)
        if sum(attempt.may_hold_money for attempt in payment.attempts) >= MAX_ATTEMPTS:
            raise TooManyAttempts(payment_id=payment.public_id, limit=MAX_ATTEMPTS)
        if payment.status is PaymentStatus.PROCESSING:
            raise PaymentProcessing(payment_id=payment.public_id, retry_after_s=RETRY_PROCESSING_S)
        self._check_may_ask(payment, gateway)
        begun = self.begin(payment, gateway, trigger)
        if not await self._repository.apply(begun):
            raise IllegalTransition(source=str(payment.status), target="created")
        return begun.after

    def _check_is_open(self, payment: Payment) -> None:
        has_run_out = payment.status in PAYMENT_UNPAID and payment.expires_at <= self._now()
        if has_run_out or payment.status not in PAYMENT_UNPAID:
            status = PaymentStatus.EXPIRED if has_run_out else payment.status
            raise PaymentNotOpen(status=str(status), payment_id=payment.public_id)

    def _check_may_ask(self, payment: Payment, gateway: Gateway) -> None:
        """Raise the error of the last attempt here while the gateway, which opened none of the newest ones, has its pause.

        Each costs rows that are kept, however often a shop asks while the gateway is down.
        """
        newest = takewhile(lambda attempt: not attempt.was_opened, reversed(payment.attempts))
        unopened = [a for a in newest if a.gateway == gateway.name and gateway.has_opened(a.account) and a.ended_at]
        if not unopened:
            return
        last, wait_s = unopened[0], UNOPENED_AGAIN[min(len(unopened), len(UNOPENED_AGAIN)) - 1]
        assert last.ended_at is not None
        left_s = self._settings.seconds(wait_s) - (self._now() - last.ended_at).total_seconds()
        if left_s > 0:
            said = {"payment_id": payment.public_id, "gateway": gateway.name, "retry_after_s": ceil(left_s)}
            failure = msgspec.json.decode(last.failure, type=Failure) if last.failure else None
            if failure is not None and failure.code == GatewayRefused.code:
                raise GatewayRefused(**said, raw_code=failure.raw_code)
            raise GatewayUnavailable(**said)

    def can_reopen(self, attempt: Attempt, gateway: Gateway) -> bool:
        """Whether the gateway opens this attempt, in whose window nobody can have been, under the same reference."""
        is_its = attempt.gateway == gateway.name and gateway.has_opened(attempt.account)
        is_unopened = not attempt.was_opened and attempt.status in _MAY_OPEN
        return is_its and is_unopened and Capability.REOPEN in gateway.capabilities

    async def again(self, payment: Payment, gateway: Gateway) -> Payment:
        """Take the lease on opening the last attempt again. Its intent is stored, so no step: an outage leaves no rows.

        Raises PaymentNotOpen, or PaymentProcessing while an earlier attempt may still bring money any moment.
        """
        self._check_is_open(payment)
        attempt, lease = payment.last_attempt, self._lease(gateway, self._now())
        is_lost = attempt.status is AttemptStatus.UNKNOWN
        others = {each.status for each in payment.attempts[:-1]}
        if payment.status is PaymentStatus.PROCESSING and (not is_lost or AttemptStatus.UNKNOWN in others):
            raise PaymentProcessing(payment_id=payment.public_id, retry_after_s=RETRY_PROCESSING_S)
        leased = replace(
            attempt, busy_until=lease, next_check_at=lease if attempt.is_undecided else attempt.next_check_at
        )
        if not await self._repository.reschedule(payment.id, attempt, leased):
            raise IllegalTransition(source=str(attempt.status), target="pending")
        return replace(payment, attempts=(*payment.attempts[:-1], leased))

    async def open(
        self, payment: Payment, gateway: Gateway, trigger: Trigger, render: Render, key: KeyState | None
    ) -> bytes:
        """Create the last attempt's session at its gateway, store it, and return the answer that `render` makes.

        The caller's `key` keeps that answer in the same commit, and may be free again when the gateway failed. Raises the
        gateway's error with `payment_id`.
        """
        attempt = payment.last_attempt
        try:
            opened = await gateway.create_session(
                charge(payment, attempt.reference, gateway.name, self._settings.public_url)
            )
        except GatewayError as error:
            await self._store_failure(payment, attempt, error, trigger, key)
            raise type(error)(**error.details | {"payment_id": payment.public_id}) from error
        now = self._now()
        done = step(
            payment,
            attempt,
            AttemptStatus.PENDING,
            at=now,
            trigger=trigger,
            reason="opened",
            evidence={"next_action": opened.next_action.get("type")},
            gateway_ref=opened.gateway_ref,
            next_action=encode_action(opened.next_action).decode(),
            failure=None,
            busy_until=None,
            next_check_at=min(
                next_look(now, 0, returned=False, time_scale=self._settings.time_scale), payment.expires_at
            ),
        )
        answer = render(done.after)
        answered = replace(key, status=201, answer=self._sealed(answer, key.scope, key.key)) if key else None
        if not await insist(partial(self._repository.apply, done, answered), attempt.busy_until, self._now):
            raise IllegalTransition(source=str(attempt.status), target="pending")
        return answer

    async def _store_failure(
        self, payment: Payment, attempt: Attempt, error: GatewayError, trigger: Trigger, released: KeyState | None
    ) -> None:
        now = self._now()
        is_lost = isinstance(error, GatewayTimeout)
        look_at = next_look(now, 0, returned=True, time_scale=self._settings.time_scale)
        if attempt.status is AttemptStatus.FAILED or (is_lost and attempt.status is AttemptStatus.UNKNOWN):
            # Opened again in vain: nobody has its window, and nothing has happened that is not stored.
            let_go = replace(attempt, busy_until=None, next_check_at=look_at if is_lost else attempt.next_check_at)
            unchanged = partial(self._repository.reschedule, payment.id, attempt, let_go)
            await insist(unchanged, attempt.busy_until, self._now)
            return
        raw_code = error.details.get("raw_code")
        failure = Failure(error.code, raw_code=str(raw_code) if raw_code else None)
        failed = step(
            payment,
            attempt,
            AttemptStatus.UNKNOWN if is_lost else AttemptStatus.FAILED,
            at=now,
            trigger=trigger,
            reason=error.code,
            evidence={},
            failure=msgspec.json.encode(failure).decode(),
            busy_until=None,
            next_check_at=look_at,
        )
        await insist(partial(self._repository.apply, failed, released), attempt.busy_until, self._now)

    def _lease(self, gateway: Gateway, now: datetime) -> datetime:
        """Longer than the call and the writes around it: whoever looks after its end takes the attempt for never opened."""
        writes_s = self._settings.seconds(2 * WRITE_S)
        return now + timedelta(seconds=self._settings.lease_s(gateway.deadline_s + writes_s))
