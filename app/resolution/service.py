"""Carries out what a person decides about a payment. One method per intent."""

import asyncio
from collections.abc import Callable
from uuid import UUID

from app.domain.attention import Attention
from app.domain.clock import Now
from app.domain.errors import GatewayError, GatewayUnavailable, IllegalTransition, Obstacle, OrderTaken
from app.domain.states import AttemptStatus, RefundStatus
from app.gateways.registry import Registry
from app.gateways.values import GatewayPayment, PaymentQuery
from app.ledger.model import Attempt, Payment, Refund
from app.ledger.repository import OrderAlreadyClaimed, PaymentRepository, RefAlreadyClaimed
from app.ledger.transitions import Step
from app.refunds.matching import Doubt, match_refunds
from app.refunds.processor import RefundProcessor
from app.refunds.service import RefundService
from app.resolution.decisions import (
    Action,
    Shown,
    Word,
    accepted,
    check_calls_a_person,
    check_can_close,
    closed,
    given_back,
    is_money_to_give_back,
    refused,
)
from app.settings import Settings
from app.verification.gateway_log import GatewayLog

MOST_STEPS = 200
"""More steps than one decision takes, the payment moving meanwhile included."""


class ResolutionService:
    """Resolves payments that call a person. Safe to share between tasks; holds no state."""

    def __init__(
        self,
        repository: PaymentRepository,
        registry: Registry,
        gateway_log: GatewayLog,
        refunds: RefundService,
        processor: RefundProcessor,
        settings: Settings,
        now: Now,
    ) -> None:
        self._repository = repository
        self._registry = registry
        self._gateway_log = gateway_log
        self._refunds = refunds
        self._processor = processor
        self._settings = settings
        self._now = now

    async def resolve(self, payment_id: UUID, store: str | None, action: Action, note: str) -> Payment:
        """Ask the gateways of all attempts what they hold, and do what the person decided where that allows it.

        `store` None: the caller is an operator. A repeat finds nothing to resolve. Raises NotFound, NothingToResolve,
        ResolutionRefused with what stands in the way, or IllegalTransition when the payment kept moving.
        """
        payment = await self._repository.load(payment_id, store)
        check_calls_a_person(payment)
        # What the gateways show of refunds is stored first: it may already be the end of the matter.
        for attempt_id in {refund.attempt_id for refund in payment.refunds if refund.is_undecided}:
            await self._processor.process(payment_id, attempt_id, "operator")
        payment = await self._repository.load(payment_id)
        shown = await self._look(payment)
        word = Word(action, note, self._now(), self._settings.time_scale)
        match action:
            case Action.ACCEPT:
                await self._accept(payment, shown, word)
            case Action.REFUND:
                await self._refund(payment, shown, word)
            case Action.CLOSE:
                await self._close(payment, shown, word)
        return await self._repository.load(payment_id)

    async def _accept(self, payment: Payment, shown: list[Shown], word: Word) -> None:
        made, found = accepted(payment, shown, word)
        try:
            await self._write(payment.id, lambda stored: made if stored == payment else None)
        except OrderAlreadyClaimed:
            raise OrderTaken(order_id=payment.order_id) from None
        except RefAlreadyClaimed:
            raise refused(payment, Obstacle.REFERENCE_TAKEN) from None
        if found.fetched is not None and (found.fetched.refunded_minor or found.fetched.refunds):
            await self._processor.process(payment.id, found.attempt.id, "operator")

    async def _refund(self, payment: Payment, shown: list[Shown], word: Word) -> None:
        """Refund what is shown, and push the refunds that wait for a person."""
        wanted = [each for each in shown if is_money_to_give_back(each)]
        pushed = [each for each in payment.refunds if each.is_held or each.status is RefundStatus.UNKNOWN]
        if not wanted and not any(each.is_undecided for each in pushed):
            is_waiting = any(each.status is RefundStatus.PENDING for each in payment.refunds)
            raise refused(payment, Obstacle.REFUND_UNDECIDED if is_waiting else Obstacle.NO_MONEY_SHOWN)
        for refund in pushed:
            if refund.status is RefundStatus.UNKNOWN:
                await self._check_not_done(payment, refund)
        for each in wanted:
            try:
                await self._write(payment.id, lambda stored, each=each: _given_back(stored, each, word))  # type: ignore[misc]
            except RefAlreadyClaimed:
                raise refused(payment, Obstacle.REFERENCE_TAKEN) from None
            await self._processor.process(payment.id, each.attempt.id, "operator")
        if any(refund.is_held and refund.is_undecided for refund in pushed):
            await self._refunds.release(payment.id)
        for refund in pushed:
            if refund.status is RefundStatus.UNKNOWN:
                await self._refunds.ask_again(refund.id, word.note)

    async def _check_not_done(self, payment: Payment, refund: Refund) -> None:
        """Raise ResolutionRefused where a lost refund may have been carried out, or nobody can say that it was not."""
        attempt = payment.attempt(refund.attempt_id)
        shown = await self._shown(payment, attempt)
        if shown.fetched is None:
            raise refused(payment, Obstacle.REFUND_UNDECIDED)
        if isinstance(match_refunds(payment, attempt, shown.fetched), Doubt):
            raise refused(payment, Obstacle.REFUND_UNEXPLAINED)

    async def _close(self, payment: Payment, shown: list[Shown], word: Word) -> None:
        unseen = [each.attempt for each in shown if each.gateway is None and each.attempt.may_hold_money]
        if unseen and payment.attention not in {Attention.GATEWAY_MISSING, Attention.ACCOUNT_CHANGED}:
            # Not that nobody can be asked: whoever decides here lacks the settings of those who are.
            raise GatewayUnavailable(gateway=unseen[0].gateway, payment_id=payment.public_id)
        shown = [each for each in shown if not await self._is_anothers(payment, each)]
        decided_on = {refund.id for refund in payment.refunds}
        for _ in range(MOST_STEPS):
            # Each time anew: a refund that came meanwhile, or that is being asked for just now, is none of this decision.
            check_can_close(payment, shown)
            pending = [each for each in payment.refunds if each.is_undecided]
            if any(each.id not in decided_on for each in pending):
                raise refused(payment, Obstacle.REFUND_UNDECIDED)
            if any(each.is_busy(self._now()) for each in payment.attempts):
                raise IllegalTransition(source=str(payment.status), target="closed")
            made = closed(payment, word)
            if made is None:
                return
            await self._repository.apply(made)
            payment = await self._repository.load(payment.id)
        raise IllegalTransition(source=str(payment.status), target="closed")

    async def _is_anothers(self, payment: Payment, shown: Shown) -> bool:
        """Whether the gateway shows money under a reference that is bound to another payment: it is that one's."""
        ref = shown.fetched.gateway_ref if shown.fetched else None
        holder = await self._repository.holder_of(shown.attempt.gateway, None, ref)
        return holder not in {None, payment.id}

    async def _write(self, payment_id: UUID, make: Callable[[Payment], Step | None]) -> None:
        """Load, make the step and write it, again when another write came between. `make` None: it no longer fits."""
        for _ in range(MOST_STEPS):
            payment = await self._repository.load(payment_id)
            made = make(payment)
            if made is None:
                raise IllegalTransition(source=str(payment.status), target="resolved")
            if await self._repository.apply(made):
                return
        raise IllegalTransition(source="payment", target="resolved")

    async def _look(self, payment: Payment) -> list[Shown]:
        """What the gateways show now of all attempts but the one whose money is kept: each may hold some."""
        asked = [each for each in payment.attempts if each.status is not AttemptStatus.CAPTURED]
        with self._gateway_log.keeping(payment.id):
            return list(await asyncio.gather(*(self._shown(payment, each) for each in asked)))

    async def _shown(self, payment: Payment, attempt: Attempt) -> Shown:
        gateway = self._registry.holding(attempt.gateway, attempt.account)
        fetched: GatewayPayment | None = None
        if gateway is not None:
            try:
                query = PaymentQuery(attempt.reference, payment.amount, attempt.gateway_ref)
                fetched = await gateway.fetch_payment(query)
            except GatewayError:
                fetched = None  # said by `Shown`: nobody answered
        return Shown(attempt, gateway, fetched)


def _given_back(payment: Payment, shown: Shown, word: Word) -> Step | None:
    """The step on the payment as it is by now; None when the attempt has moved meanwhile."""
    current = payment.attempt(shown.attempt.id)
    return given_back(payment, shown, word) if current.status is shown.attempt.status else None
