"""`POST /payments/complete` and `/sync`: what is read from the body, and what the three answers say."""

from typing import Any

import httpx
import pytest

from app.domain import ids
from tests.api.checks import problem, wrong_fields
from tests.support import MovableClock, Shop


async def _post(shop: Shop, body: Any) -> httpx.Response:
    return await shop.client.post("/payments/complete", json=body)


async def test_a_proven_payment_is_200_and_stays_so(shop: Shop) -> None:
    payment = await shop.create()
    proof = await shop.buyer_pays(payment)
    for answer in (await shop.complete(payment, **proof), await shop.complete(payment), await shop.sync(payment)):
        assert (answer.status_code, answer.json()["status"]) == (200, "paid")
        assert "retry-after" not in answer.headers
    assert (await shop.journal(payment))["confirms"] == 1


async def test_sync_alone_finds_what_no_browser_told(shop: Shop) -> None:
    payment = await shop.create()
    await shop.buyer_pays(payment)
    answer = await shop.sync(payment)
    assert (answer.status_code, answer.json()["status"]) == (200, "paid")
    assert {step["cause"] for step in await shop.events(payment)} == {"api"}


async def test_a_decline_is_an_answer_and_no_error(shop: Shop) -> None:
    payment = await shop.create()
    answer = await shop.complete(payment, **await shop.buyer_pays(payment, "declined"))
    assert (answer.status_code, answer.json()["status"]) == (200, "open")
    assert answer.json()["last_failure"]["code"] == "declined"


async def test_while_nothing_is_known_the_answer_is_202_and_says_when_to_ask(shop: Shop) -> None:
    payment = await shop.create()
    for answer in (await shop.complete(payment), await shop.sync(payment)):
        assert answer.status_code == 202
        assert answer.headers["retry-after"] == "2"
        assert answer.json()["status"] == "open"


@pytest.mark.parametrize(("call", "status"), [("lookup", "open"), ("confirm", "processing")])
async def test_a_gateway_that_fails_while_it_is_asked_makes_a_202(
    shop: Shop, clock: MovableClock, call: str, status: str
) -> None:
    payment = await shop.create()
    proof = await shop.buyer_pays(payment)
    await shop.scenario("error_500", call=call, times=-1)
    answer = await shop.complete(payment, **proof)
    assert (answer.status_code, answer.json()["status"]) == (202, status)
    await shop.scenario("error_500", call=call, times=0)
    for seconds in (6, 16):  # a confirm whose answer was lost is not repeated before the second look
        clock.advance(seconds)
        answer = await shop.sync(payment)
    assert answer.json()["status"] == "paid"


async def test_another_amount_is_409_and_says_what_was_done(shop: Shop) -> None:
    payment = await shop.create()
    proof = await shop.buyer_pays(payment, "amount_differs")
    refused = problem(await shop.complete(payment, **proof), "result_mismatch")
    assert (refused["payment_id"], refused["mismatch"]) == (payment["id"], "amount_mismatch")
    assert refused["payment_status"] == (await shop.get(payment))["status"]
    assert refused["action"] in refused["detail"]
    assert "action_ko" not in refused


async def test_another_orders_proof_is_409_and_changes_nothing(shop: Shop) -> None:
    payment = await shop.create()
    proof = await shop.buyer_pays(payment, "other_orders_signature")
    refused = problem(await shop.complete(payment, **proof), "result_mismatch")
    assert refused["mismatch"] == "order_id"
    assert (await shop.get(payment))["status"] == "open"


async def test_our_reference_under_any_gateways_name_finds_its_payment(shop: Shop) -> None:
    payment, other = await shop.create(), await shop.create()
    reference = payment["attempts"][0]["reference"]
    bodies: list[dict[str, Any]] = [
        {"payment_id": payment["id"]},
        {"payment_id": payment["id"], "signature": None},
        {"paymentId": reference, "txId": "tx-1"},
        {"merchant_uid": reference, "imp_uid": "imp_1"},
        {"merchant_uid": "not ours", "paymentId": reference},
        {"payment_id": payment["id"], "merchant_uid": other["attempts"][0]["reference"]},
        {"payment_id": payment["id"], "status": "success", "type": "widget", "nested": {"is": ["ignored"]}},
    ]
    for body in bodies:
        answer = await _post(shop, body)
        assert answer.status_code == 202, (body, answer.text)
        assert answer.json()["id"] == payment["id"]


async def test_a_body_that_names_no_payment_is_refused(shop: Shop) -> None:
    for body in ({}, {"signature": "abc"}, {"merchant_uid": "not ours"}, {"paymentId": ""}, {"payment_id": None}):
        assert wrong_fields(await _post(shop, body)) == ["payment_id"]


async def test_a_payment_that_does_not_exist_is_not_found(shop: Shop) -> None:
    nobody = ids.uuid7()
    problem(await _post(shop, {"payment_id": ids.show(ids.Prefix.PAYMENT, nobody)}), "not_found")
    problem(await _post(shop, {"paymentId": ids.reference(nobody, 1)}), "not_found")
    problem(await _post(shop, {"payment_id": "pay_1"}), "malformed_id")


async def test_members_that_are_no_text_are_named(shop: Shop, subtests: pytest.Subtests) -> None:
    payment = await shop.create()
    before = await shop.get(payment)
    texts = ["payment_id", "signature", "imp_uid", "merchant_uid", "paymentId", "txId", "transactionId"]
    bad: list[Any] = [1, 1.5, True, [], {}, ["a"]]
    for field in texts:
        for value in [*bad, "x" * 2001]:
            with subtests.test(field, value=repr(value)[:20]):
                assert wrong_fields(await _post(shop, {"payment_id": payment["id"]} | {field: value})) == [field]
    for signature in ("", "a\x00", "a\nb", "a\n"):
        assert wrong_fields(await _post(shop, {"payment_id": payment["id"], "signature": signature})) == ["signature"]
    assert await shop.get(payment) == before


async def test_a_body_is_needed_and_one_that_is_no_object_is_refused(shop: Shop) -> None:
    problem(await shop.client.post("/payments/complete"), "malformed_body")
    assert wrong_fields(await _post(shop, [])) == ["body"]


async def test_what_a_proof_says_beside_the_truth_does_not_count(shop: Shop) -> None:
    payment = await shop.create()
    answer = await shop.complete(payment, signature="made-up", status="paid", amount=1)
    assert answer.status_code in {202, 409}
    assert (await shop.get(payment))["status"] == "open"
    assert (await shop.get(payment))["captured_amount"] == 0


async def test_sync_takes_no_body_and_minds_none(shop: Shop) -> None:
    payment = await shop.create()
    answer = await shop.client.post(f"/payments/{payment['id']}/sync", content=b"{broken")
    assert answer.status_code == 202
