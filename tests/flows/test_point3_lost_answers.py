"""A lost answer is unknown, is asked about, and never takes the money twice."""

from datetime import timedelta

import pytest

from app.db.database import Database
from app.domain import ids
from app.jobs.worker import Worker
from app.ledger.repository import PaymentRepository
from app.services import Services
from tests.support import MovableClock, Shop


async def test_accept_then_hang_ends_paid_with_one_confirm(shop: Shop) -> None:
    payment = await shop.create()
    proof = await shop.buyer_pays(payment, "accept_then_hang")
    lost = await shop.complete(payment, **proof)
    assert lost.status_code == 202
    assert lost.json()["status"] == "processing"
    assert lost.json()["attempts"][0]["status"] == "unknown"
    answer = await shop.sync(payment)
    assert answer.status_code == 200
    assert answer.json()["status"] == "paid"
    journal = await shop.journal(payment)
    assert (journal["confirms"], journal["captures"]) == (1, 1)


async def test_a_confirm_that_was_refused_with_500_is_repeated_only_after_a_pause(
    shop: Shop, clock: MovableClock
) -> None:
    payment = await shop.create()
    proof = await shop.buyer_pays(payment)
    await shop.scenario("error_500", call="confirm")
    assert (await shop.complete(payment, **proof)).status_code == 202
    assert (await shop.complete(payment, **proof)).status_code == 202  # a late arrival may still be on its way
    for seconds in (6, 16):  # the schedule's first two looks; confirm goes out again at the second
        assert (await shop.journal(payment))["confirms"] == 1
        clock.advance(seconds)
        answer = await shop.complete(payment, **proof)
    assert answer.json()["status"] == "paid"
    journal = await shop.journal(payment)
    assert (journal["confirms"], journal["captures"]) == (2, 1)
    reasons = [event["reason"] for event in await shop.events(payment)]
    assert reasons == ["created", "opened", "confirm_requested", "confirm_repeated", "confirmed"]


@pytest.mark.parametrize("scenario", ["error_500", "garbage", "accept_then_hang"])
async def test_a_look_up_without_answer_changes_nothing(shop: Shop, scenario: str) -> None:
    payment = await shop.create()
    proof = await shop.buyer_pays(payment)
    if scenario == "accept_then_hang":
        await shop.scenario("slow", call="lookup")
    else:
        await shop.scenario(scenario, call="lookup")
    answer = await shop.complete(payment, **proof)
    if answer.status_code == 202:
        assert (await shop.get(payment))["status"] == "open"
        answer = await shop.complete(payment, **proof)
    assert answer.json()["status"] == "paid"
    assert (await shop.journal(payment))["confirms"] == 1


async def test_garbage_from_confirm_is_unknown_until_the_look_up_tells(shop: Shop) -> None:
    payment = await shop.create()
    answer = await shop.complete(payment, **await shop.buyer_pays(payment, "garbage"))
    assert answer.status_code == 202
    assert (await shop.get(payment))["status"] == "processing"
    assert (await shop.sync(payment)).json()["status"] == "paid"
    assert (await shop.journal(payment))["confirms"] == 1


async def test_a_decline_fails_the_attempt_and_a_second_one_pays(shop: Shop) -> None:
    payment = await shop.create()
    answer = await shop.complete(payment, **await shop.buyer_pays(payment, "declined"))
    assert answer.status_code == 200
    assert answer.json()["status"] == "open"
    assert answer.json()["last_failure"]["code"] == "declined"
    again = await shop.client.post(f"/payments/{payment['id']}/attempts", json={})
    assert again.status_code == 201
    second = again.json()
    assert [attempt["status"] for attempt in second["attempts"]] == ["failed", "pending"]
    paid = await shop.complete(second, **await shop.buyer_pays(second))
    assert paid.json()["status"] == "paid"


async def test_a_lost_browser_message_is_found_by_the_worker(shop: Shop, parts: Services, clock: MovableClock) -> None:
    payment = await shop.create()
    await shop.buyer_pays(payment)  # and the browser never tells us
    worker = Worker(parts)
    assert await worker.sweep() == 0
    clock.advance(61)
    assert await worker.sweep() == 1
    assert (await shop.get(payment))["status"] == "paid"
    assert await worker.sweep() == 0


async def test_an_abandoned_payment_expires_in_time_and_frees_its_order(
    shop: Shop, parts: Services, clock: MovableClock
) -> None:
    payment = await shop.create(order_id="abandoned", expires_in_s=600)
    worker = Worker(parts)
    for seconds in (61, 301, 300):
        clock.advance(seconds)
        await worker.sweep()
    expired = await shop.get(payment)
    assert expired["status"] == "expired"
    assert expired["attempts"][0]["status"] == "expired"
    assert (await shop.create(order_id="abandoned"))["status"] == "open"
    clock.advance(100_000)
    await worker.sweep()
    assert (await shop.get(payment))["status"] == "expired"


async def test_a_declined_payment_expires_too(shop: Shop, parts: Services, clock: MovableClock) -> None:
    payment = await shop.create(expires_in_s=600)
    await shop.complete(payment, **await shop.buyer_pays(payment, "declined"))
    clock.advance(601)
    await Worker(parts).sweep()
    assert (await shop.get(payment))["status"] == "expired"
    assert await Worker(parts).sweep() == 0


async def test_the_last_look_is_not_skipped_when_the_gateway_is_away(
    shop: Shop, parts: Services, clock: MovableClock
) -> None:
    payment = await shop.create(expires_in_s=600)
    await shop.complete(payment, **await shop.buyer_pays(payment, "declined"))
    clock.advance(601)
    await shop.scenario("error_500", call="lookup")
    await Worker(parts).sweep()
    assert (await shop.get(payment))["status"] == "open"
    clock.advance(301)
    await Worker(parts).sweep()
    assert (await shop.get(payment))["status"] == "expired"


async def test_a_buyer_who_finished_just_before_expiry_is_still_paid(shop: Shop, clock: MovableClock) -> None:
    payment = await shop.create(expires_in_s=600)
    proof = await shop.buyer_pays(payment)
    clock.advance(600 + 240)
    assert (await shop.complete(payment, **proof)).json()["status"] == "paid"


async def test_a_buyer_who_comes_far_too_late_is_not_charged(shop: Shop, clock: MovableClock) -> None:
    payment = await shop.create(expires_in_s=600)
    proof = await shop.buyer_pays(payment)
    clock.advance(600 + 301)
    assert (await shop.complete(payment, **proof)).json()["status"] == "expired"
    assert (await shop.journal(payment))["captures"] == 0


async def test_asking_often_does_not_push_the_next_look_away(shop: Shop, database: Database) -> None:
    payment = await shop.create()
    await shop.complete(payment, **await shop.buyer_pays(payment, "unknown_status"))
    repository = PaymentRepository(database)
    payment_id = ids.read(ids.Prefix.PAYMENT, payment["id"])
    first = await repository.load(payment_id)
    for _ in range(5):
        await shop.sync(payment)
    later = await repository.load(payment_id)
    assert first is not None
    assert later is not None
    next_look = later.last_attempt.next_check_at
    assert next_look is not None
    assert next_look - first.created_at < timedelta(seconds=10)
