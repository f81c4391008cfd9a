"""An answer to a refund that comes after a person's word: kept as an event, and it calls a person where it says otherwise."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from app.db.database import Database
from app.domain import ids
from app.domain.errors import GatewayTimeout, GatewayUnavailable, Refusal
from app.domain.money import Money
from app.gateways.point3.adapter import Point3
from app.gateways.portone_v2.adapter import PortOneV2
from app.gateways.values import CaptureAnswer, CaptureRequest, Failure, GatewayPayment, PaymentQuery, RefundAnswer
from app.gateways.values import RefundRequest as Request
from app.services import Services, build_services
from app.settings import Settings
from tests.api.checks import problem
from tests.flows.refunds.test_resolve import resolve
from tests.flows.refunds.till import V2, Json, Till
from tests.support import MovableClock, Shop, key

ASKED = 10_000
LEASE_S = 600.0
"""Longer than any lease."""
NO = RefundAnswer(False, Failure(Refusal.DECLINED, raw_code="NO"), {"said": "no"})
YES = RefundAnswer(True, None, {"said": "yes"}, refund_ref="cancel-1")
LESS = RefundAnswer(True, None, {"said": "less"}, refund_ref="cancel-1", amount=Money(9_200, "KRW"))


@pytest.fixture
def late(shop: Shop, parts: Services, database: Database, clock: MovableClock) -> Till:
    """Without the audit of other tests: here the gateway says what is not so."""
    return Till(shop, parts, database, clock)


class Slow:
    """A gateway that keeps a refund waiting for its answer, and was never reached by the next."""

    def __init__(self, patch: pytest.MonkeyPatch, answer: RefundAnswer) -> None:
        self.reached, self.may_answer = asyncio.Event(), asyncio.Event()
        self.asked = 0

        async def refund(_: PortOneV2, request: Request) -> RefundAnswer:
            self.asked += 1
            if self.asked > 1:
                raise GatewayUnavailable(gateway="portone_v2")
            self.reached.set()
            await self.may_answer.wait()
            return answer

        patch.setattr(PortOneV2, "refund", refund)


def uuid_of(thing: Json) -> UUID:
    return ids.read(ids.Prefix.REFUND, thing["id"])


@asynccontextmanager
async def another_process(settings: Settings, clock: MovableClock) -> AsyncIterator[Services]:
    services = build_services(settings, clock)
    await services.database.open()
    yield services
    await services.registry.close()
    await services.database.close()


@pytest.mark.parametrize(
    ("is_done", "answer", "contradicts"),
    [
        (True, YES, False),
        (True, NO, True),
        (True, LESS, True),
        (False, NO, False),
        (False, YES, True),
        (False, LESS, True),
    ],
)
async def test_an_answer_after_a_persons_word_is_kept_and_calls_where_it_says_otherwise(
    late: Till, monkeypatch: pytest.MonkeyPatch, is_done: bool, answer: RefundAnswer, contradicts: bool
) -> None:
    payment = await late.sold(V2)
    gateway = Slow(monkeypatch, answer)
    asking = asyncio.create_task(late.refund(payment, ASKED))
    await asyncio.wait_for(gateway.reached.wait(), 10)
    (refund,) = await late.refunds(payment)
    late.clock.advance(LEASE_S)
    await late.parts.refunds.mark(uuid_of(refund), is_done=is_done, note="on the telephone")
    gateway.may_answer.set()
    await asking
    (stored,) = await late.refunds(payment)
    assert (stored["status"], stored["amount"]) == ("succeeded" if is_done else "failed", ASKED), "the word stands"
    called = (await late.shop.get(payment))["attention_code"]
    assert called == ("refund_contradicted" if contradicts else None)
    last = (await late.shop.events(payment))[-1]
    assert (last["reason"], last["evidence"]["gateway"]) == ("refund_answered_late", answer.evidence)
    if contradicts and not is_done:
        monkeypatch.undo()
        assert (await late.refund(payment, 500)).status_code == 201
        assert (await late.shop.get(payment))["attention_code"] == "refund_contradicted", "it ends by a person"
        assert (await resolve(late, payment, "close")).status_code == 200
        assert (await late.shop.get(payment))["attention_code"] is None


async def test_a_yes_is_not_asked_for_again_though_a_person_said_so(
    late: Till, monkeypatch: pytest.MonkeyPatch, settings: Settings, clock: MovableClock
) -> None:
    payment = await late.sold(V2)
    gateway = Slow(monkeypatch, LESS)
    asking = asyncio.create_task(late.refund(payment, ASKED))
    await asyncio.wait_for(gateway.reached.wait(), 10)
    (refund,) = await late.refunds(payment)
    late.clock.advance(LEASE_S)
    async with another_process(settings, clock) as other:
        await other.refunds.ask_again(uuid_of(refund), "not in the console")
    assert (await late.status(refund), gateway.asked) == ("created", 2)
    gateway.may_answer.set()
    await asking
    (stored,) = await late.refunds(payment)
    assert (stored["status"], stored["amount"]) == ("succeeded", 9_200)
    assert (await late.shop.get(payment))["attention_code"] == "adjusted_refund"


@pytest.mark.parametrize("rejected_money", ["hold"])
async def test_nothing_is_closed_while_a_capture_is_under_way(late: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closed in the middle of it, the gateway's yes would find an attempt that has ended."""
    payment = await late.shop.create(**V2.order)
    await late.shop.complete(payment, **await late.shop.buyer_pays(payment, "amount_differs"))
    answer = await late.shop.client.post(
        f"/payments/{payment['id']}/attempts", json={"gateway": "point3"}, headers=key()
    )
    payment = answer.json()
    assert payment["attention_code"] == "refund_held"
    brought = await late.shop.buyer_pays(payment)
    reached, may_answer, real = asyncio.Event(), asyncio.Event(), Point3.capture

    async def slow(self: Point3, request: CaptureRequest) -> CaptureAnswer:
        reached.set()
        await may_answer.wait()
        return await real(self, request)

    async def silent(_: PortOneV2, query: PaymentQuery) -> GatewayPayment:
        raise GatewayTimeout(gateway="portone_v2")

    monkeypatch.setattr(Point3, "capture", slow)
    monkeypatch.setattr(PortOneV2, "fetch_payment", silent)
    paying = asyncio.create_task(late.shop.complete(payment, **brought))
    await asyncio.wait_for(reached.wait(), 10)
    closing = await resolve(late, payment, "close")
    may_answer.set()
    await paying
    problem(closing, "illegal_transition")
    assert (await late.shop.get(payment))["status"] == "paid"
