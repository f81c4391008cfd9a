"""The official Python client (PyPI `iamport-rest-client`), unmodified, against the twin.

It asks for a token before each call, sends JSON, shows the token bare, and takes anything but HTTP 200 and code 0 as an
error. It never sends `include_sandbox`.
Its `find_by_status` cannot be called: release 0.9.0 gives its own `_get` a parameter that it does not have.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from iamport import Iamport  # type: ignore[import-untyped]  # its stubs carry no py.typed

from simulator.server import Simulator

from .portone_v1_driver import V1Driver, a_driver


@pytest.fixture
async def v1(running: Simulator) -> AsyncIterator[V1Driver]:
    async with a_driver(running) as driver:
        yield driver


@pytest.fixture
def iamport(v1: V1Driver) -> Any:
    client = Iamport(v1.keys["imp_key"], v1.keys["imp_secret"], imp_url=v1.account["base_url"] + "/")
    yield client
    client.requests_session.close()


async def call(method: Any, *args: Any, **fields: Any) -> Any:
    """The client blocks, and the simulator runs in this loop."""
    return await asyncio.to_thread(method, *args, **fields)


async def test_prepare_pay_and_find(v1: V1Driver, iamport: Any) -> None:
    prepared = await call(iamport.prepare, amount=12_000, merchant_uid="order1")
    assert prepared == {"merchant_uid": "order1", "amount": 12_000, "currency": None}
    assert await call(iamport.prepare_validate, "order1", 12_000) is True
    assert await call(iamport.prepare_validate, "order1", 11_000) is False
    paid = await v1.pay(scenario="live_channel")
    found = await call(iamport.find, imp_uid=paid["imp_uid"])
    assert (found["status"], found["amount"], found["merchant_uid"]) == ("paid", 12_000, "order1")
    assert await call(iamport.find, merchant_uid="order1") == found
    assert await call(iamport.is_paid, 12_000, imp_uid=paid["imp_uid"]) is True
    assert await call(iamport.is_paid, 11_000, merchant_uid="order1") is False
    assert await call(iamport.is_paid, 12_000, response=found) is True


async def test_what_is_not_there_is_an_http_error(v1: V1Driver, iamport: Any) -> None:
    for wanted in ({"imp_uid": "test"}, {"merchant_uid": "âàáaā"}):
        with pytest.raises(Iamport.HttpError) as caught:
            await call(iamport.find, **wanted)
        assert caught.value.code == 404


async def test_it_finds_a_test_payment_unless_the_tester_hides_it(v1: V1Driver, iamport: Any) -> None:
    imp_uid = await v1.paid()
    found = await call(iamport.find, imp_uid=imp_uid)
    assert found["sandbox"] is True
    assert await call(iamport.find, merchant_uid="order1") == found
    await v1.plan("hide_sandbox")
    with pytest.raises(Iamport.HttpError) as caught:
        await call(iamport.find, imp_uid=imp_uid)
    assert caught.value.code == 404


async def test_partial_and_full_cancel(v1: V1Driver, iamport: Any) -> None:
    imp_uid = await v1.paid()
    part = await call(iamport.cancel, "변심", imp_uid=imp_uid, amount=2_000, checksum=12_000)
    assert (part["status"], part["cancel_amount"]) == ("paid", 2_000)
    rest = await call(iamport.cancel, "변심", merchant_uid="order1")
    assert (rest["status"], rest["cancel_amount"]) == ("cancelled", 12_000)
    with pytest.raises(Iamport.ResponseError) as caught:
        await call(iamport.cancel, "변심", imp_uid=imp_uid)
    assert (caught.value.code, caught.value.message) == (1, "이미 전액취소된 주문입니다.")
    assert (await v1.truth())["refunded"] == 12_000


async def test_nothing_to_cancel_as_its_own_tests_expect_it(v1: V1Driver, iamport: Any) -> None:
    with pytest.raises(Iamport.ResponseError) as caught:
        await call(iamport.cancel, "reason", imp_uid="nothing")
    assert (caught.value.code, caught.value.message) == (1, "취소할 결제건이 존재하지 않습니다.")


async def test_cents_survive_the_client(v1: V1Driver, iamport: Any) -> None:
    imp_uid = await v1.paid(scenario="live_channel", amount=12.34, currency="USD")
    assert await call(iamport.is_paid, 12.34, imp_uid=imp_uid) is True
    assert (await call(iamport.cancel, "reason", imp_uid=imp_uid, amount=0.1))["cancel_amount"] == 0.1
    assert (await v1.truth())["refunded"] == 10


async def test_wrong_keys_are_an_http_error(v1: V1Driver) -> None:
    stranger = Iamport("sim_imp_key", "wrong", imp_url=v1.account["base_url"] + "/")
    with pytest.raises(Iamport.HttpError) as caught:
        await call(stranger.find, imp_uid="imp_1")
    assert caught.value.code == 401
    stranger.requests_session.close()


async def test_an_expired_token_is_an_http_error_and_the_next_call_works(v1: V1Driver, iamport: Any) -> None:
    await call(iamport.prepare, "order1", 12_000)
    await v1.plan("token_expired", call="prepare")
    with pytest.raises(Iamport.HttpError) as caught:
        await call(iamport.prepare_validate, "order1", 12_000)
    assert caught.value.code == 401
    assert await call(iamport.prepare_validate, "order1", 12_000) is True


async def test_a_repeated_prepare_is_a_response_error(v1: V1Driver, iamport: Any) -> None:
    await call(iamport.prepare, "order1", 12_000)
    with pytest.raises(Iamport.ResponseError) as caught:
        await call(iamport.prepare, "order1", 12_000)
    assert caught.value.code == 1
