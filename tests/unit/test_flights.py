"""Flights: one look at an attempt at a time, and who shares its answer."""

import asyncio
from dataclasses import dataclass
from typing import Any, cast

from app.domain.errors import GatewayUnavailable
from app.domain.ids import uuid7
from app.gateways.values import LookupHint
from app.ledger.model import Payment
from app.verification.context import VerificationResult
from app.verification.flights import Flights

ATTEMPT = uuid7()
PAYMENT = cast(Payment, None)
NOT_YET, PAID = VerificationResult(PAYMENT, is_decided=False), VerificationResult(PAYMENT, is_decided=True)


class Looks:
    """Looks that end when the test says so."""

    def __init__(self) -> None:
        self.begun: list[bool] = []
        self.end = asyncio.Event()
        self.result: VerificationResult | Exception = NOT_YET
        self.at_once, self.most = 0, 0

    async def ask(self, has_waited: bool) -> VerificationResult:
        self.begun.append(has_waited)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await self.end.wait()
        self.at_once -= 1
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


@dataclass(frozen=True)
class Caller:
    ref: str | None = None
    shares: bool = True
    patience_s: float = 5.0
    has_returned: bool = False

    async def look(self, flights: Flights, looks: Looks) -> VerificationResult | None:
        return await flights.look(
            ATTEMPT,
            LookupHint(self.ref),
            looks.ask,
            shares=self.shares,
            patience_s=self.patience_s,
            has_returned=self.has_returned,
        )


async def all_of(looks: Looks, *callers: Caller) -> list[Any]:
    """Let these callers come one after the other, then let the looks end."""
    flights = Flights()
    tasks = []
    for each in callers:
        tasks.append(asyncio.create_task(each.look(flights, looks)))
        await asyncio.sleep(0)
    await asyncio.sleep(0.01)
    assert len(looks.begun) == 1, "one at a time"
    looks.end.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_those_with_the_same_hint_or_none_share_one_look() -> None:
    looks = Looks()
    assert await all_of(looks, Caller("a"), Caller("a"), Caller(), Caller("a")) == [NOT_YET] * 4
    assert looks.begun == [False]


async def test_another_hint_gets_a_look_of_its_own_afterwards() -> None:
    looks = Looks()
    await all_of(looks, Caller("a"), Caller("b"), Caller("c"))
    assert looks.begun == [False, True, True]
    assert looks.most == 1


async def test_what_is_decided_is_decided_for_everybody() -> None:
    looks = Looks()
    looks.result = PAID
    assert await all_of(looks, Caller("a"), Caller("b"), Caller("c")) == [PAID] * 3
    assert looks.begun == [False]


async def test_a_webhook_gets_a_look_that_began_after_it_came() -> None:
    looks = Looks()
    await all_of(looks, Caller(), Caller(shares=False))
    assert looks.begun == [False, True]


async def test_patience_ends_while_others_look() -> None:
    looks = Looks()
    assert await all_of(looks, Caller("a"), Caller("b", patience_s=0)) == [NOT_YET, None]


async def test_an_error_is_everybodys_who_shares_the_look() -> None:
    looks = Looks()
    looks.result = GatewayUnavailable(gateway="acmepay")
    answers = await all_of(looks, Caller(), Caller())
    assert [type(answer) for answer in answers] == [GatewayUnavailable, GatewayUnavailable]
    assert looks.begun == [False]


async def test_a_look_that_was_given_up_is_made_by_the_next() -> None:
    looks, flights = Looks(), Flights()
    first = asyncio.create_task(Caller().look(flights, looks))
    await asyncio.sleep(0)
    second = asyncio.create_task(Caller().look(flights, looks))
    await asyncio.sleep(0)
    first.cancel()
    looks.end.set()
    assert await second == NOT_YET
    assert looks.begun == [False, True]


async def test_the_news_that_the_buyer_came_back_needs_a_look_that_stores_it() -> None:
    looks = Looks()
    await all_of(looks, Caller(), Caller(has_returned=True))
    assert looks.begun == [False, True]
    looks = Looks()
    await all_of(looks, Caller(has_returned=True), Caller(has_returned=True), Caller())
    assert looks.begun == [False]
