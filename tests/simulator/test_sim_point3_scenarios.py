import asyncio
import time
from typing import Any

import httpx
import pytest

from tests.simulator.driver import IMPATIENT

from .driver import Driver, order

ANY_CALL = [
    ("token", "POST", "/purchase/token", order("new")),
    ("confirm", "POST", "/purchase/confirm", {"signature": "x"}),
    ("refresh", "POST", "/api/token/refresh", {}),
    ("settlement", "GET", "/api/settlement", None),
    ("lookup", "GET", "/api/payments/orderid/x", None),
    ("lookup", "GET", "/api/payments/date?startDate=2026-11-21T10:00:00", None),
    ("cancel", "POST", "/api/payments/x/cancel", {}),
]


async def test_declined_fails_the_payment_at_its_confirm_and_takes_nothing(sim: Driver) -> None:
    signature = await sim.paid(scenario="declined")
    answer = await sim.confirm(signature)
    assert (answer.status_code, answer.json()) == (400, {"statusCode": 400, "message": "the payment was declined"})
    truth = await sim.truth()
    assert (truth["status"], truth["captures"], truth["confirms"]) == ("FAILED", 0, 1)
    assert (await sim.confirm(signature)).status_code == 400
    assert (await sim.look(signature)).json()["result"]["status"] == "FAILED"


async def test_abandoned_leaves_no_signature_and_the_buyer_may_come_back(sim: Driver) -> None:
    await sim.token()
    left = await sim.pay(scenario="abandoned")
    assert left["status"] == "error"
    assert "signature" not in left
    assert (await sim.truth())["status"] == "ABANDONED"
    assert "signature" in await sim.pay()
    assert (await sim.truth())["status"] == "WIDGET_DONE"


async def test_leaving_after_paying_changes_nothing(sim: Driver) -> None:
    await sim.paid()
    assert "signature" not in await sim.pay(scenario="abandoned")
    assert (await sim.truth())["status"] == "WIDGET_DONE"


async def test_slow_does_the_work_first_and_answers_late(sim: Driver) -> None:
    signature = await sim.paid(scenario="slow")
    began = time.monotonic()
    confirming = asyncio.create_task(sim.confirm(signature))
    await sim.until_captured(1)
    assert not confirming.done()
    assert (await confirming).status_code == 200
    assert time.monotonic() - began >= 0.15


async def test_error_500_does_nothing_and_the_next_confirm_works(sim: Driver) -> None:
    signature = await sim.paid(scenario="error_500")
    answer = await sim.confirm(signature)
    assert (answer.status_code, answer.json()["statusCode"]) == (500, 500)
    truth = await sim.truth()
    assert (truth["captures"], truth["confirms"], truth["status"]) == (0, 1, "WIDGET_DONE")
    assert (await sim.confirm(signature)).status_code == 200


async def test_garbage_does_the_work_and_answers_text_then_html(sim: Driver) -> None:
    kinds = set()
    for reference in ("a", "b"):
        answer = await sim.confirm(await sim.paid(reference, "garbage"))
        assert answer.status_code == 200
        with pytest.raises(ValueError, match="Expecting value"):
            answer.json()
        kinds.add(answer.headers["content-type"].split(";")[0])
        assert (await sim.truth(reference))["captures"] == 1
    assert kinds == {"application/json", "text/html"}


async def test_garbage_never_turns_a_refusal_into_a_200(sim: Driver) -> None:
    await sim.plan("garbage")
    assert (await sim.confirm("nobody's")).status_code == 404


async def test_accept_then_hang_takes_the_money_and_never_answers(sim: Driver) -> None:
    signature = await sim.paid(scenario="accept_then_hang")
    with pytest.raises(httpx.ReadTimeout):
        await sim.confirm(signature, timeout=IMPATIENT)
    truth = await sim.truth()
    assert (truth["status"], truth["captures"], truth["confirms"]) == ("CONFIRMED", 1, 1)
    (call,) = await sim.calls("confirm")
    assert (call["scenario"], call["status"], call["reference"]) == ("accept_then_hang", None, "order1")
    assert (await sim.look(signature)).json()["result"]["status"] == "CONFIRMED"


async def test_accept_then_hang_of_a_cancel_is_executed_in_the_batch(sim: Driver) -> None:
    signature = await sim.paid()
    await sim.confirm(signature)
    planned = await sim.plan("accept_then_hang")
    assert planned["calls"] == ["confirm", "cancel"]
    sim.http.timeout = IMPATIENT
    with pytest.raises(httpx.ReadTimeout):
        await sim.cancel(signature)
    await sim.advance(300)
    assert (await sim.truth())["refunded"] == 12_000


async def test_reset_lets_go_of_held_connections(sim: Driver) -> None:
    signature = await sim.paid(scenario="accept_then_hang")
    hanging = asyncio.create_task(sim.confirm(signature))
    await sim.until_captured(1)
    await sim.admin.post("/_sim/reset")
    answer = await asyncio.wait_for(hanging, 1)
    assert (answer.status_code, answer.content) == (504, b"")


async def test_duplicate_order_id_lists_an_older_payment_of_another_total_first(sim: Driver) -> None:
    signature = await sim.paid(scenario="duplicate_order_id")
    first, second = await sim.by_order()
    assert second["signature"] == signature
    assert (second["totalCharge"], second["status"]) == (12_000, "WIDGET_DONE")
    assert first["signature"] not in (None, signature)
    assert (first["totalCharge"], first["status"]) == (11_900, "WIDGET_DONE")
    assert first["createdAt"] < second["createdAt"]


async def test_other_orders_signature_is_of_a_cheaper_order_that_is_really_there(sim: Driver) -> None:
    signature = await sim.paid(scenario="other_orders_signature")
    shown = (await sim.look(signature)).json()["result"]
    assert shown["orderIdFromClient"] != "order1"
    assert (shown["status"], shown["totalCharge"]) == ("WIDGET_DONE", 1_200)
    assert shown["vat"] + shown["taxFreeAmount"] == shown["totalCharge"]
    truth = await sim.truth()
    assert (truth["status"], truth["gateway_ref"]) == ("TOKEN_ISSUED", None)


@pytest.mark.parametrize(("total", "held"), [(12_000, 11_900), (102, 2), (101, 201), (2, 102)])
async def test_amount_differs_for_good_when_the_buyer_did_it(sim: Driver, total: int, held: int) -> None:
    signature = await sim.paid(scenario="amount_differs", total=total)
    for _ in range(2):
        assert (await sim.look(signature)).json()["result"]["totalCharge"] == held
        assert [payment["totalCharge"] for payment in await sim.by_order()] == [held]
    await sim.confirm(signature)
    await sim.cancel(signature)
    await sim.advance(300)
    truth = await sim.truth()
    assert (truth["amount"], truth["refunded"]) == (held, held)


async def test_amount_differs_in_one_look_up_only_when_it_is_planned(sim: Driver) -> None:
    signature = await sim.paid()
    await sim.plan("amount_differs")
    totals = [(await sim.look(signature)).json()["result"]["totalCharge"] for _ in range(2)]
    assert totals == [11_900, 12_000]
    assert (await sim.truth())["amount"] == 12_000


async def test_no_lookup_before_confirm(sim: Driver) -> None:
    signature = await sim.paid(scenario="no_lookup_before_confirm")
    for _ in range(2):
        assert (await sim.look(signature)).status_code == 404
        assert await sim.by_order() == []
    assert (await sim.confirm(signature)).status_code == 200
    assert (await sim.look(signature)).json()["result"]["status"] == "CONFIRMED"
    assert len(await sim.by_order()) == 1


async def test_unknown_status_is_shown_but_is_not_the_truth(sim: Driver) -> None:
    signature = await sim.paid(scenario="unknown_status")
    await sim.confirm(signature)
    assert (await sim.look(signature)).json()["result"]["status"] == "HELD_FOR_REVIEW"
    assert (await sim.truth())["status"] == "CONFIRMED"


async def test_sparse_look_ups_carry_four_fields(sim: Driver) -> None:
    signature = await sim.paid(scenario="sparse")
    assert (await sim.look(signature)).json()["result"] == {
        "signature": signature,
        "orderIdFromClient": "order1",
        "totalCharge": 12_000,
        "status": "WIDGET_DONE",
    }


@pytest.mark.parametrize(("call", "method", "path", "body"), ANY_CALL)
async def test_error_500_may_meet_any_call(sim: Driver, call: str, method: str, path: str, body: Any) -> None:
    await sim.plan("error_500")
    assert (await sim.http.request(method, path, json=body)).status_code == 500
    assert (await sim.http.request(method, path, json=body)).status_code != 500
    first, second = await sim.calls(call)
    assert (first["scenario"], second["scenario"]) == ("error_500", None)


@pytest.mark.parametrize(("call", "method", "path", "body"), ANY_CALL)
async def test_a_scenario_narrowed_to_one_call_spares_the_others(
    sim: Driver, call: str, method: str, path: str, body: Any
) -> None:
    await sim.plan("error_500", call=call, times=-1)
    for other, other_method, other_path, other_body in ANY_CALL:
        if other not in (call, "refresh"):
            assert (await sim.http.request(other_method, other_path, json=other_body)).status_code != 500
    assert (await sim.http.request(method, path, json=body)).status_code == 500


async def test_a_plan_for_one_reference_spares_the_others_and_counts_down(sim: Driver) -> None:
    one, two = await sim.paid("one"), await sim.paid("two")
    await sim.plan("error_500", reference="one", call="lookup", times=2)
    assert [(await sim.look(two)).status_code for _ in range(3)] == [200] * 3
    assert [(await sim.look(one)).status_code for _ in range(3)] == [500, 500, 200]


async def test_a_plan_for_a_reference_goes_before_an_older_one_for_all(sim: Driver) -> None:
    signature = await sim.paid()
    await sim.plan("garbage", times=-1)
    await sim.plan("error_500", reference="order1", call="lookup")
    assert (await sim.look(signature)).status_code == 500
    assert (await sim.look(signature)).status_code == 200


async def test_a_plan_for_a_reference_meets_its_token_call(sim: Driver) -> None:
    await sim.plan("error_500", reference="later", call="token")
    await sim.token("sooner")
    assert (await sim.http.post("/purchase/token", json=order("later"))).status_code == 500
    await sim.token("later")


async def test_a_plan_until_cleared_stays_and_then_goes(sim: Driver) -> None:
    signature = await sim.paid()
    await sim.plan("error_500", times=-1)
    assert [(await sim.look(signature)).status_code for _ in range(3)] == [500] * 3
    assert (await sim.plan("error_500", times=0))["cleared"] == 1
    assert (await sim.look(signature)).status_code == 200


async def test_a_planned_pay_is_what_the_next_buyer_does(sim: Driver) -> None:
    await sim.plan("abandoned")
    await sim.token()
    assert (await sim.pay())["status"] == "error"
    assert "signature" in await sim.pay()


async def test_a_scenario_given_with_pay_leaves_the_plan_alone(sim: Driver) -> None:
    await sim.plan("abandoned")
    await sim.token()
    assert "signature" in await sim.pay(scenario="paid")
    await sim.token("order2")
    assert (await sim.pay("order2"))["status"] == "error"


async def test_two_views_and_a_slow_answer_hold_together(sim: Driver) -> None:
    signature = await sim.paid()
    for scenario in ("sparse", "unknown_status", "slow"):
        await sim.plan(scenario, call="lookup")
    shown = (await sim.look(signature)).json()["result"]
    assert (len(shown), shown["status"]) == (4, "HELD_FOR_REVIEW")
    assert [call["scenario"] for call in await sim.calls("lookup")] == ["slow,sparse,unknown_status"]
    assert len((await sim.look(signature)).json()["result"]) == 11


async def test_a_repeated_pay_gives_the_same_signature(sim: Driver) -> None:
    signature = await sim.paid()
    assert (await sim.pay())["signature"] == signature
    await sim.confirm(signature)
    assert (await sim.pay())["signature"] == signature
    assert len(await sim.journal()) == 1


async def test_the_newest_session_of_an_order_is_the_one_that_is_paid(sim: Driver) -> None:
    await sim.token(total=1_000)
    await sim.token(total=2_000)
    signature = (await sim.pay())["signature"]
    assert (await sim.look(signature)).json()["result"]["totalCharge"] == 2_000
