"""Refunds that the gateway accepts first and does later, and those that wait for their turn meanwhile."""

from datetime import timedelta

import pytest

from tests.api.checks import problem
from tests.flows.gateways.orders import Kind
from tests.flows.refunds.till import BATCH_S, V1, V2, Till
from tests.support import key

at_once = pytest.mark.parametrize("kind", [V1, V2], ids=lambda kind: kind.name)


@at_once
async def test_it_is_pending_until_it_is_done(till: Till, kind: Kind) -> None:
    payment = await till.sold(kind)
    await till.shop.scenario("async_cancel", kind.name)
    answer = await till.refund(payment, 700)
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    stored = await till.shop.get(payment)
    left = payment["amount"] - 700
    assert (stored["status"], stored["refunded_amount"], stored["refundable_amount"]) == ("paid", 0, left)
    await till.wait(60)
    assert await till.status(answer.json()) == "pending"
    await till.wait(BATCH_S)
    assert await till.status(answer.json()) == "succeeded"
    await till.has_given(payment, 700, cancels=1)
    assert await till.asked(payment) == 1


@at_once
async def test_the_next_waits_for_its_turn_and_is_done_afterwards(till: Till, kind: Kind) -> None:
    payment = await till.sold(kind)
    await till.shop.scenario("async_cancel", kind.name)
    first = (await till.refund(payment, 700)).json()
    second, third = await till.refund(payment, 700), await till.refund(payment, 50)
    for answer in (second, third):
        assert (answer.status_code, answer.json()["status"]) == (202, "created")
    assert await till.asked(payment) == 1, "one is with the gateway at a time: each names the balance that it expects"
    left = payment["amount"] - 1450
    refused = problem(await till.refund(payment, left + 1), "refund_exceeds_balance")
    assert refused["refundable"] == left, "those that wait have their money"
    await till.wait(BATCH_S + 10)
    await till.wait(61)
    assert [each["status"] for each in await till.refunds(payment)] == ["succeeded"] * 3
    assert first["id"] == (await till.refunds(payment))[0]["id"]
    await till.has_given(payment, 1450, cancels=3)
    assert await till.asked(payment) == 3


async def test_the_whole_that_is_under_way_is_no_loss_of_the_money(till: Till) -> None:
    """PortOne V2 shows a payment as paid until the whole that was asked for is done."""
    payment = await till.sold(V2)
    await till.shop.scenario("async_cancel", "portone_v2")
    refund = (await till.refund(payment)).json()
    await till.shop.sync(payment)
    stored = await till.shop.get(payment)
    assert (stored["status"], stored["needs_attention"]) == ("paid", False)
    await till.wait(BATCH_S + 10)
    assert await till.status(refund) == "succeeded"
    await till.has_given(payment, payment["amount"], cancels=1)


async def test_a_shop_that_asks_with_its_key_while_it_waits_gets_the_stored_answer(till: Till) -> None:
    payment, intent = await till.sold(V2), key()
    await till.shop.scenario("async_cancel", "portone_v2")
    await till.refund(payment, 700)
    waiting = await till.refund(payment, 700, headers=intent)
    again = await till.refund(payment, 700, headers=intent)
    assert again.content == waiting.content
    assert len(await till.refunds(payment)) == 2
    await till.wait(BATCH_S + 10)
    await till.wait(61)
    await till.has_given(payment, 1400, cancels=2)


async def test_one_that_is_accepted_and_never_done_calls_a_person(till: Till) -> None:
    """Paymentwall's word does not come: the simulator's clock stands while ours goes on."""
    payment = await till.sold(V1)
    await till.shop.scenario("async_cancel", "portone_v1")
    refund = (await till.refund(payment, 700)).json()
    for seconds in (6, 16, 61, 301, 901):
        till.clock.advance(seconds)
        await till.sweep()
    for hours in range(30):
        assert not (await till.shop.get(payment))["needs_attention"] or hours > 23
        till.clock.advance(3601)
        await till.sweep()
    assert (await till.shop.get(payment))["needs_attention"]
    assert (await till.status(refund), await till.asked(payment)) == ("pending", 1)
    await till.wait(86_400)
    assert await till.status(refund) == "succeeded"
    assert not (await till.shop.get(payment))["needs_attention"]
    await till.has_given(payment, 700, cancels=1)


async def test_one_that_is_due_while_another_process_asks_comes_back_within_seconds(till: Till) -> None:
    """The claim of the worker that found the gateway busy ends with that, and not only with its lease."""
    payment = await till.sold(V2)
    await till.shop.scenario("async_cancel", "portone_v2")
    await till.refund(payment, 700)
    waiting = (await till.refund(payment, 50)).json()
    busy = "UPDATE attempts SET busy_until = $1"
    await till.database.changed(busy, till.clock() + timedelta(hours=1))
    due = "UPDATE refunds SET next_check_at = $1, claimed_until = NULL"
    await till.database.changed(due, till.clock())
    await till.wait(0)
    rows = await till.database.rows("SELECT next_check_at, claimed_until FROM refunds")
    for row in rows:
        assert till.clock() < row["next_check_at"] <= till.clock() + timedelta(seconds=5)
        assert row["claimed_until"] is None
    await till.database.changed(busy, None)
    await till.wait(BATCH_S + 10)
    await till.wait(61)
    assert await till.status(waiting) == "succeeded"
