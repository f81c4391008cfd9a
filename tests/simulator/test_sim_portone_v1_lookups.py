"""Look-ups: the payment object, and who is found by what."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from simulator.portone_v1.access import PortOneV1Account
from simulator.server import Simulator, SimulatorSettings

from .portone_v1_driver import V1Driver, a_driver

REQUIRED = {"imp_uid", "merchant_uid", "amount", "cancel_amount", "currency", "status", "sandbox"}


@pytest.fixture
async def v1(running: Simulator) -> AsyncIterator[V1Driver]:
    async with a_driver(running) as driver:
        yield driver


async def uids(answer: Any) -> list[str]:
    return [payment["imp_uid"] for payment in (await V1Driver.result(answer))["list"]]


async def declined_then_paid(v1: V1Driver, reference: str = "order1") -> tuple[str, str]:
    """One merchant_uid, two windows."""
    declined = await v1.paid(reference, "declined")
    return declined, await v1.paid(reference)


async def test_the_object_tells_what_was_ordered_and_what_became_of_it(v1: V1Driver) -> None:
    imp_uid = await v1.paid(buyer_tel="010-0000-0000", custom_data={"cart": 7})
    shown = await v1.shown(imp_uid)
    wanted = {
        "imp_uid": imp_uid,
        "merchant_uid": "order1",
        "status": "paid",
        "amount": 12_000,
        "cancel_amount": 0,
        "currency": "KRW",
        "sandbox": True,
        "pg_provider": "paymentwall",
        "channel": "pc",
        "name": "커피 원두",
        "buyer_name": "Gildong Hong",
        "buyer_email": "gildong@shop.example",
        "buyer_tel": "010-0000-0000",
        "custom_data": '{"cart":7}',
        "failed_at": 0,
        "cancelled_at": 0,
        "fail_reason": None,
        "cancel_history": [],
        "vbank_num": None,
        "vbank_date": 0,
    }
    assert {name: shown[name] for name in wanted} == wanted
    assert shown["paid_at"] >= shown["started_at"] > 1_700_000_000


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [(12.34, "USD", "12.34"), (12.30, "USD", "12.3"), (12, "USD", "12"), (9.99, "EUR", "9.99")],
)
async def test_amounts_are_exact_numbers_of_major_units(v1: V1Driver, amount: float, currency: str, text: str) -> None:
    imp_uid = await v1.paid(amount=amount, currency=currency)
    assert f'"amount":{text},' in (await v1.look(imp_uid)).text
    assert (await v1.truth())["amount"] == round(amount * 100)


async def test_a_client_that_never_asks_for_test_payments_sees_them(v1: V1Driver) -> None:
    imp_uid = await v1.paid()
    assert (await v1.result(v1.look(imp_uid, None)))["sandbox"] is True
    assert (await v1.result(v1.find()))["sandbox"] is True


@pytest.mark.parametrize("include", ["false", "0"])
async def test_a_test_payment_is_hidden_from_a_client_that_does_not_want_it(v1: V1Driver, include: str) -> None:
    assert await v1.refusal(v1.look(await v1.paid(), include)) == (404, -1)


async def test_hide_sandbox_hides_test_payments_unless_they_are_asked_for(v1: V1Driver) -> None:
    imp_uid = await v1.paid(scenario="hide_sandbox")
    live = await v1.paid("live", "live_channel")
    assert await v1.refusal(v1.look(imp_uid, None)) == (404, -1)
    assert await v1.refusal(v1.find()) == (404, -1)
    assert [row["imp_uid"] for row in (await v1.result(v1.http.get("/payments/status/all")))["list"]] == [live]
    assert (await v1.result(v1.look(imp_uid, "true")))["sandbox"] is True
    assert (await v1.look(imp_uid, "1")).status_code == 200


async def test_hide_sandbox_can_be_planned_for_one_call(v1: V1Driver) -> None:
    imp_uid = await v1.paid()
    await v1.plan("hide_sandbox")
    assert [(await v1.look(imp_uid, None)).status_code for _ in range(2)] == [404, 200]


async def test_include_sandbox_must_be_a_boolean(v1: V1Driver) -> None:
    imp_uid = await v1.paid()
    for value in ("maybe", ""):
        assert await v1.refusal(v1.look(imp_uid, value)) == (400, -1)


async def test_a_live_payment_is_never_hidden(v1: V1Driver) -> None:
    imp_uid = await v1.paid(scenario="live_channel")
    assert (await v1.result(v1.look(imp_uid, None)))["sandbox"] is False


async def test_an_unknown_imp_uid_is_404(v1: V1Driver) -> None:
    assert await v1.refusal(v1.look("imp_000000000000")) == (404, -1)
    assert await v1.refusal(v1.http.get("/payments/imp_000000000000/balance")) == (404, -1)


async def test_several_is_200_for_all_207_for_some_and_404_for_none(v1: V1Driver) -> None:
    one, two = await v1.paid("one"), await v1.paid("two")
    both = await v1.several(("imp_uid[]", two), ("merchant_uid[]", "one"))
    assert (both.status_code, [row["imp_uid"] for row in both.json()["response"]]) == (200, [two, one])
    some = await v1.several(("imp_uid[]", one), ("imp_uid[]", "imp_0"), ("merchant_uid[]", "nobody"))
    assert (some.status_code, some.json()["code"]) == (207, 0)
    assert [row["imp_uid"] for row in some.json()["response"]] == [one]
    assert await v1.refusal(v1.several(("imp_uid[]", "imp_0"))) == (404, -1)


async def test_several_shows_each_once_and_of_a_merchant_uid_the_paid_one(v1: V1Driver) -> None:
    _, paid = await declined_then_paid(v1)
    both = await v1.several(("imp_uid[]", paid), ("merchant_uid[]", "order1"))
    assert [row["imp_uid"] for row in both.json()["response"]] == [paid]


async def test_several_takes_a_hundred_ids_at_most(v1: V1Driver) -> None:
    assert await v1.refusal(v1.several()) == (404, -1)
    assert await v1.refusal(v1.several(*[("imp_uid[]", "imp_0")] * 101)) == (400, -1)
    assert await v1.refusal(v1.several(*[("imp_uid[]", "imp_0")] * 100)) == (404, -1)


async def test_find_gives_the_newest_window_and_by_status_or_order_another_one(v1: V1Driver) -> None:
    declined, paid = await declined_then_paid(v1)
    assert (await v1.result(v1.find()))["imp_uid"] == paid
    assert (await v1.result(v1.find("order1", "failed")))["imp_uid"] == declined
    assert (await v1.result(v1.find("order1", sorting="started")))["imp_uid"] == declined
    assert (await v1.result(v1.find("order1", sorting="-paid")))["imp_uid"] == paid
    for status in ("cancelled", "all", "PAID"):
        assert await v1.refusal(v1.find("order1", status)) == (404, -1)
    assert await v1.refusal(v1.find(sorting="newest")) == (400, -1)
    assert await v1.refusal(v1.find("nobody")) == (404, -1)


async def test_a_newer_abandoned_window_hides_the_paid_one_from_a_plain_find(v1: V1Driver) -> None:
    older, newer = await v1.open(), await v1.open()
    await v1.window(older["imp_uid"])
    assert (await v1.result(v1.find()))["imp_uid"] == newer["imp_uid"]
    assert (await v1.result(v1.find("order1", "paid")))["imp_uid"] == older["imp_uid"]
    assert (await v1.result(v1.find(sorting="-updated")))["imp_uid"] == older["imp_uid"]


async def test_prepared_alone_is_found_by_no_look_up(v1: V1Driver) -> None:
    await v1.prepare()
    assert await v1.refusal(v1.find()) == (404, -1)
    assert await v1.refusal(v1.find_all()) == (404, -1)


async def test_find_all_pages_through_every_window(v1: V1Driver) -> None:
    opened = [(await v1.open())["imp_uid"] for _ in range(5)]
    await v1.paid("another")
    first = await v1.result(v1.find_all(limit="2"))
    assert (first["total"], first["previous"], first["next"]) == (5, 0, 2)
    assert [payment["imp_uid"] for payment in first["list"]] == opened[:2:-1]
    last = await v1.result(v1.find_all(limit="2", page="3"))
    assert (last["previous"], last["next"], len(last["list"])) == (2, 0, 1)
    assert await uids(v1.find_all(sorting="started")) == opened


async def test_find_all_of_a_status_is_empty_or_404_and_of_a_wrong_one_400(v1: V1Driver) -> None:
    declined, _ = await declined_then_paid(v1)
    assert await uids(v1.find_all("order1", "failed")) == [declined]
    assert await v1.refusal(v1.find_all("order1", "cancelled")) == (404, -1)
    for status in ("all", "PAID", "paid2"):
        assert await v1.refusal(v1.find_all("order1", status)) == (400, -1)


@pytest.mark.parametrize(
    "query",
    [
        {"page": "0"},
        {"page": "2"},
        {"page": "x"},
        {"limit": "0"},
        {"limit": "1001"},
        {"sorting": "newest"},
        {"sorting": ""},
    ],
)
async def test_wrong_pages_are_400(v1: V1Driver, query: dict[str, str]) -> None:
    await v1.paid()
    assert await v1.refusal(v1.find_all(**query)) == (400, -1)
    assert await v1.refusal(v1.http.get("/payments/status/all", params=query)) == (400, -1)


async def test_by_status_lists_every_payment_of_it(v1: V1Driver) -> None:
    declined, paid = await declined_then_paid(v1)
    ready = (await v1.open("order2"))["imp_uid"]
    gone = await v1.paid("order3")
    await v1.cancel(gone)
    partly = await v1.paid("order4")
    await v1.cancel(partly, amount=1_000)
    expected = {"all": [partly, gone, ready, paid, declined], "ready": [ready], "paid": [partly, paid]}
    for status, wanted in (expected | {"failed": [declined], "cancelled": [gone]}).items():
        assert await uids(v1.http.get(f"/payments/status/{status}")) == wanted, status
    assert await v1.refusal(v1.http.get("/payments/status/unpaid")) == (400, -1)


async def test_by_status_looks_ninety_days_back_by_the_time_of_the_status(v1: V1Driver) -> None:
    opened = (await v1.open())["imp_uid"]
    await v1.advance(60 * 86_400)
    await v1.window(opened)
    await v1.log_in()
    paid_at = (await v1.shown(opened))["paid_at"]
    await v1.advance(60 * 86_400)
    await v1.log_in()
    assert await uids(v1.http.get("/payments/status/paid")) == [opened]
    assert await uids(v1.http.get("/payments/status/ready")) == []

    async def between(start: int, end: int) -> list[str]:
        return await uids(v1.http.get("/payments/status/paid", params={"from": start, "to": end}))

    assert await between(paid_at, paid_at) == [opened]
    assert await between(paid_at + 1, paid_at + 9) == []
    assert await between(paid_at - 9, paid_at - 1) == []
    too_long = {"from": paid_at, "to": paid_at + 90 * 86_400 + 1}
    assert await v1.refusal(v1.http.get("/payments/status/paid", params=too_long)) == (400, -1)


async def test_the_balance_splits_what_is_left(v1: V1Driver) -> None:
    imp_uid = await v1.paid(amount=12_000, tax_free=1_000)
    await v1.cancel(imp_uid, amount=2_000)
    balance = await v1.result(v1.http.get(f"/payments/{imp_uid}/balance"))
    assert balance["amount"] == 12_000
    assert balance["primary"] == {"tax_free": 1_000, "supply": 8_182, "vat": 818, "service": 0}
    assert balance["secondary"] == {"tax_free": 0, "supply": 0, "vat": 0, "service": 0}


async def test_wrong_methods_are_405_and_unknown_paths_404_in_the_envelope(v1: V1Driver) -> None:
    answer = await v1.http.delete("/payments/imp_1")
    assert (answer.status_code, answer.json()["code"]) == (405, -1)
    assert "GET" in answer.headers["allow"]
    assert (await v1.http.delete("/payments/prepare")).headers["allow"] in ("POST, PUT", "PUT, POST")
    assert await v1.refusal(v1.http.get("/nothing")) == (404, -1)


async def test_a_planned_view_distorts_one_look_up_of_one_payment(v1: V1Driver) -> None:
    one, two = await v1.paid("one"), await v1.paid("two")
    for scenario, field, value in (
        ("amount_differs", "amount", 11_900),
        ("unknown_status", "status", "held_for_review"),
    ):
        await v1.plan(scenario, reference="one", call="lookup")
        rows = (await v1.several(("imp_uid[]", one), ("imp_uid[]", two))).json()["response"]
        assert rows[0][field] == value
        assert rows[1][field] != value
        assert (await v1.shown(one))[field] != value
    assert (await v1.truth("one"))["amount"] == 12_000


async def test_sparse_shows_only_what_is_required(v1: V1Driver) -> None:
    imp_uid = await v1.paid(scenario="sparse")
    for _ in range(2):
        assert set(await v1.shown(imp_uid)) == REQUIRED
    assert set(await v1.result(v1.find())) == REQUIRED


async def test_hide_sandbox_never_hides_a_live_account() -> None:
    simulator = Simulator(SimulatorSettings(accounts={"portone_v1": PortOneV1Account(channel="LIVE")}))
    await simulator.start()
    async with V1Driver(simulator) as v1:
        live, test = await v1.paid("one", "hide_sandbox"), await v1.paid("two", "test_channel")
        await v1.plan("hide_sandbox", times=2)
        assert (await v1.look(live, None)).status_code == 200
        assert (await v1.look(test, None)).status_code == 404
    await simulator.stop()
