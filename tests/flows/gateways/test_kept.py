"""What is kept whatever happens: that the buyer came back (law 8), and a gateway's explicit yes (law 4)."""

from dataclasses import replace

import pytest

from app.db.database import Database
from app.domain import ids
from app.domain.attention import Attention
from app.domain.schedule import ASK_AGAIN
from app.domain.states import AttemptStatus, PaymentStatus
from app.gateways.values import CaptureAnswer, GatewayPayment, GatewayStatus
from app.jobs.worker import Worker
from app.ledger.model import Attempt
from app.resolution.decisions import Action, Word, closed
from app.services import Services
from tests.flows.gateways.orders import BY_NAME
from tests.flows.memory_gateway import House, MemoryGateway, money_back
from tests.support import MovableClock, Shop

V2 = BY_NAME["portone_v2"].order
LOOKS_S = 60
"""Law 8: so long after the money the payment is paid, with every webhook lost."""


async def _attempt(parts: Services, shown: dict[str, object]) -> Attempt:
    return (await parts.payments.get(ids.read(ids.Prefix.PAYMENT, str(shown["id"])), None)).attempts[0]


@pytest.mark.parametrize("fields", [("paymentId", "txId"), ("paymentId",), ("txId",), ()])
async def test_looks_follow_soon_whatever_the_browser_brought(
    shop: Shop, parts: Services, clock: MovableClock, fields: tuple[str, ...]
) -> None:
    payment = await shop.create(**V2)
    brought = {"paymentId": payment["attempts"][0]["reference"], "txId": "tx-1"}
    clock.advance(20)  # the look of one who did not come back would be at 60 s
    assert (await shop.complete(payment, **{name: brought[name] for name in fields})).status_code == 202
    for sooner_s, wait_s in ((0, 5), (0, 5), (5, 15), (15, 60), (60, 300)):
        due = (await _attempt(parts, payment)).next_check_at
        assert due is not None
        assert sooner_s < (due - clock()).total_seconds() <= wait_s
        clock.advance(wait_s)
        await Worker(parts).sweep()


async def test_who_did_not_come_back_is_looked_at_later(shop: Shop, parts: Services, clock: MovableClock) -> None:
    payment = await shop.create(**V2)
    for sooner_s, wait_s in ((15, 60), (15, 60), (60, 300)):
        due = (await _attempt(parts, payment)).next_check_at
        assert due is not None
        assert sooner_s < (due - clock()).total_seconds() <= wait_s
        clock.advance(wait_s)
        await Worker(parts).sweep()


@pytest.mark.parametrize("fields", [("paymentId", "txId"), ("paymentId",), ()])
@pytest.mark.parametrize("money_after_s", [0, 4, 19, 21])
async def test_money_of_a_buyer_who_came_back_shows_within_a_minute_with_every_webhook_lost(
    shop: Shop, parts: Services, clock: MovableClock, fields: tuple[str, ...], money_after_s: int
) -> None:
    payment = await shop.create(**V2)
    brought = {"paymentId": payment["attempts"][0]["reference"], "txId": "tx-1"}
    await shop.complete(payment, **{name: brought[name] for name in fields})
    for second in range(money_after_s + LOOKS_S + 1):
        if second == money_after_s:
            await shop.buyer_pays(payment, "lost_webhook")
        if (await _attempt(parts, payment)).is_due(clock()):
            await Worker(parts).sweep()
        clock.advance(1)
    assert (await shop.get(payment))["status"] == "paid"


async def test_a_second_return_brings_the_look_near_again(shop: Shop, parts: Services, clock: MovableClock) -> None:
    payment = await shop.create(**V2)
    reference = payment["attempts"][0]["reference"]
    await shop.complete(payment, paymentId=reference)
    for wait_s in ASK_AGAIN[:4]:
        clock.advance(wait_s)
        await Worker(parts).sweep()
    await shop.complete(payment, paymentId=reference)
    due = (await _attempt(parts, payment)).next_check_at
    assert due is not None
    assert (due - clock()).total_seconds() <= ASK_AGAIN[0]


@pytest.mark.parametrize("shows_unconfirmed", [True, False])
@pytest.mark.parametrize("shown", [GatewayStatus.AUTHORIZED, GatewayStatus.CAPTURED])
async def test_a_yes_is_kept_when_the_payment_moves_at_that_instant(
    database: Database, clock: MovableClock, shows_unconfirmed: bool, shown: GatewayStatus
) -> None:
    """The shop cancels while the gateway says yes: the money is seen as taken, however late the look-up shows it."""
    house = House(database, MemoryGateway(shows_unconfirmed=shows_unconfirmed), clock)
    await house.create(GatewayStatus.AUTHORIZED)

    async def says_yes_while_the_shop_cancels() -> CaptureAnswer:
        await house.service.cancel(house.payment_id, None)
        house.gateway.held = replace(house.gateway.held, status=shown)
        return CaptureAnswer(None, {})

    house.gateway.on_confirm = says_yes_while_the_shop_cancels
    await house.complete()
    payment, attempt = await house.now()
    assert payment.status is PaymentStatus.CANCELED
    assert attempt.capture_accepted_at is not None
    house.gateway.held = replace(house.gateway.held, status=GatewayStatus.CAPTURED)
    await house.sweep(days=1)
    payment, attempt = await house.now()
    assert attempt.status is AttemptStatus.REJECTED
    assert money_back(payment) is not None
    assert (house.gateway.confirms, house.gateway.refunds) == (1, 1)


async def test_a_yes_is_kept_when_the_look_after_it_breaks(database: Database, clock: MovableClock) -> None:
    """A fault of ours behind the yes: the capture is not asked for again, and the money is seen as taken."""
    house = House(database, MemoryGateway(shows_unconfirmed=False), clock)
    await house.create(GatewayStatus.AUTHORIZED)

    async def breaks() -> GatewayPayment:
        raise KeyError("nobody thought of this")

    async def says_yes() -> CaptureAnswer:
        house.gateway.held = replace(house.gateway.held, status=GatewayStatus.CAPTURED)
        house.gateway.on_look = breaks
        return CaptureAnswer(None, {})

    house.gateway.on_confirm = says_yes
    await house.complete()
    _, attempt = await house.now()
    assert attempt.capture_accepted_at is not None
    house.gateway.on_look = None
    await house.sweep(days=1)
    payment, attempt = await house.now()
    assert (payment.status, attempt.status) == (PaymentStatus.PAID, AttemptStatus.CAPTURED)
    assert house.gateway.confirms == 1


async def test_a_yes_is_kept_when_a_person_has_closed_the_payment(database: Database, clock: MovableClock) -> None:
    """The lease was over, so he could: he is called again, and the money goes back once the look-up shows it."""
    house = House(database, MemoryGateway(shows_unconfirmed=True), clock)
    await house.create(GatewayStatus.AUTHORIZED)
    word = Word(Action.CLOSE, "nothing came", clock(), 1.0)

    async def says_yes_after_a_person() -> CaptureAnswer:
        while made := closed((await house.now())[0], word):
            assert await house.repository.apply(made)
        return CaptureAnswer(None, {})

    house.gateway.on_confirm = says_yes_after_a_person
    await house.complete()
    payment, attempt = await house.now()
    assert (payment.status, attempt.status) == (PaymentStatus.CANCELED, AttemptStatus.CANCELED)
    assert attempt.capture_accepted_at is not None
    assert payment.attention is Attention.CAPTURE_NOT_SHOWN
    house.gateway.held = replace(house.gateway.held, status=GatewayStatus.CAPTURED)
    await house.service.verify(house.payment_id, trigger="operator", attempt_id=attempt.id)
    payment, attempt = await house.now()
    assert attempt.status is AttemptStatus.REJECTED
    assert money_back(payment) is not None
    assert (house.gateway.confirms, house.gateway.refunds) == (1, 1)
