"""`POST /payments/{id}/attempts`: a further try, when there may be one."""

import asyncio
from typing import Any

import httpx

from app.api.problem_examples import EXAMPLE_DETAILS
from app.db.database import Database
from app.domain.schedule import IDEMPOTENCY_LEASE_S
from app.payments.attempts import MAX_ATTEMPTS
from tests.api.checks import problem, row_counts, wrong_fields
from tests.support import MovableClock, Shop, key


async def _again(shop: Shop, payment: dict[str, Any], **sent: Any) -> httpx.Response:
    return await shop.client.post(f"/payments/{payment['id']}/attempts", **({"json": {}} | sent))


async def _declined(shop: Shop) -> dict[str, Any]:
    payment = await shop.create()
    await shop.complete(payment, **await shop.buyer_pays(payment, "declined"))
    return await shop.get(payment)


async def test_after_a_decline_the_buyer_tries_again_and_pays(shop: Shop) -> None:
    payment = await _declined(shop)
    answer = await _again(shop, payment)
    assert answer.status_code == 201, answer.text
    again = answer.json()
    assert [attempt["status"] for attempt in again["attempts"]] == ["failed", "pending"]
    assert len({attempt["reference"] for attempt in again["attempts"]}) == 2
    assert again["next_action"]["type"] == "point3_widget"
    assert again["status"] == "open"
    paid = await shop.complete(again, **await shop.buyer_pays(again))
    assert [attempt["status"] for attempt in paid.json()["attempts"]] == ["failed", "captured"]
    assert paid.json()["last_failure"]["code"] == "declined"


async def test_without_a_key_each_call_is_an_attempt_of_its_own(shop: Shop) -> None:
    payment = await shop.create()
    for count in (2, 3):
        assert len((await _again(shop, payment)).json()["attempts"]) == count


async def test_with_a_key_a_repeated_call_is_the_same_attempt(shop: Shop) -> None:
    payment, headers = await _declined(shop), key()
    first = await _again(shop, payment, headers=headers)
    again = await _again(shop, payment, headers=headers)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert len((await shop.get(payment))["attempts"]) == 2
    problem(await _again(shop, payment, headers=headers, json={"gateway": "point3"}), "idempotency_key_reused")


async def test_a_key_is_one_payments_own_and_not_that_of_creating(shop: Shop) -> None:
    one, two, headers = await shop.create(), await shop.create(), key()
    for payment in (one, two):
        answer = await _again(shop, payment, headers=headers)
        assert (answer.status_code, answer.json()["id"]) == (201, payment["id"])
        assert "idempotency-replayed" not in answer.headers


async def test_a_malformed_key_is_refused_also_where_none_is_needed(shop: Shop) -> None:
    payment = await shop.create()
    problem(await _again(shop, payment, headers={"Idempotency-Key": "two words"}), "idempotency_key_malformed")
    assert len((await shop.get(payment))["attempts"]) == 1


async def test_a_paid_payment_takes_no_attempt(shop: Shop) -> None:
    payment = await shop.create()
    await shop.complete(payment, **await shop.buyer_pays(payment))
    refused = problem(await _again(shop, payment), "payment_not_open")
    assert (refused["payment_id"], refused["payment_status"]) == (payment["id"], "paid")
    assert "paid" in refused["detail"]


async def test_an_expired_payment_takes_no_attempt(shop: Shop, clock: MovableClock) -> None:
    payment = await shop.create(expires_in_s=60)
    clock.advance(61)
    await shop.sync(payment)
    assert problem(await _again(shop, payment), "payment_not_open")["payment_status"] == "expired"


async def test_while_the_gateway_is_being_asked_for_money_there_is_no_further_attempt(shop: Shop) -> None:
    payment = await shop.create()
    proof = await shop.buyer_pays(payment)
    await shop.scenario("error_500", call="confirm")
    assert (await shop.complete(payment, **proof)).status_code == 202
    headers = key()
    for _ in range(2):  # a refusal does not hold the key
        answer = await _again(shop, payment, headers=headers)
        refused = problem(answer, "payment_processing")
        assert answer.headers["retry-after"] == str(refused["retry_after_s"])
    assert len((await shop.get(payment))["attempts"]) == 1


async def test_an_unknown_gateway_is_named(shop: Shop) -> None:
    payment = await shop.create()
    for gateway in ("nobody", "", 1, "Point3\n"):
        assert wrong_fields(await _again(shop, payment, json={"gateway": gateway})) == ["gateway"]
    assert wrong_fields(await _again(shop, payment, json={"amount": 1})) == ["amount"]
    assert (await _again(shop, payment, json={"gateway": "point3"})).status_code == 201


async def test_a_buyers_attempts_say_so_and_are_counted(shop: Shop) -> None:
    payment = await shop.create()
    headers = {"Authorization": f"Bearer {payment['client_token']}"}
    answer = await _again(shop, payment, headers=headers)
    assert answer.status_code == 201
    assert answer.json()["metadata"] == {}
    assert [step["cause"] for step in await shop.events(payment)] == ["api", "api", "browser", "browser"]


async def test_one_payment_has_so_many_attempts_and_no_more(shop: Shop) -> None:
    payment = await shop.create()
    for _ in range(MAX_ATTEMPTS - 1):
        assert (await _again(shop, payment)).status_code == 201
    assert problem(await _again(shop, payment), "too_many_attempts")["limit"] == MAX_ATTEMPTS
    assert EXAMPLE_DETAILS["too_many_attempts"]["limit"] == MAX_ATTEMPTS


async def test_a_gateway_that_is_down_fails_the_attempt_and_the_same_key_goes_on(shop: Shop) -> None:
    payment, headers = await _declined(shop), key()
    await shop.scenario("error_500", call="token")
    failed = problem(await _again(shop, payment, headers=headers), "gateway_unavailable")
    assert failed["payment_id"] == payment["id"]
    assert [attempt["status"] for attempt in (await shop.get(payment))["attempts"]] == ["failed", "failed"]
    answer = await _again(shop, payment, headers=headers)
    assert [attempt["status"] for attempt in answer.json()["attempts"]] == ["failed", "pending"]


async def test_a_repeated_call_goes_on_with_the_attempt_whose_call_died(
    shop: Shop, database: Database, clock: MovableClock
) -> None:
    payment, headers = await _declined(shop), key()
    await shop.scenario("slow", call="token")
    dying = asyncio.create_task(_again(shop, payment, headers=headers))
    while (await row_counts(database))["attempts"] < 2:  # noqa: ASYNC110  nothing of ours signals a commit
        await asyncio.sleep(0.01)
    dying.cancel()
    await asyncio.wait([dying])
    problem(await _again(shop, payment, headers=headers), "idempotency_key_in_use")
    clock.advance(IDEMPOTENCY_LEASE_S + 1)
    answer = await _again(shop, payment, headers=headers)
    assert [attempt["status"] for attempt in answer.json()["attempts"]] == ["failed", "pending"]


async def test_a_repeated_call_goes_on_with_the_attempt_whose_answer_was_lost(shop: Shop) -> None:
    payment, headers = await _declined(shop), key()
    await shop.scenario("garbage", call="token")
    problem(await _again(shop, payment, headers=headers), "gateway_timeout")
    answer = await _again(shop, payment, headers=headers)
    assert answer.status_code == 201, answer.text
    assert [attempt["status"] for attempt in answer.json()["attempts"]] == ["failed", "pending"]
