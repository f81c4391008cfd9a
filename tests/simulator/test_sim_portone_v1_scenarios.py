"""What a tester can order: the buyer's scenarios, misbehaving calls, time."""

import asyncio
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from simulator.portone_v1.access import PortOneV1Account
from simulator.server import Simulator, SimulatorSettings
from tests.simulator.driver import IMPATIENT

from .portone_v1_driver import V1Driver, a_driver


@pytest.fixture
async def v1(running: Simulator) -> AsyncIterator[V1Driver]:
    async with a_driver(running) as driver:
        yield driver


async def test_unknown_references_are_404_and_nothing_is_opened(v1: V1Driver) -> None:
    assert (await v1.try_to_pay("nobody")).status_code == 404
    assert (await v1.try_to_pay("nobody", "console_cancel")).status_code == 404
    assert await v1.journal() == []


async def test_pay_uses_the_open_window_and_after_a_refusal_opens_another(v1: V1Driver) -> None:
    opened = (await v1.open())["imp_uid"]
    declined = await v1.pay(scenario="declined")
    assert (declined["imp_uid"], declined["error_code"]) == (opened, "F0004")
    assert declined["error_msg"]
    paid = await v1.pay()
    assert paid["imp_uid"] != opened
    assert set(paid) == {"imp_uid", "merchant_uid"}
    assert [(row["status"], row["captures"]) for row in await v1.journal()] == [("failed", 0), ("paid", 1)]
    assert (await v1.shown(paid["imp_uid"]))["buyer_name"] == "Gildong Hong"


async def test_a_paid_reference_cannot_be_paid_again(v1: V1Driver) -> None:
    await v1.paid()
    answer = await v1.try_to_pay()
    assert (answer.status_code, "already paid" in answer.text) == (409, True)


async def test_abandoned_stays_ready_and_the_buyer_may_come_back(v1: V1Driver) -> None:
    await v1.prepare()
    left = await v1.pay(scenario="abandoned")
    assert left["error_code"] == "F1001"
    assert (await v1.truth())["status"] == "ready"
    assert (await v1.pay())["imp_uid"] == left["imp_uid"]
    assert (await v1.truth())["status"] == "paid"


async def test_success_false_is_paid_all_the_same(v1: V1Driver) -> None:
    imp_uid = (await v1.open())["imp_uid"]
    rsp = (await v1.window(imp_uid, scenario="success_false")).json()["response"]["rsp"]
    assert (rsp["success"], rsp["imp_success"], rsp["imp_uid"]) == (False, False, imp_uid)
    assert rsp["error_code"]
    assert (await v1.truth())["status"] == "paid"
    await v1.open("order2")
    assert "error_code" in await v1.pay("order2", "success_false")


async def test_late_approval_fails_and_is_paid_five_seconds_later(v1: V1Driver) -> None:
    imp_uid = await v1.paid(scenario="late_approval")
    shown = await v1.shown(imp_uid)
    assert (shown["status"], shown["paid_at"], shown["failed_at"] > 0) == ("failed", 0, True)
    await v1.advance(4)
    assert (await v1.truth())["status"] == "failed"
    await v1.advance(1)
    shown = await v1.shown(imp_uid)
    assert (shown["status"], shown["failed_at"], shown["fail_reason"]) == ("paid", 0, None)
    assert shown["paid_at"] >= shown["started_at"] + 5
    assert (await v1.truth())["captures"] == 1


async def test_late_approval_comes_not_at_all_when_another_window_was_paid(v1: V1Driver) -> None:
    await v1.paid(scenario="late_approval")
    await v1.paid()
    await v1.advance(10)
    assert [(row["status"], row["captures"]) for row in await v1.journal()] == [("failed", 0), ("paid", 1)]


@pytest.mark.parametrize(("scenario", "sandbox"), [("test_channel", True), ("live_channel", False)])
async def test_the_channel_of_a_payment_can_be_another(v1: V1Driver, scenario: str, sandbox: bool) -> None:
    assert (await v1.shown(await v1.paid(scenario=scenario)))["sandbox"] is sandbox


@pytest.mark.parametrize(
    ("amount", "currency", "charged", "minor"),
    [(12_000, "KRW", 11_900, 11_900), (100, "KRW", 200, 200), (5, "USD", 4, 400)],
)
async def test_amount_differs_really_charges_another_amount(
    v1: V1Driver, amount: int, currency: str, charged: int, minor: int
) -> None:
    imp_uid = await v1.paid(scenario="amount_differs", amount=amount, currency=currency)
    for _ in range(2):
        assert (await v1.shown(imp_uid))["amount"] == charged
    assert (await v1.truth())["amount"] == minor


async def test_unknown_status_stays(v1: V1Driver) -> None:
    imp_uid = await v1.paid(scenario="unknown_status")
    for _ in range(2):
        assert (await v1.shown(imp_uid))["status"] == "held_for_review"
    assert (await v1.truth())["status"] == "paid"


async def test_a_virtual_account_is_issued_and_then_deposited_into(v1: V1Driver) -> None:
    imp_uid = await v1.paid(scenario="virtual_account")
    shown = await v1.shown(imp_uid)
    assert (shown["status"], shown["pay_method"], shown["pg_provider"]) == ("ready", "vbank", "html5_inicis")
    assert (shown["vbank_code"], shown["vbank_name"], len(shown["vbank_num"])) == ("088", "신한은행", 14)
    assert shown["vbank_date"] > shown["vbank_issued_at"] > 0
    assert (await v1.truth())["captures"] == 0
    assert (await v1.pay())["imp_uid"] == imp_uid
    assert (await v1.shown(imp_uid))["status"] == "paid"


async def test_the_callback_of_an_issued_account_tells_it(v1: V1Driver) -> None:
    imp_uid = (await v1.open())["imp_uid"]
    rsp = (await v1.window(imp_uid, scenario="virtual_account")).json()["response"]["rsp"]
    assert (rsp["success"], rsp["status"], rsp["paid_at"]) == (True, "ready", 0)
    assert rsp["vbank_num"] == (await v1.shown(imp_uid))["vbank_num"]


@pytest.mark.parametrize(("first", "second"), [("underpaid_deposit", "paid"), ("virtual_account", "underpaid_deposit")])
async def test_an_underpaid_deposit_is_paid_with_less_held(v1: V1Driver, first: str, second: str) -> None:
    imp_uid = await v1.paid(scenario=first)
    await v1.pay(scenario=second)
    shown = await v1.shown(imp_uid)
    assert (shown["status"], shown["amount"]) == ("paid", 11_900)
    assert (await v1.truth())["amount"] == 11_900


async def test_an_account_takes_no_refusal_and_nothing_after_three_days(v1: V1Driver) -> None:
    await v1.paid(scenario="virtual_account")
    assert (await v1.try_to_pay(scenario="declined")).status_code == 409
    await v1.advance(3 * 86_400)
    assert (await v1.try_to_pay()).status_code == 409
    assert (await v1.truth())["captures"] == 0


async def test_console_cancel_needs_a_paid_payment(v1: V1Driver) -> None:
    imp_uid = (await v1.open())["imp_uid"]
    assert (await v1.try_to_pay(scenario="console_cancel")).status_code == 409
    await v1.pay()
    assert (await v1.pay(scenario="console_cancel")) == {"imp_uid": imp_uid, "merchant_uid": "order1"}
    shown = await v1.shown(imp_uid)
    assert (shown["status"], shown["cancel_amount"]) == ("cancelled", 12_000)
    assert (await v1.try_to_pay(scenario="console_cancel")).status_code == 409


async def test_a_plan_for_pay_is_followed(v1: V1Driver) -> None:
    await v1.plan("declined", reference="order1")
    await v1.open()
    assert "error_code" in await v1.pay()
    assert "error_code" not in await v1.pay()


@pytest.mark.parametrize("scenario", ["slow", "error_500", "too_many_requests", "garbage"])
async def test_given_to_pay_the_next_look_up_misbehaves_once(v1: V1Driver, scenario: str) -> None:
    imp_uid = await v1.paid(scenario=scenario)
    await v1.paid("another")
    began = time.monotonic()
    answer = await v1.look(imp_uid)
    took = time.monotonic() - began
    expected = {"error_500": 500, "too_many_requests": 429}
    assert answer.status_code == expected.get(scenario, 200)
    assert (took >= 0.15) is (scenario == "slow")
    if scenario == "garbage":
        with pytest.raises(ValueError, match="Expecting value"):
            answer.json()
    if scenario == "error_500":
        assert answer.json()["code"] == -1
    assert (await v1.shown(imp_uid))["status"] == "paid"
    assert (await v1.calls("lookup"))[0]["scenario"] == scenario


async def test_the_token_call_can_misbehave(v1: V1Driver) -> None:
    await v1.plan("error_500", call="token")
    assert (await v1.http.post("/users/getToken", json=v1.keys)).status_code == 500
    await v1.log_in()


async def test_a_prepare_whose_answer_is_lost_was_done(v1: V1Driver) -> None:
    await v1.plan("accept_then_hang", call="prepare")
    v1.http.timeout = IMPATIENT
    with pytest.raises(httpx.ReadTimeout):
        await v1.prepare()
    assert (await v1.truth())["status"] == "prepared"
    assert await v1.refusal(v1.prepare()) == (200, 1)


async def test_reset_lets_go_of_held_connections_and_forgets_everything(v1: V1Driver) -> None:
    imp_uid = await v1.paid(scenario="accept_then_hang")
    hanging = asyncio.create_task(v1.cancel(imp_uid))
    await v1.until("refunded", 12_000)
    await v1.admin.post("/_sim/reset")
    assert (await asyncio.wait_for(hanging, 1)).status_code == 504
    assert await v1.journal() == []


async def test_a_reset_forgets_what_was_to_come(v1: V1Driver) -> None:
    await v1.paid(scenario="late_approval")
    await v1.admin.post("/_sim/reset")
    await v1.advance(10)
    assert await v1.journal() == []


async def test_calls_are_logged_by_their_pattern_without_values(v1: V1Driver) -> None:
    imp_uid = await v1.paid()
    await v1.shown(imp_uid)
    await v1.find()
    rows = await v1.calls("lookup")
    paths = ["/payments/{imp_uid}", "/payments/find/{merchant_uid}"]
    assert [(row["path"], row["reference"], row["status"]) for row in rows] == [(path, "order1", 200) for path in paths]


async def test_with_a_seed_the_same_run_gives_the_same_names() -> None:
    seen = []
    for _ in range(2):
        simulator = Simulator(SimulatorSettings(seed=7, accounts={"portone_v1": PortOneV1Account(imp_key="other")}))
        await simulator.start()
        async with V1Driver(simulator) as v1:
            seen.append((v1.http.headers["Authorization"], await v1.paid()))
        await simulator.stop()
    assert seen[0] == seen[1]


async def test_the_time_scale_shortens_what_takes_time() -> None:
    simulator = Simulator(SimulatorSettings(time_scale=3_000))
    await simulator.start()
    async with V1Driver(simulator) as v1:
        await v1.cancel(await v1.paid(scenario="async_cancel"))
        await v1.until("refunded", 12_000)
    await simulator.stop()
