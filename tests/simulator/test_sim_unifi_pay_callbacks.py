"""Callbacks of the imitated Unifi Pay: what they say, how they are signed, repeated, doubled and forged."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from simulator.server import Simulator, SimulatorSettings
from simulator.unifi_pay.access import UnifiPayAccount
from simulator.unifi_pay.webhooks import RETRIES_S

from .driver import Driver
from .unifi_pay_driver import HEADERS, Heard, Receiver, UnifiDriver, order, sign


@pytest.fixture
async def unifi(sim: Driver) -> AsyncIterator[UnifiDriver]:
    async with UnifiDriver(sim.simulator) as driver:
        yield driver


@pytest.fixture
async def shop() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


def is_signed_by(unifi: UnifiDriver, heard: Heard, path: str = "/callback", signing_id: str | None = None) -> bool:
    app_id, timestamp, signature = (heard.headers[name] for name in HEADERS)
    assert app_id == unifi.account["app_id"]
    signing_id = signing_id or unifi.account["api_key"]
    return signature == sign(unifi.account["app_secret"], "POST", path, signing_id, timestamp, body=heard.body)


async def test_a_paid_payment_is_told_once_and_signed(unifi: UnifiDriver, shop: Receiver) -> None:
    transaction_id = await unifi.paid(callbackUrl=shop.url)
    (heard,) = await shop.hears(1)
    assert heard.json == {
        "transactionId": transaction_id,
        "orderId": "order1",
        "status": "CONFIRMED",
        "type": "PURCHASE",
    }
    assert heard.headers["Content-Type"] == "application/json"
    assert "X-API-Key" not in heard.headers
    assert is_signed_by(unifi, heard)
    off_ms = int(heard.headers["X-Timestamp"]) - unifi.simulator.clock.now().timestamp() * 1000
    assert -2_000 < off_ms <= 0


@pytest.mark.parametrize(
    ("query", "path"),
    [("?a=1&b=%20", "/callback"), ("/deep/%EC%A3%BC%EB%AC%B8", "/callback/deep/%EC%A3%BC%EB%AC%B8"),
     ("/주문", "/callback/%EC%A3%BC%EB%AC%B8"), ("/a%2Fb", "/callback/a%2Fb")],
)  # fmt: skip
async def test_the_path_is_signed_as_it_arrives_and_the_query_is_not(
    unifi: UnifiDriver, shop: Receiver, query: str, path: str
) -> None:
    await unifi.paid(callbackUrl=shop.url + query)
    (heard,) = await shop.hears(1)
    assert heard.path.partition("?")[0] == path
    assert is_signed_by(unifi, heard, path)


async def test_an_address_without_a_path_is_signed_as_a_slash(unifi: UnifiDriver, shop: Receiver) -> None:
    await unifi.paid(callbackUrl=shop.url.removesuffix("/callback"))
    (heard,) = await shop.hears(1)
    assert is_signed_by(unifi, heard, "/")


async def with_account(shop: Receiver, advance_s: float = 0, **account: Any) -> tuple[Heard, UnifiDriver, Simulator]:
    simulator = Simulator(SimulatorSettings(accounts={"unifi_pay": UnifiPayAccount(**account)}))
    await simulator.start()
    async with UnifiDriver(simulator) as driver:
        created = await driver.post(
            order(callbackUrl=shop.url), signing_id=account.get("app_id", UnifiPayAccount().api_key)
        )
        assert created.status_code == 200, created.text
        await driver.advance(advance_s)
        await driver.pay()
        (heard,) = await shop.hears(1)
    await simulator.stop()
    return heard, driver, simulator


async def test_with_the_app_id_callbacks_are_signed_with_it_too(shop: Receiver) -> None:
    heard, driver, _ = await with_account(shop, sign_with="app_id", app_id="payletter")
    assert is_signed_by(driver, heard, signing_id="payletter")


async def test_callbacks_can_be_unsigned(shop: Receiver) -> None:
    heard, _, _ = await with_account(shop, sign_callbacks=False)
    assert not set(HEADERS) & set(heard.headers)
    assert heard.json["status"] == "CONFIRMED"


@pytest.mark.parametrize(("timestamps", "is_ahead"), [("simulated", True), ("real", False)])
async def test_timestamps_follow_the_chosen_clock(shop: Receiver, timestamps: str, is_ahead: bool) -> None:
    heard, _, simulator = await with_account(shop, advance_s=3600, timestamps=timestamps)
    real_ms = (simulator.clock.now().timestamp() - 3600) * 1000
    assert (int(heard.headers["X-Timestamp"]) - real_ms > 3_000_000) is is_ahead


@pytest.mark.parametrize(
    ("scenario", "statuses"),
    [
        ("declined", ["FAILED"]),
        ("canceled", ["CANCELED"]),
        ("returns_confirmed_but_failed", ["FAILED"]),
        ("returns_without_status", ["CONFIRMED"]),
        ("discount", ["CONFIRMED"]),
        ("abandoned", []),
        ("lost_webhook", []),
        ("duplicate_webhook", ["CONFIRMED", "CONFIRMED"]),
    ],
)
async def test_what_the_shop_is_told(unifi: UnifiDriver, shop: Receiver, scenario: str, statuses: list[str]) -> None:
    await unifi.paid(scenario=scenario, callbackUrl=shop.url)
    await shop.hears(len(statuses))
    assert shop.statuses == statuses


async def test_late_approval_is_told_when_it_happens(unifi: UnifiDriver, shop: Receiver) -> None:
    transaction_id = await unifi.paid(scenario="late_approval", callbackUrl=shop.url)
    await shop.hears(1)
    await unifi.advance(5)
    await shop.hears(2)
    assert shop.statuses == ["FAILED", "CONFIRMED"]
    assert (await unifi.shown(transaction_id))["status"] == "CONFIRMED"


async def test_contradiction_ends_with_what_is_not_true(unifi: UnifiDriver, shop: Receiver) -> None:
    transaction_id = await unifi.paid(scenario="contradiction", callbackUrl=shop.url)
    for heard in await shop.hears(2):
        assert is_signed_by(unifi, heard)
    assert shop.statuses == ["CONFIRMED", "FAILED"]
    assert (await unifi.shown(transaction_id))["status"] == "CONFIRMED"


@pytest.mark.parametrize(
    ("scenario", "first", "second"),
    [
        ("paid_twice_callbacks", ("PAID", "PURCHASE"), ("CONFIRMED", "PURCHASE")),
        ("reordered_webhooks", ("CONFIRMED", "PURCHASE"), ("PAID", "PURCHASE")),
        ("refunded_notice", ("CONFIRMED", "PURCHASE"), ("REFUNDED", "REFUND")),
    ],
)
async def test_a_second_callback_comes_a_second_later(
    unifi: UnifiDriver, shop: Receiver, scenario: str, first: tuple[str, str], second: tuple[str, str]
) -> None:
    transaction_id = await unifi.paid(scenario=scenario, callbackUrl=shop.url)
    await shop.hears(1)
    await unifi.advance(1)
    await shop.hears(2)
    assert [(heard.json["status"], heard.json["type"]) for heard in shop.heard] == [first, second]
    assert all(is_signed_by(unifi, heard) for heard in shop.heard)
    assert (await unifi.shown(transaction_id))["status"] == "CONFIRMED"
    assert (await unifi.truth())["refunded"] == 0


async def test_a_forged_callback_comes_beside_the_true_one(unifi: UnifiDriver, shop: Receiver) -> None:
    await unifi.paid(scenario="forged_callback", callbackUrl=shop.url)
    heard = await shop.hears(2)
    assert shop.statuses == ["CONFIRMED", "CONFIRMED"]
    assert sorted(is_signed_by(unifi, each) for each in heard) == [False, True]


async def test_repeats_on_5xx_by_the_documented_waits(unifi: UnifiDriver, shop: Receiver) -> None:
    shop.status = lambda before: 503 if before < 5 else 200
    await unifi.paid(callbackUrl=shop.url)
    await shop.hears(1)
    assert RETRIES_S == (3, 30, 600, 3600, 10_800)
    for times, wait_s in enumerate(RETRIES_S, 2):
        await unifi.advance(wait_s)
        await shop.hears(times)
    assert all(is_signed_by(unifi, heard) for heard in shop.heard)  # each with a time of its own
    assert len({heard.headers["X-Timestamp"] for heard in shop.heard}) == 6
    (row,) = await unifi.rows("webhooks")
    assert [each["status"] for each in row["tries"]] == [503] * 5 + [200]
    assert (row["gateway"], row["reference"], row["url"]) == ("unifi_pay", "order1", shop.url)


@pytest.mark.parametrize("status", [400, 404, 302])
async def test_other_answers_are_not_repeated(unifi: UnifiDriver, shop: Receiver, status: int) -> None:
    shop.status = lambda _: status
    await unifi.paid(callbackUrl=shop.url)
    await shop.hears(1)
    await unifi.advance(100_000)
    await shop.hears(1)


async def test_nobody_there_is_repeated(unifi: UnifiDriver) -> None:
    await unifi.paid()  # to an address where nobody listens
    await unifi.advance(100_000)
    for _ in range(200):
        (row,) = await unifi.rows("webhooks")
        if len(row["tries"]) == 6:
            break
    assert [each["status"] for each in row["tries"]] == [None] * 6


@pytest.mark.parametrize(("mode", "times"), [("lose", 0), ("duplicate", 2), ("send", 1)])
async def test_the_mode_for_all_payments(unifi: UnifiDriver, shop: Receiver, mode: str, times: int) -> None:
    body = {"gateway": "unifi_pay", "mode": mode, "url": "https://ignored.example/"}
    answer = await unifi.admin.post("/_sim/webhooks", json=body)
    assert (answer.status_code, answer.json()) == (200, {"gateway": "unifi_pay", "mode": mode})
    await unifi.paid(callbackUrl=shop.url)
    await shop.hears(times)


async def test_a_payments_own_scenario_goes_before_the_mode_for_all(unifi: UnifiDriver, shop: Receiver) -> None:
    await unifi.admin.post("/_sim/webhooks", json={"gateway": "unifi_pay", "mode": "lose"})
    await unifi.paid(scenario="duplicate_webhook", callbackUrl=shop.url)
    await shop.hears(2)


async def test_reset_stops_the_repeats(unifi: UnifiDriver, shop: Receiver) -> None:
    shop.status = lambda _: 500
    await unifi.paid(callbackUrl=shop.url)
    await shop.hears(1)
    await unifi.admin.post("/_sim/reset")
    await unifi.advance(100_000)
    await shop.hears(1)
    assert await unifi.rows("webhooks") == []
