"""Who may call the imitated Unifi Pay: signature, time, key and app id."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from simulator.server import Simulator, SimulatorSettings
from simulator.unifi_pay.access import UnifiPayAccount, sign

from .driver import Driver
from .unifi_pay_driver import PATH, UnifiDriver, order

KEY = "f3248c3e-881c-42bd-abe7-1232023fe896"
SECRET = "unifi-test-secret"
TIME = "1773017787000"
BODY = (
    b'{"items":[{"name":"Violet Jelly","price":12.34}],"orderId":"ord_1","storeId":"store_1","requestId":"req_1",'
    b'"returnUrl":"https://shop.example/return","callbackUrl":"https://shop.example/callback","countryCode":"KOR",'
    b'"orderCurrencyCode":"USD"}'
)
ONE = f"{PATH}/6f1c1d1e-0000-4000-8000-000000000001"
WINDOW_MS = 5 * 60 * 1000
SLACK_MS = 5_000


@pytest.fixture
async def unifi(sim: Driver) -> AsyncIterator[UnifiDriver]:
    async with UnifiDriver(sim.simulator) as driver:
        yield driver


async def other(**account: Any) -> tuple[Simulator, UnifiDriver]:
    simulator = Simulator(SimulatorSettings(accounts={"unifi_pay": UnifiPayAccount(**account)}))
    await simulator.start()
    return simulator, UnifiDriver(simulator)


@pytest.mark.parametrize(
    ("method", "uri", "signing_id", "body", "signature"),
    [
        ("GET", ONE, KEY, b"", "KGh9AZONOT5BXbDkPqvhLmTD9vhHZpDg0N4gDBLFXzo="),
        ("POST", PATH, KEY, BODY, "HBxrQppQSMeL0wZee4We2L+oaLW7rr9cCel5WBvGlc0="),
        ("POST", PATH, "payletter", BODY, "lhca3VINe7zAlL8+tEf/XNP5serSloaSs9Hlsm4R980="),
    ],
)
def test_the_contracts_vectors(method: str, uri: str, signing_id: str, body: bytes, signature: str) -> None:
    assert len(BODY) == 241
    assert sign(SECRET, method, uri, signing_id, TIME, body) == signature
    assert sign(SECRET, method.lower(), uri, signing_id, TIME, body) == signature


async def test_a_right_signature_is_let_in(unifi: UnifiDriver) -> None:
    assert (await unifi.post(order())).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"app_id": None},
        {"app_id": ""},
        {"timestamp": None},
        {"signature": None},
        {"signature": ""},
        {"signature": "bm90IGl0"},
        {"signature": "서명"},
        {"secret": "another"},
        {"api_key": None},
        {"api_key": "another", "signing_id": "another"},
        {"signing_id": "onetill-sim"},
        {"timestamp": "1773017787"},
        {"timestamp": "١٧٧٣٠١٧٧٨٧٠٠٠"},
        {"timestamp": "1773017787.00"},
        {"timestamp": "now"},
    ],
    ids=str,
)
async def test_what_is_missing_or_wrong_is_401(unifi: UnifiDriver, changes: dict[str, str | None]) -> None:
    body = b"{}"
    headers = unifi.signed("POST", PATH, body, **changes)
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    answer = await unifi.http.post(PATH, content=body, headers=raw)
    assert answer.status_code == 401
    assert answer.json().keys() == {"code", "message"}
    assert answer.json()["code"] == "UNAUTHORIZED"
    look = await unifi.http.get(ONE, headers=[*raw])
    assert look.status_code == 401


async def test_timestamps_in_seconds_are_refused_even_when_signed(unifi: UnifiDriver) -> None:
    seconds = str(int(unifi.simulator.clock.now().timestamp()))
    assert (await unifi.post(order(), timestamp=seconds)).status_code == 401


@pytest.mark.parametrize(
    ("off_ms", "status"),
    [(-WINDOW_MS, 401), (WINDOW_MS + SLACK_MS, 401), (SLACK_MS - WINDOW_MS, 200), (WINDOW_MS - SLACK_MS, 200)],
)
async def test_the_clock_may_be_off_by_less_than_five_minutes(unifi: UnifiDriver, off_ms: int, status: int) -> None:
    timestamp = str(int(unifi.simulator.clock.now().timestamp() * 1000) + off_ms)
    assert (await unifi.post(order(), timestamp=timestamp)).status_code == status


async def test_skipped_time_makes_signatures_stale_where_a_tester_wants_it() -> None:
    simulator, unifi = await other(timestamps="simulated")
    async with unifi:
        headers = unifi.signed("GET", ONE)
        assert (await unifi.http.get(ONE, headers=headers)).status_code == 404
        await unifi.advance(300)
        assert (await unifi.http.get(ONE, headers=headers)).status_code == 401
        assert (await unifi.http.get(ONE, headers=unifi.signed("GET", ONE))).status_code == 404
    await simulator.stop()


async def test_on_real_time_skipped_time_keeps_callers_in() -> None:
    simulator, driver = await other()
    async with driver:
        headers = driver.signed("GET", ONE)
        await driver.advance(86_400)
        assert (await driver.http.get(ONE, headers=headers)).status_code == 404
        assert (await driver.http.get(ONE, headers=driver.signed("GET", ONE))).status_code == 401
    await simulator.stop()


async def test_the_exact_bytes_are_signed(unifi: UnifiDriver) -> None:
    body = b'{"orderId" : "order1"}'
    headers = unifi.signed("POST", PATH, body)
    assert (await unifi.http.post(PATH, content=body, headers=headers)).status_code == 400
    respaced = b'{"orderId": "order1"}'
    assert (await unifi.http.post(PATH, content=respaced, headers=headers)).status_code == 401
    korean = order(items=[{"name": "도자기 머그컵", "price": 1}])
    assert (await unifi.post(korean)).status_code == 200


async def test_method_and_path_are_signed_and_a_query_is_not(unifi: UnifiDriver) -> None:
    elsewhere = unifi.signed("GET", ONE[:-1] + "2")
    assert (await unifi.http.get(ONE, headers=elsewhere)).status_code == 401
    assert (await unifi.http.get(ONE, headers=unifi.signed("POST", ONE))).status_code == 401
    assert (await unifi.http.get(f"{ONE}?a=b", headers=unifi.signed("GET", ONE))).status_code == 404


async def test_an_encoded_path_is_signed_as_it_is_sent(unifi: UnifiDriver) -> None:
    path = f"{PATH}/a%2Fb%20c"
    assert (await unifi.http.get(path, headers=unifi.signed("GET", path))).status_code == 404


async def test_another_app_id_is_403_only_with_a_right_signature(unifi: UnifiDriver) -> None:
    answer = await unifi.post(order(), app_id="somebody")
    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")
    assert (await unifi.post(order(), app_id="somebody", secret="wrong")).status_code == 401


async def test_signed_with_the_app_id_the_api_key_is_not_needed() -> None:
    simulator, driver = await other(sign_with="app_id", app_id="payletter", app_secret=SECRET)
    async with driver:
        for api_key in (None, "anything"):
            answer = await driver.post(order(), signing_id="payletter", api_key=api_key)
            assert answer.status_code == 200
        assert (await driver.post(order())).status_code == 401  # signed with the API key
        denied = await driver.post(order(), app_id="other", signing_id="other")
        assert denied.status_code == 403
    await simulator.stop()


async def test_a_refused_call_does_nothing_and_uses_up_no_plan(unifi: UnifiDriver) -> None:
    await unifi.plan("error_500", call="create")
    assert (await unifi.post(order(), secret="wrong")).status_code == 401
    assert await unifi.rows("journal") == []
    (call,) = await unifi.rows("calls")
    assert (call["call"], call["path"], call["status"]) == ("create", PATH, 401)
    assert (await unifi.post(order())).status_code == 500


async def test_no_secret_is_in_an_error(unifi: UnifiDriver) -> None:
    for changes in ({"secret": "x"}, {"api_key": "x"}, {"app_id": "x"}, {"timestamp": "1"}):
        text = (await unifi.post(order(), **changes)).text
        assert not any(value in text for value in unifi.account.values())
