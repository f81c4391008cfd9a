"""Cancels: which payment, how much, and when nothing is done."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from simulator.server import Simulator
from tests.simulator.driver import IMPATIENT

from .portone_v1_driver import V1Driver, a_driver


@pytest.fixture
async def v1(running: Simulator) -> AsyncIterator[V1Driver]:
    async with a_driver(running) as driver:
        yield driver


async def nothing_was_done(v1: V1Driver, reference: str = "order1") -> None:
    truth = await v1.truth(reference)
    assert (truth["refunded"], truth["cancels"]) == (0, 0)


async def test_a_full_cancel_answers_the_cancelled_payment(v1: V1Driver) -> None:
    imp_uid = await v1.paid()
    answer = await v1.result(v1.cancel(imp_uid, checksum=12_000, reason="변심"))
    assert (answer["status"], answer["cancel_amount"], answer["amount"]) == ("cancelled", 12_000, 12_000)
    assert (answer["cancel_reason"], answer["cancelled_at"] >= answer["paid_at"]) == ("변심", True)
    (entry,) = answer["cancel_history"]
    assert (entry["amount"], entry["reason"], entry["cancelled_at"]) == (12_000, "변심", answer["cancelled_at"])
    assert entry["cancellation_id"]
    assert entry["pg_tid"]
    truth = await v1.truth()
    assert (truth["status"], truth["refunded"], truth["cancels"]) == ("cancelled", 12_000, 1)


@pytest.mark.parametrize("fields", [{}, {"amount": None}, {"amount": 0}, {"amount": 12_000}])
async def test_no_amount_and_zero_cancel_everything(v1: V1Driver, fields: dict[str, object]) -> None:
    imp_uid = await v1.paid()
    assert (await v1.result(v1.cancel(imp_uid, **fields)))["status"] == "cancelled"


async def test_partial_cancels_leave_it_paid_until_nothing_is_left(v1: V1Driver) -> None:
    imp_uid = await v1.paid()
    first = await v1.result(v1.cancel(imp_uid, amount=2_000, checksum=12_000))
    assert (first["status"], first["cancel_amount"]) == ("paid", 2_000)
    second = await v1.result(v1.cancel(imp_uid, amount=3_000, checksum=10_000))
    assert (second["status"], second["cancel_amount"], len(second["cancel_history"])) == ("paid", 5_000, 2)
    rest = await v1.result(v1.cancel(imp_uid, checksum=7_000))
    assert (rest["status"], rest["cancel_amount"]) == ("cancelled", 12_000)
    truth = await v1.truth()
    assert (truth["refunded"], truth["cancels"]) == (12_000, 3)


async def test_cents_are_exact(v1: V1Driver) -> None:
    imp_uid = await v1.paid(amount=12.34, currency="USD")
    answer = await v1.cancel(imp_uid, amount=0.1, checksum=12.34)
    assert '"cancel_amount":0.1,' in answer.text
    assert (await v1.result(v1.cancel(imp_uid, amount=0.2, checksum=12.24)))["cancel_amount"] == 0.3
    assert (await v1.truth())["refunded"] == 30


async def test_a_form_cancels_too(v1: V1Driver) -> None:
    imp_uid = await v1.paid()
    form = {"imp_uid": imp_uid, "amount": "2000", "checksum": "12000", "extra[requester]": "admin", "tax_free": ""}
    assert (await v1.result(v1.http.post("/payments/cancel", data=form)))["cancel_amount"] == 2_000


@pytest.mark.parametrize("checksum", [0, 11_999, 12_001, 12_000.5])
async def test_a_wrong_checksum_cancels_nothing(v1: V1Driver, checksum: float) -> None:
    imp_uid = await v1.paid()
    assert await v1.refusal(v1.cancel(imp_uid, checksum=checksum)) == (200, 1)
    await nothing_was_done(v1)


async def test_the_same_cancel_twice_is_stopped_by_its_checksum(v1: V1Driver) -> None:
    imp_uid = await v1.paid()
    await v1.result(v1.cancel(imp_uid, amount=2_000, checksum=12_000))
    assert await v1.refusal(v1.cancel(imp_uid, amount=2_000, checksum=12_000)) == (200, 1)
    assert (await v1.truth())["refunded"] == 2_000
    await v1.result(v1.cancel(imp_uid, amount=2_000, checksum=None))
    assert (await v1.truth())["refunded"] == 4_000


async def test_a_cancelled_payment_is_refused_with_code_1(v1: V1Driver) -> None:
    imp_uid = await v1.paid()
    await v1.cancel(imp_uid)
    answer = await v1.cancel(imp_uid)
    assert answer.json() == {"code": 1, "message": "이미 전액취소된 주문입니다.", "response": None}
    assert answer.status_code == 200
    assert (await v1.truth())["cancels"] == 1


async def test_nothing_to_cancel_is_code_1(v1: V1Driver) -> None:
    await v1.prepare("prepared")
    opened, declined = (await v1.open("opened"))["imp_uid"], await v1.paid("declined", "declined")
    wanted: tuple[dict[str, Any], ...] = (
        {"imp_uid": "imp_0"},
        {"merchant_uid": "nobody"},
        {"merchant_uid": "prepared"},
        {"imp_uid": opened},
        {"imp_uid": declined},
    )
    for fields in wanted:
        answer = await v1.cancel(**fields)
        assert answer.json()["message"] == "취소할 결제건이 존재하지 않습니다.", fields
        assert (answer.status_code, answer.json()["code"]) == (200, 1)


async def test_more_than_is_left_is_refused(v1: V1Driver) -> None:
    imp_uid = await v1.paid()
    assert await v1.refusal(v1.cancel(imp_uid, amount=12_001)) == (200, 1)
    await nothing_was_done(v1)


async def test_a_merchant_uid_cancels_its_paid_window(v1: V1Driver) -> None:
    await v1.paid(scenario="declined")
    paid = await v1.paid()
    assert (await v1.result(v1.cancel(merchant_uid="order1")))["imp_uid"] == paid


async def test_a_wrong_imp_uid_is_not_helped_by_a_right_merchant_uid(v1: V1Driver) -> None:
    one, _ = await v1.paid("one"), await v1.paid("two")
    assert await v1.refusal(v1.cancel("imp_0", merchant_uid="one")) == (200, 1)
    assert (await v1.result(v1.cancel(one, merchant_uid="two")))["merchant_uid"] == "one"
    await nothing_was_done(v1, "two")


@pytest.mark.parametrize(
    "fields",
    [
        {"imp_uid": None},
        {"imp_uid": ""},
        {"imp_uid": 1},
        {"amount": -1},
        {"amount": "2000"},
        {"amount": 0.5},
        {"checksum": "12000"},
        {"tax_free": "x"},
        {"vat_amount": -1},
        {"reason": 1},
        {"refund_tel": []},
        {"retain_promotion": "perhaps"},
    ],
)
async def test_wrong_fields_are_400_and_do_nothing(v1: V1Driver, fields: dict[str, Any]) -> None:
    imp_uid = await v1.paid()
    assert await v1.refusal(v1.cancel(**{"imp_uid": imp_uid, **fields})) == (400, -1)
    await nothing_was_done(v1)


async def test_partial_cancel_refused_refuses_a_part_and_waits_for_one(v1: V1Driver) -> None:
    one, two = await v1.paid("one", "partial_cancel_refused"), await v1.paid("two", "partial_cancel_refused")
    assert await v1.refusal(v1.cancel(one, amount=1_000, checksum=12_000)) == (200, -1)
    await nothing_was_done(v1, "one")
    assert (await v1.result(v1.cancel(two)))["status"] == "cancelled"


async def test_a_refused_request_does_not_use_up_the_scenario(v1: V1Driver) -> None:
    imp_uid = await v1.paid()
    await v1.plan("async_cancel", reference="order1")
    assert await v1.refusal(v1.cancel(imp_uid, checksum=1)) == (200, 1)
    assert (await v1.result(v1.cancel(imp_uid)))["status"] == "paid"


async def test_declined_on_cancel_is_code_minus_1(v1: V1Driver) -> None:
    imp_uid = await v1.paid()
    await v1.plan("declined", call="cancel")
    assert await v1.refusal(v1.cancel(imp_uid)) == (200, -1)
    await nothing_was_done(v1)
    assert (await v1.result(v1.cancel(imp_uid)))["status"] == "cancelled"


async def test_async_cancel_says_yes_and_is_paid_for_300_seconds(v1: V1Driver) -> None:
    imp_uid = await v1.paid(scenario="async_cancel")
    answer = await v1.result(v1.cancel(imp_uid, checksum=12_000))
    assert (answer["status"], answer["cancel_amount"], answer["cancel_history"]) == ("paid", 0, [])
    await v1.advance(299)
    await nothing_was_done(v1)
    assert (await v1.shown(imp_uid))["status"] == "paid"
    await v1.advance(1.5)
    shown = await v1.shown(imp_uid)
    assert (shown["status"], shown["cancel_amount"], len(shown["cancel_history"])) == ("cancelled", 12_000, 1)
    truth = await v1.truth()
    assert (truth["refunded"], truth["cancels"]) == (12_000, 1)


async def test_a_cancel_on_its_way_cannot_be_asked_for_again(v1: V1Driver) -> None:
    imp_uid = await v1.paid(scenario="async_cancel")
    await v1.cancel(imp_uid, checksum=12_000)
    assert await v1.refusal(v1.cancel(imp_uid, checksum=12_000)) == (200, 1)
    assert await v1.refusal(v1.cancel(imp_uid)) == (200, 1)
    await v1.advance(301)
    assert (await v1.truth())["refunded"] == 12_000


async def test_an_asynchronous_part_leaves_the_rest(v1: V1Driver) -> None:
    imp_uid = await v1.paid(scenario="async_cancel")
    await v1.cancel(imp_uid, amount=2_000, checksum=12_000)
    await v1.result(v1.cancel(imp_uid, amount=1_000, checksum=10_000))
    await v1.advance(301)
    truth = await v1.truth()
    assert (truth["status"], truth["refunded"], truth["cancels"]) == ("paid", 3_000, 2)


async def test_accept_then_hang_gives_the_money_back_and_never_answers(v1: V1Driver) -> None:
    imp_uid = await v1.paid(scenario="accept_then_hang")
    v1.http.timeout = IMPATIENT
    with pytest.raises(httpx.ReadTimeout):
        await v1.cancel(imp_uid, checksum=12_000)
    assert (await v1.truth())["refunded"] == 12_000
    (call,) = await v1.calls("cancel")
    assert (call["scenario"], call["status"], call["reference"]) == ("accept_then_hang", None, "order1")


async def test_a_virtual_account_needs_an_account_to_pay_back_to(v1: V1Driver) -> None:
    imp_uid = await v1.paid(scenario="virtual_account")
    await v1.pay()
    assert await v1.refusal(v1.cancel(imp_uid)) == (200, 1)
    assert await v1.refusal(v1.cancel(imp_uid, refund_holder="홍길동", refund_bank="088")) == (200, 1)
    await nothing_was_done(v1)
    account = {"refund_holder": "홍길동", "refund_bank": "088", "refund_account": "110000000000"}
    assert (await v1.result(v1.cancel(imp_uid, **account)))["status"] == "cancelled"


async def test_what_was_really_charged_can_be_cancelled(v1: V1Driver) -> None:
    imp_uid = await v1.paid(scenario="amount_differs")
    assert await v1.refusal(v1.cancel(imp_uid, checksum=12_000)) == (200, 1)
    assert (await v1.result(v1.cancel(imp_uid, checksum=11_900)))["cancel_amount"] == 11_900
