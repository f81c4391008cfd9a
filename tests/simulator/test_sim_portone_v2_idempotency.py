"""`Idempotency-Key`: one key, one request, one answer."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.simulator.driver import IMPATIENT

from .driver import Driver
from .portone_v2_driver import V2Driver

KEY = "refund-0123456789"


@pytest.fixture
async def v2(sim: Driver) -> AsyncIterator[V2Driver]:
    async with V2Driver(sim.simulator) as driver:
        yield driver


async def test_the_same_request_again_gets_the_stored_answer(v2: V2Driver) -> None:
    await v2.paid()
    first, second = [await v2.cancel(key=KEY, amount=1_000) for _ in range(2)]
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert (await v2.truth())["refunded"] == 1_000


async def test_without_a_key_the_money_goes_twice(v2: V2Driver) -> None:
    await v2.paid()
    for _ in range(2):
        await v2.cancel(amount=1_000)
    assert (await v2.truth())["refunded"] == 2_000


async def test_a_quoted_and_a_bare_key_are_the_same(v2: V2Driver) -> None:
    await v2.paid()
    body = {"reason": "test", "amount": 1_000}
    for header in (f'"{KEY}"', KEY):
        answer = await v2.http.post(v2.path("order1", "cancel"), json=body, headers={"Idempotency-Key": header})
        assert answer.status_code == 200
    assert (await v2.truth())["refunded"] == 1_000


async def test_a_stored_refusal_is_given_again(v2: V2Driver) -> None:
    await v2.open()
    first = await v2.cancel(key=KEY)
    await v2.pay()
    second = await v2.cancel(key=KEY)
    assert (second.status_code, second.json()) == (first.status_code, first.json())
    assert second.json()["type"] == "PAYMENT_NOT_PAID"


async def test_a_key_belongs_to_one_request(v2: V2Driver) -> None:
    await v2.paid()
    await v2.paid("order2")
    await v2.cancel(key=KEY, amount=1_000)
    for other in (await v2.cancel(key=KEY, amount=2_000), await v2.cancel("order2", key=KEY, amount=1_000)):
        assert (other.status_code, other.json()["type"]) == (422, "INVALID_REQUEST")
    assert (await v2.truth())["refunded"] == 1_000
    assert (await v2.truth("order2"))["refunded"] == 0


async def test_a_request_that_still_runs_is_409(v2: V2Driver) -> None:
    await v2.paid()
    await v2.plan("slow", call="cancel")
    running = asyncio.create_task(v2.cancel(key=KEY))
    await v2.until("refunded", 12_000)
    early = await v2.cancel(key=KEY)
    assert (early.status_code, early.json()["type"]) == (409, "IDEMPOTENCY_OUTSTANDING_REQUEST")
    first = await running
    assert (first.status_code, (await v2.cancel(key=KEY)).json()) == (200, first.json())


async def test_a_lost_answer_is_found_with_the_same_key(v2: V2Driver) -> None:
    await v2.paid()
    await v2.plan("accept_then_hang", call="cancel")
    v2.http.timeout = IMPATIENT
    with pytest.raises(httpx.ReadTimeout):
        await v2.cancel(key=KEY, amount=1_000)
    v2.http.timeout = httpx.Timeout(5)
    for _ in range(100):
        answer = await v2.cancel(key=KEY, amount=1_000)
        if answer.status_code != 409:  # their side may notice a moment later that we hung up
            break
    assert answer.json()["cancellation"]["totalAmount"] == 1_000
    truth = await v2.truth()
    assert (truth["refunded"], truth["cancels"]) == (1_000, 1)


@pytest.mark.parametrize(("scenario", "status"), [("error_500", 500), ("too_many_requests", 429)])
async def test_an_answer_that_did_nothing_is_not_kept(v2: V2Driver, scenario: str, status: int) -> None:
    await v2.paid()
    await v2.plan(scenario, call="cancel")
    assert (await v2.cancel(key=KEY)).status_code == status
    assert (await v2.cancel(key=KEY)).status_code == 200
    assert (await v2.truth())["cancels"] == 1


async def test_garbage_is_not_kept_but_the_work_is(v2: V2Driver) -> None:
    await v2.paid()
    await v2.plan("garbage", call="cancel")
    with pytest.raises(ValueError, match="Expecting value"):
        (await v2.cancel(key=KEY, amount=1_000)).json()
    assert (await v2.cancel(key=KEY, amount=1_000)).json()["cancellation"]["status"] == "SUCCEEDED"
    assert (await v2.truth())["cancels"] == 1


async def test_a_key_lives_three_hours(v2: V2Driver) -> None:
    await v2.paid()
    await v2.cancel(key=KEY, amount=1_000)
    await v2.advance(3 * 3600 - 5)
    await v2.cancel(key=KEY, amount=1_000)
    assert (await v2.truth())["cancels"] == 1
    await v2.advance(5)
    await v2.cancel(key=KEY, amount=1_000)
    assert (await v2.truth())["cancels"] == 2


@pytest.mark.parametrize("key", ["short", "x" * 257, "with a space 0123456789"])
async def test_a_malformed_key_is_refused(v2: V2Driver, key: str) -> None:
    await v2.paid()
    answer = await v2.cancel(key=key)
    assert (answer.status_code, answer.json()["type"]) == (400, "INVALID_REQUEST")
    assert (await v2.truth())["cancels"] == 0


async def test_a_look_up_ignores_the_key(v2: V2Driver) -> None:
    await v2.paid()
    headers = {"Idempotency-Key": KEY}
    assert (await v2.http.get(v2.path("order1"), headers=headers)).json()["status"] == "PAID"
    await v2.cancel()
    assert (await v2.http.get(v2.path("order1"), headers=headers)).json()["status"] == "CANCELLED"


async def test_a_wrong_secret_neither_uses_nor_reads_a_key(v2: V2Driver) -> None:
    await v2.paid()
    await v2.cancel(key=KEY)
    v2.http.headers["Authorization"] = "PortOne wrong"
    assert (await v2.cancel(key=KEY)).status_code == 401
