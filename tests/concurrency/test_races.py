"""Complete, webhook, sync, sweep and cancel of one payment at the same moment, on real processes: one truth, no error.

Two API processes and two workers share a database and the simulated gateways. Whoever wins, the payment is paid once, or it
is canceled and its money goes back; whoever loses gets a documented answer.
"""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from app.domain import ids
from tests.concurrency.processes import Running
from tests.flows.gateways.orders import BY_NAME, FOUR, Kind

pytestmark = pytest.mark.long

ROUNDS = 50
AT_ONCE = 2
"""Rounds under way at one time, each about a payment of its own."""
HEAD_STARTS = (-0.03, 0.0, 0.01, 0.03, 0.08)
"""Seconds after the others at which cancel is sent, in turn; below 0 it comes first."""
SETTLE_S = 120.0
OPEN = "payment_not_open"


@dataclass(frozen=True, slots=True)
class Round:
    """What one race yielded."""

    kind: Kind
    payment: dict[str, Any]
    cancel: httpx.Response
    others: list[httpx.Response]


async def race(running: Running, number: int) -> Round:
    """A buyer pays, and everybody hears of it at once while the shop cancels."""
    shop, kind = running.shop, FOUR[number % len(FOUR)]
    payment = await shop.create(**kind.order)
    payment_id = ids.read(ids.Prefix.PAYMENT, payment["id"])
    browser = await shop.buyer_pays(payment)  # with it the gateway sends its webhook, twice

    async def sweep() -> None:
        """The attempt is due now: both workers see it."""
        await running.database.row("UPDATE attempts SET next_check_at = now() WHERE payment_id = $1", payment_id)

    async def later(seconds: float, call: Any) -> httpx.Response:
        await asyncio.sleep(max(0.0, seconds))
        return await call()  # type: ignore[no-any-return]

    async def cancel() -> httpx.Response:
        return await shop.client.post(f"/payments/{payment['id']}/cancel")

    start = HEAD_STARTS[number // len(FOUR) % len(HEAD_STARTS)]
    others = [
        later(-start, lambda: shop.complete(payment, **browser)),
        later(-start, lambda: shop.complete(payment, **browser)),
        later(-start, lambda: shop.sync(payment)),
    ]
    canceled, _, *answers = await asyncio.gather(later(start, cancel), sweep(), *others)
    assert isinstance(canceled, httpx.Response)
    return Round(kind, payment, canceled, [answer for answer in answers if answer is not None])


def check_answers(each: Round) -> None:
    """Every caller was told something that our documents name."""
    for answer in each.others:
        assert answer.status_code in {200, 202, 409}, answer.text
        if answer.status_code == 409:
            assert answer.json()["code"] == "result_mismatch", answer.text
            assert answer.json()["mismatch"] == "payment_closed", answer.text
    assert each.cancel.status_code in {200, 409}, each.cancel.text
    if each.cancel.status_code == 200:
        assert each.cancel.json()["status"] == "canceled"
    else:
        assert each.cancel.json()["code"] == OPEN, each.cancel.text


async def settled(running: Running, each: Round) -> str:
    """Wait until nothing of this payment is under way; return how it ended."""
    sql = """SELECT status, EXISTS (
            SELECT FROM refunds r WHERE r.payment_id = a.payment_id AND r.status = 'succeeded'
        ) AS is_back FROM attempts a WHERE payment_id = $1"""
    deadline = time.monotonic() + SETTLE_S
    while True:
        stored = await running.shop.get(each.payment)
        (attempt,) = await running.database.rows(sql, ids.read(ids.Prefix.PAYMENT, each.payment["id"]))
        is_over = attempt["status"] in {"captured", "canceled"} or attempt["is_back"]
        if is_over or stored["status"] == "review":
            return str(stored["status"])
        assert time.monotonic() < deadline, (stored, dict(attempt))
        await asyncio.sleep(0.2)


async def check_truth(running: Running, each: Round) -> str:
    """Our state, our trail and the gateway's own book say the same; returns the payment's status."""
    shop, amount = running.shop, each.payment["amount"]
    status = await settled(running, each)
    stored, trail, truth = (
        await shop.get(each.payment),
        await shop.events(each.payment),
        await shop.journal(each.payment),
    )
    where = (each.kind.name, each.cancel.status_code, stored, trail, truth)
    assert [event["seq"] for event in trail] == list(range(1, len(trail) + 1)), where
    moves = Counter(event["to"] for event in trail if event["from"] != event["to"])
    assert max(moves.values()) == 1, where
    assert truth["captures"] <= 1, where
    assert truth["cancels"] <= 1, where
    if each.cancel.status_code == 409:
        assert (status, stored["captured_amount"], moves["paid"], moves["canceled"]) == ("paid", amount, 1, 0), where
        assert (truth["captures"], truth["refunded"]) == (1, 0), where
        return status
    assert (stored["captured_amount"], moves["paid"], moves["canceled"]) == (0, 0, 1), where
    if truth["captures"] and not each.kind.can_refund:
        assert (status, stored["needs_attention"]) == ("review", True), where
    else:
        assert (status, truth["refunded"]) == ("canceled", amount if truth["captures"] else 0), where
    return status


async def test_fifty_races_of_five_callers_give_one_truth_each_and_no_error(
    product_of_processes: Running, size: int
) -> None:
    running, slots = product_of_processes, asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> Round:
        async with slots:
            return await race(running, number)

    rounds = await asyncio.gather(*(one(number) for number in range(ROUNDS * size)))
    for each in rounds:
        check_answers(each)
    ended = Counter([await check_truth(running, each) for each in rounds])
    print("races:", dict(ended))  # who won is the machine's affair
    delivered = await running.shop.sim("GET", "/_sim/webhooks")
    answers = Counter(tried["status"] for row in delivered for tried in row["tries"])
    assert set(answers) <= {200, None}, "None: the sender had no more patience on a busy machine"
    assert answers[200] >= len(rounds) // 2
    running.assert_no_fault()


async def test_cancels_from_two_processes_while_the_money_comes(product_of_processes: Running) -> None:
    """Many cancels at once: each says the same, and none of them is an error of ours."""
    running = product_of_processes
    shop = running.shop
    for _ in range(4):
        payment = await shop.create(**BY_NAME["point3"].order)
        browser = await shop.buyer_pays(payment)
        answers = await asyncio.gather(
            shop.complete(payment, **browser),
            *(shop.client.post(f"/payments/{payment['id']}/cancel") for _ in range(6)),
        )
        codes = {answer.status_code for answer in answers[1:]}
        assert codes in ({200}, {409}), codes
        await check_truth(running, Round(BY_NAME["point3"], payment, answers[1], [answers[0]]))
