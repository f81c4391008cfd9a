"""A payment's link: when it ends, and how the shop ends it."""

from dataclasses import replace
from uuid import UUID

from app.domain.clock import Now, utc_now
from app.domain.errors import PaymentNotOpen
from app.domain.states import PAYMENT_UNPAID
from app.ledger.model import Payment
from app.ledger.repository import PaymentRepository
from app.ledger.transitions import step


class LinkService:
    """Links of one deployment. Safe to share; holds no state."""

    def __init__(self, repository: PaymentRepository, now: Now = utc_now) -> None:
        self._repository = repository
        self._now = now

    async def close(self, payment_id: UUID, store: str) -> Payment:
        """End the link now. Nothing else of the payment changes; windows that are open at a gateway stay so.

        Safe to repeat. Raises NotFound, or PaymentNotOpen where there is nothing to pay any more.
        """
        while True:
            payment, now = await self._repository.load(payment_id, store), self._now()
            if payment.status not in PAYMENT_UNPAID:
                raise PaymentNotOpen(status=str(payment.status), payment_id=payment.public_id)
            if payment.link_has_ended(now):
                return payment
            attempt = payment.last_attempt
            closed = step(
                replace(payment, link_expires_at=now),
                attempt,
                attempt.status,
                at=now,
                trigger="api",
                reason="link_closed",
                evidence={},
            )
            if await self._repository.apply(closed):
                return closed.after
