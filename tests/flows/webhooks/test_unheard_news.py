"""A gateway signs that something happened to a payment that has ended, and then does not answer: a person is called, on time."""

from datetime import timedelta
from typing import Any

import pytest

from app.db.database import Database
from app.domain import ids
from app.domain.attention import Attention
from app.domain.schedule import DAYS, HOURS, SILENT_FOR, UNANSWERED_AGAIN
from app.gateways.portone_v2.manifest import PortOneV2Settings
from app.jobs.worker import Worker
from app.resolution.decisions import Action
from app.services import Services, build_services
from app.settings import Settings
from tests.flows.gateways.orders import BY_NAME
from tests.flows.webhooks.senders import v1, v2, v2_body
from tests.flows.webhooks.test_arrival import rows
from tests.flows.webhooks.test_inbox import post
from tests.support import MovableClock, Shop

HOUR_S = 3600.0


async def ended(shop: Shop, name: str, how: str, clock: MovableClock, parts: Services) -> dict[str, Any]:
    payment = await shop.create(**BY_NAME[name].order)
    if how == "paid":
        answer = await shop.complete(payment, **await shop.buyer_pays(payment, "lost_webhook"))
        assert answer.json()["status"] == "paid"
    else:
        clock.advance(31 * 60)
        await Worker(parts).sweep()
        assert (await shop.get(payment))["status"] == "expired"
    return payment


def told(shop: Shop, payment: dict[str, Any], clock: MovableClock, *, is_signed: bool = True) -> Any:
    reference = payment["attempts"][-1]["reference"]
    return v2(shop.settings, v2_body(reference), at=clock()) if is_signed else v1(reference, "imp_news")


async def passes(parts: Services, clock: MovableClock, seconds: float) -> None:
    """So much time, in steps of a quarter of an hour."""
    end = clock() + timedelta(seconds=seconds)
    while clock() < end:
        clock.advance(900.0)
        await Worker(parts).sweep()


@pytest.mark.parametrize("how", ["paid", "expired"])
async def test_silence_about_signed_news_calls_a_person_and_an_answer_ends_the_call(
    shop: Shop, parts: Services, settings: Settings, database: Database, clock: MovableClock, how: str
) -> None:
    payment = await ended(shop, "portone_v2", how, clock, parts)
    await shop.scenario("error_500", "portone_v2", call="lookup", times=-1)
    await post(shop, told(shop, payment, clock))
    await Worker(parts).sweep()
    await passes(parts, clock, SILENT_FOR.total_seconds() - 1800)
    assert (await shop.get(payment))["attention_code"] is None, "not yet"
    await passes(parts, clock, 2 * HOUR_S)
    stored = await shop.get(payment)
    assert (stored["status"], stored["attention_code"]) == (how, "gateway_silent")
    (row,) = await rows(database, "portone_v2")
    assert row["parked_at"] is None, "it is still tried"
    await shop.scenario("error_500", "portone_v2", call="lookup", times=0)
    restarted = build_services(settings, clock)  # the old one's breaker counts in real time
    await restarted.database.open()
    await passes(restarted, clock, 2 * HOUR_S)
    await restarted.close()
    stored = await shop.get(payment)
    assert (stored["status"], stored["attention_code"]) == (how, None)
    (row,) = await rows(database, "portone_v2")
    assert row["applied_at"] is not None


async def test_a_gateway_that_left_the_settings_calls_a_person_for_its_news(
    shop: Shop, parts: Services, settings: Settings, clock: MovableClock
) -> None:
    payment = await ended(shop, "portone_v2", "paid", clock, parts)
    await post(shop, told(shop, payment, clock))
    without = build_services(settings.model_copy(update={"portone_v2": None}), clock)
    assert settings.account(PortOneV2Settings) is not None
    await without.database.open()
    try:
        await passes(without, clock, 3 * HOUR_S)
    finally:
        await without.close()
    assert (await shop.get(payment))["attention_code"] == Attention.GATEWAY_MISSING


async def test_a_person_ends_the_call_and_the_webhook_that_would_call_again(
    shop: Shop, parts: Services, settings: Settings, database: Database, clock: MovableClock
) -> None:
    payment = await ended(shop, "portone_v2", "paid", clock, parts)
    await post(shop, told(shop, payment, clock))
    without = build_services(settings.model_copy(update={"portone_v2": None}), clock)
    await without.database.open()
    try:
        await passes(without, clock, 900.0)
        assert await without.webhooks.parked(10) == [], "it has not been tried in vain for long"
        await passes(without, clock, 3 * HOUR_S)
        (waiting,) = await without.webhooks.parked(10)
        assert waiting.is_waiting
        await without.webhooks.dismiss(waiting.id, "that gateway's account is closed")
        closed = ids.read(ids.Prefix.PAYMENT, payment["id"])
        await without.resolutions.resolve(closed, None, Action.CLOSE, "seen in its console")
        await passes(without, clock, 30 * HOUR_S)
    finally:
        await without.close()
    stored = await shop.get(payment)
    assert (stored["status"], stored["attention_code"]) == ("paid", None)
    (row,) = await rows(database, "portone_v2")
    assert (row["applied_at"] is not None, row["next_try_at"]) == (True, None)


@pytest.mark.parametrize("news", ["none", "unsigned"])
async def test_without_signed_news_nobody_is_called_about_what_has_ended(
    shop: Shop, parts: Services, clock: MovableClock, news: str
) -> None:
    payment = await ended(shop, "portone_v1", "paid", clock, parts)
    await shop.scenario("error_500", "portone_v1", call="lookup", times=-1)
    if news == "unsigned":
        await post(shop, told(shop, payment, clock, is_signed=False))
    await passes(parts, clock, 26 * HOUR_S)
    assert (await shop.get(payment))["attention_code"] is None


async def test_an_old_silence_is_not_counted_for_new_news(shop: Shop, parts: Services, clock: MovableClock) -> None:
    payment = await ended(shop, "portone_v2", "paid", clock, parts)
    for _ in range(2):
        await shop.scenario("error_500", "portone_v2", call="lookup", times=-1)
        await post(shop, told(shop, payment, clock))
        await Worker(parts).sweep()
        assert (await shop.get(payment))["attention_code"] is None
        await shop.scenario("error_500", "portone_v2", call="lookup", times=0)
        await passes(parts, clock, 3 * HOUR_S)
    assert (await shop.get(payment))["attention_code"] is None


def test_it_is_tried_as_an_undecided_attempt_is() -> None:
    assert sum(UNANSWERED_AGAIN) > (HOURS * 3600 + DAYS * 86_400)
    assert len(UNANSWERED_AGAIN) == len(set(UNANSWERED_AGAIN)) - 1 + HOURS + DAYS
