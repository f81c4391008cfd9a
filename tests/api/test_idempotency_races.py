"""Calls at the same time and calls that died: one payment, one attempt, and everybody hears of the same one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from app.db.database import Database
from app.domain.schedule import IDEMPOTENCY_LEASE_S
from tests.api.checks import problem, row_counts
from tests.support import MovableClock, Shop, key, order


@asynccontextmanager
async def _first_call(
    client: httpx.AsyncClient, shop: Shop, database: Database, body: dict[str, Any], headers: dict[str, str]
) -> AsyncIterator[asyncio.Task[httpx.Response]]:
    """A create that waits for the gateway while the block runs."""
    await shop.scenario("slow", call="token")
    task = asyncio.create_task(client.post("/payments", json=body, headers=headers))
    while (await row_counts(database))["payments"] == 0:  # noqa: ASYNC110  nothing of ours signals a commit
        await asyncio.sleep(0.01)
    yield task
    if not task.done():
        await task


async def test_a_call_while_the_first_still_runs_is_told_when_to_come_back(
    client: httpx.AsyncClient, shop: Shop, database: Database
) -> None:
    body, headers = order(), key()
    async with _first_call(client, shop, database, body, headers) as first:
        answer = await client.post("/payments", json=body, headers=headers)
        assert not first.done()
        waiting = problem(answer, "idempotency_key_in_use")
        assert answer.headers["retry-after"] == str(waiting["retry_after_s"])
        assert waiting["retry_after_s"] == 1, "most first calls end within a second"
    assert (await first).status_code == 201
    again = await client.post("/payments", json=body, headers=headers)
    assert (again.status_code, again.content) == (201, (await first).content)


async def test_a_key_whose_first_call_died_is_taken_over_when_its_lease_ran_out(
    client: httpx.AsyncClient, shop: Shop, database: Database, clock: MovableClock
) -> None:
    body, headers = order(), key()
    async with _first_call(client, shop, database, body, headers) as first:
        first.cancel()  # the process dies between the commit and the gateway's answer
        await asyncio.wait([first])
    assert first.cancelled()
    (left,) = (await client.get("/payments")).json()["data"]
    assert [attempt["status"] for attempt in left["attempts"]] == ["created"]
    for later_s, told_s in (
        (3, 4),
        (17, 21),
        (20, 20),
        (IDEMPOTENCY_LEASE_S - 42, 1),
    ):  # as long again, within its lease
        clock.advance(later_s)
        answer = problem(await client.post("/payments", json=body, headers=headers), "idempotency_key_in_use")
        assert told_s - 1 <= answer["retry_after_s"] <= told_s + 1
    clock.advance(3)
    taken = await client.post("/payments", json=body, headers=headers)
    assert taken.status_code == 201, taken.text
    assert taken.json()["id"] == left["id"]
    assert [attempt["id"] for attempt in taken.json()["attempts"]] == [left["attempts"][0]["id"]]
    assert taken.json()["next_action"]["type"] == "point3_widget"
    again = await client.post("/payments", json=body, headers=headers)
    assert again.content == taken.content
    assert again.headers["idempotency-replayed"] == "true"


async def test_the_answer_of_a_call_that_was_taken_over_is_the_one_that_is_stored(
    client: httpx.AsyncClient, shop: Shop, database: Database, clock: MovableClock
) -> None:
    """The first caller lives, and its gateway was slower than its lease: it hears what its successor has stored."""
    body, headers = order(), key()
    async with _first_call(client, shop, database, body, headers) as first:
        clock.advance(IDEMPOTENCY_LEASE_S + 1)
        taken = await client.post("/payments", json=body, headers=headers)
        assert not first.done()
        assert taken.status_code == 201, taken.text
    late = await first
    assert (late.status_code, late.content) == (201, taken.content)
    assert late.headers["idempotency-replayed"] == "true"
    again = await client.post("/payments", json=body, headers=headers)
    assert again.content == taken.content


async def test_one_of_many_takes_over_a_dead_call(
    client: httpx.AsyncClient, shop: Shop, database: Database, clock: MovableClock
) -> None:
    body, headers = order(), key()
    async with _first_call(client, shop, database, body, headers) as first:
        first.cancel()
        await asyncio.wait([first])
    clock.advance(IDEMPOTENCY_LEASE_S + 1)
    answers = await asyncio.gather(*(client.post("/payments", json=body, headers=headers) for _ in range(8)))
    opened = [answer for answer in answers if answer.status_code == 201]
    assert len({answer.content for answer in opened}) == 1
    for answer in answers:
        if answer.status_code != 201:
            problem(answer, "idempotency_key_in_use")
    assert (await row_counts(database))["attempts"] == 1


async def test_twenty_creates_with_one_key_make_one_payment(client: httpx.AsyncClient, database: Database) -> None:
    body, headers = order(), key()
    answers = await asyncio.gather(*(client.post("/payments", json=body, headers=headers) for _ in range(20)))
    opened = [answer for answer in answers if answer.status_code == 201]
    assert opened
    assert len({answer.content for answer in opened}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in opened) == 1
    for answer in answers:
        if answer.status_code != 201:
            problem(answer, "idempotency_key_in_use")
    counts = await row_counts(database)
    assert (counts["payments"], counts["attempts"], counts["idempotency_keys"]) == (1, 1, 1)


async def test_two_keys_for_one_order_make_one_payment_and_the_other_names_it(
    client: httpx.AsyncClient, database: Database
) -> None:
    body = order()
    answers = await asyncio.gather(*(client.post("/payments", json=body, headers=key()) for _ in range(2)))
    opened, taken = sorted(answers, key=lambda answer: answer.status_code)
    assert opened.status_code == 201
    refused = problem(taken, "order_taken")
    assert (refused["payment_id"], refused["order_id"]) == (opened.json()["id"], body["order_id"])
    counts = await row_counts(database)
    assert (counts["payments"], counts["order_claims"], counts["idempotency_keys"]) == (1, 1, 1)


async def test_an_order_is_free_again_once_its_payment_has_expired(shop: Shop, clock: MovableClock) -> None:
    body = order(expires_in_s=60)
    first = (await shop.client.post("/payments", json=body, headers=key())).json()
    clock.advance(61)
    second = await shop.client.post("/payments", json=body, headers=key())
    assert second.status_code == 201
    assert second.json()["id"] != first["id"]
    assert (await shop.get(first))["status"] == "expired"


async def test_an_expired_order_whose_buyer_paid_after_all_stays_taken(shop: Shop, clock: MovableClock) -> None:
    body = order(expires_in_s=60)
    first = (await shop.client.post("/payments", json=body, headers=key())).json()
    await shop.buyer_pays(first)
    clock.advance(61)  # within the grace of a buyer who finished in time
    refused = problem(await shop.client.post("/payments", json=body, headers=key()), "order_taken")
    assert refused["payment_status"] == "paid"


async def test_a_paid_order_stays_taken(shop: Shop) -> None:
    body = order()
    payment = (await shop.client.post("/payments", json=body, headers=key())).json()
    await shop.complete(payment, **await shop.buyer_pays(payment))
    refused = problem(await shop.client.post("/payments", json=body, headers=key()), "order_taken")
    assert refused["payment_id"] == payment["id"]
    assert refused["payment_status"] == "paid"
