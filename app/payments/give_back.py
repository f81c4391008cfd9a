"""Money of a rejected attempt goes back: owed → asked → done, each fact stored before and after the call.

The look-up comes first every time, so a lost answer of the refund call is found instead of repeated.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from app.domain.clock import ASK_AGAIN, Now, next_look
from app.domain.errors import GatewayError, InvalidRequest
from app.gateways.port import Gateway, Holding, Question, Refunding, RefundRequest, Tax
from app.logs import get_logger
from app.payments.charges import tax_of
from app.payments.records import Attempt, Payment
from app.payments.repository import PaymentRepository
from app.payments.steps import Cause, Step, step
from app.settings import Settings

log = get_logger("give_back")


class GiveBack:
    """Carries one owed refund a step further. The refunds of the shop are not this; these were never its money."""

    def __init__(self, repository: PaymentRepository, settings: Settings, now: Now) -> None:
        self._repository = repository
        self._settings = settings
        self._now = now

    async def pursue(
        self, gateway: Gateway, payment: Payment, attempt: Attempt, cause: Cause, *, is_released: bool = False
    ) -> Payment | None:
        """Look up, then ask for the refund if it was not asked. Safe to repeat. None: the payment moved meanwhile.

        Where the settings hold rejected money, it is asked for only when a person has released it.
        """
        if self._settings.rejected_money == "hold" and attempt.give_back == "owed" and not is_released:
            attention = "rejected money is held: release it with `onetill payments give-back`"
            return await self._note(payment, attempt, cause, "held", attention=attention)
        if not isinstance(gateway, Refunding):
            return await self._note(
                payment, attempt, cause, "refund_not_supported", attention="money must go back by hand"
            )
        try:
            held = await gateway.look_up(Question(attempt.reference, payment.amount, attempt.gateway_ref))
        except GatewayError as error:
            return await self._note(payment, attempt, cause, error.code)
        if held.holding is Holding.CANCELED:
            return await self._note(payment, attempt, cause, "given_back", give_back="done", evidence=held.evidence)
        if held.holding is Holding.CANCELING:
            return await self._note(payment, attempt, cause, "refund_under_way", give_back="asked")
        is_shown = held.holding is Holding.CAPTURED or (
            held.holding is Holding.UNSTATED and attempt.confirmed_at is not None
        )
        ref = held.gateway_ref or attempt.gateway_ref
        if not is_shown or ref is None or held.amount is None:
            attention = "money must go back, and the look-up does not show it"
            return await self._note(payment, attempt, cause, "refund_blocked", attention=attention)
        if attempt.give_back == "asked" and not attempt.is_due(self._now()):
            return payment  # accepted, and the gateway shows it only when it is done: not asked twice in a row
        lease = self._now() + timedelta(seconds=self._settings.lease_s(gateway.deadline_s))
        intent = self._step(
            payment,
            attempt,
            cause,
            "refund_requested",
            evidence=held.evidence,
            attention=payment.attention,
            busy_until=lease,
            next_check_at=lease,
        )
        if not await self._repository.apply(intent):
            return None
        payment, attempt = intent.after, intent.attempt
        try:
            answer = await gateway.refund(
                RefundRequest(
                    key=f"back{attempt.id.hex}",
                    reference=attempt.reference,
                    gateway_ref=ref,
                    amount=held.amount,
                    refundable=held.amount,
                    reason="rejected",
                    tax=tax_of(payment) if held.amount == payment.amount else Tax(),
                )
            )
        except InvalidRequest as error:
            # Ours alone cannot do it: a deposit, for example, needs the buyer's account.
            attention = "money must go back by hand: " + "; ".join(f"{field} {text}" for field, text in error.errors)
            return await self._note(payment, attempt, cause, "refund_needs_a_person", attention=attention)
        except GatewayError as error:
            return await self._note(payment, attempt, cause, error.code)
        if answer.failure is not None:
            attention = "the gateway refused to give rejected money back"
            return await self._note(payment, attempt, cause, "refund_refused", attention=attention)
        given = "done" if answer.is_done else "asked"
        attempt = replace(attempt, checks=0)
        return await self._note(payment, attempt, cause, f"refund_{given}", give_back=given, evidence=answer.evidence)

    async def _note(
        self,
        payment: Payment,
        attempt: Attempt,
        cause: Cause,
        reason: str,
        *,
        give_back: str | None = None,
        attention: str | None = None,
        evidence: Any = None,
    ) -> Payment | None:
        """Store what happened and when to look next: a step when something changed, else only the schedule."""
        state = give_back or attempt.give_back
        if state != "done" and attention is None:
            attention = payment.attention  # it stands until the money is back
            if attention is None and attempt.checks >= len(ASK_AGAIN):
                attention = "money that must go back is not back after hours"
        look_at = next_look(self._now(), attempt.checks, returned=False, time_scale=self._settings.time_scale)
        fields: dict[str, Any] = {
            "give_back": state,
            "checks": attempt.checks + 1,
            "next_check_at": look_at,
            "busy_until": None,
        }
        if state == attempt.give_back and attention == payment.attention and attempt.busy_until is None:
            log.info("give_back_waits", gateway=attempt.gateway, payment_id=payment.public_id, reason=reason)
            await self._repository.reschedule(payment.id, attempt, replace(attempt, **fields))
            return payment
        moved = self._step(payment, attempt, cause, reason, evidence=evidence, attention=attention, **fields)
        return moved.after if await self._repository.apply(moved) else None

    def _step(
        self,
        payment: Payment,
        attempt: Attempt,
        cause: Cause,
        reason: str,
        *,
        evidence: Any = None,
        attention: str | None = None,
        **fields: Any,
    ) -> Step:
        return step(
            payment,
            attempt,
            attempt.status,
            at=self._now(),
            cause=cause,
            reason=reason,
            evidence={"gateway": evidence or {}},
            attention=attention,
            **fields,
        )
