"""What verification needs of the refunds: they stand above it, and are handed in where the parts are wired."""

from typing import Protocol

from app.gateways.port import Gateway, GatewayPayment
from app.ledger.model import Attempt, Payment, Refund
from app.ledger.transitions import Trigger


class MoneyBack(Protocol):
    """Takes over money that has moved. See `app.refunds.processor.Pursuit`."""

    def owed(self, payment: Payment, attempt: Attempt, held: GatewayPayment, reason: str) -> Refund:
        """The refund of money that must not be kept, to be stored with the step that says so."""

    async def follow(
        self, gateway: Gateway, payment: Payment, attempt: Attempt, held: GatewayPayment, trigger: Trigger
    ) -> Payment | None:
        """Store what a look-up shows of the attempt's refunds, and ask for the next one. None: the payment moved."""

    async def unanswered(self, payment: Payment, attempt: Attempt, trigger: Trigger, reason: str) -> None:
        """The gateway did not answer the look-up: refunds that are due are looked at later."""
