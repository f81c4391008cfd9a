"""Carries out the refunds of one attempt: fetch, match, record what is shown, then ask for the next one and record the answer.

The look-up comes first every time, so a lost answer is found instead of repeated. Intent, commit, call, record: whoever
asks holds the lease on the attempt, and only one refund of an attempt is with its gateway at a time, because each names
the balance that it expects.
"""

import asyncio
from dataclasses import replace
from datetime import timedelta
from functools import partial
from time import monotonic
from uuid import UUID
from weakref import WeakValueDictionary

from app.db.insist import insist
from app.domain.attention import Attention
from app.domain.clock import Now
from app.domain.errors import GatewayError, GatewayTimeout, IllegalTransition, InvalidRequest
from app.domain.schedule import ASKED_IN_VAIN, LATE_CAPTURE, next_look
from app.domain.states import RefundStatus
from app.gateways.port import Gateway, Refunding
from app.gateways.registry import Registry
from app.gateways.values import Failure, GatewayPayment, PaymentQuery, RefundAnswer
from app.ledger.model import BY_MISMATCH, Attempt, Payment, Refund
from app.ledger.repository import PaymentRepository
from app.ledger.transitions import Step, Trigger, refund_step, step
from app.logs import get_logger
from app.metrics import REFUNDS
from app.refunds.decisions import Wait, fields_of, late_answer, look_at, step_of, why_wait
from app.refunds.eligibility import policy_of
from app.refunds.matching import Doubt, Move, answered, match_refunds
from app.refunds.requests import balance_of, parts_to_ask, request_of
from app.refunds.turn import Processed, Turn
from app.settings import Settings
from app.verification.decisions import Rules, rules_of
from app.verification.gateway_log import GatewayLog
from app.verification.verify import BROKEN

R = RefundStatus
MAX_ROUNDS = 20
"""How often one processing fetches again because somebody else moved the payment first."""

MOST_DIFFERENCES = 500
"""Differences stored in one go; more than any payment has refunds."""

MOST_WRITES = 50
"""How often an answer is recorded again because the payment moved; it must not be lost."""

log = get_logger("refunds")


class RefundProcessor:
    """Processes refunds, for the API, the worker and the terminal alike. Every method is safe to repeat."""

    def __init__(
        self,
        repository: PaymentRepository,
        registry: Registry,
        gateway_log: GatewayLog,
        settings: Settings,
        now: Now,
    ) -> None:
        self._repository = repository
        self._registry = registry
        self._gateway_log = gateway_log
        self._settings = settings
        self._now = now
        self._locks: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()
        self._under_way: set[asyncio.Task[Processed]] = set()

    async def process(
        self,
        payment_id: UUID,
        attempt_id: UUID,
        trigger: Trigger,
        *,
        refund_id: UUID | None = None,
        seen: tuple[Payment, GatewayPayment] | None = None,
    ) -> Processed:
        """Fetch, match, and request the next refund of an attempt; return the payment as it then stands.

        With `refund_id` those before it are requested in turn, until the gateway has answered for this one. `seen` is what
        a verification has just fetched for the payment that it read. Callers in one process take turns, and wait for
        theirs `confirm_wait_s` at most; while another process is asking, nothing is done. A caller that is canceled does
        not cancel what is under way. Raises NotFound.
        """
        task = asyncio.create_task(self._process(payment_id, Turn(attempt_id, trigger, refund_id), seen))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def _process(self, payment_id: UUID, turn: Turn, seen: tuple[Payment, GatewayPayment] | None) -> Processed:
        lock = self._locks.setdefault(turn.attempt_id, asyncio.Lock())
        patience = monotonic() + self._settings.confirm_wait_s
        try:
            async with asyncio.timeout(self._settings.confirm_wait_s):
                await lock.acquire()
        except TimeoutError:
            return await self._come_back(turn, await self._repository.load(payment_id))
        with self._gateway_log.keeping(payment_id):
            try:
                for _ in range(MAX_ROUNDS):
                    try:
                        processed = await self._round(payment_id, turn, seen)
                    except BROKEN:
                        log.exception("look_broke", payment_id=str(payment_id))
                        payment = await self._repository.load(payment_id)
                        noted = await self._unanswered(turn, payment, "look_broke", Attention.LOOK_BROKE)
                        return Processed(noted, is_complete=False)
                    if processed is not None:
                        return processed
                    if monotonic() > patience:
                        break  # what waits is due, and goes on without the caller
                    seen = None
                return Processed(await self._repository.load(payment_id), is_complete=False)
            finally:
                lock.release()

    async def _round(
        self, payment_id: UUID, turn: Turn, seen: tuple[Payment, GatewayPayment] | None
    ) -> Processed | None:
        """Fetch, match, record, ask. None: the payment moved, or there is a next refund to ask for before the wanted one."""
        payment = seen[0] if seen else await self._repository.load(payment_id)
        attempt = payment.attempt(turn.attempt_id)
        gateway = self._registry.holding(attempt.gateway, attempt.account)
        if attempt.is_busy(self._now()):
            return await self._come_back(turn, payment)
        if gateway is None:
            is_missing = self._registry.get(attempt.gateway) is None
            cause = Attention.GATEWAY_MISSING if is_missing else Attention.ACCOUNT_CHANGED
            log.error("not_asked", gateway=attempt.gateway, payment_id=payment.public_id, cause=cause)
            return Processed(await self._unanswered(turn, payment, "gateway_unavailable", cause), is_complete=False)
        looked_at = self._now()
        fetched = seen[1] if seen else await self._fetch(gateway, payment, attempt)
        if isinstance(fetched, GatewayError):
            return Processed(await self._unanswered(turn, payment, fetched.code), is_complete=False)
        asked_before = _asked(payment)
        followed = await self._follow(turn, gateway, payment, fetched)
        if followed is None:
            return None  # what was fetched for the payment as it was says nothing about it as it is
        for each in () if seen else followed.refunds_of(attempt.id):
            if not each.is_undecided and each.is_due(looked_at):
                await self._repository.reschedule_refund(payment.id, each, each.lookup_attempts + 1, None)
        wanted = followed.refund(turn.refund_id) if turn.refund_id else None
        may_go_on = wanted is not None and wanted.status is R.CREATED and not wanted.refund_attempts
        return None if may_go_on and _asked(followed) != asked_before else Processed(followed, is_complete=True)

    @staticmethod
    async def _fetch(gateway: Gateway, payment: Payment, attempt: Attempt) -> GatewayPayment | GatewayError:
        try:
            return await gateway.fetch_payment(PaymentQuery(attempt.reference, payment.amount, attempt.gateway_ref))
        except GatewayError as error:
            return error

    async def _follow(self, turn: Turn, gateway: Gateway, payment: Payment, fetched: GatewayPayment) -> Payment | None:
        """Store what a look-up shows of the attempt's refunds, then request the next one that waits.

        None: the payment moved meanwhile; fetch again.
        """
        for _ in range(MOST_DIFFERENCES):
            attempt = payment.attempt(turn.attempt_id)
            difference = match_refunds(payment, attempt, fetched)
            if difference is None:
                return await self._next(turn, gateway, payment, fetched)
            if isinstance(difference, Doubt):
                return await self._note(turn, payment, difference)
            rules = self._rules()
            policy = policy_of(gateway, payment, attempt, rules.now)
            moved = step_of(payment, attempt, difference, fetched.evidence, turn.trigger, policy, rules)
            if not await self._repository.apply(moved):
                return None
            self._count(attempt, moved)
            payment = moved.after
        raise IllegalTransition(source="refunds", target="compared")

    async def _unanswered(
        self, turn: Turn, payment: Payment, reason: str, cause: Attention = Attention.REFUND_UNANSWERED
    ) -> Payment:
        """Postpone the attempt's due refunds: the gateway gave no answer, or none that can be believed."""
        for refund in payment.refunds_of(turn.attempt_id):
            if refund.is_due(self._now()):
                is_silent = refund.is_undecided and refund.lookup_attempts >= ASKED_IN_VAIN
                wait = Wait(reason, attention=cause if is_silent else None)
                payment = await self._wait(turn, payment, refund, wait, self._rules()) or payment
        return payment

    async def _come_back(self, turn: Turn, payment: Payment) -> Processed:
        """Somebody else is asking this attempt's gateway: what is due here is looked at a few seconds later."""
        soon = next_look(self._now(), 0, returned=True, time_scale=self._settings.time_scale)
        for refund in payment.refunds_of(turn.attempt_id):
            if refund.is_due(self._now()):
                await self._repository.reschedule_refund(payment.id, refund, refund.lookup_attempts, soon)
        return Processed(payment, is_complete=False)

    async def _next(self, turn: Turn, gateway: Gateway, payment: Payment, fetched: GatewayPayment) -> Payment | None:
        """Request the first refund that is not decided, if its gateway and its schedule allow it now."""
        waiting = [each for each in payment.refunds_of(turn.attempt_id) if each.is_undecided]
        if not waiting:
            return payment
        refund, *others = waiting
        for each in others:
            await self._wait(turn, payment, each, Wait("waits_for_another"), self._rules())
        rules = self._rules()
        wait = why_wait(payment, payment.attempt(turn.attempt_id), refund, gateway, fetched, rules)
        if wait is not None:
            return await self._wait(turn, payment, refund, wait, rules)
        assert isinstance(gateway, Refunding)
        return await self._ask(turn, gateway, payment, refund, fetched)

    async def _ask(
        self, turn: Turn, gateway: Refunding, payment: Payment, refund: Refund, fetched: GatewayPayment
    ) -> Payment | None:
        """Commit the intent, call, record the answer."""
        attempt, trigger = payment.attempt(turn.attempt_id), turn.trigger
        ref = fetched.gateway_ref or attempt.gateway_ref
        assert ref is not None
        # Long enough for the look that follows a no as well.
        lease = self._now() + timedelta(seconds=self._settings.lease_s(2 * gateway.deadline_s))
        balance = balance_of(payment, attempt, refund, fetched)
        intent = refund_step(
            payment,
            refund,
            R.UNKNOWN,
            at=self._now(),
            trigger=trigger,
            reason="refund_asked_again" if refund.refund_attempts else "refund_asked",
            evidence={"gateway": fetched.evidence, "balance_minor": balance},
            busy_until=lease,
            gateway_ref=refund.gateway_ref,
            refund_attempts=refund.refund_attempts + 1,
            asked_at=self._now(),
            next_check_at=lease,
        )
        if not await self._repository.apply(intent):
            return None
        payment, asked = intent.after, intent.refund
        assert asked is not None
        parts = parts_to_ask(payment, asked, fetched, balance)
        try:
            answer = await gateway.refund(request_of(attempt, replace(asked, parts=parts), ref, balance))
        except GatewayTimeout as error:
            return await self._record(turn, payment, asked, error.code, R.UNKNOWN, is_answered=False)
        except GatewayError as error:
            # Nothing was done this time. What an earlier request with a lost answer did is still open.
            was_lost = refund.status is R.UNKNOWN
            return await self._record(turn, payment, asked, error.code, R.UNKNOWN if was_lost else R.CREATED)
        except InvalidRequest as error:
            text = "; ".join(f"{field} {message}" for field, message in error.errors)
            answer = RefundAnswer(False, Failure("refund_invalid", message=text[:300]), {})
        if answer.failure is None:
            done = R.SUCCEEDED if answer.is_done else R.PENDING
            reason = "refund_done" if answer.is_done else "refund_accepted"
            return await self._record(turn, payment, asked, reason, done, answer, gateway=gateway)
        return await self._refused(turn, gateway, payment, asked, answer)

    async def _refused(
        self, turn: Turn, gateway: Refunding, payment: Payment, refund: Refund, answer: RefundAnswer
    ) -> Payment | None:
        """Look why the gateway refused: an earlier request was carried out after all, or there was an external refund."""
        attempt = payment.attempt(turn.attempt_id)
        fetched = await self._fetch(gateway, payment, attempt)
        if isinstance(fetched, GatewayError):
            if refund.is_lost:  # nobody says whether the earlier request is under way
                return await self._record(turn, payment, refund, "refund_refused_again", R.UNKNOWN, answer)
            return await self._decline(turn, payment, refund, answer)
        difference = match_refunds(payment, attempt, fetched)
        is_shown = isinstance(difference, Move) and difference.refund.id == refund.id and difference.to is not R.FAILED
        policy = policy_of(gateway, payment, attempt, self._now())
        is_open = isinstance(difference, Doubt) or (policy is not None and policy.done_after_s is None)
        if refund.is_lost and is_open and not is_shown:
            # It may be refused because an earlier request, which no look-up shows yet, is under way.
            payment = await self._record(turn, payment, refund, "refund_refused_again", R.UNKNOWN, answer)
        elif not (refund.is_lost and is_shown):
            payment = await self._decline(turn, payment, refund, answer)
        return await self._follow(turn, gateway, payment, fetched)

    async def _decline(self, turn: Turn, payment: Payment, refund: Refund, answer: RefundAnswer) -> Payment:
        assert answer.failure is not None
        if refund.initiator == BY_MISMATCH:
            # This money must go back whatever the gateway says now: it is asked again, and a person knows.
            refused = Attention.REFUND_REFUSED
            return await self._record(turn, payment, refund, "refund_refused", R.CREATED, answer, refused)
        return await self._record(turn, payment, refund, "refund_refused", R.FAILED, answer)

    async def _record(
        self,
        turn: Turn,
        payment: Payment,
        refund: Refund,
        reason: str,
        to: RefundStatus,
        answer: RefundAnswer | None = None,
        attention: Attention | None = None,
        *,
        gateway: Refunding | None = None,
        is_answered: bool = True,
    ) -> Payment:
        """Store the answer to a request, on the payment as it is by now: an answer must not be lost.

        What was decided meanwhile stands, and the answer is an event. An absent database is waited for while the lease lasts.
        """
        now, attempt = self._now(), payment.attempt(turn.attempt_id)
        kept = partial(insist, until=attempt.busy_until, now=self._now)
        policy = policy_of(gateway, payment, attempt, now) if to is R.PENDING else None
        if attention is None and refund.lookup_attempts >= ASKED_IN_VAIN and to in {R.CREATED, R.UNKNOWN}:
            attention = Attention.REFUND_UNDECIDED
        for _ in range(MOST_WRITES):
            known = payment.refund(refund.id)
            assert known is not None
            if known.status is not R.UNKNOWN and not (known.status is R.CREATED and to in {R.PENDING, R.SUCCEEDED}):
                late = late_answer(payment, known, refund, to, answer, turn.trigger, self._rules()) if answer else None
                if late is None or await kept(partial(self._repository.apply, late)):
                    return late.after if late else payment
                payment = await kept(partial(self._repository.load, payment.id))
                continue
            if known.refund_attempts != refund.refund_attempts and to not in {R.PENDING, R.SUCCEEDED}:
                return payment  # it was requested again meanwhile: a refusal of the earlier request says nothing of that one
            if answer is not None and to in {R.PENDING, R.SUCCEEDED}:
                fit = answered(payment, known, to, answer)
                if isinstance(fit, Doubt):
                    to, answer, attention = R.UNKNOWN, replace(answer, refund_ref=None), fit.attention
                elif fit.refund.id != known.id:
                    overtaken = step_of(payment, attempt, fit, answer.evidence, turn.trigger, None, self._rules())
                    is_written = await kept(partial(self._repository.apply, overtaken))
                    payment = overtaken.after if is_written else await kept(partial(self._repository.load, payment.id))
                    continue
                elif fit.amount is not None:
                    attention = Attention.ADJUSTED_REFUND
            moved = refund_step(
                payment,
                known,
                to,
                at=now,
                trigger=turn.trigger,
                reason=reason,
                evidence={"gateway": answer.evidence if answer else {}},
                attention=attention,
                late_look_at=now + LATE_CAPTURE / self._settings.time_scale,
                is_answered=is_answered,
                **fields_of(refund, to, answer, policy, self._rules()),
            )
            if await kept(partial(self._repository.apply, moved)):
                self._count(attempt, moved)
                return moved.after
            payment = await kept(partial(self._repository.load, payment.id))
        raise IllegalTransition(source=str(refund.status), target=str(to))

    async def _wait(self, turn: Turn, payment: Payment, refund: Refund, wait: Wait, rules: Rules) -> Payment | None:
        """Postpone a refund that is due. Writes a step only when there is news for a person, due or not."""
        attention, look = wait.attention, look_at(refund, wait.policy, rules)
        if attention is not None and attention != payment.attention and payment.attention is None:
            noted = refund_step(
                payment,
                refund,
                refund.status,
                at=rules.now,
                trigger=turn.trigger,
                reason=wait.reason,
                evidence={"attention": attention},
                attention=attention,
                lookup_attempts=refund.lookup_attempts + 1,
                next_check_at=look,
            )
            return noted.after if await self._repository.apply(noted) else None
        if refund.is_due(rules.now):
            log.info("refund_waits", payment_id=payment.public_id, reason=wait.reason)
            await self._repository.reschedule_refund(payment.id, refund, refund.lookup_attempts + 1, look)
        return payment

    async def _note(self, turn: Turn, payment: Payment, doubt: Doubt) -> Payment | None:
        """Call a person about a doubt, and postpone the attempt's refunds."""
        payment = await self._unanswered(turn, payment, "in_doubt")
        if payment.attention is doubt.attention:
            return payment
        current = payment.attempt(turn.attempt_id)
        noted = step(
            payment,
            current,
            current.status,
            at=self._now(),
            trigger=turn.trigger,
            reason="needs_attention",
            evidence={"attention": doubt.attention} | ({"doubt": doubt.told} if doubt.told else {}),
            attention=doubt.attention,
        )
        return noted.after if await self._repository.apply(noted) else None

    def _rules(self) -> Rules:
        return rules_of(self._settings, self._now())

    @staticmethod
    def _count(attempt: Attempt, moved: Step) -> None:
        if moved.refund is not None and not moved.refund.is_undecided:
            REFUNDS.labels(attempt.gateway, moved.refund.status, moved.refund.initiator).inc()


def _asked(payment: Payment) -> int:
    """How often gateways were asked for this payment's refunds."""
    return sum(refund.refund_attempts for refund in payment.refunds)
