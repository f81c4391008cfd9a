"""Webhooks: what they say, where they go, how they are signed and repeated."""

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from simulator.portone_v2.access import PortOneV2Account
from simulator.portone_v2.webhooks import sign
from simulator.server import Simulator, SimulatorSettings

from .driver import Driver
from .portone_v2_driver import Heard, Shop, V2Driver

SDK_SECRET = "pzQGE83cSIRKM4/WH5QY+g=="
VECTORS = [
    (
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        '{"test": 2432232314}',
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ),
    (
        SDK_SECRET,
        "dummy-webhook-id",
        1714039200,
        '{"type":"Transaction.Paid","timestamp":"2024-04-25T10:00:00.000Z",'
        '"data":{"storeId":"store-1","paymentId":"pay-1","transactionId":"tx-1"}}',
        "v1,cR1puZMC8TPtXn/H+DnAZP1onrGbNdVW59dd+pR37EU=",
    ),
    (
        SDK_SECRET,
        "dummy-webhook-id",
        1714039200,
        '{"type":"Transaction.Paid","data":{"paymentId":"주문-1"}}',
        "v1,AH8I9eh85mqCLM9homHIRxBSze8oHXWd4Rxn5sfEqVQ=",
    ),
]


@pytest.fixture
async def v2(sim: Driver) -> AsyncIterator[V2Driver]:
    async with V2Driver(sim.simulator) as driver:
        yield driver


@pytest.fixture
async def shop(v2: V2Driver) -> AsyncIterator[Shop]:
    """A shop whose address is in the console."""
    async with Shop() as shop:
        await v2.send_webhooks_to(shop.url)
        yield shop


@pytest.mark.parametrize(("secret", "webhook_id", "timestamp_s", "body", "signature"), VECTORS)
def test_the_contracts_vectors(secret: str, webhook_id: str, timestamp_s: int, body: str, signature: str) -> None:
    assert sign([secret], webhook_id, timestamp_s, body.encode()) == signature
    assert sign([secret, secret], webhook_id, timestamp_s, body.encode()) == f"{signature} {signature}"


def is_signed(heard: Heard, *secrets: str) -> bool:
    headers = heard.headers
    expected = sign(secrets, headers["webhook-id"], int(headers["webhook-timestamp"]), heard.text.encode())
    return expected == headers["webhook-signature"]


async def test_a_payment_tells_of_its_window_and_its_money(v2: V2Driver, shop: Shop) -> None:
    paid = await v2.paid()
    heard = await shop.first(2)
    assert sorted(each.type for each in heard) == ["Paid", "Ready"]
    for each in heard:
        assert each.json["data"] == {
            "storeId": v2.account["store_id"],
            "paymentId": "order1",
            "transactionId": paid["txId"],
        }
        assert each.json["timestamp"].endswith("Z")
        assert each.headers["content-type"] == "application/json"
        assert is_signed(each, v2.account["webhook_secret"])
    assert len({each.headers["webhook-id"] for each in heard}) == 2
    await shop.hears_no_more_than(2)


@pytest.mark.parametrize(
    ("scenario", "types"),
    [
        ("declined", ["Failed"]),
        ("virtual_account", ["VirtualAccountIssued"]),
        ("pay_pending", ["PayPending"]),
        ("manual_approval", []),
        ("abandoned", []),
    ],
)
async def test_each_end_of_the_window_tells_its_own(v2: V2Driver, shop: Shop, scenario: str, types: list[str]) -> None:
    await v2.paid(scenario=scenario)
    assert set(await shop.types(1 + len(types))) == {"Ready", *types}
    await shop.hears_no_more_than(1 + len(types), within_s=0.1)


async def test_cancels_name_their_cancellation(v2: V2Driver, shop: Shop) -> None:
    await v2.paid()
    await shop.first(2)
    part = (await v2.cancel(amount=1_000)).json()["cancellation"]["id"]
    await shop.first(3)
    rest = (await v2.cancel()).json()["cancellation"]["id"]
    told = [(each.type, each.json["data"]["cancellationId"]) for each in (await shop.first(4))[2:]]
    assert told == [("PartialCancelled", part), ("Cancelled", rest)]


async def test_an_asynchronous_cancel_tells_twice(v2: V2Driver, shop: Shop) -> None:
    await v2.paid(scenario="async_cancel")
    await shop.first(2)
    await v2.cancel()
    await shop.first(3)
    await v2.advance(300)
    assert (await shop.types(4))[2:] == ["CancelPending", "Cancelled"]
    assert (await v2.shown())["webhooks"][-1]["trigger"] == "ASYNC_CANCEL_APPROVED"


async def test_the_console_and_a_deposit_tell_too(v2: V2Driver, shop: Shop) -> None:
    await v2.paid(scenario="virtual_account")
    await shop.first(2)
    await v2.pay()
    await shop.first(3)
    await v2.pay(scenario="console_cancel")
    assert (await shop.types(4))[2:] == ["Paid", "Cancelled"]


async def test_a_late_approval_tells_without_being_asked(v2: V2Driver, shop: Shop) -> None:
    await v2.paid(scenario="late_approval")
    await shop.first(2)
    await v2.advance(5)
    assert (await shop.types(3))[2] == "Paid"


async def test_skip_webhook_is_honoured(v2: V2Driver, shop: Shop) -> None:
    done = await v2.paid(scenario="manual_approval")
    await shop.first(1)
    await v2.confirm(done["paymentToken"], skipWebhook=True)
    await v2.cancel(skipWebhook=True)
    await shop.hears_no_more_than(1)


async def test_notice_urls_go_before_the_consoles_address(v2: V2Driver, shop: Shop) -> None:
    async with Shop() as one, Shop() as two:
        await v2.open(noticeUrls=[one.url, two.url])
        assert await one.types(1) == await two.types(1) == ["Ready"]
        await shop.hears_no_more_than(0, within_s=0.1)


async def test_without_an_address_nothing_is_sent(v2: V2Driver) -> None:
    await v2.paid()
    assert await v2.deliveries() == []


async def test_a_webhook_is_repeated_until_it_is_taken_with_its_id_and_body(v2: V2Driver, shop: Shop) -> None:
    await v2.open()
    await shop.first(1)
    shop.statuses = [500, 404, 301, 500, 500, 500]
    await v2.pay()
    await shop.first(2)
    for tries, minutes in enumerate([1, 4, 16, 64, 256], start=3):
        await v2.advance(minutes * 60)
        await shop.first(tries)
    await v2.advance(24 * 3600)
    await shop.hears_no_more_than(7)
    repeats = shop.heard[1:]
    assert len({(each.headers["webhook-id"], each.text) for each in repeats}) == 1
    assert all(abs(time.time() - int(each.headers["webhook-timestamp"])) < 60 for each in repeats), (
        "skipped time is ours"
    )
    assert all(is_signed(each, v2.account["webhook_secret"]) for each in repeats)
    log = (await v2.shown())["webhooks"][-1]
    assert (log["status"], log["currentExecutionCount"]) == ("FAILED_NOT_OK_RESPONSE", 6)


async def test_any_2xx_ends_the_repeats(v2: V2Driver, shop: Shop) -> None:
    shop.statuses = [204]
    await v2.open()
    await shop.first(1)
    await v2.advance(3600)
    await shop.hears_no_more_than(1)
    assert (await v2.shown())["webhooks"][0]["status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("scenario", "types"),
    [
        ("duplicate_webhook", ["Paid", "Paid", "Ready", "Ready"]),
        ("reordered_webhooks", ["Paid"]),
        ("contradiction", ["Failed", "Paid", "Ready"]),
    ],
)
async def test_the_payments_webhooks_go_out_as_the_scenario_says(
    v2: V2Driver, shop: Shop, scenario: str, types: list[str]
) -> None:
    await v2.paid(scenario=scenario)
    assert sorted(await shop.types(len(types))) == types
    assert (await v2.shown())["status"] == "PAID"
    await v2.advance(30)
    await shop.first(2)


async def test_the_contradictions_come_within_fifty_milliseconds(v2: V2Driver, shop: Shop) -> None:
    await v2.open()
    await shop.first(1)
    await v2.pay(scenario="contradiction")
    await shop.first(3)
    events = {row["body"].split('"')[3]: row["tries"][0]["at"] for row in await v2.deliveries()}
    paid, failed = events["Transaction.Paid"], events["Transaction.Failed"]
    assert abs(float(paid[17:26]) - float(failed[17:26])) % 60 < 0.05


async def test_a_lost_webhook_is_not_sent_and_other_payments_are_heard(v2: V2Driver, shop: Shop) -> None:
    await v2.paid(scenario="lost_webhook")
    await v2.paid("order2")
    assert {each.json["data"]["paymentId"] for each in await shop.first(2)} == {"order2"}
    assert [row["tries"] for row in (await v2.deliveries())[:2]] == [[], []]


async def test_the_modes_of_all_webhooks(v2: V2Driver, shop: Shop) -> None:
    await v2.send_webhooks_to(None, "lose")
    await v2.paid()
    await shop.hears_no_more_than(0, within_s=0.1)
    await v2.send_webhooks_to(None, "send")
    await v2.cancel()
    assert await shop.types(1) == ["Cancelled"]


async def test_old_webhooks_have_the_old_body_and_the_new_signature(v2: V2Driver, shop: Shop) -> None:
    paid = await v2.paid(scenario="old_webhooks")
    heard = await shop.first(2)
    assert sorted((each.json for each in heard), key=lambda body: str(body["status"])) == [
        {"payment_id": "order1", "tx_id": paid["txId"], "status": status} for status in ("Paid", "Ready")
    ]
    assert all(is_signed(each, v2.account["webhook_secret"]) for each in heard)


async def test_a_forged_webhook_comes_beside_the_true_one_and_is_not_repeated(v2: V2Driver, shop: Shop) -> None:
    await v2.open()
    await shop.first(1)
    shop.statuses = [401, 401]
    await v2.pay(scenario="forged_webhook")
    heard = (await shop.first(3))[1:]
    assert [each.type for each in heard] == ["Paid", "Paid"]
    assert sorted(is_signed(each, v2.account["webhook_secret"]) for each in heard) == [False, True]
    await v2.advance(60)
    again = (await shop.first(4))[3]
    assert is_signed(again, v2.account["webhook_secret"])
    assert (await v2.truth())["captures"] == 1


async def test_during_a_rotation_both_secrets_sign() -> None:
    secrets = ("whsec_bmV3", "whsec_b2xk")
    async with Shop() as shop:
        account = PortOneV2Account(webhook_secrets=secrets, webhook_url=shop.url, channel="LIVE")
        simulator = Simulator(SimulatorSettings(accounts={"portone_v2": account}))
        await simulator.start()
        async with V2Driver(simulator) as v2:
            await v2.open()
            (heard,) = await shop.first(1)
            assert (await v2.shown())["channel"]["type"] == "LIVE"
        await simulator.stop()
    assert is_signed(heard, *secrets)
    assert len(heard.headers["webhook-signature"].split(" ")) == 2


async def test_resend_sends_the_latest_again_with_its_id(v2: V2Driver, shop: Shop) -> None:
    await v2.open()
    await shop.first(1)
    await v2.pay()
    await shop.first(2)
    answer = await v2.http.post(v2.path("order1", "resend-webhook"), json={})
    assert answer.status_code == 200, answer.text
    webhook = answer.json()["webhook"]
    first, again = (await shop.first(3))[1:]
    assert (webhook["id"], webhook["trigger"], webhook["url"]) == (first.headers["webhook-id"], "MANUAL", shop.url)
    assert (again.headers["webhook-id"], again.text) == (first.headers["webhook-id"], first.text)


async def test_resend_by_id_and_its_limits(v2: V2Driver, shop: Shop) -> None:
    path = v2.path("order1", "resend-webhook")
    assert (await v2.http.post(path, json={})).json()["type"] == "PAYMENT_NOT_FOUND"
    await v2.open()
    (ready,) = await shop.first(1)
    assert (await v2.http.post(path, json={"webhookId": "other"})).json()["type"] == "WEBHOOK_NOT_FOUND"
    assert (await v2.http.post(path, json={"webhookId": 1})).status_code == 400
    body: dict[str, Any] = {"webhookId": ready.headers["webhook-id"]}
    assert [(await v2.http.post(path, json=body)).status_code for _ in range(5)] == [200] * 5
    answer = await v2.http.post(path, json=body)
    assert (answer.status_code, answer.json()["type"]) == (400, "MAX_WEBHOOK_RETRY_COUNT_REACHED")
    assert [each.type for each in await shop.first(6)] == ["Ready"] * 6
