"""The bench on which an adapter is tested: built at any address, with a buyer, a charge, and the operations by name."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from itertools import count
from typing import Any, ClassVar

import pytest

from app.domain.clock import utc_now
from app.domain.errors import GatewayError, InvalidRequest
from app.domain.money import Money
from app.domain.order import Customer
from app.gateways.breaker import Breaker
from app.gateways.manifest import AdapterContext
from app.gateways.port import Capturing, Gateway, Refunding, Voiding
from app.gateways.values import (
    Capability,
    CapturedPayment,
    CaptureRequest,
    ChargeRequest,
    GatewayPayment,
    GatewayStatus,
    PaymentQuery,
    RefundRequest,
    Session,
)
from simulator.server import Simulator
from tests.contract.faulty_server import Arrived, Behaviour, FaultyServer
from tests.contract.hands import Hands

Make = Callable[..., Gateway]

DEADLINE_S = 10.0
"""Nothing here waits for it to its end; a busy machine may need some of it."""
IMPATIENT_S = 0.5
"""Waited for by whoever tries a silent gateway; in this time a busy machine still delivers a call."""

CUSTOMER = Customer(
    id="buyer-7f3a", name="Minji Kimmingee", email="minji.kim@mail.example", phone="010-5555-7788", country="KR"
)
RETURN_URL = "https://pay.shop.example/checkout/return/gateway"
WEBHOOK_URL = "https://pay.shop.example/webhooks/gateway"
_references = count(1)
_refunds = count(1)


def context(deadline_s: float, *, is_live: bool = True) -> AdapterContext:
    """What a process gives to an adapter; its breaker is new."""
    return AdapterContext(deadline_s, Breaker(), is_live)


class Bench:
    """What the tests of one adapter share. A subclass names the gateway, builds its adapter and knows its secrets."""

    name: ClassVar[str]
    currency: ClassVar[str]
    other_currency: ClassVar[str]
    """One that the gateway does not take."""
    refund_batch_s: ClassVar[float] = 0
    """How long the gateway takes to do a refund that it accepted; 0 when it is done at once."""
    tells_canceling: ClassVar[bool] = True
    """Whether a look-up shows a refund that was accepted and is not done yet; it stays CAPTURED otherwise."""
    public: ClassVar[frozenset[str]] = frozenset({"base_url"})
    """What of a connection every buyer's browser sees, so that it is no secret."""
    left_status: ClassVar[GatewayStatus] = GatewayStatus.PENDING
    """What a payment is whose buyer has left."""
    """What a status that nobody knows is reported as; OPEN where the vendor says that more of them exist."""

    unconfirmed: ClassVar[GatewayStatus] = GatewayStatus.AUTHORIZED
    """What a look-up shows between the buyer's part and our confirm; OPEN where it does not say that the buyer is done."""
    left_open: ClassVar[str | None] = None
    """The scenario that leaves something open that `void` closes; None: what a buyer leaves who finished, before confirm."""
    unknown_payment: ClassVar[object] = {}
    """The body of a 404 that says: there is no such payment."""

    def build(self, base_url: str, connection: dict[str, str], **settings: Any) -> Gateway:
        """An adapter at this address with these credentials; `settings` are its own, `deadline_s` among them."""
        raise NotImplementedError

    def welcome(self, request: Arrived) -> Behaviour | None:
        """What the gateway answers before any call is heard, such as a login; None to everything else."""
        return None

    def breaking(self, behave: Behaviour) -> FaultyServer:
        """A raw server in the gateway's place, which treats every call so."""
        return FaultyServer(behave, self.welcome)

    def secrets(self, browser: dict[str, Any], opened: list[dict[str, Any]]) -> list[str]:
        """What of a browser's proof and of `next_action`s must never be logged."""
        raise NotImplementedError

    @pytest.fixture
    async def hands(self, running: Simulator) -> AsyncIterator[Hands]:
        async with Hands(running, self.name) as hands:
            yield hands

    @pytest.fixture
    async def make(self, hands: Hands) -> AsyncIterator[Make]:
        made: list[Gateway] = []

        def make(base_url: str | None = None, **settings: Any) -> Gateway:
            address = base_url or hands.connection["base_url"]
            made.append(self.build(address, hands.connection, **{"deadline_s": DEADLINE_S} | settings))
            return made[-1]

        yield make
        for each in made:
            await each.close()

    @pytest.fixture
    def gateway(self, make: Make) -> Gateway:
        return make()

    @pytest.fixture
    def charge(self) -> ChargeRequest:
        return ChargeRequest(
            reference=f"ref{next(_references)}a1",
            amount=Money.from_major("24000", self.currency),
            order_name="도자기 머그컵 & 컵받침",
            expires_at=utc_now() + timedelta(minutes=30),
            return_url=RETURN_URL,
            webhook_url=WEBHOOK_URL,
            customer=CUSTOMER,
        )

    async def assert_refused_locally(
        self, gateway: Gateway, hands: Hands, wrong: ChargeRequest, field: str
    ) -> list[dict[str, str]]:
        """Both roads refuse it by the field's name, and no call arrived."""
        with pytest.raises(InvalidRequest) as refused:
            gateway.check(wrong)
        with pytest.raises(InvalidRequest) as refused_again:
            await gateway.create_session(wrong)
        assert refused.value.details == refused_again.value.details
        errors = refused.value.details["errors"]
        assert isinstance(errors, list)
        assert [error["field"] for error in errors] == [field]
        assert all(error["message"] for error in errors)
        assert await hands.calls() == []
        return errors

    def known_ref(self, opened: Session) -> str | None:
        """The gateway's reference as it is known right after the start."""
        return opened.gateway_ref

    def confirmation(self, charge: ChargeRequest, ref: str) -> CaptureRequest:
        """What confirms this charge, with the token that the browser brought where there is one."""
        return confirmation(charge, ref)

    async def browser_opens(self, hands: Hands, opened: Session) -> object:
        """What the page does with `next_action` before the buyer acts, where the gateway knows no payment until then."""

    async def buyer_pays(self, hands: Hands, charge: ChargeRequest, scenario: str | None = None) -> dict[str, str]:
        """What the buyer's browser receives, as `parse_callback` gets it."""
        return {name: str(value) for name, value in (await hands.pay(charge.reference, scenario)).items()}

    async def finished(self, gateway: Gateway, hands: Hands, charge: ChargeRequest, scenario: str | None = None) -> str:
        """A started charge whose buyer has finished; returns the gateway's reference."""
        await gateway.create_session(charge)
        ref = gateway.parse_callback(await self.buyer_pays(hands, charge, scenario)).gateway_ref
        assert ref is not None
        return ref

    async def captured(self, gateway: Gateway, hands: Hands, charge: ChargeRequest) -> str:
        """A charge whose money was taken; returns the gateway's reference."""
        ref = await self.finished(gateway, hands, charge)
        if Capability.CAPTURE in gateway.capabilities:
            await confirming(gateway).capture(self.confirmation(charge, ref))
        return ref


def question(charge: ChargeRequest, ref: str | None = None) -> PaymentQuery:
    return PaymentQuery(charge.reference, charge.amount, ref)


def confirmation(charge: ChargeRequest, ref: str, token: str | None = "one-time/token==") -> CaptureRequest:  # noqa: S107
    return CaptureRequest(charge.reference, ref, charge.amount, token=token)


def refund_of(charge: ChargeRequest, ref: str, minor: int | None = None, left: int | None = None) -> RefundRequest:
    """A refund with an identity of its own: of everything, or of `minor` while `left` is refundable."""
    amount = Money(charge.amount.minor if minor is None else minor, charge.amount.currency)
    refundable = Money(charge.amount.minor if left is None else left, charge.amount.currency)
    return RefundRequest(f"refund-{next(_refunds)}", charge.reference, ref, amount, refundable, "rejected")


def captured_payment_of(charge: ChargeRequest) -> CapturedPayment:
    """The charge as one that was captured just now, by a card that is not saved."""
    return CapturedPayment(charge.amount, utc_now())


def confirming(gateway: Gateway) -> Capturing:
    """The gateway as one that confirms."""
    assert isinstance(gateway, Capturing)
    return gateway


def refunding(gateway: Gateway) -> Refunding:
    """The gateway as one that refunds."""
    assert isinstance(gateway, Refunding)
    return gateway


def voiding(gateway: Gateway) -> Voiding:
    """The gateway as one that closes what is open."""
    assert isinstance(gateway, Voiding)
    return gateway


async def perform(gateway: Gateway, operation: str, charge: ChargeRequest, ref: str = "sig/1+==") -> object:
    """One operation by name."""
    match operation:
        case "create_session":
            return await gateway.create_session(charge)
        case "fetch_payment":
            return await gateway.fetch_payment(question(charge, ref))
        case "fetch_payment_by_reference":
            return await gateway.fetch_payment(question(charge))
        case "capture":
            return await confirming(gateway).capture(confirmation(charge, ref))
        case _:
            return await refunding(gateway).refund(refund_of(charge, ref))


async def outcome(gateway: Gateway, operation: str, charge: ChargeRequest) -> object:
    """What an operation returned, or the gateway error that it raised."""
    try:
        return await perform(gateway, operation, charge)
    except GatewayError as error:
        return error


def assert_shows(held: GatewayPayment, charge: ChargeRequest, *statuses: GatewayStatus) -> None:
    """The look-up shows this charge, whole, in one of these states."""
    assert held.status in statuses
    assert held.reference == charge.reference
    assert held.amount == charge.amount
