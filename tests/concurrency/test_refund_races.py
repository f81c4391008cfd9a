"""Refunds, a refund in the gateway's console, sync and sweep of one payment at the same moment, on real processes.

Two API processes and two workers. Whoever wins, the books are the gateway's: never more than was captured, and no error.
"""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from app.domain import ids
from app.domain.errors import REFUND_REFUSALS
from app.ledger.audit_trail import faults_of
from app.ledger.repository import PaymentRepository
from tests.concurrency.processes import Running
from tests.flows.gateways.orders import BY_NAME, Kind
from tests.support import TLS, key
from tests.support.settings import HISTORY_KEYS

pytestmark = pytest.mark.long

ROUNDS = 20
AT_ONCE = 2
"""Rounds under way at one time, each about a payment of its own."""
HEAD_STARTS = (-0.03, 0.0, 0.02, 0.06)
"""Seconds after the shop's calls at which the console gives back, in turn; below 0 it comes first."""
SETTLE_S = 120.0
REFUSED = set(REFUND_REFUSALS)
UNDECIDED = {"created", "unknown", "pending"}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wants:
    """What everybody wants back of one gateway's payment: more than there is, in all. None: the whole."""

    kind: Kind
    parts: tuple[int | None, ...]
    console: int | None


WANTS = (
    Wants(BY_NAME["portone_v1"], (700, 500, 500, 300, 100), 400),
    Wants(BY_NAME["portone_v2"], (9000, 7000, 7000, 4000, 1000), 6000),
    Wants(BY_NAME["point3"], (None,) * 5, None),
)


@dataclass(frozen=True, slots=True)
class Round:
    """What one race yielded."""

    payment: Json
    refunds: list[httpx.Response]
    console: httpx.Response
    sync: httpx.Response


async def race(running: Running, number: int) -> Round:
    """A payment of which everybody wants something back at once."""
    shop, wants = running.shop, WANTS[number % len(WANTS)]
    payment = await shop.create(**wants.kind.order)
    paid = await shop.complete(payment, **await shop.buyer_pays(payment))
    assert paid.json()["status"] == "paid", paid.text
    payment_id = ids.read(ids.Prefix.PAYMENT, payment["id"])
    start = HEAD_STARTS[number // len(WANTS) % len(HEAD_STARTS)]

    async def refund(amount: int | None) -> httpx.Response:
        await asyncio.sleep(max(0.0, -start))
        body = {"reason": "broken"} | ({"amount": amount} if amount else {})
        return await shop.client.post(f"/payments/{payment['id']}/refunds", json=body, headers=key())

    async def console() -> httpx.Response:
        await asyncio.sleep(max(0.0, start))
        body = {"gateway": wants.kind.name, "reference": payment["attempts"][-1]["reference"]}
        async with httpx.AsyncClient(base_url=shop.simulator.url, timeout=SETTLE_S, verify=TLS) as hand:
            return await hand.post("/_sim/refund", json=body | ({"amount": wants.console} if wants.console else {}))

    async def sync() -> httpx.Response:
        await asyncio.sleep(max(0.0, -start))
        return await shop.sync(payment)

    async def sweep() -> None:
        """The attempt is due now, as every refund is from its first moment on: both workers see it."""
        await running.database.row("UPDATE attempts SET next_check_at = now() WHERE payment_id = $1", payment_id)

    asked = asyncio.gather(*map(refund, wants.parts))
    answers, given, synced, _ = await asyncio.gather(asked, console(), sync(), sweep())
    return Round(payment, list(answers), given, synced)


def check_answers(each: Round) -> None:
    """Every caller was told something that our documents name."""
    for answer in each.refunds:
        assert answer.status_code in {201, 202, 409}, answer.text
        assert answer.status_code != 409 or answer.json()["code"] in REFUSED, answer.text
    assert each.sync.status_code in {200, 202}, each.sync.text
    assert each.console.status_code in {200, 409}, each.console.text


async def settled(running: Running, each: Round) -> tuple[Json, list[Json]]:
    """Look until nothing is under way, here or there; the payment and its refunds."""
    shop, deadline = running.shop, time.monotonic() + SETTLE_S
    while True:
        synced = await shop.sync(each.payment)
        assert synced.status_code in {200, 202}, synced.text
        listed = (await shop.client.get(f"/payments/{each.payment['id']}/refunds")).json()["data"]
        stored, truth = await shop.get(each.payment), await shop.journal(each.payment)
        is_over = not UNDECIDED & {refund["status"] for refund in listed} and truth["refunded"]
        if is_over and stored["refunded_amount"] == truth["refunded"]:
            return stored, listed
        assert time.monotonic() < deadline, (stored, listed, truth, await shop.events(each.payment))
        await asyncio.sleep(0.5)


async def check_truth(running: Running, each: Round) -> Counter[tuple[str, str]]:
    """Our sums, our trail and the gateway's own book say the same; how the refunds ended, by who wanted them."""
    stored, listed = await settled(running, each)
    truth = await running.shop.journal(each.payment)
    where = (stored, listed, truth)
    assert stored["refunded_amount"] <= stored["captured_amount"] == each.payment["amount"], where
    done = [refund for refund in listed if refund["status"] == "succeeded"]
    assert sum(refund["amount"] for refund in done) == stored["refunded_amount"] == truth["refunded"], where
    assert len(done) == truth["cancels"], where
    told = {answer.json()["id"] for answer in each.refunds if answer.status_code == 201}
    assert told <= {refund["id"] for refund in done}, where
    repository = PaymentRepository(running.database)
    history = await repository.history(ids.read(ids.Prefix.PAYMENT, each.payment["id"]))
    assert faults_of(*history, HISTORY_KEYS) == [], where
    return Counter((refund["cause"], refund["status"]) for refund in listed)


async def test_twenty_races_for_one_payments_money_give_the_gateways_books_and_no_error(
    product_of_processes: Running, size: int
) -> None:
    running, slots = product_of_processes, asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> Round:
        async with slots:
            return await race(running, number)

    rounds = await asyncio.gather(*(one(number) for number in range(ROUNDS * size)))
    for each in rounds:
        check_answers(each)
    ended: Counter[tuple[str, str]] = Counter()
    for each in rounds:
        ended += await check_truth(running, each)
    print("races:", dict(ended))  # who won is the machine's affair; `test_external_refunds` has the console win
    assert ended["api", "succeeded"] + ended["gateway", "succeeded"] >= len(rounds), "somebody won each of them"
    whole = [each for each in rounds if each.payment["gateway"] == "point3"]
    assert all(any(answer.status_code == 409 for answer in each.refunds) for each in whole), (
        "only one can have it whole"
    )
    running.assert_no_fault()
